/** Resuming over a real stream: other nodes, killed connections, lost bindings, a deleted stream. */
import { expect, test } from 'vitest';
import { type Bridge, secret, startBridge, startBridgeWithoutBroker, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { callEvent, notification, publish } from '../support/events.ts';
import { until } from '../support/until.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

/** One of several nodes on a broker. */
const startNode = (broker: Broker, name: string, settings = {}): Promise<Bridge> =>
  startBridge({ HISTORY: 'stream', NODE_NAME: name, ...settings }, broker);

async function open(bridge: Bridge, path = '/?dialect=classic&resume=on'): Promise<Client> {
  return openClient(bridge, { token: await tokenFor(account), path });
}

async function call(broker: Broker, ...ids: string[]): Promise<void> {
  for (const id of ids) await publish(broker, callEvent(account, 'CHANNEL_CREATE', id));
}

const calls = ({ events }: Client): unknown[] => events.map(({ args }) => (args as Record<string, unknown>)['Call-ID']);

test('a cursor of one node is good on another, and after a restart of all', async () => {
  const broker = await useBroker();
  const one = await startNode(broker, 'one');
  const other = await startNode(broker, 'other');
  const client = await open(one);
  const { data } = await client.subscribe('call.*.*');
  await call(broker, '1', '2');
  await client.untilEvents(2);
  await one.stop();
  await call(broker, '3');

  const moved = await open(other);
  const reply = await moved.subscribe('call.*.*', { since: client.events[1]?.cursor });
  expect(reply.data.recovered).toBe(true);
  await moved.notice('live');
  expect(calls(moved)).toEqual(['3']);
  expect(other.app.metrics).toBeDefined();

  await other.stop();
  // Nobody is there: the stream goes on.
  await call(broker, '4');
  const third = await startNode(broker, 'third');
  const back = await open(third);
  const again = await back.subscribe('call.*.*', { since: data.cursor });
  expect(again.data.recovered).toBe(true);
  await back.notice('live');
  expect(calls(back)).toEqual(['1', '2', '3', '4']);
  expect(await third.metric('horizon_resumes_total', { outcome: 'recovered' })).toBe(1);
  expect(await third.metric('horizon_replayed_events_total')).toBe(4);
  expect(await third.metric('horizon_history_bytes')).toBeGreaterThan(1000);
});

test('sockets that stay connected are told of the loss, and get what came meanwhile', async () => {
  const broker = await useBroker();
  const bridge = await startNode(broker, 'node');
  const [client, plain] = [await open(bridge), await open(bridge, '/?dialect=classic')];
  await client.subscribe('call.*.*');
  await plain.subscribe('call.*.*');
  await call(broker, '1');
  await client.untilEvents(1);
  await broker.killConnections();
  await client.notice('source_down');
  await call(broker, '2', '3');
  await client.notice('source_up');
  await call(broker, '4');
  await client.untilEvents(4);
  await plain.untilEvents(4);
  expect(calls(client)).toEqual(['1', '2', '3', '4']);
  expect(calls(plain)).toEqual(['1', '2', '3', '4']);
  expect(client.notices.map(({ notice }) => notice)).toEqual(['source_down', 'source_up']);
  expect(Date.parse(String(client.notices[0]?.since))).toBeGreaterThan(Date.now() - 60_000);
  expect(plain.notices).toEqual([]);
});

test('a lost binding is a gap at one place for all nodes: cursors before it are no good, later ones are', async () => {
  const broker = await useBroker();
  const [one, other] = [await startNode(broker, 'one'), await startNode(broker, 'other')];
  const clients = [await open(one), await open(other)];
  for (const client of clients) await client.subscribe(['call.*.*', 'notifications.*.*']);
  await call(broker, '1');
  await publish(broker, notification(account));
  for (const client of clients) await client.untilEvents(2);
  const before = clients[0]?.events[1]?.cursor;
  await broker.deleteExchange('callevt');
  const gaps = await Promise.all(clients.map((client) => client.notice('gap')));
  expect(gaps[0]).toEqual({ action: 'notice', notice: 'gap', cursor: expect.any(String), families: ['call'] });
  expect(gaps[1]).toEqual(gaps[0]);
  expect(await one.metric('horizon_gaps_total')).toBe(1);
  await call(broker, '2');
  for (const client of clients) await client.untilEvents(3);

  const back = await open(other);
  const lost = await back.subscribe('call.*.*', { since: before });
  expect(lost.data).toMatchObject({ recovered: false, reason: 'gap' });
  // The families that missed nothing go on.
  const kept = await back.subscribe('notifications.*.*', { since: before });
  expect(kept.data.recovered).toBe(true);
  const later = await (await open(one)).subscribe('call.*.*', { since: gaps[0]?.cursor });
  expect(later.data.recovered).toBe(true);
});

test('a deleted stream is a gap for everybody, and its cursors are unknown', async () => {
  const broker = await useBroker();
  const bridge = await startNode(broker, 'node');
  const early = await open(bridge);
  await early.subscribe('call.*.*');
  // Far into the history: places in the next one are smaller for a while.
  const before = Array.from({ length: 60 }, (_, n) => `before ${n}`);
  await call(broker, ...before);
  await early.untilEvents(60);
  const client = await open(bridge);
  const { data } = await client.subscribe('call.*.*');
  const channel = await broker.channel();
  await channel.deleteQueue('horizon.history');
  const gap = await client.notice('gap');
  expect(gap).toEqual({ action: 'notice', notice: 'gap', cursor: expect.any(String) });
  await client.notice('source_up');
  await call(broker, '1');
  await client.untilEvents(1);
  const back = await open(bridge);
  const reply = await back.subscribe('call.*.*', { since: data.cursor });
  expect(reply.data).toMatchObject({ recovered: false, reason: 'unknown' });
  const good = await (await open(bridge)).subscribe('call.*.*', { since: gap.cursor });
  expect(good.data.recovered).toBe(true);
});

test('after a deleted stream each node tells a place of its own, and a client can go on from it at either', async () => {
  const broker = await useBroker();
  const nodes = [await startNode(broker, 'one'), await startNode(broker, 'other')];
  const clients = await Promise.all(nodes.map((node) => open(node)));
  for (const client of clients) await client.subscribe('call.*.*');
  const channel = await broker.channel();
  await channel.deleteQueue('horizon.history');
  const gaps = await Promise.all(clients.map((client) => client.notice('gap')));
  for (const client of clients) await client.notice('source_up');
  await call(broker, '1');
  for (const client of clients) await client.untilEvents(1);
  for (const [index, node] of nodes.entries()) {
    for (const { cursor } of gaps) {
      const back = await open(node);
      const { data } = await back.subscribe('call.*.*', { since: cursor });
      expect(data.recovered, `at node ${index}: ${data.reason}`).toBe(true);
      await back.notice('live');
      expect(calls(back)).toEqual(['1']);
    }
  }
});

test('a token that expires costs a socket that can resume nothing', async () => {
  const broker = await useBroker();
  const bridge = await startNode(broker, 'node');
  const token = await tokenFor(account, {}, 2);
  const client = await openClient(bridge, { token, path: '/?dialect=classic&resume=on' });
  await client.subscribe('call.*.*');
  await until(() => client.replies.some(({ data }) => data.code === 'token_expired'));
  await call(broker, '1', '2');
  await client.ping().catch(() => undefined);
  expect(client.events).toEqual([]);
  client.send({ action: 'ping', auth_token: await tokenFor(account) });
  await client.untilEvents(2);
  await call(broker, '3');
  await client.untilEvents(3);
  expect(calls(client)).toEqual(['1', '2', '3']);
});

test('without a history a socket that can resume is told of the loss, and that something may be missing', async () => {
  const broker = await useBroker();
  const bridge = await startBridge({}, broker);
  const client = await open(bridge);
  await client.subscribe('call.*.*');
  await broker.killConnections();
  await client.notice('gap');
  expect(client.notices.map(({ notice }) => notice)).toEqual(['source_down', 'source_up', 'gap']);
  expect(client.notices[2]).toEqual({ action: 'notice', notice: 'gap' });
});

test('the stream is bound to what can be subscribed to, whoever subscribes, and stays bound', async () => {
  const broker = await useBroker();
  const bridge = await startNode(broker, 'node', { MAX_PATTERNS: '1' });
  const patterns = await broker.patterns();
  expect(patterns).toContain('callevt call.CHANNEL_CREATE.*');
  expect(patterns).not.toContain('callevt call.#');
  expect(patterns.filter((pattern) => pattern.startsWith('callevt event-horizon.'))).toHaveLength(1);
  expect((await broker.queues()).filter(({ name }) => name.startsWith('amq.gen')).length).toBe(1);
  // MAX_PATTERNS has no meaning: nothing is bound for a subscription.
  const client = await open(bridge);
  const bindings = ['call.CHANNEL_CREATE.1', 'call.CHANNEL_DESTROY.2', 'fax.status.*', 'conference.event.*'];
  expect((await client.subscribe(bindings)).data.subscribed).toEqual(bindings);
  expect(await broker.patterns()).toEqual(patterns);
  await bridge.stop();
  expect(await broker.patterns()).toEqual(patterns);
});

test('a stream that can’t be had keeps a node from being ready, and it says why', async () => {
  const broker = await useBroker();
  const channel = await broker.channel();
  await channel.assertQueue('taken', { durable: true });
  const bridge = await startBridgeWithoutBroker({
    ...{ AMQP_URL: broker.url, AUTH_JWT_SECRET: secret, HISTORY: 'stream', HISTORY_STREAM: 'taken' },
  });
  let reason = '';
  await until(async () => {
    const response = await fetch(`${bridge.address}/readyz`);
    reason = JSON.stringify(await response.json());
    return response.status === 503 && reason.includes('taken');
  });
  expect(reason).toMatch(/taken/);
  await channel.deleteQueue('taken');
  await until(async () => (await fetch(`${bridge.address}/readyz`)).ok);
});
