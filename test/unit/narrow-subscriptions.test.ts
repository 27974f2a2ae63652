/** Subscriptions with a filter: which events they are given, live and again. What a filter means is in filters.test.ts. */
import { expect, test } from 'vitest';
import { tokenFor } from '../support/bridge.ts';
import { type Client, type Message, openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { callEvent, documentEvent, publish } from '../support/events.ts';
import { until } from '../support/until.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
const other = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';
const binding = 'call.*.*';
const user = 'Custom-Channel-Vars.Authorizing-ID';

async function open(bridge: EmbeddedBridge, query = '', claims = {}): Promise<Client> {
  return openClient(bridge, { token: await tokenFor(account, claims), path: `/?dialect=classic${query}` });
}

/** A call of a user: their id is the call's, too, unless it has one of its own. */
async function call(bridge: EmbeddedBridge, id: string, more = {}, of = account): Promise<void> {
  const variables = { 'Custom-Channel-Vars': { 'Account-ID': of, 'Authorizing-ID': id } };
  await publish(bridge.broker, callEvent(of, 'CHANNEL_CREATE', id, { ...variables, ...more }));
}

const ids = (events: readonly Message[]): unknown[] =>
  events.map(({ args, data }) => (args as Message)?.['Call-ID'] ?? (data as Message | undefined)?.call_id);

async function given(client: Client): Promise<unknown[]> {
  await client.ping();
  return ids(client.events);
}

test.each(['classic', 'kazoo4'])('%s: only events that the filter holds for, in either spelling', async (dialect) => {
  const bridge = await startBridge();
  const token = await tokenFor(account);
  const path = `/?dialect=${dialect}`;
  const [raw, normal, both] = await Promise.all([1, 2, 3].map(() => openClient(bridge, { token, path })));
  await raw?.subscribe(binding, { filter: { [user]: 'u1' } });
  await normal?.subscribe(binding, { filter: { 'custom_channel_vars.authorizing_id': ['u1', 'u3'] } });
  await both?.subscribe(binding, { filter: { [user]: { not: 'u1' }, 'Call-Direction': { exists: true } } });
  for (const id of ['u1', 'u2', 'u3']) await call(bridge, id);
  await call(bridge, 'u4', { 'Call-Direction': 'inbound' });
  // Another account's call of the same user.
  await call(bridge, 'u1', { 'Call-Direction': 'inbound' }, other);
  expect(await given(raw as Client)).toEqual(['u1']);
  expect(await given(normal as Client)).toEqual(['u1', 'u3']);
  expect(await given(both as Client)).toEqual(['u4']);
});

test('a filter belongs to all bindings of its message, and to no other', async () => {
  const bridge = await startBridge();
  const client = await open(bridge);
  await client.subscribe([binding, 'object.doc_edited.user'], { filter: { [user]: { exists: false } } });
  await client.subscribe('object.doc_edited.device', { filter: { ID: { prefix: 'd' } } });
  await call(bridge, 'u1');
  await publish(bridge.broker, documentEvent(account, 'doc_edited', 'user', 'x1'));
  await publish(bridge.broker, documentEvent(account, 'doc_edited', 'device', 'x2'));
  await publish(bridge.broker, documentEvent(account, 'doc_edited', 'device', 'd3'));
  await client.ping();
  expect(client.events.map(({ args }) => (args as Message).ID)).toEqual(['x1', 'd3']);
});

test('an event that several filters hold for: in classic one frame, for the oldest; in kazoo4 one for each', async () => {
  const bridge = await startBridge();
  const token = await tokenFor(account);
  for (const [dialect, expected] of [
    ['classic', ['one']],
    ['kazoo4', ['both', 'one']],
  ] as const) {
    const client = await openClient(bridge, { token, path: `/?dialect=${dialect}` });
    await client.subscribe(binding, { filter: { [user]: 'u2' }, request_id: 'none' });
    await client.subscribe(binding, { filter: { [user]: { prefix: 'u1' } }, request_id: 'one' });
    await client.subscribe(binding, { filter: { [user]: 'u1' }, request_id: 'both' });
    await call(bridge, 'u1');
    await client.ping();
    expect(client.events.map(({ request_id }) => request_id).toSorted()).toEqual(expected);
  }
});

test('beside a subscription without a filter, which is given everything', async () => {
  const bridge = await startBridge();
  const client = await open(bridge);
  await client.subscribe(binding, { filter: { [user]: 'u1' }, request_id: 'narrow' });
  await client.subscribe('call.CHANNEL_CREATE.*', { request_id: 'wide' });
  for (const id of ['u1', 'u2']) await call(bridge, id);
  await client.ping();
  expect(client.events.map(({ request_id }) => request_id)).toEqual(['narrow', 'wide']);
});

test('unsubscribing with the filter ends that one, without one all', async () => {
  const bridge = await startBridge();
  const client = await open(bridge);
  const filters = ['u1', 'u2', 'u3'].map((id) => ({ [user]: id, 'Event-Name': 'CHANNEL_CREATE' }));
  await client.subscribe(binding);
  for (const filter of filters) await client.subscribe(binding, { filter });
  const { data: none } = await client.unsubscribe(binding, { filter: { [user]: 'u1' } });
  expect(none.unsubscribed).toEqual([]);
  // The same JSON, its members in another order.
  const { data } = await client.unsubscribe(binding, { filter: { 'Event-Name': 'CHANNEL_CREATE', [user]: 'u1' } });
  expect([data.unsubscribed, data.subscriptions]).toEqual([[binding], [binding, binding, binding]]);
  const { data: all } = await client.unsubscribe(binding);
  expect([all.unsubscribed, all.subscriptions]).toEqual([[binding, binding, binding], []]);
  await call(bridge, 'u2');
  expect(await given(client)).toEqual([]);
  expect(await bridge.broker.patterns()).toEqual([]);
});

test('however many filters a binding has, the broker holds its patterns once, and drops them with the last', async () => {
  const bridge = await startBridge();
  const client = await open(bridge);
  await client.subscribe(binding, { filter: { [user]: 'u0' } });
  const patterns = await bridge.broker.patterns();
  expect(patterns.length).toBeGreaterThan(0);
  for (let n = 1; n < 20; n += 1) await client.subscribe(binding, { filter: { [user]: `u${n}` } });
  expect(await bridge.broker.patterns()).toEqual(patterns);
  for (let n = 0; n < 19; n += 1) await client.unsubscribe(binding, { filter: { [user]: `u${n}` } });
  expect(await bridge.broker.patterns()).toEqual(patterns);
  await call(bridge, 'u19');
  expect(await given(client)).toEqual(['u19']);
  await client.unsubscribe(binding, { filter: { [user]: 'u19' } });
  expect(await bridge.broker.patterns()).toEqual([]);
});

test.each<[unknown, string]>([
  [{ [user]: null }, `data.filter.${user}: must be`],
  [{ [user]: ['u1', {}] }, `data.filter.${user}.1: must be`],
  [{ [user]: { prefix: 5 } }, `data.filter.${user}.prefix: must be a text`],
  [{ 'a..b': 'x' }, 'data.filter.a..b: must be a path'],
  [{}, 'data.filter: must have 1 to 10 paths'],
  ['Call-ID', 'data.filter: must be an object'],
  [{ a: 'x'.repeat(8200) }, 'data.filter: must be at most 8192 bytes'],
])('a filter that is none is refused with its place', async (filter, text) => {
  const bridge = await startBridge();
  const client = await open(bridge);
  const { status, data } = await client.subscribe(binding, { filter });
  expect([status, data.code]).toEqual(['error', 'invalid_message']);
  expect(data.errors?.[0]).toMatch(`invalid message: ${text}`);
  const { data: left } = await client.unsubscribe(binding, { filter });
  expect(left.code).toBe('invalid_message');
});

test('1,000 filters of an account that an event would have to try, over all its sockets and bindings', async () => {
  const bridge = await startBridge({ MAX_BINDINGS_PER_SOCKET: '5000', RATE_LIMIT_BURST: '5000' });
  const [one, two] = [await open(bridge), await open(bridge)];
  const hidden = (n: number) => ({ 'Event-Category': 'call_event', [user]: { prefix: `u${n}` } });
  const fill = async (client: Client, from: number, to: number): Promise<void> => {
    for (let n = from; n < to; n += 50) {
      const some = Array.from({ length: 50 }, (_, next) => client.subscribe(binding, { filter: hidden(n + next) }));
      for (const { data } of await Promise.all(some)) expect(data.errors).toBeUndefined();
    }
  };
  await fill(one, 0, 500);
  await fill(two, 500, 1000);
  for (const client of [one, two]) {
    const { data } = await client.subscribe(['call.CHANNEL_CREATE.*', binding], { filter: hidden(1000) });
    expect(data.code).toBe('too_many_bindings');
    expect(data.errors?.[0]).toContain('too many filters');
    expect((await client.unsubscribe('call.CHANNEL_CREATE.*')).data.unsubscribed).toEqual([]);
  }
  // One that there is already, one that is looked up, none at all, and another account's.
  expect((await two.subscribe('call.CHANNEL_CREATE.*', { filter: hidden(3) })).status).toBe('success');
  expect((await two.subscribe(binding, { filter: { [user]: 'u7' } })).status).toBe('success');
  expect((await two.subscribe(binding)).status).toBe('success');
  const stranger = await openClient(bridge, { token: await tokenFor(other) });
  expect((await stranger.subscribe(binding, { filter: hidden(1001) })).status).toBe('success');
  // A socket that goes makes room.
  one.socket.close();
  await one.untilClosed();
  await fill(two, 1000, 1400);
  await call(bridge, 'u1399');
  expect(await given(two)).toEqual(['u1399']);
});

test('a replay brings what the filter holds for, then live events', async () => {
  const bridge = await startBridge({ HISTORY: 'stream' });
  const client = await open(bridge, '&resume=on');
  const { data } = await client.subscribe('object.doc_edited.user');
  for (const id of ['u1', 'u2', 'u1', 'u3']) await call(bridge, id);
  const filter = { [user]: ['u1', 'u3'] };
  const { data: again } = await client.subscribe(binding, { since: data.cursor, filter, request_id: 'r' });
  expect(again.recovered).toBe(true);
  expect((await client.notice('live', 'r')).replayed).toBe(3);
  for (const id of ['u2', 'u3']) await call(bridge, id);
  await client.untilEvents(4);
  expect(await given(client)).toEqual(['u1', 'u1', 'u3', 'u3']);
});

test('what a filter kept from another subscription is not covered by it: a replay brings it', async () => {
  const bridge = await startBridge({ HISTORY: 'stream' });
  const client = await open(bridge, '&resume=on');
  const { data } = await client.subscribe(binding, { filter: { [user]: 'u1' } });
  for (const id of ['u1', 'u2', 'u3']) await call(bridge, id);
  await client.untilEvents(1);
  const filter = { [user]: { not: 'u3' } };
  await client.subscribe(binding, { since: data.cursor, filter, request_id: 'r' });
  expect((await client.notice('live', 'r')).replayed).toBe(1);
  expect(await given(client)).toEqual(['u1', 'u2']);
});

test('a socket that was held back is given what its filters hold for, each event once in classic', async () => {
  const bridge = await startBridge({ HISTORY: 'stream' });
  for (const [dialect, expected] of [
    ['classic', ['u1', 'u3']],
    ['kazoo4', ['u1', 'u1', 'u3']],
  ] as const) {
    const token = await tokenFor(account, {}, 2);
    const client = await openClient(bridge, { token, path: `/?dialect=${dialect}&resume=on` });
    await client.subscribe(binding, { filter: { [user]: 'u1' } });
    await client.subscribe(binding, { filter: { [user]: ['u1', 'u3'] } });
    await until(() => client.replies.some((reply) => reply.data.code === 'token_expired'), 'the end of the token');
    for (const id of ['u1', 'u2', 'u3']) await call(bridge, id);
    await client.request({ action: 'ping', auth_token: await tokenFor(account) });
    await client.untilEvents(expected.length);
    expect(await given(client)).toEqual(expected);
  }
});
