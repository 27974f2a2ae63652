import { describe, expect, test } from 'vitest';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { callAccount } from '../support/fixtures.ts';
import { freePort } from '../support/rabbit.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

/** The value of a series in the Prometheus text; undefined where there is none. */
async function metric({ address }: Pick<EmbeddedBridge, 'address'>, series: string): Promise<number | undefined> {
  const response = await fetch(`${address}/metrics`);
  expect(response.status).toBe(200);
  const line = (await response.text()).split('\n').find((text) => text.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
}

const is = (bridge: EmbeddedBridge, series: string, value: number) =>
  until(async () => (await metric(bridge, series)) === value);

describe('GET /metrics', () => {
  test('is Prometheus text, with a type for each metric, and Node metrics too', async () => {
    const bridge = await startBridge();
    const response = await fetch(`${bridge.address}/metrics`);
    expect(response.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/);
    const text = await response.text();
    expect(Object.fromEntries([...text.matchAll(/^# TYPE (horizon_\w+) (\w+)$/gm)].map(([, ...pair]) => pair))).toEqual(
      {
        horizon_sockets: 'gauge',
        horizon_subscriptions: 'gauge',
        horizon_amqp_patterns: 'gauge',
        horizon_amqp_connected: 'gauge',
        horizon_amqp_outages_total: 'counter',
        horizon_amqp_outage_seconds_total: 'counter',
        horizon_log_lines_dropped_total: 'counter',
        horizon_events_received_total: 'counter',
        horizon_events_dropped_total: 'counter',
        horizon_frames_sent_total: 'counter',
        horizon_sockets_closed_total: 'counter',
        horizon_commands_total: 'counter',
        horizon_delivery_seconds: 'histogram',
        horizon_resumes_total: 'counter',
        horizon_replayed_events_total: 'counter',
        horizon_gaps_total: 'counter',
      },
    );
    expect(text).toMatch(/^process_resident_memory_bytes \d/m);
    expect(text).toMatch(/^nodejs_eventloop_lag_seconds /m);
  });

  test('horizon_sockets and horizon_sockets_closed_total{code}', async () => {
    const bridge = await startBridge();
    expect(await metric(bridge, 'horizon_sockets')).toBe(0);
    const token = await tokenFor('acme');
    const [leaves, , kicked] = [
      await openClient(bridge),
      await openClient(bridge),
      await openClient(bridge, { headers: { 'x-auth-token': token } }),
    ];
    expect(await metric(bridge, 'horizon_sockets')).toBe(3);
    leaves.socket.close(1000);
    await is(bridge, 'horizon_sockets_closed_total{code="1000"}', 1);
    const [id] = (await rest(bridge, '/v2/accounts/acme/websockets', { token })).body.data as string[];
    await rest(bridge, `/v2/accounts/acme/websockets/${id}`, { method: 'DELETE', token });
    await kicked.untilClosed();
    await is(bridge, 'horizon_sockets_closed_total{code="4500"}', 1);
    await is(bridge, 'horizon_sockets', 1);
  });

  test('a code that a client chose is no series of its own', async () => {
    const bridge = await startBridge();
    const client = await openClient(bridge);
    client.socket.close(3210);
    await is(bridge, 'horizon_sockets_closed_total{code="other"}', 1);
    expect(await metric(bridge, 'horizon_sockets_closed_total{code="3210"}')).toBeUndefined();
  });

  test('horizon_subscriptions and horizon_amqp_patterns', async () => {
    const bridge = await startBridge();
    const clients = [
      await openClient(bridge, { token: await tokenFor('acme') }),
      await openClient(bridge, { token: await tokenFor('acme') }),
    ];
    for (const client of clients) await client.subscribe(['call.CHANNEL_CREATE.*', 'call.CHANNEL_CREATE.1']);
    await clients[0]?.subscribe('fax.status.*');
    expect(await metric(bridge, 'horizon_subscriptions')).toBe(5);
    expect(await metric(bridge, 'horizon_amqp_patterns')).toBe(2);
    expect(await bridge.broker.patterns()).toHaveLength(2);
    await clients[0]?.unsubscribe();
    expect(await metric(bridge, 'horizon_subscriptions')).toBe(2);
    await is(bridge, 'horizon_amqp_patterns', 1);
  });

  test('horizon_events_received_total{family}, horizon_frames_sent_total and horizon_delivery_seconds', async () => {
    const bridge = await startBridge();
    const clients = [
      await openClient(bridge, { token: await tokenFor(callAccount) }),
      await openClient(bridge, { token: await tokenFor(callAccount) }),
    ];
    for (const client of clients) await client.subscribe('call.CHANNEL_CREATE.*');
    for (let count = 0; count < 3; count += 1) await bridge.broker.publishFixture('call.CHANNEL_CREATE.json');
    for (const client of clients) await client.untilEvents(3);
    expect(await metric(bridge, 'horizon_events_received_total{family="call"}')).toBe(3);
    expect(await metric(bridge, 'horizon_frames_sent_total')).toBe(6);
    expect(await metric(bridge, 'horizon_delivery_seconds_count')).toBe(3);
    expect(await metric(bridge, 'horizon_delivery_seconds_bucket{le="+Inf"}')).toBe(3);
    expect(await metric(bridge, 'horizon_delivery_seconds_sum')).toBeGreaterThan(0);
  });

  test('horizon_events_dropped_total{reason}', async () => {
    const bridge = await startBridge();
    const client = await openClient(bridge, { token: await tokenFor(callAccount) });
    await client.subscribe('call.CHANNEL_CREATE.*');
    const publish = (body: Buffer, options?: { contentEncoding: string }) =>
      bridge.broker.publish('callevt', 'call.CHANNEL_CREATE.1', body, options);
    await publish(Buffer.from('no JSON'));
    await publish(Buffer.from('[1]'));
    await publish(Buffer.from([0x22, 0xff, 0x22]));
    await publish(Buffer.from('no gzip'), { contentEncoding: 'gzip' });
    await is(bridge, 'horizon_events_dropped_total{reason="bad_gzip"}', 1);
    for (const reason of ['not_json', 'not_object', 'not_utf8']) {
      expect(await metric(bridge, `horizon_events_dropped_total{reason="${reason}"}`)).toBe(1);
    }
  });
});

describe('METRICS_PORT', () => {
  test('serves /metrics on a port of its own, and nowhere else', async () => {
    const port = await freePort();
    const bridge = await startBridge({ METRICS_PORT: String(port) });
    expect(await metric({ address: `http://127.0.0.1:${port}` }, 'horizon_amqp_connected')).toBe(1);
    expect((await rest(bridge, '/metrics')).status).toBe(404);
    for (const path of ['/v2/websockets', '/openapi.json', '/']) {
      expect((await fetch(`http://127.0.0.1:${port}${path}`)).status).toBe(404);
    }
  });
});
