/** Outages of the line to the broker: noticed soon, told to whoever asks, counted. */
import { expect, test } from 'vitest';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { callAccount } from '../support/fixtures.ts';
import type { Envelope } from '../support/rest.ts';
import { until } from '../support/until.ts';

async function start() {
  const broker = await useBroker();
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort);
  const bridge = await startBridge({ AMQP_URL: proxy.url(broker.vhost) }, broker);
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  await client.subscribe('call.CHANNEL_CREATE.*');
  // The second connection is there, too: the node says that it lives.
  await until(() => proxy.links.some(({ asked }) => asked.includes('basic.publish')));
  return { bridge, proxy, client };
}

/** @returns what /readyz says is wrong */
async function trouble({ address }: Bridge): Promise<string | undefined> {
  const response = await fetch(`${address}/readyz`);
  return response.ok ? undefined : ((await response.json()) as Envelope).message;
}

const outages = (bridge: Bridge) => bridge.metric('horizon_amqp_outages_total');
const outageSeconds = (bridge: Bridge) => bridge.metric('horizon_amqp_outage_seconds_total');

test('a line that stalls: /readyz says so within seconds, heartbeats give it up, and it is counted as one outage', async () => {
  const { bridge, proxy, client } = await start();
  expect(await outages(bridge)).toBe(0);
  const stalledAt = performance.now();
  for (const link of proxy.links) link.fallSilent();
  await until(async () => (await trouble(bridge)) !== undefined);
  expect(await trouble(bridge)).toBe('the broker does not answer');
  expect(performance.now() - stalledAt).toBeLessThan(8000);
  expect(await bridge.metric('horizon_amqp_connected')).toBe(0);
  expect(await outages(bridge)).toBe(1);
  await until(async () => (await trouble(bridge)) === undefined);
  const lasted = (performance.now() - stalledAt) / 1000;
  // Three heartbeats, and a connect.
  expect(lasted).toBeLessThan(17);
  await until(async () => (await bridge.broker.patterns()).length === 1);
  await publish(bridge.broker, callEvent(callAccount));
  await client.untilEvents(1);
  expect(await outages(bridge)).toBe(1);
  // From the last answer before it, which may be one interval older than the stall.
  expect(await outageSeconds(bridge)).toBeGreaterThan(lasted - 1);
  expect(await outageSeconds(bridge)).toBeLessThan(lasted + 3);
  expect(client.closed).toBeUndefined();
});

test('a line that stalls and comes back by itself keeps its connection, and nothing is lost', async () => {
  const { bridge, proxy, client } = await start();
  for (const link of proxy.links) link.hold();
  await publish(bridge.broker, callEvent(callAccount));
  await until(async () => (await trouble(bridge)) === 'the broker does not answer');
  for (const link of proxy.links) link.release();
  await client.untilEvents(1);
  await until(async () => (await trouble(bridge)) === undefined);
  expect(proxy.links).toHaveLength(2);
  expect(await outages(bridge)).toBe(1);
  const seconds = await outageSeconds(bridge);
  expect(seconds).toBeGreaterThan(3);
  await publish(bridge.broker, callEvent(callAccount));
  await client.untilEvents(2);
  expect(await outageSeconds(bridge)).toBe(seconds);
  expect(bridge.logLines.filter(({ level }) => level !== 'debug').map(({ message }) => message)).toEqual(
    expect.arrayContaining(['the broker does not answer', 'the broker answers again']),
  );
});

test('connections that are cut are outages as well, each counted once', async () => {
  const { bridge, proxy, client } = await start();
  for (const round of [1, 2]) {
    for (const link of proxy.links) link.cut();
    await until(async () => (await outages(bridge)) === round);
    await until(async () => (await trouble(bridge)) === undefined && (await bridge.broker.patterns()).length === 1);
  }
  expect(await outages(bridge)).toBe(2);
  expect(client.closed).toBeUndefined();
});

test('a broker that was never there is no outage: it is waited for', async () => {
  const broker = await useBroker();
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort, {
    onOpen: (link) => {
      if (link.number < 4) link.cut();
    },
  });
  const bridge = await startBridge({ AMQP_URL: proxy.url(broker.vhost) }, broker);
  expect(proxy.links.length).toBeGreaterThan(4);
  expect(await outages(bridge)).toBe(0);
  expect(await outageSeconds(bridge)).toBe(0);
});
