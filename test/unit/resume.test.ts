/** Clients that come back are given what they missed: cursors, replays and notices, in both dialects. */
import { expect, test } from 'vitest';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient, refusedUpgrade } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { callEvent, documentEvent, notification, publish } from '../support/events.ts';
import { family } from '../support/families.ts';
import { useFolder } from '../support/process.ts';
import { until } from '../support/until.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
const other = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';
const cursorText = /^[A-Za-z0-9_-]{1,64}$/;

const startHistory = (settings = {}) => startBridge({ HISTORY: 'stream', ...settings });

async function open(bridge: EmbeddedBridge, dialect = 'classic', of = account): Promise<Client> {
  return openClient(bridge, { token: await tokenFor(of), path: `/?dialect=${dialect}&resume=on` });
}

async function call(bridge: EmbeddedBridge, ...ids: string[]): Promise<void> {
  for (const id of ids) await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', id));
}

/** The calls that a client was told of, in order. */
function calls({ events }: Client): unknown[] {
  return events.map(
    ({ args, data }) => (args as Message | undefined)?.['Call-ID'] ?? (data as Message | undefined)?.call_id,
  );
}
type Message = Record<string, unknown>;

test.each([
  ['classic', ['name', 'args', 'cursor']],
  ['kazoo4', ['action', 'subscribed_key', 'subscription_key', 'name', 'routing_key', 'account_id', 'cursor', 'data']],
])('%s frames carry a cursor in its place, the same for all sockets', async (dialect, members) => {
  const bridge = await startHistory();
  const clients = await Promise.all([open(bridge, dialect), open(bridge, dialect)]);
  for (const client of clients) await client.subscribe('call.*.*', { request_id: undefined as never });
  await call(bridge, '1', '2');
  for (const client of clients) await client.untilEvents(2);
  const [frames, others] = clients.map(({ events }) => events);
  const withoutRequest = Object.keys(frames?.[0] ?? {}).filter((name) => name !== 'request_id');
  expect(withoutRequest).toEqual(members);
  expect(frames?.[0]?.cursor).toMatch(cursorText);
  expect(frames?.map(({ cursor }) => cursor)).toEqual(others?.map(({ cursor }) => cursor));
  expect(frames?.[0]?.cursor).not.toBe(frames?.[1]?.cursor);
});

test('in classic the cursor stands behind args and before the request_id', async () => {
  const bridge = await startHistory();
  const client = await open(bridge);
  await client.subscribe('call.*.*', { request_id: 'mine' });
  await call(bridge, '1');
  await client.untilEvents(1);
  expect(Object.keys(client.events[0] ?? {})).toEqual(['name', 'args', 'cursor', 'request_id']);
});

test('a socket that does not ask for it sees no difference', async () => {
  const bridge = await startHistory();
  const client = await openClient(bridge, { token: await tokenFor(account), path: '/?dialect=classic' });
  const reply = await client.subscribe('call.*.*');
  await call(bridge, '1');
  await client.untilEvents(1);
  expect(Object.keys(reply.data)).toEqual(['subscribed', 'subscriptions']);
  expect(Object.keys(client.events[0] ?? {})).toEqual(['name', 'args', 'request_id']);
  expect(client.notices).toEqual([]);
  const refused = await client.subscribe('call.*.*', { since: 'x' });
  expect(refused.data).toMatchObject({ code: 'invalid_message', errors: [expect.stringContaining('data.since')] });
});

test('another value of resume is refused', async () => {
  const bridge = await startHistory();
  for (const value of ['off', 'ON', '', '1']) {
    const { status } = await refusedUpgrade(bridge, { path: `/?resume=${value}` });
    expect(status, value).toBe(400);
  }
});

test('what is no text of 1 to 256 characters is no cursor', async () => {
  const bridge = await startHistory();
  const client = await open(bridge);
  for (const since of ['', 'x'.repeat(257), 7, {}, []]) {
    const { data } = await client.subscribe('call.*.*', { since });
    expect(data).toMatchObject({ code: 'invalid_message', errors: [expect.stringContaining('data.since')] });
  }
  for (const since of ['x', 'x'.repeat(256), '../../etc', '￿']) {
    const { data } = await client.subscribe('call.*.*', { since });
    expect(data).toMatchObject({ recovered: false, reason: 'unknown' });
    await client.unsubscribe('call.*.*');
  }
});

