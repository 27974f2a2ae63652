/** What may be subscribed to and what passes on the bus, of every family. */
import {
  type BusMessage,
  callEvent,
  conferenceEvent,
  documentEvent,
  faxStatus,
  messageWaiting,
  notification,
  presenceDialog,
  registration,
  withFields,
} from './events.ts';

/** A binding of every family, as wide as it gets. */
export const everything = [
  'call.*.*',
  'conference.event.*.*',
  'conference.event.*.*.*',
  'conference.event.*',
  'conference.command.*',
  'doc_created.*.*.*',
  'doc_edited.*.*.*',
  'object.*.*',
  'fax.status.*',
  'fax.object.*',
  'presence.dialog.*',
  'presence.mwi_updates.*',
  'registration.success.*',
  'notifications.*.*',
];

/** An event of every family. */
export function eventsOf(account: string, realm: string): BusMessage[] {
  const commandBody = { 'Event-Name': 'command', 'Account-ID': account };
  const older = { ...conferenceEvent(account), routingKey: 'conference.event.7001.call-1' };
  return [
    callEvent(account),
    withFields(callEvent('none'), { 'Account-ID': account, 'Custom-Channel-Vars': undefined }),
    conferenceEvent(account),
    withFields(conferenceEvent(account), { 'Account-ID': undefined }),
    older,
    withFields(older, { 'Account-ID': undefined, 'Custom-Channel-Vars': { 'Account-ID': account } }),
    { exchange: 'conference', routingKey: 'conference.command.7001', body: commandBody },
    documentEvent(account),
    withFields(documentEvent(account), { 'Account-ID': undefined }),
    withFields(documentEvent(account), { 'Account-ID': undefined, Database: undefined }),
    documentEvent(account, 'doc_created', 'fax'),
    faxStatus(account),
    withFields(faxStatus(account), { 'Account-ID': undefined }),
    presenceDialog(realm),
    messageWaiting(realm),
    registration(account, realm),
    registration(undefined, realm),
    notification(account),
  ];
}
