import { describe, expect, test } from 'vitest';
import { startBridge, tokenFor } from '../support/bridge.ts';
import type { Broker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { callEvent, documentEvent, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { until } from '../support/until.ts';

/** Ids as Kazoo's, so that their databases are named as Kazoo's are. */
const accountId = (n: number): string => n.toString(16).padStart(32, '0');

const patternsOf = async (broker: Broker, exchange: string): Promise<string[]> =>
  (await broker.patterns()).filter((pattern) => pattern.startsWith(`${exchange} `));

/** The ids of the documents or calls that a client was told of. */
const idsOf = ({ events }: Client): string[] =>
  events.map(({ args }) => (args as { ID?: string })?.ID ?? (args as { 'Call-ID': string })['Call-ID']);

/**
 * Publishes, each confirmed by the broker before the next, until it is told to stop.
 * @returns tells it to, and how many it was
 */
function publishContinuously(broker: Broker, message: (n: number) => ReturnType<typeof callEvent>) {
  let isStopped = false;
  let count = 0;
  async function run(): Promise<void> {
    for (; !isStopped; count += 1) await publish(broker, message(count));
  }
  const done = run();
  return {
    async stop(): Promise<number> {
      isStopped = true;
      await done;
      return count;
    },
    count: () => count,
  };
}

describe('the plan never exceeds MAX_PATTERNS', () => {
  test('before it would, the family with the most patterns gives way to its coarse one; the others stay fine', async () => {
    const bridge = await startBridge({ MAX_PATTERNS: '10' });
    const clients: Client[] = [];
    for (let n = 0; n < 12; n += 1) {
      const client = await openClient(bridge, { token: await tokenFor(accountId(n)) });
      clients.push(client);
      if (n === 0) await client.subscribe(['call.CHANNEL_CREATE.*', 'notifications.sip.missed_call']);
      expect(await client.subscribe('object.doc_edited.user')).toMatchObject({ status: 'success' });
      await until(async () => (await bridge.broker.patterns()).length <= 10);
    }
    const calls = ['callevt call.CHANNEL_CREATE.*'];
    const notifications = ['notifications notifications.sip.missed_call'];
    await until(async () => (await patternsOf(bridge.broker, 'configuration')).length === 1);
    expect(await bridge.broker.patterns()).toEqual([...calls, 'configuration *.*.*.*', ...notifications]);
    expect(await bridge.metric('horizon_amqp_patterns')).toBe(3);
  });

  test('what the coarse pattern brings is filtered here: each gets its own events and nobody else’s', async () => {
    const bridge = await startBridge({ MAX_PATTERNS: '3' });
    const clients: Client[] = [];
    for (let n = 0; n < 6; n += 1) {
      const client = await openClient(bridge, { token: await tokenFor(accountId(n)) });
      await client.subscribe(n % 2 === 0 ? 'object.doc_edited.user' : 'doc_created.*.device.*');
      clients.push(client);
    }
    for (let n = 0; n < 8; n += 1) {
      for (const [action, type] of [
        ['doc_edited', 'user'],
        ['doc_created', 'user'],
        ['doc_created', 'device'],
        ['doc_edited', 'fax'],
      ] as const) {
        await publish(bridge.broker, documentEvent(accountId(n), action, type, `${action}-${type}-${n}`));
      }
    }
    await allDelivered(bridge, ...clients);
    expect(await patternsOf(bridge.broker, 'configuration')).toEqual(['configuration *.*.*.*']);
    for (const [n, client] of clients.entries()) {
      expect(idsOf(client)).toEqual([n % 2 === 0 ? `doc_edited-user-${n}` : `doc_created-device-${n}`]);
    }
  });

  test('calls give way too: what is no listed event still reaches nobody', async () => {
    const bridge = await startBridge({ MAX_PATTERNS: '2' });
    const client = await openClient(bridge, { token: await tokenFor('one') });
    await client.subscribe('call.*.*');
    expect(await bridge.broker.patterns()).toEqual(['callevt call.*.*']);
    await publish(bridge.broker, callEvent('one', 'status_req', 'x'), callEvent('one', 'DTMF', 'x'));
    await publish(bridge.broker, callEvent('one', 'CHANNEL_CREATE', 'y'));
    await allDelivered(bridge, client);
    expect(idsOf(client)).toEqual(['y']);
  });

  test('too_many_bindings when even coarse patterns do not fit; nothing changes, and nobody loses anything', async () => {
    const bridge = await startBridge({ MAX_PATTERNS: '2' });
    const client = await openClient(bridge, { token: await tokenFor(accountId(1)) });
    await client.subscribe('call.CHANNEL_CREATE.*');
    await client.subscribe('object.doc_edited.user');
    const before = await bridge.broker.patterns();
    const refused = await client.subscribe(['conference.event.*.*', 'call.CHANNEL_DESTROY.*']);
    expect(refused).toMatchObject({ status: 'error', data: { code: 'too_many_bindings' } });
    const kept = await client.unsubscribe('call.CHANNEL_DESTROY.*');
    expect(kept.data.subscriptions).toEqual(['call.CHANNEL_CREATE.*', 'object.doc_edited.user']);
    await until(async () => (await bridge.broker.patterns()).join() === before.join());
    await publish(bridge.broker, callEvent(accountId(1)), documentEvent(accountId(1)));
    await client.untilEvents(2);
    expect(idsOf(client)).toEqual(['call-1', 'doc-1']);
  });

  test('the last to leave a coarse family takes its pattern along', async () => {
    const bridge = await startBridge({ MAX_PATTERNS: '2' });
    const client = await openClient(bridge, { token: await tokenFor('one') });
    await client.subscribe('call.*.*');
    await client.unsubscribe('call.*.*');
    await until(async () => (await bridge.broker.patterns()).length === 0);
    await client.subscribe('call.PARK_PARKED.*');
    expect(await bridge.broker.patterns()).toEqual(['callevt call.PARK_PARKED.*']);
  });
});

describe('make before break', () => {
  test.each([1, 2, 3])(
    'while documents go from fine to coarse, nothing is lost and nothing comes twice (%i)',
    async () => {
      const bridge = await startBridge({ MAX_PATTERNS: '8' });
      const watcher = await openClient(bridge, { token: await tokenFor(accountId(0)) });
      await watcher.subscribe(['object.doc_edited.user', 'object.*.user']);
      const publisher = publishContinuously(bridge.broker, (n) =>
        documentEvent(accountId(0), 'doc_edited', 'user', `doc-${n}`),
      );
      for (let n = 1; n <= 10; n += 1) {
        const client = await openClient(bridge, { token: await tokenFor(accountId(n)) });
        await client.subscribe('object.doc_edited.user');
        const soFar = publisher.count();
        await until(() => publisher.count() > soFar + 5);
      }
      await until(async () => (await bridge.broker.patterns()).join() === 'configuration *.*.*.*');
      const count = await publisher.stop();
      await allDelivered(bridge, watcher);
      expect(idsOf(watcher)).toEqual(Array.from({ length: count }, (_, n) => `doc-${n}`));
    },
  );

  test('calls likewise: an event at a time, from their own patterns to the coarse one', async () => {
    const bridge = await startBridge({ MAX_PATTERNS: '3' });
    const watcher = await openClient(bridge, { token: await tokenFor('one') });
    await watcher.subscribe('call.CHANNEL_CREATE.*');
    const publisher = publishContinuously(bridge.broker, (n) => callEvent('one', 'CHANNEL_CREATE', `call-${n}`));
    for (const event of ['CHANNEL_ANSWER', 'CHANNEL_HOLD', 'CHANNEL_DESTROY', 'CHANNEL_BRIDGE']) {
      const soFar = publisher.count();
      await until(() => publisher.count() > soFar + 20);
      await watcher.subscribe(`call.${event}.*`);
    }
    await until(async () => (await bridge.broker.patterns()).join() === 'callevt call.*.*');
    const count = await publisher.stop();
    await allDelivered(bridge, watcher);
    expect(idsOf(watcher)).toEqual(Array.from({ length: count }, (_, n) => `call-${n}`));
  });
});
