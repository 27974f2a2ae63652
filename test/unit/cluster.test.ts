import { expect, test, vi } from 'vitest';
import type { ControlChannel, Delivery, ExchangeSpec } from '../../src/bus.ts';
import { Cluster } from '../../src/cluster/cluster.ts';
import { silentLog } from '../support/silent-log.ts';

/** A node whose conversation the test holds both ends of. */
function createNode() {
  const said: { exchange: string; at: number; payload: Record<string, unknown> }[] = [];
  let onMessage: (message: Delivery) => void = () => undefined;
  let onUp: () => void = () => undefined;
  const control: ControlChannel = {
    isUp: true,
    address: 'own-queue',
    start(listener) {
      ({ onMessage, onUp } = { onMessage: (message) => listener.onMessage(message), onUp: () => listener.onUp() });
    },
    publish({ name }: ExchangeSpec, _routingKey: string, payload: object) {
      said.push({ exchange: name, at: Date.now(), payload: { ...payload } });
    },
    stop: async () => undefined,
  };
  const cluster = new Cluster(
    control,
    { ofAccount: () => [], find: () => undefined, close: () => false },
    { nodeName: 'node', instanceId: 'own', version: '1.2.3', usedMemory: () => 4711 },
    silentLog,
  );
  cluster.start();
  return {
    cluster,
    advertisements: () => said.filter(({ exchange }) => exchange === 'nodes'),
    up: () => onUp(),
    hear: (payload: object) =>
      onMessage({
        exchange: 'nodes',
        routingKey: '',
        body: Buffer.from(JSON.stringify(payload)),
        contentEncoding: undefined,
      }),
  };
}

test('a node advertises every 5 s, though the clock’s ticks are never quite on time', () => {
  vi.useFakeTimers({ now: 1_000_000_000_400 });
  try {
    const { cluster, advertisements, up } = createNode();
    up();
    for (let second = 1; second <= 61; second += 1) {
      // Ticks come just behind the second, some a little later than others, and reading the clock again takes time.
      vi.setSystemTime(1_000_000_000_000 + second * 1000 + 1 + (second % 7));
      const now = Date.now();
      vi.setSystemTime(now + 2);
      cluster.tick(now);
    }
    const times = advertisements().map(({ at }) => at);
    expect(times).toHaveLength(13);
    for (const [index, at] of times.entries()) {
      const before = times[index - 1];
      if (before !== undefined) expect(Math.abs(at - before - 5000)).toBeLessThan(700);
    }
  } finally {
    vi.useRealTimers();
  }
});

test('a node that hears of a new one says that it lives, once', () => {
  const { advertisements, hear } = createNode();
  const other = {
    Node: 'other',
    'Instance-ID': 'other',
    'Event-Category': 'nodes',
    'Event-Name': 'advertise',
    Expires: 5000,
    WhApps: { blackhole: {} },
  };
  hear(other);
  hear(other);
  expect(advertisements()).toHaveLength(1);
  hear({ ...other, 'Instance-ID': 'own' });
  hear({ ...other, 'Instance-ID': 'no-websockets', WhApps: { callflow: {} } });
  hear({ ...other, 'Instance-ID': 'stopping', Expires: 0 });
  expect(advertisements()).toHaveLength(1);
});
