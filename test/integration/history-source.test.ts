import { expect, onTestFinished, test } from 'vitest';
import { StreamBus, type StreamBusOptions } from '../../src/amqp/stream-bus.ts';
import type { BusListener, Delivery } from '../../src/bus.ts';
import type { Epoch, Mark } from '../../src/history/history.ts';
import type { HistoryListener } from '../../src/history/source.ts';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { silentLog } from '../support/silent-log.ts';
import { until } from '../support/until.ts';

const exchanges = [
  { name: 'callevt', families: ['call'], routingPatterns: ['call.CHANNEL_CREATE.*'], isOptional: false },
  { name: 'presence', families: ['presence'], routingPatterns: ['dialog.*.*'], isOptional: false },
  { name: 'fax', families: ['fax'], routingPatterns: ['fax.status.*.*'], isOptional: true },
];

const ignore = (): void => undefined;

/** What a node learns, in order. */
class Node implements BusListener, HistoryListener {
  readonly bus: StreamBus;
  readonly told: string[] = [];
  readonly events: { position: number; text: string; lateness: string | undefined }[] = [];
  readonly marks: Mark[] = [];
  readonly lost: number[] = [];
  readonly epochs: Epoch[] = [];
  downs = 0;

  /** What it logged as a warning. */
  readonly warnings: string[] = [];

  constructor(url: string, options: Partial<StreamBusOptions> = {}) {
    this.bus = new StreamBus(
      {
        urls: [url],
        nodeName: 'node',
        stream: 'history',
        maxAgeSeconds: 600,
        maxBytes: 1_000_000_000,
        ringBytes: 1_000_000,
        exchanges,
        ...options,
      },
      { ...silentLog, warn: (_fields: unknown, message?: string) => void this.warnings.push(message ?? '') },
    );
    this.bus.start(this);
    onTestFinished(() => this.bus.stop());
  }

  async up(): Promise<this> {
    await until(() => this.bus.isUp);
    return this;
  }

  texts(): string[] {
    return this.events.map(({ text }) => text);
  }

  onDelivery(delivery: Delivery): void {
    const { position = -1, body, lateness } = delivery;
    this.events.push({ position, text: body.toString(), lateness });
    this.told.push(body.toString());
    this.bus.settle(delivery);
  }
  onUp(): void {
    this.told.push('up');
  }
  onDown(): void {
    this.downs += 1;
  }
  readonly onOverflow = ignore;
  readonly onPass = ignore;
  readonly onMoment = ignore;
  onBegin(position: number): void {
    this.told.push(`begin ${position}`);
  }
  onEpoch(epoch: Epoch): void {
    this.epochs.push(epoch);
  }
  onMark(mark: Mark): void {
    this.marks.push(mark);
    this.told.push('mark');
  }
  onLost(position: number): void {
    this.lost.push(position);
  }
}

const call = (broker: Broker, text: string) => broker.publish('callevt', 'call.CHANNEL_CREATE.x', Buffer.from(text));

test('two nodes take the same events in the same order, at the same positions', async () => {
  const broker = await useBroker();
  const [one, other] = await Promise.all([new Node(broker.url).up(), new Node(broker.url).up()]);
  for (let n = 0; n < 20; n += 1) await call(broker, `call ${n}`);
  await broker.publish('presence', 'dialog.realm.x', Buffer.from('last'));
  await until(() => one.texts().includes('last') && other.texts().includes('last'));
  expect(one.texts()).toEqual([...Array.from({ length: 20 }, (_, n) => `call ${n}`), 'last']);
  expect(one.events).toEqual(other.events);
  expect(one.epochs.at(-1)).toEqual(other.epochs.at(-1));
});

test('requests on the same exchanges do not come into the history', async () => {
  const broker = await useBroker();
  const node = await new Node(broker.url).up();
  await broker.publish('callevt', 'call.status_req.x', Buffer.from('a question'));
  await call(broker, 'an event');
  await until(() => node.events.length > 0);
  expect(node.texts()).toEqual(['an event']);
});

test('a node that starts later reads what was there, as old', async () => {
  const broker = await useBroker();
  const first = await new Node(broker.url).up();
  await call(broker, 'before');
  await until(() => first.events.length === 1);
  const second = await new Node(broker.url).up();
  await call(broker, 'after');
  await until(() => second.events.length === 2);
  expect(second.events.map(({ text, lateness }) => [text, lateness])).toEqual([
    ['before', 'old'],
    ['after', undefined],
  ]);
  expect(second.events[0]?.position).toBe(first.events[0]?.position);
  expect(second.epochs[0]).toEqual(first.epochs[0]);
});

