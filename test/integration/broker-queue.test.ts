import { expect, onTestFinished, test } from 'vitest';
import { RabbitBus } from '../../src/amqp/rabbit-bus.ts';
import type { Delivery } from '../../src/bus.ts';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { callAccount } from '../support/fixtures.ts';
import { silentLog } from '../support/silent-log.ts';
import { until } from '../support/until.ts';

const pattern = { exchange: 'callevt', routingPattern: 'call.CHANNEL_CREATE.*' };

test('one exclusive, auto-delete, server-named queue per node takes the events, with bounds of its own', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  await client.subscribe(['call.CHANNEL_CREATE.*', 'object.doc_created.user', 'conference.event.*.*']);
  const bindings = await bridge.broker.bindings();
  const destinations = new Set(bindings.map(({ destination }) => destination));
  expect(destinations.size).toBe(1);
  const [name] = destinations;
  const queue = (await bridge.broker.queues()).find((candidate) => candidate.name === name);
  expect(queue).toMatchObject({
    name: expect.stringMatching(/^amq\.gen-/),
    exclusive: true,
    auto_delete: true,
    durable: false,
    arguments: { 'x-max-length': expect.any(Number), 'x-overflow': 'drop-head' },
  });
  // Whatever else the node declares goes with it too.
  for (const other of await bridge.broker.queues()) {
    expect(other).toMatchObject({ exclusive: true, auto_delete: true, name: expect.stringMatching(/^amq\.gen-/) });
  }
  await bridge.stop();
  await until(async () => (await bridge.broker.queues()).length === 0);
});

test('two nodes have a queue each', async () => {
  const broker = await useBroker();
  for (const name of ['one', 'two']) {
    const bridge = await startBridge({ NODE_NAME: name }, broker);
    const client = await openClient(bridge, { token: await tokenFor(callAccount) });
    await client.subscribe('call.CHANNEL_CREATE.*');
  }
  expect(await broker.patterns()).toEqual(['callevt call.CHANNEL_CREATE.*', 'callevt call.CHANNEL_CREATE.*']);
  expect(new Set((await broker.bindings()).map(({ destination }) => destination)).size).toBe(2);
});

test('messages are taken with a prefetch and acknowledged in batches once handed to the sockets', async () => {
  const broker = await useBroker();
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort);
  const bridge = await startBridge({ AMQP_URL: proxy.url(broker.vhost) }, broker);
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  await client.subscribe('call.CHANNEL_CREATE.*');
  const asked = (method: string): number =>
    proxy.links.flatMap((link) => link.asked).filter((name) => name === method).length;
  expect(asked('basic.qos')).toBe(1);
  const channel = await broker.channel();
  const count = 2000;
  const body = Buffer.from(JSON.stringify({ 'Event-Name': 'CHANNEL_CREATE', 'Account-ID': callAccount }));
  for (let n = 0; n < count; n += 1) channel.publish('callevt', `call.CHANNEL_CREATE.${n}`, body);
  await client.untilEvents(count);
  expect(client.events).toHaveLength(count);
  await until(() => proxy.links.some((link) => link.acknowledgedUpTo === count));
  expect(asked('basic.ack')).toBeLessThan(count / 2);
  await until(async () => (await broker.messages()).unacknowledged === 0);
});

test('what goes to nobody is acknowledged as well: events of another account, and what is no event', async () => {
  const broker = await useBroker();
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort);
  const bridge = await startBridge({ AMQP_URL: proxy.url(broker.vhost) }, broker);
  const client = await openClient(bridge, { token: await tokenFor('another') });
  await client.subscribe('call.CHANNEL_CREATE.*');
  for (let n = 0; n < 10; n += 1) {
    await bridge.broker.publishFixture('call.CHANNEL_CREATE.json');
    await bridge.broker.publish('callevt', 'call.CHANNEL_CREATE.x', Buffer.from('no JSON'));
  }
  await until(() => proxy.links.some((link) => link.acknowledgedUpTo === 20));
  expect(client.events).toEqual([]);
});

test('a node that does not keep up: the oldest give way, and how many is told', async () => {
  const broker = await useBroker();
  const taken: Delivery[] = [];
  let lost = 0;
  const bus = new RabbitBus({ urls: [broker.url], nodeName: 'slow', prefetch: 3, queueLength: 10 }, silentLog);
  const up = new Promise<void>((resolve) => {
    bus.start({
      onDelivery: (delivery) => taken.push(delivery),
      onUp: resolve,
      onDown: () => undefined,
      onOverflow: (messages) => {
        lost += messages;
      },
    });
  });
  onTestFinished(() => bus.stop());
  await up;
  await bus.bind(pattern);
  // Three are in the hands of the node, which settles nothing, and ten wait: the rest is too much.
  for (let n = 0; n < 60; n += 1) await broker.publish('callevt', `call.CHANNEL_CREATE.${n}`, {});
  await until(() => lost === 47);
  expect(taken.map(({ routingKey }) => routingKey)).toEqual([0, 1, 2].map((n) => `call.CHANNEL_CREATE.${n}`));
  await until(async () => (await broker.messages()).unacknowledged === 3);
  while (taken.length < 13) {
    bus.settle(taken.at(-1) as Delivery);
    const before = taken.length;
    await until(() => taken.length > before);
  }
  bus.settle(taken.at(-1) as Delivery);
  expect(taken.slice(3).map(({ routingKey }) => routingKey)).toEqual(
    Array.from({ length: 10 }, (_, n) => `call.CHANNEL_CREATE.${50 + n}`),
  );
  await until(async () => (await broker.messages()).unacknowledged === 0);
  expect(lost).toBe(47);
});

test('a clean stop unbinds before it closes', async () => {
  const broker = await useBroker();
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort);
  const bridge = await startBridge({ AMQP_URL: proxy.url(broker.vhost) }, broker);
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  await client.subscribe(['call.*.*', 'object.doc_created.user']);
  const [consumer] = proxy.links.filter((link) => link.asked.includes('basic.qos'));
  await bridge.stop();
  const asked = consumer?.asked ?? [];
  expect(asked.filter((method) => method === 'queue.bind')).toHaveLength(10);
  expect(asked.filter((method) => method === 'queue.unbind')).toHaveLength(10);
  expect(asked.lastIndexOf('queue.unbind')).toBeLessThan(asked.indexOf('connection.close'));
  expect(await broker.bindings()).toEqual([]);
});
