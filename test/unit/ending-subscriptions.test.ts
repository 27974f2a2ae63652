/** Subscriptions that end by themselves: after a time, or after their first event. */
import { afterEach, describe, expect, test, vi } from 'vitest';
import { classic } from '../../src/dialects/classic.ts';
import { Expiries } from '../../src/registry/expiries.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import type { Session } from '../../src/session/session.ts';
import type { Subscription } from '../../src/session/subscription.ts';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { callEvent, publish } from '../support/events.ts';
import { until } from '../support/until.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
const binding = 'call.*.*';
const filter = { 'Event-Name': 'CHANNEL_CREATE' };
const dialects = ['classic', 'kazoo4'];

async function open(bridge: EmbeddedBridge, dialect: string, more = ''): Promise<Client> {
  return openClient(bridge, { token: await tokenFor(account), path: `/?dialect=${dialect}${more}` });
}

async function call(bridge: EmbeddedBridge, ...ids: string[]): Promise<void> {
  for (const id of ids) await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', id));
}

const held = async (client: Client) => (await client.unsubscribe('call.CHANNEL_DESTROY.x')).data.subscriptions;

/** What came but replies, by what it is. */
const kinds = ({ messages }: Client): unknown[] =>
  messages
    .filter(({ action }) => action !== 'reply')
    .map(({ action, notice }) => (action === 'notice' ? notice : 'event'));

describe.each(dialects)('once: true, %s', (dialect) => {
  test('exactly one event of a burst, then the notice, to the letter', async () => {
    const bridge = await startBridge();
    const client = await open(bridge, dialect);
    await client.subscribe(binding, { once: true, filter, request_id: 'mine' });
    await call(bridge, ...Array.from({ length: 50 }, (_, index) => `c${index}`));
    await client.ping();
    expect(kinds(client)).toEqual(['event', 'subscription_ended']);
    expect(client.texts.find((text) => text.includes('"notice"'))).toBe(
      `{"action":"notice","notice":"subscription_ended","account_id":"${account}","binding":"call.*.*",` +
        '"filter":{"Event-Name":"CHANNEL_CREATE"},"request_id":"mine","reason":"once"}',
    );
    expect(await held(client)).toEqual([]);
    expect((await bridge.broker.patterns()).filter((pattern) => pattern.startsWith('callevt'))).toEqual([]);
  });

  test('filter and request_id are told only where there were any', async () => {
    const bridge = await startBridge();
    const client = await open(bridge, dialect);
    client.send({ action: 'subscribe', data: { binding, once: true }, auth_token: await tokenFor(account) });
    await client.ping();
    await call(bridge, 'c1');
    const notice = await client.notice('subscription_ended');
    expect(Object.keys(notice)).toEqual(['action', 'notice', 'account_id', 'binding', 'reason']);
  });

  test('it ends beside others that match, and they do not', async () => {
    const bridge = await startBridge();
    const client = await open(bridge, dialect);
    await client.subscribe(binding, { request_id: 'plain' });
    await client.subscribe('call.CHANNEL_CREATE.*', { once: true, request_id: 'first' });
    await client.subscribe('call.*.*', { once: true, filter, request_id: 'second' });
    await client.subscribe('call.CHANNEL_DESTROY.*', { once: true });
    const bystander = await open(bridge, dialect);
    await bystander.subscribe('call.CHANNEL_CREATE.*');
    await call(bridge, 'c1', 'c2');
    await client.ping();
    expect(client.events).toHaveLength(dialect === 'kazoo4' ? 4 : 2);
    expect(client.notices.map(({ request_id }) => request_id).toSorted()).toEqual(['first', 'second']);
    expect(await held(client)).toEqual([binding, 'call.CHANNEL_DESTROY.*']);
    await bystander.ping();
    expect(bystander.events).toHaveLength(2);
  });

  test('an event that its filter is not for is not its first', async () => {
    const bridge = await startBridge();
    const client = await open(bridge, dialect);
    await client.subscribe(binding, { once: true, filter: { 'Call-ID': 'c2' } });
    await call(bridge, 'c1', 'c2', 'c2', 'c3');
    await client.ping();
    expect(kinds(client)).toEqual(['event', 'subscription_ended']);
  });

  test('many at once: each socket gets one, whatever others hold', async () => {
    const bridge = await startBridge();
    const clients = await Promise.all(Array.from({ length: 6 }, () => open(bridge, dialect)));
    for (const [index, client] of clients.entries()) await client.subscribe(binding, { once: index % 2 === 0 });
    await call(bridge, 'c1', 'c2', 'c3');
    for (const client of clients) await client.ping();
    expect(clients.map(({ events }) => events.length)).toEqual([1, 3, 1, 3, 1, 3]);
    for (const client of clients) await client.subscribe(binding, { once: true });
    await call(bridge, 'c4', 'c5');
    for (const client of clients) await client.ping();
    expect(clients.map(({ events }) => events.length)).toEqual([2, 4, 2, 4, 2, 4]);
  });

  test('of a replay it gets the first event, and ends', async () => {
    const bridge = await startBridge({ HISTORY: 'stream' });
    const before = await open(bridge, dialect, '&resume=on');
    const { data } = await before.subscribe(binding);
    await call(bridge, 'c1', 'c2', 'c3');
    await before.untilEvents(3);
    const client = await open(bridge, dialect, '&resume=on');
    const since = data.cursor as string;
    await client.subscribe(binding, { once: true, request_id: 'mine', since });
    const live = await client.notice('live');
    expect(live).toMatchObject({ request_id: 'mine', replayed: 1 });
    await call(bridge, 'c4');
    await client.ping();
    expect(kinds(client)).toEqual(['event', 'subscription_ended', 'live']);
  });

  test('what a suspended socket is not sent is not its first event', async () => {
    const bridge = await startBridge();
    const client = await open(bridge, dialect);
    const short = await tokenFor(account, {}, 2);
    await client.subscribe(binding, { once: true, auth_token: short });
    await until(() => client.replies.some(({ data }) => data.code === 'token_expired'), 'the end of the token');
    await call(bridge, 'c1');
    await client.request({ action: 'ping', auth_token: await tokenFor(account) });
    expect(kinds(client)).toEqual([]);
    await call(bridge, 'c2');
    await client.ping();
    expect(kinds(client)).toEqual(['event', 'subscription_ended']);
  });
});

