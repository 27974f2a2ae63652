import { describe, expect, test } from 'vitest';
import { startBridge, startBridgeWithoutBroker } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { startServer } from '../support/process.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

describe('GET /healthz', () => {
  test('200 while the process lives, whether or not the broker is there', async () => {
    const bridge = await startBridge();
    const alone = await startBridgeWithoutBroker({ AMQP_URL: 'amqp://127.0.0.1:1', AUTH_JWT_SECRET: 's' });
    for (const node of [bridge, alone]) {
      expect(await rest(node, '/healthz')).toMatchObject({ status: 200, body: { status: 'success' } });
    }
  });
});

describe('GET /readyz', () => {
  test('200 while it may take traffic', async () => {
    expect(await rest(await startBridge(), '/readyz')).toMatchObject({ status: 200, body: { status: 'success' } });
  });

  test('503 with the reason while the broker has not been reached', async () => {
    const bridge = await startBridgeWithoutBroker({
      AMQP_URL: 'amqp://me:hunter2@127.0.0.1:1',
      AUTH_JWT_SECRET: 's',
    });
    await until(async () => (await rest(bridge, '/readyz')).body.message?.includes('ECONNREFUSED') === true);
    const { status, body } = await rest(bridge, '/readyz');
    expect(status).toBe(503);
    expect(body).toMatchObject({ status: 'error', error: '503' });
    expect(body.message).toMatch(/broker/);
    expect(JSON.stringify(body)).not.toContain('hunter2');
  });

  test('503 with the reason while the broker is away, 200 when it is back', async () => {
    const bridge = await startBridge();
    await bridge.broker.remove();
    await until(async () => (await rest(bridge, '/readyz')).status === 503);
    expect((await rest(bridge, '/readyz')).body.message).toMatch(/broker is away/);
    expect((await rest(bridge, '/healthz')).status).toBe(200);
    expect(await bridge.metric('horizon_amqp_connected')).toBe(0);
    await bridge.broker.create();
    await until(async () => (await rest(bridge, '/readyz')).status === 200);
    expect(await bridge.metric('horizon_amqp_connected')).toBe(1);
  });

  test('503 with the reason while it drains', async () => {
    const { url } = await useBroker();
    // A drain so long that its end is not seen here: the process is killed with the test.
    const server = await startServer({ AMQP_URL: url, AUTH_JWT_SECRET: 's', DRAIN_SECONDS: '3600' });
    await Promise.all([openClient(server), openClient(server)]);
    await until(async () => (await rest(server, '/readyz')).status === 200);
    server.process.signal('SIGTERM');
    await until(async () => (await rest(server, '/readyz')).status === 503);
    expect((await rest(server, '/readyz')).body.message).toMatch(/restart/);
    expect((await rest(server, '/healthz')).status).toBe(200);
  });
});
