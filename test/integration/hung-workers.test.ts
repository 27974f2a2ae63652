/** A worker whose event loop turns no more: the others go on, it is told of, and it is replaced. */
import { expect, test } from 'vitest';
import { secret, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { callAccount } from '../support/fixtures.ts';
import { type StartedServer, startServer } from '../support/process.ts';
import type { Envelope } from '../support/rest.ts';
import { until } from '../support/until.ts';

interface Workers extends StartedServer {
  readonly broker: Broker;
}

async function startWorkers(): Promise<Workers> {
  const broker = await useBroker();
  const server = await startServer({
    AMQP_URL: broker.url,
    AUTH_JWT_SECRET: secret,
    NODE_NAME: 'node',
    WORKERS: '2',
    DRAIN_SECONDS: '0',
    NODE_OPTIONS: `--import=data:text/javascript,process.on('SIGUSR2',()=>{for(;;);})`,
  });
  await until(() => logged(server, 'listening').length === 2 && logged(server, 'the broker is connected').length === 4);
  return { ...server, broker };
}

const logged = ({ process }: StartedServer, message: string) => process.log.filter(({ msg }) => msg === message);

/** A hung worker is handed one connection at most: who gets no answer asks again. */
async function get({ address }: StartedServer, path: string): Promise<Response> {
  for (;;) {
    const signal = AbortSignal.timeout(4000);
    const response = await fetch(`${address}${path}`, { headers: { connection: 'close' }, signal }).catch(
      () => undefined,
    );
    if (response !== undefined) return response;
  }
}

/** @returns by the worker's name, whether its metrics are among those of all */
async function up(server: StartedServer): Promise<Record<string, string | undefined>> {
  const text = await (await get(server, '/metrics')).text();
  return Object.fromEntries([...text.matchAll(/^horizon_worker_up\{worker="(.+)"\} (\d)$/gm)].map((m) => [m[1], m[2]]));
}

async function silent(server: StartedServer): Promise<unknown> {
  const response = await get(server, '/readyz');
  expect(response.status).toBe(200);
  return (((await response.json()) as Envelope).data as { silent_workers?: string[] }).silent_workers;
}

test('a worker that hangs is killed and replaced; meanwhile the others serve, and say which one it is', async () => {
  const server = await startWorkers();
  const token = await tokenFor(callAccount);
  expect(await up(server)).toEqual({ 'node-1': '1', 'node-2': '1' });
  expect(await silent(server)).toBeUndefined();
  const victim = logged(server, 'listening').find(({ node }) => node === 'node-2');
  // Connections go to whichever worker is free: some to each.
  const clients: Client[] = [];
  for (let count = 0; count < 16; count += 1) clients.push(await openClient(server, { token }));
  for (const client of clients) await client.subscribe('call.CHANNEL_CREATE.*');

  const hangsSince = performance.now();
  process.kill(Number(victim?.pid), 'SIGUSR2');
  await until(async () => (await up(server))['node-2'] === '0');
  expect(await up(server)).toEqual({ 'node-1': '1', 'node-2': '0' });
  await until(async () => String(await silent(server)) === 'node-2');
  await server.broker.publishFixture('call.CHANNEL_CREATE.json');
  await until(() => clients.some(({ events }) => events.length === 1));

  await server.process.logged('a worker died; it will be replaced');
  expect(performance.now() - hangsSince).toBeLessThan(14_000);
  expect(logged(server, 'a worker died; it will be replaced')).toMatchObject([{ worker: 2, signal: 'SIGKILL' }]);
  await until(async () => (await up(server))['node-2'] === '1');
  // The new one isn't ready before it has reached the broker.
  await until(() => logged(server, 'the broker is connected').length === 6);
  await until(async () => (await silent(server)) === undefined);
  const staying = clients.filter(({ closed }) => closed === undefined);
  expect(staying.length).toBeGreaterThan(0);
  expect(staying.length).toBeLessThan(clients.length);
  for (const client of staying) await client.untilEvents(1);
  for (const client of clients) if (!staying.includes(client)) expect(client.events).toEqual([]);
  expect(logged(server, 'a worker hangs: it is killed')).toHaveLength(1);
}, 60_000);

test('a worker that hangs does not keep the others from ending', async () => {
  const server = await startWorkers();
  const [victim] = logged(server, 'listening');
  process.kill(Number(victim?.pid), 'SIGUSR2');
  server.process.signal('SIGTERM');
  // The one that hung did not end in good order.
  expect(await server.process.ended()).toEqual({ code: 1, signal: null });
}, 40_000);