test.each(['classic', 'kazoo4'])(
  '%s: a client that comes back gets what it missed, then live, then what comes',
  async (dialect) => {
    const bridge = await startHistory();
    const first = await open(bridge, dialect);
    const { data } = await first.subscribe('call.*.*');
    expect(data.cursor).toMatch(cursorText);
    expect(data.recovered).toBeUndefined();
    await call(bridge, '1', '2');
    await first.untilEvents(2);
    first.close();
    await call(bridge, '3', '4', '5');
    await publish(bridge.broker, callEvent(other, 'CHANNEL_CREATE', 'not mine'));

    const second = await open(bridge, dialect);
    const since = first.events[1]?.cursor;
    const reply = await second.subscribe('call.*.*', { since, request_id: 'again' });
    expect(reply.data).toMatchObject({ subscribed: ['call.*.*'], recovered: true, cursor: since });
    const live = await second.notice('live');
    expect(live).toMatchObject({ request_id: 'again', replayed: 3, cursor: expect.stringMatching(cursorText) });
    await call(bridge, '6');
    await second.untilEvents(4);
    expect(calls(second)).toEqual(['3', '4', '5', '6']);
    const kinds = second.messages.map(({ action, notice, name, args, data: d }) =>
      action === 'reply' || action === 'notice'
        ? (notice ?? action)
        : (((args ?? d) as Message)['Call-ID'] ?? (d as Message).call_id ?? name),
    );
    expect(kinds).toEqual(['reply', '3', '4', '5', 'live', '6']);
  },
);

test('a cursor that is kept from the very beginning gives everything since', async () => {
  const bridge = await startHistory();
  const client = await open(bridge);
  const { data } = await client.subscribe('call.*.*');
  client.close();
  await call(bridge, '1', '2');
  const back = await open(bridge);
  await back.subscribe('call.CHANNEL_CREATE.*', { since: data.cursor });
  await back.notice('live');
  expect(calls(back)).toEqual(['1', '2']);
});