describe.each(dialects)('expires, %s', (dialect) => {
  test('the subscription ends after so long, with the notice, and brings nothing more', async () => {
    const bridge = await startBridge();
    const client = await open(bridge, dialect);
    const startedAt = performance.now();
    await client.subscribe(binding, { expires: 1, filter, request_id: 'mine' });
    await client.subscribe('call.CHANNEL_CREATE.*');
    await call(bridge, 'c1');
    const notice = await client.notice('subscription_ended');
    expect(performance.now() - startedAt).toBeGreaterThanOrEqual(1000);
    expect(JSON.stringify(notice)).toBe(
      `{"action":"notice","notice":"subscription_ended","account_id":"${account}","binding":"call.*.*",` +
        '"filter":{"Event-Name":"CHANNEL_CREATE"},"request_id":"mine","reason":"expired"}',
    );
    const before = client.events.length;
    await call(bridge, 'c2');
    await client.ping();
    expect(client.events).toHaveLength(before + 1);
    expect(await held(client)).toEqual(['call.CHANNEL_CREATE.*']);
  });
});

test('the notice comes to a socket that can resume as well, and the pattern goes', async () => {
  const bridge = await startBridge({ HISTORY: 'stream' });
  const client = await open(bridge, 'classic', '&resume=on');
  await client.subscribe(binding, { expires: 1 });
  expect(await client.notice('subscription_ended')).toMatchObject({ binding, reason: 'expired' });
});

test('subscribing again sets it anew, or takes it back', async () => {
  const bridge = await startBridge();
  const client = await open(bridge, 'classic');
  for (const [id, expires] of Object.entries({ a: 1, b: 1, c: 60, d: 1 })) {
    await client.subscribe(`call.*.${id}`, { expires });
  }
  await client.subscribe('call.*.a', { expires: 60 });
  await client.subscribe('call.*.b');
  await client.subscribe('call.*.c', { expires: 1 });
  await until(() => client.notices.length === 2, 'two notices');
  expect(client.notices.map((notice) => notice.binding).toSorted()).toEqual(['call.*.c', 'call.*.d']);
  expect(await held(client)).toEqual(['call.*.a', 'call.*.b']);
});

test('one that was unsubscribed before, or whose socket closed, ends nothing else, and nobody is told', async () => {
  const bridge = await startBridge();
  const [client, leaves, other] = [
    await open(bridge, 'classic'),
    await open(bridge, 'classic'),
    await open(bridge, 'classic'),
  ];
  for (const each of [client, leaves]) await each.subscribe(binding, { expires: 1 });
  await client.unsubscribe(binding);
  leaves.close();
  await leaves.untilClosed();
  await other.subscribe(binding);
  await client.subscribe('fax.status.*', { expires: 2 });
  await client.notice('subscription_ended');
  await call(bridge, 'c1');
  await other.untilEvents(1);
  expect(client.notices.map((notice) => notice.binding)).toEqual(['fax.status.*']);
  expect(client.events).toEqual([]);
});

