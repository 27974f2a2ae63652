import { expect, test } from 'vitest';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { callEvent, conferenceEvent, documentEvent, publish } from '../support/events.ts';
import { fixtureAccount } from '../support/fixtures.ts';
import { until } from '../support/until.ts';

const account = fixtureAccount;

const isReady = async ({ address }: Bridge): Promise<boolean> => (await fetch(`${address}/readyz`)).ok;

/** Has the bridge's connections lost, and waits until it has noticed and recovered. */
async function recoverFrom(bridge: Bridge, loss: () => void | Promise<void>): Promise<void> {
  const losses = (): number => bridge.logLines.filter(({ message }) => message === 'the broker is away').length;
  const before = losses();
  await loss();
  await until(() => losses() > before);
  await until(() => isReady(bridge));
}

/** A bridge whose connections can be cut at once; the broker itself is slow to tell which there are. */
async function startCuttable(settings: Record<string, string> = {}): Promise<{ bridge: Bridge; cut: () => void }> {
  const broker = await useBroker();
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort);
  const bridge = await startBridge({ AMQP_URL: proxy.url(broker.vhost), ...settings }, broker);
  const cut = (): void => {
    for (const link of proxy.links) link.cut();
  };
  return { bridge, cut };
}

test('the connections are cut: sockets stay connected, everything is bound again, events arrive', async () => {
  const bridge = await startBridge();
  const token = await tokenFor(account);
  const clients = await Promise.all(Array.from({ length: 3 }, () => openClient(bridge, { token })));
  const [calls, conferences, documents] = clients as [Client, Client, Client];
  await calls.subscribe('call.*.*');
  await conferences.subscribe(['conference.event.*.*', 'call.CHANNEL_CREATE.*']);
  await documents.subscribe(['object.*.*', 'fax.status.*']);
  const planned = await bridge.broker.patterns();
  for (let round = 1; round <= 2; round += 1) {
    await recoverFrom(bridge, () => bridge.broker.killConnections());
    await until(async () => (await bridge.broker.patterns()).length === planned.length);
    expect(await bridge.broker.patterns()).toEqual(planned);
    await publish(bridge.broker, callEvent(account), conferenceEvent(account), documentEvent(account));
    await calls.untilEvents(round);
    await conferences.untilEvents(2 * round);
    await documents.untilEvents(round);
    expect([calls, conferences, documents].map(({ events }) => events.length)).toEqual([round, 2 * round, round]);
  }
  expect(clients.map(({ closed }) => closed)).toEqual([undefined, undefined, undefined]);
  expect(await bridge.metric('horizon_amqp_connected')).toBe(1);
  // One line a change of state, and no word of channels that went with their connection.
  const messages = bridge.logLines.filter(({ level }) => level !== 'debug').map(({ message }) => message);
  expect(messages).not.toContain('this node starts over with the broker');
  expect(messages).not.toContain('the broker refused');
});

test('a coarse plan is made again coarse', async () => {
  const { bridge, cut } = await startCuttable({ MAX_PATTERNS: '2' });
  const client = await openClient(bridge, { token: await tokenFor(account) });
  await client.subscribe('call.*.*');
  await recoverFrom(bridge, cut);
  await until(async () => (await bridge.broker.patterns()).length > 0);
  expect(await bridge.broker.patterns()).toEqual(['callevt call.*.*']);
  await publish(bridge.broker, callEvent(account));
  await client.untilEvents(1);
});

test('a subscribe while the connection is away is answered when it is back: what is published then is delivered', async () => {
  const { bridge, cut } = await startCuttable();
  const client = await openClient(bridge, { token: await tokenFor(account) });
  await client.ping();
  for (let round = 1; round <= 10; round += 1) {
    cut();
    const reply = await client.subscribe(`call.CHANNEL_CREATE.call-${round}`);
    expect(reply).toMatchObject({ status: 'success' });
    await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', `call-${round}`));
    await client.untilEvents(round);
  }
});

test('sockets that come and go while the connections are cut again and again: at rest the plan is exact', async () => {
  const { bridge, cut } = await startCuttable();
  const token = await tokenFor(account);
  let isOver = false;
  async function comeAndGo(event: string): Promise<void> {
    while (!isOver) {
      const client = await openClient(bridge, { token });
      await client.subscribe([`call.${event}.*`, 'object.doc_edited.user']);
      await client.unsubscribe(`call.${event}.*`);
      client.socket.terminate();
    }
  }
  const stayer = await openClient(bridge, { token });
  await stayer.subscribe('call.PARK_PARKED.*');
  const comers = ['CHANNEL_CREATE', 'CHANNEL_CREATE', 'CHANNEL_DESTROY', 'CHANNEL_HOLD'].map(comeAndGo);
  for (let round = 0; round < 10; round += 1) await recoverFrom(bridge, cut);
  isOver = true;
  await Promise.all(comers);
  await until(async () => (await bridge.broker.patterns()).join() === 'callevt call.PARK_PARKED.*');
  await publish(bridge.broker, callEvent(account, 'PARK_PARKED'));
  await stayer.untilEvents(1);
  expect(await bridge.metric('horizon_amqp_patterns')).toBe(1);
}, 60_000);