test('events that come while a socket replays wait for their turn', async () => {
  const bridge = await startHistory();
  const watcher = await open(bridge);
  const { data } = await watcher.subscribe('call.*.*');
  const ids = Array.from({ length: 600 }, (_, n) => `old ${n}`);
  await call(bridge, ...ids);
  const client = await open(bridge);
  client.send({
    action: 'subscribe',
    request_id: 's',
    auth_token: await tokenFor(account),
    data: { binding: 'call.*.*', since: data.cursor },
  });
  const more: string[] = [];
  while (!client.notices.some(({ notice }) => notice === 'live')) {
    more.push(`new ${more.length}`);
    await call(bridge, more.at(-1) as string);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await call(bridge, 'last');
  await until(() => calls(client).at(-1) === 'last');
  expect(calls(client)).toEqual([...ids, ...more, 'last']);
});

test('a socket that holds something already gets one sequence, and in classic nothing twice', async () => {
  const bridge = await startHistory();
  const client = await open(bridge);
  const { data } = await client.subscribe('call.CHANNEL_CREATE.*');
  await call(bridge, '1', '2');
  await client.untilEvents(2);
  await publish(bridge.broker, callEvent(account, 'CHANNEL_DESTROY', '1'));
  await client.subscribe('call.*.*', { since: data.cursor, request_id: 'wide' });
  const live = await client.notice('live');
  expect(live.replayed).toBe(1);
  expect(client.events.map(({ name }) => name)).toEqual(['CHANNEL_CREATE', 'CHANNEL_CREATE', 'CHANNEL_DESTROY']);
  await call(bridge, '3');
  await client.untilEvents(4);
  expect(calls(client)).toEqual(['1', '2', '1', '3']);
});

test('in kazoo4 each subscription gets its own frames, in the past too', async () => {
  const bridge = await startHistory();
  const client = await open(bridge, 'kazoo4');
  const { data } = await client.subscribe('call.CHANNEL_CREATE.*');
  await call(bridge, '1');
  await client.untilEvents(1);
  await client.subscribe(['call.*.*', 'call.CHANNEL_CREATE.1'], { since: data.cursor });
  await client.notice('live');
  expect(client.events.map(({ subscribed_key }) => subscribed_key).toSorted()).toEqual([
    'call.*.*',
    'call.CHANNEL_CREATE.*',
    'call.CHANNEL_CREATE.1',
  ]);
});

test('several replays of a socket run in the order of their messages', async () => {
  const bridge = await startHistory();
  const client = await open(bridge, 'kazoo4');
  const { data } = await client.subscribe('fax.status.*');
  await call(bridge, '1');
  await publish(bridge.broker, notification(account));
  await publish(bridge.broker, documentEvent(account));
  const auth_token = await tokenFor(account);
  for (const binding of ['notifications.*.*', 'call.*.*', 'object.doc_edited.*']) {
    client.send({ action: 'subscribe', request_id: binding, auth_token, data: { binding, since: data.cursor } });
  }
  await client.notice('live', 'object.doc_edited.*');
  const seen = client.messages
    .map(({ notice, subscribed_key, request_id }) => (notice === 'live' ? `live ${request_id}` : subscribed_key))
    .filter((text) => text !== undefined);
  expect(seen).toEqual([
    'notifications.*.*',
    'live notifications.*.*',
    'call.*.*',
    'live call.*.*',
    'object.doc_edited.*',
    'live object.doc_edited.*',
  ]);
});

test('a binding that is held already is not replayed', async () => {
  const bridge = await startHistory();
  const client = await open(bridge);
  const { data } = await client.subscribe('call.*.*');
  await call(bridge, '1');
  await client.untilEvents(1);
  const again = await client.subscribe('call.*.*', { since: data.cursor });
  expect(again.data).toMatchObject({ subscribed: [], recovered: true });
  expect(await client.notice('live')).toMatchObject({ replayed: 0 });
  expect(calls(client)).toEqual(['1']);
});

test('what the ring does not hold any more is too old, and the bindings are live', async () => {
  const bridge = await startHistory({ HISTORY_RING_BYTES: '65536' });
  const client = await open(bridge);
  const { data } = await client.subscribe('call.*.*');
  client.close();
  await call(bridge, ...Array.from({ length: 400 }, (_, n) => `${n}`));
  const back = await open(bridge);
  const reply = await back.subscribe('call.*.*', { since: data.cursor });
  expect(reply.data).toMatchObject({ recovered: false, reason: 'too_old', cursor: expect.stringMatching(cursorText) });
  await call(bridge, 'next');
  await back.untilEvents(1);
  expect(calls(back)).toEqual(['next']);
});

test('a cursor of another server is unknown', async () => {
  const [one, two] = await Promise.all([startHistory(), startHistory()]);
  const { data } = await (await open(one)).subscribe('call.*.*');
  const reply = await (await open(two)).subscribe('call.*.*', { since: data.cursor });
  expect(reply.data).toMatchObject({ recovered: false, reason: 'unknown' });
});

test('without a history there are no cursors, and the reply says so', async () => {
  const bridge = await startBridge();
  const client = await open(bridge);
  const plain = await client.subscribe('call.CHANNEL_CREATE.*');
  expect(plain.data.cursor).toBeUndefined();
  const { data } = await client.subscribe('call.*.*', { since: 'anything' });
  expect(data).toMatchObject({ recovered: false, reason: 'no_history' });
  expect(data.cursor).toBeUndefined();
  await call(bridge, '1');
  await client.untilEvents(1);
  expect(client.events[0]).not.toHaveProperty('cursor');
});

test('no more than 20 replays wait on a socket', async () => {
  const bridge = await startHistory();
  const client = await open(bridge);
  const { data } = await client.subscribe('fax.status.*');
  const auth_token = await tokenFor(account);
  await call(bridge, ...Array.from({ length: 3000 }, (_, n) => `${n}`));
  for (let n = 0; n < 30; n += 1) {
    client.send({
      action: 'subscribe',
      request_id: `r${n}`,
      auth_token,
      data: { binding: `call.*.${n}`, since: data.cursor },
    });
  }
  const last = await client.reply('r29');
  expect(
    client.replies.filter(({ data: { code } }) => code === 'rate_limited').length + (last.status === 'error' ? 0 : 1),
  ).toBeGreaterThan(0);
});

test('an unsubscribe ends the replay of what it names', async () => {
  const bridge = await startHistory();
  const client = await open(bridge);
  const { data } = await client.subscribe('fax.status.*');
  await call(bridge, ...Array.from({ length: 2000 }, (_, n) => `${n}`));
  const auth_token = await tokenFor(account);
  client.send({ action: 'subscribe', request_id: 's', auth_token, data: { binding: 'call.*.*', since: data.cursor } });
  client.send({ action: 'unsubscribe', request_id: 'u', auth_token, data: { binding: 'call.*.*' } });
  await client.reply('u');
  const live = await client.notice('live');
  expect(live.replayed).toBeLessThan(2000);
  const { length } = client.events;
  await call(bridge, 'more');
  await client.ping();
  expect(client.events).toHaveLength(length);
});

test('other accounts’ events are in nobody’s replay', async () => {
  const bridge = await startHistory();
  const client = await open(bridge, 'classic', other);
  const { data } = await client.subscribe('call.*.*');
  await call(bridge, '1', '2');
  await client.subscribe('call.CHANNEL_CREATE.*', { since: data.cursor });
  expect(await client.notice('live')).toMatchObject({ replayed: 0 });
  expect(client.events).toEqual([]);
});

test('what is shared by all accounts is given to those who missed it, too', async () => {
  const write = await useFolder();
  const shop = family({ account: 'shared', routing_key: 'order.{STATE}.{ID}' });
  const bridge = await startHistory({ FAMILIES_FILE: await write('families.json', [shop]) });
  const order = (id: string) => bridge.broker.publish('shop', `order.paid.${id}`, { id });
  const first = await open(bridge);
  await first.subscribe(['orders.*.*', 'call.*.*']);
  await order('1');
  await first.untilEvents(1);
  first.close();
  await order('2');
  await call(bridge, '3');
  const back = await open(bridge);
  const reply = await back.subscribe(['orders.*.*', 'call.*.*'], { since: first.events[0]?.cursor });
  expect(reply.data).toMatchObject({ recovered: true });
  const theirs = await open(bridge, 'classic', other);
  await theirs.subscribe(['orders.*.*', 'call.*.*'], { since: first.events[0]?.cursor });
  await order('4');
  const texts = ({ events }: Client) => events.filter(({ args }) => args !== undefined).map(({ args }) => args);
  await until(() => texts(back).length === 3 && texts(theirs).length === 2);
  expect(texts(back)).toEqual([{ id: '2' }, callEvent(account, 'CHANNEL_CREATE', '3').body, { id: '4' }]);
  expect(texts(theirs)).toEqual([{ id: '2' }, { id: '4' }]);
});

test('a replay that the ring overtakes ends with a gap, and the socket goes on at the end', async () => {
  const bridge = await startHistory({ HISTORY_RING_BYTES: '20000000', SLOW_CONSUMER_SECONDS: '25' });
  const first = await open(bridge);
  const { data } = await first.subscribe('fax.status.*');
  const large = { Filler: 'x'.repeat(200_000) };
  const publishLarge = async (from: number, count: number): Promise<void> => {
    for (let n = from; n < from + count; n += 1) {
      await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', `${n}`, large));
    }
  };
  await publishLarge(0, 80);
  const client = await open(bridge);
  const auth_token = await tokenFor(account);
  client.send({ action: 'subscribe', request_id: 's', auth_token, data: { binding: 'call.*.*', since: data.cursor } });
  // It takes nothing: what the system holds for it is far less than what it asked for.
  client.socket.pause();
  await until(async () => (await bridge.metric('horizon_resumes_total', { outcome: 'recovered' })) === 1);
  await publishLarge(80, 120);
  client.socket.resume();
  const gap = await client.notice('gap');
  expect(gap.cursor).toMatch(cursorText);
  await call(bridge, 'after');
  await until(() => calls(client).at(-1) === 'after');
  const numbers = calls(client).slice(0, -1).map(Number);
  expect(numbers.length).toBeLessThan(200);
  expect(numbers).toEqual(numbers.toSorted((a, b) => a - b));
  expect(client.notices.some(({ notice }) => notice === 'live')).toBe(false);
});
