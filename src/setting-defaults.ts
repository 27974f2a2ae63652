/** What is offered where nobody says otherwise, and what never is. */

export const defaultCallEvents = [
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

export const defaultDocumentTypes = [
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

export const defaultNotifications = [
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

/** Kazoo's notifications with a secret in them (a password, a link that sets one), and the `Event-Name` of each. */
export const secretNotifications: ReadonlyMap<string, string> = new Map([
  ['user.new', 'new_user'],
  ['user.password_recovery', 'password_recovery'],
]);
