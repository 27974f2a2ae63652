/** The bindings that a client may use, both columns, on sockets of both dialects. */
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import {
  type BusMessage,
  conferenceEvent,
  databaseOf,
  documentEvent,
  messageWaiting,
  notification,
  presenceDialog,
  publish,
  registration,
} from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { callAccount, fixture, fixtureAccount, fixtureRealm } from '../support/fixtures.ts';

function fromFixture(file: string, changes: Record<string, unknown> = {}): BusMessage {
  const { exchange, routingKey, payload } = fixture(file);
  return { exchange, routingKey, body: { ...payload, ...changes } };
}

const call = fromFixture('call.CHANNEL_CREATE.json');
const callId = 'at6dmu4ffk97vnlp6qfq';
const newer = fromFixture('conference.add-member.json');
const older = fromFixture('conference.legacy.json');
const oldest: BusMessage = { ...older, routingKey: 'conference.event.7001' };
const command: BusMessage = {
  exchange: 'conference',
  routingKey: 'conference.command.7001',
  body: { 'Event-Category': 'conference', 'Event-Name': 'command', 'Account-ID': fixtureAccount },
};
const memberId = 'a1b2c3@media1.example.com';
const user = fromFixture('object.doc_created.user.json');
const message = fromFixture('object.doc_created.mailbox_message.json');
const faxDocument = documentEvent(fixtureAccount, 'doc_created', 'fax', 'fax-1');
const fax = fromFixture('fax.status.json');
const dialog = fromFixture('presence.dialog.json');
const update: BusMessage = {
  ...presenceDialog(fixtureRealm),
  routingKey: dialog.routingKey.replace('dialog', 'update'),
};
const database = databaseOf(fixtureAccount);

/** What is bound, and an event that it stands for. */
const matching: readonly (readonly [string, BusMessage])[] = [
  // call.{EVENT}.{CALL_ID}
  ['call.CHANNEL_CREATE.*', call],
  [`call.CHANNEL_CREATE.${callId}`, call],
  ['call.*.*', call],
  [`call.*.${callId}`, call],
  // conference.event.{CONFERENCE_ID}.{CALL_ID}, conference.event.{CONFERENCE_ID}, conference.command.{CONFERENCE_ID}
  ['conference.event.*.*', newer],
  ['conference.event.7001.*', newer],
  [`conference.event.7001.${memberId}`, newer],
  [`conference.event.*.${'call-1'}`, conferenceEvent(fixtureAccount)],
  ['conference.event.7001', newer],
  ['conference.event.*', newer],
  ['conference.event.*.*', older],
  [`conference.event.7001.${memberId}`, older],
  ['conference.event.7001', older],
  ['conference.event.*', older],
  ['conference.event.7001', oldest],
  ['conference.event.*.*', oldest],
  ['conference.command.7001', command],
  ['conference.command.*', command],
  // conference.event.{EVENT}.{CONFERENCE_ID}.{CALL_ID}
  [`conference.event.add-member.7001.${memberId}`, newer],
  ['conference.event.add-member.*.*', newer],
  ['conference.event.*.7001.*', newer],
  ['conference.event.*.*.*', newer],
  ['conference.event.start-talking.7001.*', older],
  ['conference.event.*.*.*', oldest],
  // doc_created.*.{TYPE}.{ID}, doc_edited…, doc_deleted…
  ['doc_created.*.user.*', user],
  ['doc_created.*.*.*', user],
  ['doc_created.*.user.699ed7e3d583e2577ac017c575f87262', user],
  [`doc_created.${database}.user.*`, user],
  [`doc_created.${decodeURIComponent(database)}.user.*`, user],
  [`doc_created.${database}.*.*`, message],
  ['doc_created.*.mailbox_message.*', message],
  ['doc_edited.*.device.*', fromFixture('object.doc_edited.device.json')],
  ['doc_deleted.*.callflow.*', documentEvent(fixtureAccount, 'doc_deleted', 'callflow')],
  // object.{ACTION}.{TYPE}
  ['object.doc_created.user', user],
  ['object.*.user', user],
  ['object.doc_created.*', user],
  ['object.*.*', message],
  ['object.doc_deleted.media', documentEvent(fixtureAccount, 'doc_deleted', 'media')],
  // fax.status.{FAX_ID}, fax.object.{ACTION}
  ['fax.status.*', fax],
  ['fax.status.202611-f00d', fax],
  ['fax.object.doc_created', faxDocument],
  ['fax.object.*', faxDocument],
  // presence.dialog.{CALL_ID}, presence.update.{CALL_ID}, presence.mwi_updates.{USER}
  ['presence.dialog.*', dialog],
  [`presence.dialog.${memberId}`, dialog],
  ['presence.update.*', update],
  [`presence.update.${memberId}`, update],
  ['presence.mwi_updates.*', fromFixture('presence.mwi_update.json')],
  ['presence.mwi_updates.1001', fromFixture('presence.mwi_update.json')],
  // registration.success.{USERNAME}
  ['registration.success.*', fromFixture('registration.success.json')],
  ['registration.success.1001', fromFixture('registration.success.json')],
  ['registration.success.1001', { ...fromFixture('registration.success.json'), exchange: 'callmgr' }],
  // notifications.{CATEGORY}.{NAME}
  ['notifications.sip.missed_call', fromFixture('notifications.missed_call.json')],
  ['notifications.*.missed_call', fromFixture('notifications.missed_call.json')],
  ['notifications.sip.*', fromFixture('notifications.missed_call.json')],
  ['notifications.*.*', fromFixture('notifications.missed_call.json')],
];

