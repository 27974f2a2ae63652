import { expect, onTestFinished, test } from 'vitest';
import { RabbitBus } from '../../src/amqp/rabbit-bus.ts';
import { RabbitControl } from '../../src/amqp/rabbit-control.ts';
import type { BusListener } from '../../src/bus.ts';
import { controlBindings, nodesExchange } from '../../src/cluster/messages.ts';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { callAccount } from '../support/fixtures.ts';
import { silentLog } from '../support/silent-log.ts';
import { until } from '../support/until.ts';

const pattern = { exchange: 'callevt', routingPattern: 'call.CHANNEL_CREATE.*' };

/** A bus alone, which binds one pattern whenever the broker is there. @returns how many times it was bound */
function startBus(url: string): { readonly bound: () => number } {
  const bus = new RabbitBus({ urls: [url], nodeName: 'cut' }, silentLog);
  let bound = 0;
  const listener: BusListener = {
    onDelivery: () => undefined,
    onUp: () => void bind(),
    onDown: () => undefined,
    onOverflow: () => undefined,
  };
  async function bind(): Promise<void> {
    // A refusal is the loss of the connection here; the next one binds again.
    const isBound = await bus.bind(pattern).then(
      () => true,
      () => false,
    );
    if (isBound) bound += 1;
  }
  bus.start(listener);
  onTestFinished(() => bus.stop());
  return { bound: () => bound };
}

function startControl(url: string): RabbitControl {
  const control = new RabbitControl([url], 'cut', controlBindings, silentLog);
  control.start({ onMessage: () => undefined, onUp: () => undefined });
  onTestFinished(() => control.stop());
  return control;
}

/** Runs something for each of many numbers, a few at a time. */
async function forEachOf(numbers: Iterable<number>, run: (n: number) => Promise<void>): Promise<void> {
  const queue = [...numbers];
  const work = async (): Promise<void> => {
    for (let n = queue.shift(); n !== undefined; n = queue.shift()) await run(n);
  };
  await Promise.all(Array.from({ length: 10 }, work));
}

function* steps(end: number, step: number): Generator<number> {
  for (let n = 0; n < end; n += step) yield n;
}

/** The broker's side of a set-up and of one bind is about 1 kB. */
const setupBytes = 1200;

test('a connection lost anywhere in the middle of its set-up is made again: the consumer', async () => {
  const broker = await useBroker();
  const survivals: number[] = [];
  await forEachOf(steps(setupBytes, 11), async (bytes) => {
    const proxy = await startAmqpProxy(broker.rabbit.amqpPort, {
      onOpen: (link) => {
        if (link.number === 0) link.bytesUntilCut = bytes;
      },
    });
    const bus = startBus(proxy.url(broker.vhost));
    await until(() => bus.bound() > 0 && (proxy.links.length > 1 || bytes > 600));
    if (proxy.links.length === 1) survivals.push(bytes);
  });
  // The cuts reached from before the first byte to beyond everything that is said.
  expect(survivals.length).toBeGreaterThan(0);
  expect(Math.min(...survivals)).toBeGreaterThan(600);
}, 120_000);

test('a connection lost anywhere in the middle of its set-up is made again: the publisher', async () => {
  const broker = await useBroker();
  await forEachOf(steps(setupBytes, 17), async (bytes) => {
    const proxy = await startAmqpProxy(broker.rabbit.amqpPort, {
      onOpen: (link) => {
        if (link.number === 0) link.bytesUntilCut = bytes;
      },
    });
    const control = startControl(proxy.url(broker.vhost));
    await until(() => control.isUp && (proxy.links.length > 1 || bytes > 600));
    // The cut may come with the first message.
    await until(async () => {
      const outcome = await control.publish(nodesExchange.name, '', {}).catch(() => 'lost');
      return outcome === 'published';
    });
  });
}, 120_000);

test.each(['queue.declare', 'basic.qos', 'basic.consume'])(
  'a broker that falls silent at %s of the set-up is given up, and the connection made again',
  async (method) => {
    const broker = await useBroker();
    const proxy = await startAmqpProxy(broker.rabbit.amqpPort, {
      onAsk: (asked, link) => {
        if (link.number === 0 && asked === method) link.fallSilent();
      },
    });
    const bus = startBus(proxy.url(broker.vhost));
    await until(() => bus.bound() > 0);
    expect(proxy.links.length).toBeGreaterThan(1);
  },
);

test('a broker that says goodbye in one breath with its last answer of the set-up is noticed', async () => {
  const broker = await useBroker();
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort, {
    onAnswer: (answer, link) => {
      if (link.number > 0) return;
      if (answer === 'basic.consume-ok') link.hold();
      if (answer === 'connection.close') setImmediate(() => link.release());
    },
  });
  const bus = startBus(proxy.url(broker.vhost));
  await until(() => proxy.links[0]?.asked.includes('basic.consume') === true);
  // The bus names itself like a bridge.
  await broker.killConnections();
  await until(() => bus.bound() > 0);
  expect(proxy.links.length).toBeGreaterThan(1);
});

test('sockets of a bridge outlive cuts of both connections at any time, and get events after them', async () => {
  const broker = await useBroker();
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort);
  const bridge = await startBridge({ AMQP_URL: proxy.url(broker.vhost) }, broker);
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  await client.subscribe('call.CHANNEL_CREATE.*');
  for (let round = 1; round <= 3; round += 1) {
    for (const link of proxy.links) link.cut();
    await until(async () => !(await fetch(`${bridge.address}/readyz`)).ok);
    await until(async () => (await fetch(`${bridge.address}/readyz`)).ok);
    // The broker may list the lost connection's binding for a moment yet; a reply comes when the new one is confirmed.
    await until(async () => (await client.subscribe(`call.CHANNEL_CREATE.round-${round}`)).status === 'success');
    await broker.publishFixture('call.CHANNEL_CREATE.json');
    await client.untilEvents(round);
  }
  expect(client.closed).toBeUndefined();
});
