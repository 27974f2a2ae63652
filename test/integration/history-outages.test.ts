/** A history over longer outages: a broker that is restarted, one that takes no messages, a node that is away for long. */
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { type Bridge, secret, startBridge, startBridgeWithoutBroker, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { type Rabbit, startRabbit } from '../support/rabbit.ts';
import { until } from '../support/until.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

async function open(bridge: Bridge, path = '/?dialect=classic&resume=on'): Promise<Client> {
  return openClient(bridge, { token: await tokenFor(account), path });
}

async function call(broker: Broker, id: string, more: Record<string, unknown> = {}): Promise<void> {
  await publish(broker, callEvent(account, 'CHANNEL_CREATE', id, more));
}

const calls = ({ events }: Client): unknown[] => events.map(({ args }) => (args as Record<string, unknown>)['Call-ID']);
const kinds = ({ notices }: Client): unknown[] => notices.map(({ notice }) => notice);

/** A node whose way to the broker can be cut, and stays so until it is mended. */
async function startBehindProxy(settings = {}) {
  const broker = await useBroker();
  let isCut = false;
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort, {
    onOpen(link) {
      if (isCut) link.cut();
    },
  });
  const bridge = await startBridge({ HISTORY: 'stream', AMQP_URL: proxy.url(broker.vhost), ...settings }, broker);
  return {
    broker,
    bridge,
    cut() {
      isCut = true;
      for (const link of proxy.links) link.cut();
    },
    mend() {
      isCut = false;
    },
  };
}

test('what is over 10 s late is for those who can resume alone; plain sockets go on at the end', async () => {
  const { broker, bridge, cut, mend } = await startBehindProxy();
  const [client, plain] = [await open(bridge), await open(bridge, '/?dialect=classic')];
  for (const each of [client, plain]) await each.subscribe('call.*.*');
  await call(broker, '1');
  for (const each of [client, plain]) await each.untilEvents(1);
  cut();
  await client.notice('source_down');
  await call(broker, '2');
  // Eleven seconds go by.
  const now = performance.now.bind(performance);
  vi.spyOn(performance, 'now').mockImplementation(() => now() + 11_000);
  try {
    mend();
    await client.notice('source_up');
    await call(broker, '3');
    await client.untilEvents(3);
    await plain.untilEvents(2);
  } finally {
    vi.restoreAllMocks();
  }
  expect(calls(client)).toEqual(['1', '2', '3']);
  expect(calls(plain)).toEqual(['1', '3']);
  expect(kinds(client)).toEqual(['source_down', 'source_up']);
});

test('what the broker’s retention has cut off before a node could read it is a gap', async () => {
  const { broker, bridge, cut, mend } = await startBehindProxy({ HISTORY_MAX_BYTES: '4000000' });
  const client = await open(bridge);
  const { data } = await client.subscribe('call.*.*');
  await call(broker, 'before');
  await client.untilEvents(1);
  cut();
  await client.notice('source_down');
  for (let n = 0; n < 200; n += 1) await call(broker, `${n}`, { Filler: 'x'.repeat(100_000) });
  mend();
  const gap = await client.notice('gap');
  await client.notice('source_up');
  await call(broker, 'after');
  await until(() => calls(client).at(-1) === 'after');
  const [first, ...rest] = calls(client).slice(0, -1);
  expect(first).toBe('before');
  // The beginning of it is missing, and nothing else.
  expect(rest.length).toBeGreaterThan(0);
  expect(rest.length).toBeLessThan(200);
  expect(rest.map(Number)).toEqual(rest.map((_, index) => 200 - rest.length + index));
  expect(kinds(client).filter((kind) => kind === 'gap')).toHaveLength(1);
  expect(await bridge.metric('horizon_gaps_total')).toBe(1);
  expect(bridge.logLines.some(({ message }) => message.includes('cut off before this node could read them'))).toBe(
    true,
  );

  const old = await (await open(bridge)).subscribe('call.*.*', { since: data.cursor });
  expect(old.data).toMatchObject({ recovered: false, reason: 'too_old' });
  const back = await open(bridge);
  const good = await back.subscribe('call.*.*', { since: gap.cursor });
  expect(good.data.recovered).toBe(true);
  await back.notice('live');
  expect(calls(back)).toEqual([...rest, 'after']);
});

/** Each call of `rabbitmqctl` starts a virtual machine. */
const longMs = 120_000;

let rabbit: Rabbit;
beforeAll(async () => {
  rabbit = await startRabbit();
}, longMs);
afterAll(() => rabbit.remove());

/** The broker takes no messages while this runs. */
async function underAlarm(work: () => Promise<void>): Promise<void> {
  await rabbit.control('set_vm_memory_high_watermark', 'absolute', '1');
  try {
    await work();
  } finally {
    await rabbit.control('set_vm_memory_high_watermark', '0.6');
  }
}