/** What is bound, and an event that comes close to it. */
const missing: readonly (readonly [string, BusMessage])[] = [
  ['call.CHANNEL_ANSWER.*', call],
  ['call.CHANNEL_CREATE.another', call],
  [`call.CHANNEL_CREATE.${callId.slice(0, -1)}`, call],
  ['conference.event.7002', newer],
  ['conference.event.7002.*', older],
  ['conference.event.7001.another', newer],
  [`conference.event.7001.${memberId}`, oldest],
  ['conference.event.lock.7001.*', newer],
  ['conference.event.add-member.7002.*', newer],
  ['conference.event.add-member.*.*', older],
  ['conference.command.*', newer],
  ['conference.event.*', command],
  ['conference.command.7002', command],
  ['doc_edited.*.user.*', user],
  ['doc_created.*.device.*', user],
  ['doc_created.*.user.another', user],
  ['object.doc_edited.user', user],
  ['object.doc_created.device', user],
  ['fax.object.doc_edited', faxDocument],
  ['fax.object.*', user],
  ['fax.status.*', faxDocument],
  ['fax.status.another', fax],
  ['presence.update.*', dialog],
  ['presence.dialog.*', update],
  ['presence.dialog.another', dialog],
  ['presence.mwi_updates.1002', messageWaiting(fixtureRealm)],
  ['presence.mwi_updates.*', dialog],
  ['registration.success.1002', registration(fixtureAccount, fixtureRealm)],
  ['notifications.sip.register', notification(fixtureAccount)],
  ['notifications.voicemail.*', notification(fixtureAccount)],
];

/** A socket of each dialect, which holds the binding, and the rest of what the table needs. */
async function openBoth(binding: string, { body }: BusMessage) {
  const accounts = await useAccountsFile([{ id: fixtureAccount, realm: fixtureRealm }]);
  const bridge = await startBridge({ ACCOUNTS_FILE: accounts.path });
  const token = await tokenFor(body === call.body ? callAccount : fixtureAccount);
  const clients = [];
  for (const dialect of ['classic', 'kazoo4']) {
    const client = await openClient(bridge, { token, path: `/?dialect=${dialect}` });
    const reply = await client.subscribe(binding);
    expect(reply, dialect).toMatchObject({ status: 'success', data: { subscribed: [binding] } });
    clients.push(client);
  }
  return { bridge, clients };
}

test.each(matching.map(([binding, event]) => [binding, event.routingKey, event] as const))(
  '%s stands for %s',
  async (binding, _key, event) => {
    const { bridge, clients } = await openBoth(binding, event);
    await publish(bridge.broker, event);
    await allDelivered(bridge, ...clients);
    expect(clients.map(({ events }) => events.length)).toEqual([1, 1]);
  },
);

test.each(missing.map(([binding, event]) => [binding, event.routingKey, event] as const))(
  '%s does not stand for %s',
  async (binding, _key, event) => {
    const { bridge, clients } = await openBoth(binding, event);
    await publish(bridge.broker, event);
    await allDelivered(bridge, ...clients);
    expect(clients.map(({ events }) => events.length)).toEqual([0, 0]);
  },
);
