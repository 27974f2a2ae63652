/**
 * On a real broker, one row of each table: bindings, their patterns, their refusals, frames, payloads. The tables
 * themselves are unit tests, against the embedded bus.
 */
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { type Client, openClient } from '../support/client.ts';
import {
  callEvent,
  conferenceEvent,
  databaseOf,
  documentEvent,
  faxStatus,
  notification,
  presenceDialog,
  publish,
  registration,
} from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { callAccount, fixture, fixtureAccount, fixtureRealm } from '../support/fixtures.ts';
import { callEvents } from '../support/offers.ts';
import { until } from '../support/until.ts';

const account = fixtureAccount;
const stranger = 'ffffffffffffffffffffffffffffff02';

/** A binding of each family, what it is bound as, and an event that it stands for. */
const rows = [
  ['call.CHANNEL_CREATE.*', ['callevt call.CHANNEL_CREATE.*'], callEvent(account)],
  [
    'conference.event.7001',
    ['conference conference.event.*', 'conference conference.event.*.*', `conference conference.event.*.${account}.#`],
    conferenceEvent(account),
  ],
  ['object.doc_edited.user', [`configuration doc_edited.${databaseOf(account)}.user.*`], documentEvent(account)],
  ['fax.status.*', [`${faxStatus(account).exchange} fax.status.${account}.*`], faxStatus(account)],
  ['presence.dialog.*', ['presence dialog.*.*'], presenceDialog(fixtureRealm)],
  [
    'registration.success.*',
    ['callmgr', 'registrar'].map((exchange) => `${exchange} registration.success.*.*`),
    registration(account, fixtureRealm),
  ],
  [
    'notifications.sip.missed_call',
    ['notifications notifications.sip.missed_call'],
    notification(account, 'sip', 'missed_call'),
  ],
] as const;
const bindings = rows.map(([binding]) => binding);

async function startWithRealms(): Promise<Bridge> {
  const accounts = await useAccountsFile([
    { id: account, realm: fixtureRealm },
    { id: stranger, realm: 'stranger.example.com' },
  ]);
  return startBridge({ ACCOUNTS_FILE: accounts.path });
}

const openAccount = async (bridge: Bridge, id: string, dialect = 'classic'): Promise<Client> =>
  openClient(bridge, { token: await tokenFor(id), path: `/?dialect=${dialect}` });

test('an event published to RabbitMQ arrives at a socket that subscribed to it', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  const reply = await client.subscribe('call.CHANNEL_CREATE.*');
  expect(reply).toMatchObject({ status: 'success', data: { subscribed: ['call.CHANNEL_CREATE.*'] } });
  await bridge.broker.publishFixture('call.CHANNEL_CREATE.json');
  const [event] = await client.untilEvents(1);
  expect(event).toEqual({
    name: 'CHANNEL_CREATE',
    args: fixture('call.CHANNEL_CREATE.json').payload,
    request_id: reply.request_id,
  });
});

test('events of every family reach their own account, in both dialects, and no other', async () => {
  const bridge = await startWithRealms();
  const own = await openAccount(bridge, account);
  const ownKazoo4 = await openAccount(bridge, account, 'kazoo4');
  const foreign = await openAccount(bridge, stranger);
  for (const client of [own, ownKazoo4, foreign]) {
    expect(await client.subscribe(bindings)).toMatchObject({ status: 'success', data: { subscribed: bindings } });
  }
  await publish(bridge.broker, ...rows.map(([, , event]) => event));
  await allDelivered(bridge, own, ownKazoo4, foreign);
  expect(own.events.map(({ args }) => args)).toEqual(rows.map(([, , { body }]) => body));
  expect(ownKazoo4.events.map(({ subscribed_key }) => subscribed_key)).toEqual(bindings);
  expect(foreign.events).toEqual([]);
});

test('the broker holds exactly what the subscriptions need, and nothing once they end', async () => {
  const bridge = await startWithRealms();
  const client = await openAccount(bridge, account);
  for (const [binding, patterns] of rows) {
    await client.subscribe(binding);
    expect(await bridge.broker.patterns(), binding).toEqual([...patterns].sort());
    await client.unsubscribe(binding);
    await until(async () => (await bridge.broker.patterns()).length === 0);
  }
});

test('each pattern once, whether one socket wants it or fifty; the last to leave removes it', async () => {
  const bridge = await startBridge();
  const everyCallEvent = callEvents.map((event) => `callevt call.${event}.*`).sort();
  const token = await tokenFor(callAccount);
  const clients = await Promise.all(Array.from({ length: 50 }, () => openClient(bridge, { token })));
  await Promise.all(clients.map((client, n) => client.subscribe(['call.CHANNEL_CREATE.*', `call.*.call-${n}`])));
  expect(await bridge.broker.patterns()).toEqual(everyCallEvent);
  expect(await bridge.metric('horizon_amqp_patterns')).toBe(everyCallEvent.length);
  expect(await bridge.metric('horizon_subscriptions')).toBe(100);
  const [first, second, ...others] = clients as [Client, Client, ...Client[]];
  // Some go with a word, some without, one stays.
  await Promise.all(others.slice(0, 24).map((client) => client.unsubscribe()));
  for (const client of others.slice(24)) client.socket.terminate();
  second.close();
  await until(async () => (await bridge.metric('horizon_subscriptions')) === 2);
  expect(await bridge.broker.patterns()).toEqual(everyCallEvent);
  await first.unsubscribe('call.*.call-0');
  await until(async () => (await bridge.broker.patterns()).length === 1);
  expect(await bridge.broker.patterns()).toEqual(['callevt call.CHANNEL_CREATE.*']);
  first.close();
  await until(async () => (await bridge.broker.patterns()).length === 0);
  expect(await bridge.metric('horizon_amqp_patterns')).toBe(0);
});

test.each([
  ['nonsense.*', 'binding_unsupported'],
  ['call.DTMF.*', 'binding_unsupported'],
  ['call.CHANNEL_CREATE', 'binding_invalid'],
  ['call.#', 'binding_invalid'],
])('%s is refused with %s, and nothing reaches the broker', async (binding, code) => {
  const bridge = await startBridge();
  const client = await openAccount(bridge, account);
  expect((await client.subscribe(binding)).data.code).toBe(code);
  expect(await bridge.broker.patterns()).toEqual([]);
});

test('a gzipped body is understood, and what is no event is counted and dropped', async () => {
  const bridge = await startBridge();
  const client = await openAccount(bridge, account);
  await client.subscribe('call.CHANNEL_CREATE.*');
  const { exchange, routingKey, body } = callEvent(account);
  await bridge.broker.publish(exchange, routingKey, Buffer.from('no JSON'));
  await bridge.broker.publish(exchange, routingKey, gzipSync(JSON.stringify(body)), { contentEncoding: 'gzip' });
  const events = await client.untilEvents(1);
  expect(events.map(({ args }) => args)).toEqual([body]);
  expect(await bridge.metric('horizon_events_dropped_total', { reason: 'not_json' })).toBe(1);
});
