import { describe, expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { callAccount, fixtureAccount, fixtureRealm } from '../support/fixtures.ts';
import { callEvents, notifications } from '../support/offers.ts';
import { until } from '../support/until.ts';

const database = 'account%2F4b%2F31%2Fdd1d32ce6d249897c06332375d65';
const account = fixtureAccount;

const everyCallEvent = callEvents.map((event) => `callevt call.${event}.*`);

/** A bridge that knows the realm of the fixtures' account. */
async function startBridgeWithRealm(): Promise<EmbeddedBridge> {
  const accounts = await useAccountsFile([{ id: fixtureAccount, realm: fixtureRealm }]);
  return startBridge({ ACCOUNTS_FILE: accounts.path });
}

const openAccount = async (bridge: EmbeddedBridge): Promise<Client> =>
  openClient(bridge, { token: await tokenFor(account) });

/** What the older conference keys need, which have no account. */
const olderConferences = ['conference conference.event.*', 'conference conference.event.*.*'];

describe('exactly what a subscription needs is bound', () => {
  test.each<[binding: string, patterns: string[]]>([
    // Call events are bound per event, never per call id.
    ['call.CHANNEL_CREATE.*', ['callevt call.CHANNEL_CREATE.*']],
    ['call.CHANNEL_CREATE.one@media.example.com', ['callevt call.CHANNEL_CREATE.*']],
    ['call.*.*', everyCallEvent],
    ['call.*.one', everyCallEvent],
    // Documents per account, type and action.
    ['doc_created.*.user.*', [`configuration doc_created.${database}.user.*`]],
    ['doc_edited.*.user.699ed7e3d583e2577ac017c575f87262', [`configuration doc_edited.${database}.user.*`]],
    ['object.doc_deleted.device', [`configuration doc_deleted.${database}.device.*`]],
    ['object.*.device', [`configuration *.${database}.device.*`]],
    // Types of monthly databases for every database.
    ['object.doc_created.fax', ['configuration doc_created.*.fax.*']],
    ['object.doc_created.call_recording', ['configuration doc_created.*.call_recording.*']],
    ['doc_edited.*.mailbox_message.*', ['configuration doc_edited.*.mailbox_message.*']],
    ['fax.object.doc_created', ['configuration doc_created.*.fax.*']],
    // A type of `*` means both.
    [
      'object.doc_created.*',
      [
        'configuration doc_created.*.call_recording.*',
        'configuration doc_created.*.fax.*',
        'configuration doc_created.*.mailbox_message.*',
        `configuration doc_created.${database}.*.*`,
      ],
    ],
    // Conferences and faxes per account; conference ids may have dots.
    ['conference.event.*.*', [`conference conference.event.*.${account}.#`, ...olderConferences]],
    ['conference.event.7001.one', [`conference conference.event.*.${account}.#`, ...olderConferences]],
    [
      'conference.event.add-member.7001.one',
      [`conference conference.event.add-member.${account}.#`, ...olderConferences],
    ],
    // Whose a conference's commands are is told by the conferences' events.
    ['conference.command.7001', ['conference conference.command.#', 'conference conference.event.#']],
    ['fax.status.202611-f00d', [`faxes fax.status.${account}.*`]],
    // Realms come in any case, and the broker compares bytes.
    ['presence.dialog.*', ['presence dialog.*.*']],
    ['presence.mwi_updates.1001', ['presence mwi_updates.*.*']],
    ['registration.success.1001', ['callmgr registration.success.*.*', 'registrar registration.success.*.*']],
    ['notifications.sip.missed_call', ['notifications notifications.sip.missed_call']],
    ['notifications.*.*', notifications.map((name) => `notifications notifications.${name}`)],
    [
      'notifications.sip.*',
      ['deregister', 'missed_call', 'register'].map((name) => `notifications notifications.sip.${name}`),
    ],
  ])('%s', async (binding, patterns) => {
    const bridge = await startBridgeWithRealm();
    const client = await openAccount(bridge);
    expect(await client.subscribe(binding)).toMatchObject({ status: 'success' });
    expect(await bridge.broker.patterns()).toEqual([...patterns].sort());
    await client.unsubscribe(binding);
    await until(async () => (await bridge.broker.patterns()).length === 0);
  });

  test('the events of one account are not bound for another', async () => {
    const bridge = await startBridge();
    const client = await openClient(bridge, { token: await tokenFor('one') });
    const other = await openClient(bridge, { token: await tokenFor('other') });
    await client.subscribe('object.doc_created.user');
    await other.subscribe('object.doc_created.user');
    expect(await bridge.broker.patterns()).toEqual([
      'configuration doc_created.one.user.*',
      'configuration doc_created.other.user.*',
    ]);
    await client.unsubscribe();
    await until(async () => (await bridge.broker.patterns()).length === 1);
    expect(await bridge.broker.patterns()).toEqual(['configuration doc_created.other.user.*']);
  });
});

describe('what the patterns bring beyond a subscription is filtered here', () => {
  test('calls by their id', async () => {
    const bridge = await startBridge();
    const client = await openClient(bridge, { token: await tokenFor(callAccount) });
    await client.subscribe('call.CHANNEL_CREATE.one@media.example.com');
    const publish = (callId: string, word: string): Promise<void> =>
      bridge.broker.publishFixture('call.CHANNEL_CREATE.json', { 'Call-ID': callId }, `call.CHANNEL_CREATE.${word}`);
    await publish('two@media.example.com', 'two%40media%2Eexample%2Ecom');
    await publish('one@media.example.com', 'one%40media%2Eexample%2Ecom');
    const [event, ...more] = await client.untilEvents(1);
    expect(event).toMatchObject({ args: { 'Call-ID': 'one@media.example.com' } });
    expect(more).toEqual([]);
  });

  test('documents of monthly databases by their account: the present month, an older one, and no neighbour', async () => {
    const bridge = await startBridge();
    const client = await openAccount(bridge);
    await client.subscribe('object.*.mailbox_message');
    const publish = (owner: string, month: string, id: string): Promise<void> => {
      const name = `account/${owner.slice(0, 2)}/${owner.slice(2, 4)}/${owner.slice(4)}-${month}`;
      return bridge.broker.publish('configuration', `doc_edited.${name.replaceAll('/', '%2F')}.mailbox_message.${id}`, {
        'Event-Category': 'configuration',
        'Event-Name': 'doc_edited',
        Database: name,
        ID: id,
        Type: 'mailbox_message',
      });
    };
    await publish('0000dd1d32ce6d249897c06332375d65', '202611', 'neighbour');
    await publish(account, '202611', 'present');
    await publish(account, '202412', 'older');
    await publish(account, '202701', 'coming');
    const events = await client.untilEvents(3);
    expect(events.map(({ args }) => (args as { ID: string }).ID)).toEqual(['present', 'older', 'coming']);
  });
});
