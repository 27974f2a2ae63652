/** Lists of docs/PROTOCOL.md, written down once more: tests that took them from the program would agree with any of its faults. */

export const callEvents = [
  'CHANNEL_CREATE',
  'CHANNEL_ANSWER',
  'CHANNEL_BRIDGE',
  'CHANNEL_HOLD',
  'CHANNEL_UNHOLD',
  'CHANNEL_DESTROY',
  'PARK_PARKED',
  'PARK_RETRIEVED',
  'PARK_ABANDONED',
];

export const documentTypes = [
  'account',
  'callflow',
  'device',
  'faxbox',
  'media',
  'user',
  'vmbox',
  'fax',
  'mailbox_message',
  'call_recording',
  'conference',
];

export const notifications = [
  'sip.missed_call',
  'sip.register',
  'sip.deregister',
  'voicemail.new',
  'voicemail.saved',
  'voicemail.full',
  'fax.inbound',
  'fax.outbound',
  'fax.inbound_error',
  'fax.outbound_error',
  'system.alert',
];
