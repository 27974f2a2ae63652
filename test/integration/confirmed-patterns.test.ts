import { expect, test } from 'vitest';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { callEvent, documentEvent, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { until } from '../support/until.ts';

const account = '0123456789abcdef0123456789abcdef';
const callIdsOf = ({ events }: Client): string[] =>
  events.map(({ args }) => (args as { 'Call-ID': string })['Call-ID']);

test('the reply waits for the broker’s confirm of every pattern', async () => {
  const broker = await useBroker();
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort);
  const bridge = await startBridge({ AMQP_URL: proxy.url(broker.vhost) }, broker);
  const token = await tokenFor(account);
  const [client, other] = [await openClient(bridge, { token }), await openClient(bridge, { token })];
  for (const link of proxy.links) link.hold();
  const waiting = client.subscribe(['call.CHANNEL_CREATE.*', 'object.doc_edited.user'], { request_id: 'waits' });
  // Nothing of the broker comes through, while everything else goes on.
  await other.ping();
  await until(() => proxy.links.some(({ asked }) => asked.includes('exchange.declare')));
  await other.ping();
  expect(client.replies).toEqual([]);
  for (const link of proxy.links) link.release();
  expect(await waiting).toMatchObject({ status: 'success', request_id: 'waits' });
  expect(await broker.patterns()).toHaveLength(2);
});

test('an event published after the reply is delivered, each time anew', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(account) });
  const rounds = 60;
  for (let round = 0; round < rounds; round += 1) {
    await client.subscribe('call.CHANNEL_CREATE.*');
    await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', `call-${round}`));
    await client.untilEvents(round + 1);
    await client.unsubscribe('call.CHANNEL_CREATE.*');
  }
  expect(callIdsOf(client)).toEqual(Array.from({ length: rounds }, (_, round) => `call-${round}`));
  await until(async () => (await bridge.broker.patterns()).length === 0);
});

test('an event published after the unsubscribe’s reply is not', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(account) });
  await client.subscribe(['call.CHANNEL_CREATE.*', 'call.CHANNEL_DESTROY.*']);
  await client.unsubscribe('call.CHANNEL_CREATE.*');
  await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', 'gone'));
  await publish(bridge.broker, callEvent(account, 'CHANNEL_DESTROY', 'kept'));
  await client.untilEvents(1);
  expect(callIdsOf(client)).toEqual(['kept']);
});

/**
 * A socket that subscribes, has an event published, waits for it and unsubscribes, again and again: each of its rounds
 * races with those of the others on the same pattern.
 */
async function come(client: Client, rounds: number, publishOne: (id: string) => Promise<void>, name: string) {
  for (let round = 0; round < rounds; round += 1) {
    const reply = await client.subscribe('call.CHANNEL_CREATE.*');
    expect(reply).toMatchObject({ status: 'success', data: { subscribed: ['call.CHANNEL_CREATE.*'] } });
    const id = `${name}-${round}`;
    await publishOne(id);
    await until(() => callIdsOf(client).includes(id));
    await client.unsubscribe('call.CHANNEL_CREATE.*');
  }
}

test('sockets that come and go on one pattern at the same time can not lose it for each other', async () => {
  const bridge = await startBridge();
  const token = await tokenFor(account);
  const clients = await Promise.all(Array.from({ length: 8 }, () => openClient(bridge, { token })));
  const publishOne = (id: string): Promise<void> => publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', id));
  await Promise.all(clients.map((client, n) => come(client, 25, publishOne, `socket-${n}`)));
  await until(async () => (await bridge.broker.patterns()).length === 0);
  expect(await bridge.metric('horizon_subscriptions')).toBe(0);
  for (const client of clients) expect(new Set(callIdsOf(client)).size).toBe(client.events.length);
});

test('one who stays misses nothing while others come and go', async () => {
  const bridge = await startBridge();
  const token = await tokenFor(account);
  const stayer = await openClient(bridge, { token });
  await stayer.subscribe('call.CHANNEL_CREATE.*');
  const others = await Promise.all(Array.from({ length: 4 }, () => openClient(bridge, { token })));
  const published: string[] = [];
  const publishOne = async (id: string): Promise<void> => {
    await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', id));
    published.push(id);
  };
  await Promise.all(others.map((client, n) => come(client, 15, publishOne, `other-${n}`)));
  await allDelivered(bridge, stayer);
  expect(callIdsOf(stayer).sort()).toEqual([...published].sort());
  expect(await bridge.broker.patterns()).toContain('callevt call.CHANNEL_CREATE.*');
});

test('a pipelined subscribe, unsubscribe and subscribe of one socket end as the last one says', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(account) });
  await client.ping();
  for (let round = 0; round < 20; round += 1) {
    const replies = await Promise.all([
      client.subscribe(['object.doc_edited.user', 'call.CHANNEL_CREATE.*']),
      client.unsubscribe('object.doc_edited.user'),
      client.subscribe('object.doc_edited.user'),
      client.unsubscribe('call.CHANNEL_CREATE.*'),
    ]);
    expect(replies.map(({ data }) => data.subscriptions)).toEqual([
      ['object.doc_edited.user', 'call.CHANNEL_CREATE.*'],
      ['call.CHANNEL_CREATE.*'],
      ['call.CHANNEL_CREATE.*', 'object.doc_edited.user'],
      ['object.doc_edited.user'],
    ]);
    await publish(bridge.broker, documentEvent(account, 'doc_edited', 'user', `doc-${round}`));
    await client.untilEvents(round + 1);
    await client.unsubscribe();
  }
  await until(async () => (await bridge.broker.patterns()).length === 0);
});

test('sockets that close in the middle of their subscribe leave nothing behind', async () => {
  const bridge = await startBridge();
  const token = await tokenFor(account);
  for (let round = 0; round < 10; round += 1) {
    const clients = await Promise.all(Array.from({ length: 5 }, () => openClient(bridge, { token })));
    for (const [n, client] of clients.entries()) {
      client.send({ action: 'subscribe', auth_token: token, data: { bindings: ['call.*.*', 'object.*.user'] } });
      if (n % 2 === 0) client.socket.terminate();
      else client.close();
    }
  }
  await until(async () => (await bridge.metric('horizon_sockets')) === 0);
  await until(async () => (await bridge.broker.patterns()).length === 0);
  expect(await bridge.metric('horizon_subscriptions')).toBe(0);
  expect(await bridge.metric('horizon_amqp_patterns')).toBe(0);
});