test('a node that loses its connection goes on behind the last event that it took', async () => {
  const broker = await useBroker();
  const node = await new Node(broker.url).up();
  await call(broker, 'before');
  await until(() => node.events.length === 1);
  await broker.killConnections();
  await until(() => node.downs > 0);
  await call(broker, 'meanwhile');
  await node.up();
  await call(broker, 'after');
  await until(() => node.events.length === 3);
  expect(node.events.map(({ text }) => text)).toEqual(['before', 'meanwhile', 'after']);
  expect(node.lost).toEqual([]);
  expect(node.told.filter((word) => word.startsWith('begin'))).toHaveLength(1);
});

test('an exchange that somebody deletes is noticed, mended and marked, at the same place for all nodes', async () => {
  const broker = await useBroker();
  const [one, other] = await Promise.all([new Node(broker.url).up(), new Node(broker.url).up()]);
  const marksBefore = one.marks.length;
  await broker.deleteExchange('callevt');
  const deletedAt = performance.now();
  await until(() => one.marks.length >= marksBefore + 2 && other.marks.length >= marksBefore + 2);
  expect(performance.now() - deletedAt).toBeLessThan(3000);
  await call(broker, 'after');
  await until(() => one.texts().includes('after') && other.texts().includes('after'));
  expect(one.marks.slice(-2).map(({ families }) => families)).toEqual([['call'], ['call']]);
  expect(one.marks).toEqual(other.marks);
});

test('an exchange that was deleted and declared again by somebody else is noticed as well', async () => {
  const broker = await useBroker();
  const node = await new Node(broker.url).up();
  const marksBefore = node.marks.length;
  await broker.deleteExchange('presence');
  await broker.publish('presence', 'dialog.realm.x', Buffer.from('lost'));
  const deletedAt = performance.now();
  await until(() => node.marks.length >= marksBefore + 2);
  expect(performance.now() - deletedAt).toBeLessThan(3000);
  expect(node.marks.at(-1)?.families).toEqual(['presence']);
  expect(node.texts()).not.toContain('lost');
});

test('an exchange that is optional is not declared, and bound once it is there', async () => {
  const broker = await useBroker();
  const node = await new Node(broker.url).up();
  expect(await broker.patterns()).not.toContain('fax fax.status.*.*');
  const channel = await broker.channel();
  await channel.assertExchange('fax', 'fanout', { durable: false });
  await until(async () => (await broker.patterns()).includes('fax fax.status.*.*'));
  await until(() => node.marks.at(-1)?.families?.[0] === 'fax');
  await broker.deleteExchange('fax');
});

test('a stream that is deleted is made anew, and is another history', async () => {
  const broker = await useBroker();
  const node = await new Node(broker.url).up();
  await call(broker, 'before');
  await until(() => node.events.length === 1);
  const channel = await broker.channel();
  await channel.deleteQueue('history');
  await until(() => node.downs > 0);
  await node.up();
  expect(node.told.filter((word) => word.startsWith('begin'))).toHaveLength(2);
  expect(node.epochs).toHaveLength(2);
  expect(node.epochs[0]?.id).not.toBe(node.epochs[1]?.id);
  await call(broker, 'after');
  await until(() => node.texts().includes('after'));
});

test.each([2, 30])(
  'a stream made anew while the connection was lost, %d messages long, is another history',
  async (length) => {
    const broker = await useBroker();
    let isCut = false;
    const proxy = await startAmqpProxy(broker.rabbit.amqpPort, {
      onOpen(link) {
        if (isCut) link.cut();
      },
    });
    const node = await new Node(proxy.url(broker.vhost)).up();
    for (let n = 0; n < 5; n += 1) await call(broker, `call ${n}`);
    await until(() => node.events.length === 5);
    isCut = true;
    for (const link of proxy.links) link.cut();
    await until(() => node.downs > 0);
    const channel = await broker.channel();
    await channel.deleteQueue('history');
    await channel.assertQueue('history', { durable: true, arguments: { 'x-queue-type': 'stream' } });
    for (let n = 0; n < length; n += 1) channel.sendToQueue('history', Buffer.from(`of another history ${n}`));
    await channel.waitForConfirms();
    isCut = false;
    await until(() => node.epochs.length === 2);
    await node.up();
    expect(node.told.filter((word) => word.startsWith('begin'))).toHaveLength(2);
    await call(broker, 'after');
    await until(() => node.texts().includes('after'));
  },
);

