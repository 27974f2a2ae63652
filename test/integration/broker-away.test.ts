import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { secret, startBridge, startBridgeWithoutBroker, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { callAccount, fixture, fixtureAccount } from '../support/fixtures.ts';
import { freePort, type Rabbit, startRabbit } from '../support/rabbit.ts';
import { until } from '../support/until.ts';

/** A broker of this file's own: it is stopped, started and frozen. */
let rabbit: Rabbit;
beforeAll(async () => {
  rabbit = await startRabbit();
});
afterAll(() => rabbit.remove());

const isReady = async (target: { readonly address: string }): Promise<boolean> =>
  (await fetch(`${target.address}/readyz`)).ok;

let isStopped = false;

async function stopBroker(): Promise<void> {
  isStopped = true;
  // Whatever becomes of the test, the next one finds a broker.
  onTestFinished(startBroker);
  await rabbit.stop();
}

async function startBroker(): Promise<void> {
  if (!isStopped) return;
  isStopped = false;
  await rabbit.start();
}

describe('the broker process is restarted', () => {
  test('sockets stay connected, the queue, the exchanges and the whole plan are made again, events come', async () => {
    const broker = await useBroker(rabbit);
    const bridge = await startBridge({}, broker);
    const calls = await openClient(bridge, { token: await tokenFor(callAccount) });
    const documents = await openClient(bridge, { token: await tokenFor(fixtureAccount) });
    await calls.subscribe(['call.CHANNEL_CREATE.*', 'call.CHANNEL_DESTROY.*']);
    await documents.subscribe(['object.doc_created.user', 'conference.event.*.*']);
    const before = await broker.patterns();
    const queuesBefore = (await broker.queues()).map(({ name }) => name);
    await stopBroker();
    await startBroker();
    await until(() => isReady(bridge));
    await until(async () => (await broker.patterns()).length === before.length);
    expect(await broker.patterns()).toEqual(before);
    for (const { name } of await broker.queues()) expect(queuesBefore).not.toContain(name);
    await broker.publishFixture('call.CHANNEL_CREATE.json');
    await broker.publishFixture('object.doc_created.user.json');
    await broker.publishFixture('conference.legacy.json');
    expect((await calls.untilEvents(1)).map(({ args }) => args)).toEqual([fixture('call.CHANNEL_CREATE.json').payload]);
    await documents.untilEvents(2);
    expect([calls.closed, documents.closed]).toEqual([undefined, undefined]);
  }, 120_000);
});

describe('the broker is away', () => {
  test('a subscribe is source_unavailable after 5 s, nothing is kept, and it works when the broker is back', async () => {
    const broker = await useBroker(rabbit);
    const bridge = await startBridge({}, broker);
    const client = await openClient(bridge, { token: await tokenFor(callAccount) });
    await client.subscribe('call.CHANNEL_CREATE.*');
    await stopBroker();
    await until(async () => !(await isReady(bridge)));
    const refusal = await fetch(`${bridge.address}/readyz`);
    expect(refusal.status).toBe(503);
    expect(await refusal.json()).toMatchObject({ message: expect.stringContaining('the broker is away') });
    expect((await fetch(`${bridge.address}/healthz`)).status).toBe(200);
    expect(await bridge.metric('horizon_amqp_connected')).toBe(0);
    const startedAt = Date.now();
    const refused = await client.subscribe(['call.CHANNEL_DESTROY.*', 'call.CHANNEL_ANSWER.*']);
    expect(Date.now() - startedAt).toBeGreaterThan(4900);
    expect(refused).toMatchObject({ status: 'error', data: { code: 'source_unavailable' } });
    // Unsubscribing from nothing tells what is held, and needs no broker.
    const kept = await client.unsubscribe('call.CHANNEL_DESTROY.*');
    expect(kept.data).toEqual({ unsubscribed: [], subscribed: [], subscriptions: ['call.CHANNEL_CREATE.*'] });
    await startBroker();
    await until(() => isReady(bridge));
    await until(async () => (await broker.patterns()).length > 0);
    expect(await broker.patterns()).toEqual(['callevt call.CHANNEL_CREATE.*']);
    const again = await client.subscribe('call.CHANNEL_DESTROY.*');
    expect(again.data.subscriptions).toEqual(['call.CHANNEL_CREATE.*', 'call.CHANNEL_DESTROY.*']);
    await broker.publishFixture('call.CHANNEL_DESTROY.json');
    const [event] = await client.untilEvents(1);
    expect(event).toMatchObject({ name: 'CHANNEL_DESTROY', request_id: again.request_id });
  }, 120_000);

  test('an unsubscribe succeeds meanwhile, and is not bound again', async () => {
    const broker = await useBroker(rabbit);
    const bridge = await startBridge({}, broker);
    const client = await openClient(bridge, { token: await tokenFor(callAccount) });
    await client.subscribe(['call.CHANNEL_CREATE.*', 'call.CHANNEL_DESTROY.*']);
    await stopBroker();
    await until(async () => !(await isReady(bridge)));
    const reply = await client.unsubscribe('call.CHANNEL_CREATE.*');
    expect(reply.data.unsubscribed).toEqual(['call.CHANNEL_CREATE.*']);
    await startBroker();
    await until(async () => (await broker.patterns()).length > 0);
    expect(await broker.patterns()).toEqual(['callevt call.CHANNEL_DESTROY.*']);
  }, 120_000);

  test('a broker that is down at the start is waited for', async () => {
    const broker = await useBroker(rabbit);
    await stopBroker();
    const bridge = await startBridgeWithoutBroker({ AMQP_URL: broker.url, AUTH_JWT_SECRET: secret });
    expect(await isReady(bridge)).toBe(false);
    const client = await openClient(bridge, { token: await tokenFor(callAccount) });
    await client.ping();
    expect(await client.subscribe('call.CHANNEL_CREATE.*')).toMatchObject({ data: { code: 'source_unavailable' } });
    await startBroker();
    await until(() => isReady(bridge));
    expect(await client.subscribe('call.CHANNEL_CREATE.*')).toMatchObject({ status: 'success' });
    await broker.publishFixture('call.CHANNEL_CREATE.json');
    await client.untilEvents(1);
  }, 120_000);
});

describe('the broker is there, but silent', () => {
  test('a subscribe is source_unavailable after 5 s, and the broker keeps nothing of it either', async () => {
    const broker = await useBroker(rabbit);
    const bridge = await startBridge({}, broker);
    const client = await openClient(bridge, { token: await tokenFor(callAccount) });
    await client.subscribe('call.CHANNEL_CREATE.*');
    rabbit.freeze();
    onTestFinished(() => rabbit.thaw());
    const refused = await client.subscribe(['call.CHANNEL_DESTROY.*', 'call.CHANNEL_ANSWER.*']);
    expect(refused).toMatchObject({ status: 'error', data: { code: 'source_unavailable' } });
    rabbit.thaw();
    // What was asked of it before it fell silent it does now; a subscribe behind that is answered behind it.
    const marker = await client.subscribe('call.CHANNEL_HOLD.*');
    expect(marker.data.subscriptions).toEqual(['call.CHANNEL_CREATE.*', 'call.CHANNEL_HOLD.*']);
    const planned = ['callevt call.CHANNEL_CREATE.*', 'callevt call.CHANNEL_HOLD.*'];
    await until(async () => (await broker.patterns()).length === planned.length);
    expect(await broker.patterns()).toEqual(planned);
    expect(await bridge.metric('horizon_amqp_patterns')).toBe(2);
  });

  test('an unsubscribe that it did not hear is done when it is back', async () => {
    const broker = await useBroker(rabbit);
    const bridge = await startBridge({}, broker);
    const client = await openClient(bridge, { token: await tokenFor(callAccount) });
    await client.subscribe(['call.CHANNEL_CREATE.*', 'call.CHANNEL_HOLD.*']);
    rabbit.freeze();
    onTestFinished(() => rabbit.thaw());
    await client.unsubscribe('call.CHANNEL_CREATE.*');
    await client.subscribe('call.CHANNEL_DESTROY.*');
    rabbit.thaw();
    await until(async () => (await broker.patterns()).join() === 'callevt call.CHANNEL_HOLD.*');
  });
});

test('several AMQP URLs are tried in turn: both connections reach the one that lives', async () => {
  const broker = await useBroker(rabbit);
  const dead = `amqp://guest:guest@127.0.0.1:${await freePort()}/`;
  const bridge = await startBridge({ AMQP_URL: `${dead},kazoo${broker.url.slice('amqp'.length)}` }, broker);
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  await client.subscribe('call.CHANNEL_CREATE.*');
  await broker.publishFixture('call.CHANNEL_CREATE.json');
  await client.untilEvents(1);
  await until(async () => (await broker.connectionNames()).length === 2);
  expect(await broker.connectionNames()).toEqual(['event-horizon test-node', 'event-horizon test-node (control)']);
});

test('a broker that is lost is replaced by the next of the AMQP URLs, and by the first when that is lost', async () => {
  const [one, other] = [await useBroker(rabbit), await useBroker()];
  const bridge = await startBridge({ AMQP_URL: `${one.url},${other.url}` }, one);
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  await client.subscribe('call.CHANNEL_CREATE.*');
  expect(await one.patterns()).toHaveLength(1);
  await one.killConnections();
  await until(async () => (await other.patterns()).length === 1);
  await other.publishFixture('call.CHANNEL_CREATE.json');
  await client.untilEvents(1);
  await other.killConnections();
  await until(async () => (await one.patterns()).length === 1);
  await one.publishFixture('call.CHANNEL_CREATE.json');
  await client.untilEvents(2);
  expect(client.closed).toBeUndefined();
});
