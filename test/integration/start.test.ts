import { connect, createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { secret, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { callAccount } from '../support/fixtures.ts';
import { projectFolder, startProcess, startServer } from '../support/process.ts';
import { freePort } from '../support/rabbit.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

/** Makes a broker reachable at another port. */
async function openDoor(port: number, brokerPort: number): Promise<void> {
  const server = createServer((socket) => {
    const broker = connect(brokerPort, '127.0.0.1');
    for (const end of [socket, broker]) end.on('error', () => socket.destroy());
    socket.pipe(broker).pipe(socket);
  });
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
}

describe('a broker that is down at the start', () => {
  test('is waited for', async () => {
    const broker = await useBroker();
    const port = await freePort();
    const server = await startServer({
      AMQP_URL: broker.url.replace(`:${broker.rabbit.amqpPort}`, `:${port}`),
      AUTH_JWT_SECRET: secret,
    });
    await server.process.text(/broker is away/);
    expect((await rest(server, '/readyz')).status).toBe(503);
    const client = await openClient(server, { token: await tokenFor(callAccount) });
    await client.ping();
    expect(server.process.exit).toBeUndefined();

    await openDoor(port, broker.rabbit.amqpPort);
    await until(async () => (await rest(server, '/readyz')).status === 200);
    expect(await client.subscribe('call.*.*')).toMatchObject({ status: 'success' });
    await broker.publishFixture('call.CHANNEL_CREATE.json');
    await client.untilEvents(1);
  });

  test('is said to be away once for each connection, and not at every attempt', async () => {
    const environment = { AMQP_URL: 'amqp://127.0.0.1:1', AUTH_JWT_SECRET: secret, LOG_LEVEL: 'debug' };
    const { process } = await startServer(environment);
    const said = (text: string) => process.log.filter(({ msg }) => msg === text).map(({ connection }) => connection);
    await until(() => said('the broker is still away').length >= 4);
    const connections = said('the broker is away');
    expect(connections).toHaveLength(2);
    expect(new Set(connections).size).toBe(2);
  });

  test('can be left again: a signal ends the wait with 0', async () => {
    const server = await startServer({ AMQP_URL: 'amqp://127.0.0.1:1', AUTH_JWT_SECRET: secret });
    await server.process.text(/broker is away/);
    server.process.signal('SIGTERM');
    expect(await server.process.ended()).toEqual({ code: 0, signal: null });
  });
});

describe('npm start', () => {
  test('starts it, and Ctrl-C in its terminal drains it', async () => {
    const npm = startProcess('npm', ['start'], { PORT: '0', DRAIN_SECONDS: '0' });
    const [, socketAddress = ''] = await npm.text(/WebSocket\s+(ws:\S+?)\/\s/);
    await npm.logged('listening');
    const client = await openClient(socketAddress);
    npm.signalGroup('SIGINT');
    await npm.ended();
    expect(await client.untilClosed()).toMatchObject({ code: 1012 });
    expect(npm.log.map(({ msg }) => msg)).toContain('draining');
  });

  test('passes the exit code 1 on', async () => {
    const PORT = String(await freePort());
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(Number(PORT), '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    const npm = startProcess('npm', ['start'], { PORT });
    expect(await npm.ended()).toEqual({ code: 1, signal: null });
    expect(npm.stderr).toContain(`${PORT} is in use`);
  });

  test('needs nothing of the folder that it is called from', async () => {
    const server = startProcess('sh', ['-c', `cd / && exec node ${projectFolder}dist/main.js`], { PORT: '0' });
    await server.logged('listening');
    server.signal('SIGTERM');
    expect(await server.ended()).toEqual({ code: 0, signal: null });
  });
});