test('what is known of an interest is right when those that end after an event have ended', () => {
  const subscriptions = new Subscriptions();
  const parse = () => ({ family: 'call', eventFamily: 'call', wordings: [], patterns: [], subscriptionKey: () => '' });
  const interest = subscriptions.hold(account, binding, parse);
  const nothing = () => undefined;
  const subscriber = { dialect: classic, addSubscription: nothing, removeSubscription: nothing } as unknown as Session;
  const once = { expirySeconds: undefined, isOnce: true };
  const [one, two] = [1, 2].map(() => subscriptions.add(subscriber, interest, undefined, -1, once));
  expect(interest.onceCount).toBe(2);
  subscriptions.remove(one as Subscription);
  subscriptions.setLifetime(two as Subscription, undefined);
  expect(interest.onceCount).toBe(0);
});

test('the same binding with another filter goes on', async () => {
  const bridge = await startBridge();
  const client = await open(bridge, 'kazoo4');
  await client.subscribe(binding);
  await client.subscribe(binding, { filter, expires: 1 });
  await client.notice('subscription_ended');
  expect(await held(client)).toEqual([binding]);
});

describe('timers', () => {
  afterEach(() => void vi.useRealTimers());

  function lasting(expirySeconds: number | undefined): Subscription {
    return { lifetime: expirySeconds && { expirySeconds, isOnce: false } } as unknown as Subscription;
  }

  function createExpiries() {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setImmediate', 'performance', 'Date'] });
    const ended: Subscription[] = [];
    return { ended, expiries: new Expiries((subscription) => ended.push(subscription)) };
  }

  test('a hundred thousand that end together share a timer', () => {
    const { ended, expiries } = createExpiries();
    const all = Array.from({ length: 100_000 }, () => lasting(60));
    for (const subscription of all) expiries.set(subscription);
    expect(vi.getTimerCount()).toBe(1);
    vi.advanceTimersByTime(59_999);
    expect(ended).toHaveLength(0);
    vi.runAllTimers();
    expect(new Set(ended).size).toBe(100_000);
    expect(ended).toHaveLength(100_000);
    expect(vi.getTimerCount()).toBe(0);
  });

  test('the longest is a day, and a clock that is set changes nothing', () => {
    const { ended, expiries } = createExpiries();
    expiries.set(lasting(86_400));
    vi.setSystemTime(Date.now() + 2 * 86_400_000);
    vi.advanceTimersByTime(86_399_000);
    expect(ended).toHaveLength(0);
    vi.advanceTimersByTime(1200);
    expect(ended).toHaveLength(1);
  });

  test('one that ended otherwise, or was set anew, is not ended again', () => {
    const { ended, expiries } = createExpiries();
    const [gone, renewed, endless] = [lasting(5), lasting(5), lasting(5)];
    for (const subscription of [gone, renewed, endless]) expiries.set(subscription);
    expiries.forget(gone);
    renewed.lifetime = { expirySeconds: 10, isOnce: false };
    endless.lifetime = undefined;
    for (const subscription of [renewed, endless]) expiries.set(subscription);
    vi.advanceTimersByTime(9999);
    expect(ended).toEqual([]);
    vi.advanceTimersByTime(200);
    expect(ended).toEqual([renewed]);
    vi.runAllTimers();
    expect(ended).toEqual([renewed]);
    expect(vi.getTimerCount()).toBe(0);
  });
});

test.each([{ expires: 60 }, { once: true }])('%j: what the notices repeat of a filter is bounded', async (lifetime) => {
  const bridge = await startBridge();
  const client = await open(bridge, 'classic');
  /** 8,192 bytes as JSON. */
  const largest = { 'Event-Name': 'x'.repeat(8175) };
  const bindings = Array.from({ length: 17 }, (_, index) => `call.*.id${index}`);
  const subscribe = async (data: object) =>
    client.request({ action: 'subscribe', auth_token: await tokenFor(account), data });
  const refused = await subscribe({ bindings, filter: largest, ...lifetime });
  expect(refused).toMatchObject({ status: 'error', data: { code: 'invalid_message' } });
  expect(JSON.stringify(refused)).toContain('data.filter: ');
  expect(await held(client)).toEqual([]);
  expect(await subscribe({ bindings: bindings.slice(1), filter: largest, ...lifetime })).toMatchObject({
    status: 'success',
  });
  // Without an end there is no notice.
  expect(await subscribe({ bindings, filter: { 'Event-Name': 'y'.repeat(8175) } })).toMatchObject({
    status: 'success',
  });
});