test('a user who may not write to the exchanges: only a restart of the broker is known, and nothing is bound blindly', async () => {
  const broker = await useBroker();
  const url = await broker.addUser({
    configure: '^history.*$',
    write: '^(history.*|amq\\.default)$',
    read: '.*',
  });
  const channel = await broker.channel();
  for (const { name } of exchanges) await channel.assertExchange(name, 'topic', { durable: false });
  const node = await new Node(url).up();
  expect(node.warnings).toContainEqual(expect.stringMatching(/may not be written to.*nobody will notice/));
  expect(node.marks).toHaveLength(2);
  await call(broker, 'an event');
  await until(() => node.events.length === 1);

  // The bindings are lost, and nobody can know: least of all may they be made again without a word.
  await broker.deleteExchange('callevt');
  await channel.assertExchange('callevt', 'topic', { durable: false });
  await broker.killConnections();
  await until(() => node.downs > 0);
  await node.up();
  expect(node.marks).toHaveLength(2);
  expect(await broker.patterns()).not.toContain('callevt call.CHANNEL_CREATE.*');

  // What a restart takes along with the others' exchanges.
  const witness = (await broker.exchanges()).filter((name) => name.startsWith('history.witness'));
  expect(witness).toHaveLength(1);
  const downs = node.downs;
  await broker.deleteExchange(witness[0] as string);
  await broker.killConnections();
  await until(() => node.downs > downs);
  await node.up();
  expect(node.marks).toHaveLength(4);
  await call(broker, 'another');
  await until(() => node.texts().includes('another'));
});

test('the stream is made as the settings say: durable, limited in age and size, in small segments', async () => {
  const broker = await useBroker();
  const node = await new Node(broker.url, { maxAgeSeconds: 77, maxBytes: 5_000_000 }).up();
  const queues = await broker.queues();
  expect(queues.map(({ name, durable, exclusive }) => ({ name, durable, exclusive }))).toEqual([
    { name: 'history', durable: true, exclusive: false },
  ]);
  expect(queues[0]?.arguments).toEqual({
    'x-queue-type': 'stream',
    'x-max-age': '77s',
    'x-max-length-bytes': 5_000_000,
    'x-stream-max-segment-size-bytes': 2_000_000,
  });
  expect(node.warnings).toEqual([]);
});

test('a node that dies in the middle of binding leaves what the next look finds: the canary’s binding comes last', async () => {
  const broker = await useBroker();
  const node = await new Node(broker.url).up();
  const before = node.marks.length;
  const canary = (await broker.bindings()).find(
    ({ source, routing_key }) => source === 'callevt' && routing_key.startsWith('event-horizon.'),
  );
  const channel = await broker.channel();
  await channel.unbindQueue('history', 'callevt', canary?.routing_key ?? '');
  await until(() => node.marks.length >= before + 2);
  expect(node.marks.slice(-2)).toMatchObject([
    { families: ['call'], isBegin: true },
    { families: ['call'], isBegin: false },
  ]);
});

test('a node that fills its memory says how far it is', async () => {
  const broker = await useBroker();
  const first = await new Node(broker.url).up();
  for (let n = 0; n < 1000; n += 1) await call(broker, `call ${n}`);
  await until(() => first.events.length === 1000);
  const second = new Node(broker.url, { prefetch: 5 });
  const seen: number[] = [];
  await until(() => {
    if (second.bus.progress !== undefined) seen.push(second.bus.progress);
    return second.bus.isUp;
  });
  expect(seen).toEqual(seen.toSorted((a, b) => a - b));
  expect(seen.some((progress) => progress > 0 && progress < 1)).toBe(true);
  expect(second.bus.progress).toBeUndefined();
  expect(second.events).toHaveLength(1000);
});

test('a stream that exists with other arguments is used as it is, with a warning', async () => {
  const broker = await useBroker();
  const channel = await broker.channel();
  await channel.assertQueue('history', { durable: true, arguments: { 'x-queue-type': 'stream' } });
  const node = await new Node(broker.url).up();
  expect(node.warnings).toContain('the stream exists with other arguments and is used as it is');
  await call(broker, 'an event');
  await until(() => node.events.length === 1);
});

test('the broker is given back what was read: it goes on beyond the prefetch', async () => {
  const broker = await useBroker();
  const node = await new Node(broker.url, { prefetch: 10 }).up();
  for (let n = 0; n < 50; n += 1) await call(broker, `call ${n}`);
  await until(() => node.events.length === 50);
});