const isToldBlocked = ({ logLines }: Pick<Bridge, 'logLines'>): boolean =>
  logLines.some(
    ({ message, fields }) =>
      message === 'the broker takes no messages now' && String(fields.connection).endsWith('(history)'),
  );

test(
  'while the broker takes no messages nodes go on, say so, and tell no gap; one that starts then is ready as well',
  async () => {
    const broker = await useBroker(rabbit);
    const one = await startBridge({ HISTORY: 'stream', NODE_NAME: 'one' }, broker);
    const client = await open(one);
    const { data } = await client.subscribe('call.*.*');
    await call(broker, '1');
    await client.untilEvents(1);
    await underAlarm(async () => {
      await until(() => isToldBlocked(one), 'a node that says that it is blocked');
      expect((await fetch(`${one.address}/readyz`)).status).toBe(200);
      const other = await startBridge({ HISTORY: 'stream', NODE_NAME: 'other' }, broker);
      expect(isToldBlocked(other)).toBe(true);
      const moved = await open(other);
      const reply = await moved.subscribe('call.*.*', { since: data.cursor });
      expect(reply.data.recovered).toBe(true);
      await moved.notice('live');
      expect(calls(moved)).toEqual(['1']);
      expect(kinds(moved)).toEqual(['live']);
      // However long it takes: a look that was under way waits for its end.
      const now = performance.now.bind(performance);
      vi.spyOn(performance, 'now').mockImplementation(() => now() + 15_000);
    });
    await call(broker, '2');
    await client.untilEvents(2);
    const published = await broker.messages();
    await until(async () => (await broker.messages()).ready > published.ready, 'looks that go on');
    vi.restoreAllMocks();
    expect(calls(client)).toEqual(['1', '2']);
    // By the clock that was put forward, 15 s more have passed: where that makes 20, the client is told where it is.
    expect(kinds(client).filter((kind) => kind !== 'position')).toEqual([]);
    expect(await one.metric('horizon_gaps_total')).toBe(0);
  },
  longMs,
);

test(
  'a binding that is lost while the broker takes no messages is found by the first look after it',
  async () => {
    const broker = await useBroker(rabbit);
    const bridge = await startBridge({ HISTORY: 'stream' }, broker);
    const client = await open(bridge);
    await client.subscribe('call.*.*');
    await underAlarm(async () => {
      await until(() => isToldBlocked(bridge), 'a node that says that it is blocked');
      await broker.deleteExchange('callevt');
      expect(client.notices).toEqual([]);
    });
    const gap = await client.notice('gap');
    expect(gap).toMatchObject({ families: ['call'] });
    await call(broker, 'after');
    await client.untilEvents(1);
    expect(kinds(client)).toEqual(['gap']);
  },
  longMs,
);

test(
  'a stream that can’t be named, since the broker takes no messages, keeps a node from being ready until it can',
  async () => {
    const broker = await useBroker(rabbit);
    let address = '';
    const ready = (): Promise<Response> => fetch(`${address}/readyz`);
    await underAlarm(async () => {
      const settings = { AMQP_URL: broker.url, AUTH_JWT_SECRET: secret, HISTORY: 'stream' };
      address = (await startBridgeWithoutBroker(settings)).address;
      await until(async () => (await (await ready()).text()).includes('takes no messages'), 'a reason');
    });
    await until(async () => (await ready()).ok, 'a node that is ready');
  },
  longMs,
);

test(
  'a restart of the broker: what was lost is a gap, what was not goes on, and the stream’s events are still there',
  async () => {
    const broker = await useBroker(rabbit);
    const bridge = await startBridge({ HISTORY: 'stream', NODE_NAME: 'node' }, broker);
    const client = await open(bridge);
    await client.subscribe('call.*.*');
    await call(broker, '1');
    await call(broker, '2');
    await client.untilEvents(2);
    await rabbit.syncTables();
    await rabbit.stop();
    await client.notice('source_down');
    expect((await fetch(`${bridge.address}/readyz`)).status).toBe(503);
    await rabbit.start();
    await client.notice('source_up');
    await client.notice('gap');
    expect(await bridge.metric('horizon_gaps_total')).toBe(1);
    await until(async () => (await fetch(`${bridge.address}/readyz`)).ok);
    await call(broker, '3');
    await client.untilEvents(3);
    expect(calls(client)).toEqual(['1', '2', '3']);
    const back = await open(bridge);
    const reply = await back.subscribe('call.*.*', {
      since: client.notices.findLast(({ notice }) => notice === 'gap')?.cursor,
    });
    expect(reply.data.recovered).toBe(true);
    await back.notice('live');
    expect(calls(back)).toEqual(['3']);
  },
  longMs,
);
