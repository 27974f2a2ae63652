import { describe, expect, test } from 'vitest';
import { secret, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { callAccount } from '../support/fixtures.ts';
import { type Environment, type StartedServer, startServer } from '../support/process.ts';
import { freePort } from '../support/rabbit.ts';
import { type Envelope, rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

interface Workers extends StartedServer {
  readonly broker: Broker;
  readonly token: string;
}

/** Two workers, both with the broker there. */
async function startWorkers(environment: Environment = {}): Promise<Workers> {
  const broker = await useBroker();
  const server = await startServer({
    AMQP_URL: broker.url,
    AUTH_JWT_SECRET: secret,
    NODE_NAME: 'node',
    WORKERS: '2',
    ...environment,
  });
  await until(() => listening(server).length === 2 && connected(server).size === 2);
  return { ...server, broker, token: await tokenFor(callAccount) };
}

const listening = ({ process }: StartedServer) => process.log.filter(({ msg }) => msg === 'listening');

const connected = ({ process }: StartedServer) =>
  new Set(process.log.filter(({ msg }) => msg === 'the broker is connected').map(({ node }) => node));

/** Opens sockets until each worker has at least one. */
async function openOnEach(server: Workers, path = '/'): Promise<Client[]> {
  const clients: Client[] = [];
  const { token } = server;
  await until(async () => {
    clients.push(await openClient(server, { headers: { 'x-auth-token': token }, token, path }));
    return new Set((await sockets(server)).map(({ destination }) => destination)).size === 2;
  });
  return clients;
}

async function sockets(server: Workers): Promise<{ destination: string; options: unknown[] }[]> {
  const { body } = await rest(server, `/v2/accounts/${callAccount}/websockets?dialect=kazoo4`, { token: server.token });
  return body.data as { destination: string; options: unknown[] }[];
}

async function metric({ address }: Pick<StartedServer, 'address'>, name: string): Promise<number | undefined> {
  const text = await (await fetch(`${address}/metrics`)).text();
  const found = new RegExp(`^${name} (.*)$`, 'm').exec(text);
  return found === null ? undefined : Number(found[1]);
}

describe('WORKERS=2: processes sharing the port', () => {
  test('each is a full node of its own, with a name of its own', async () => {
    const server = await startWorkers();
    expect(
      listening(server)
        .map(({ node }) => node)
        .sort(),
    ).toEqual(['node-1', 'node-2']);
    expect(new Set(listening(server).map(({ address }) => address))).toEqual(new Set([server.address]));
    const clients = await openOnEach(server);
    await until(async () => (await sockets(server)).length === clients.length);
    expect(new Set((await sockets(server)).map(({ destination }) => destination))).toEqual(
      new Set(['node-1', 'node-2']),
    );
    const answered = new Set<string>();
    await until(async () => {
      const response = await fetch(`${server.address}/healthz`, { headers: { connection: 'close' } });
      answered.add(((await response.json()) as Envelope).node);
      return answered.size === 2;
    });
    expect(answered).toEqual(new Set(['node-1', 'node-2']));
  });

  test('an event reaches the sockets of both', async () => {
    const server = await startWorkers();
    const clients = await openOnEach(server);
    for (const client of clients) await client.subscribe('call.CHANNEL_CREATE.*');
    await server.broker.publishFixture('call.CHANNEL_CREATE.json');
    for (const client of clients) await client.untilEvents(1);
  });

  test('each tells of the options of the other’s subscriptions', async () => {
    const server = await startWorkers();
    const clients = await openOnEach(server);
    const options = { filter: { 'Call-Direction': 'inbound' }, expires: 3600 };
    for (const client of clients) await client.subscribe('call.*.*', options);
    const shown = clients.map(() => [options]);
    for (let asked = 0; asked < 6; asked += 1) {
      expect((await sockets(server)).map((socket) => socket.options)).toEqual(shown);
    }
  });

  test('metrics are of all of them together', async () => {
    const server = await startWorkers();
    const clients = await openOnEach(server);
    for (const client of clients) await client.subscribe(['call.CHANNEL_CREATE.*', 'fax.status.*']);
    await server.broker.publishFixture('call.CHANNEL_CREATE.json');
    for (const client of clients) await client.untilEvents(1);
    expect(await metric(server, 'horizon_sockets')).toBe(clients.length);
    expect(await metric(server, 'horizon_subscriptions')).toBe(clients.length * 2);
    expect(await metric(server, 'horizon_frames_sent_total')).toBe(clients.length);
    expect(await metric(server, 'horizon_amqp_connected')).toBe(1);
    expect(await metric(server, 'horizon_amqp_patterns')).toBe(4);
    expect(await metric(server, 'horizon_events_received_total\\{family="call"\\}')).toBe(2);
  });

  test('on METRICS_PORT as well', async () => {
    const port = await freePort();
    const server = await startWorkers({ METRICS_PORT: String(port) });
    const clients = await openOnEach(server);
    expect(await metric({ address: `http://127.0.0.1:${port}` }, 'horizon_sockets')).toBe(clients.length);
  });

  test('a worker that dies is replaced, under the same name and after a growing pause', async () => {
    const server = await startWorkers();
    const [victim] = listening(server);
    process.kill(Number(victim?.pid), 'SIGKILL');
    await server.process.logged('a worker died; it will be replaced');
    await until(() => listening(server).length === 3);
    const replacement = listening(server)[2];
    expect(replacement?.node).toBe(victim?.node);
    expect(replacement?.pid).not.toBe(victim?.pid);
    await openOnEach(server);
    expect(server.process.exit).toBeUndefined();

    process.kill(Number(replacement?.pid), 'SIGKILL');
    const deaths = () => server.process.log.filter(({ msg }) => msg === 'a worker died; it will be replaced');
    await until(() => deaths().length === 2);
    expect(Number(deaths()[1]?.pauseMs)).toBeGreaterThan(Number(deaths()[0]?.pauseMs));
  });
});

test('with a history each worker gives the same cursors, and a client goes on at whichever it comes to', async () => {
  const server = await startWorkers({ HISTORY: 'stream' });
  await until(async () => (await metric(server, 'horizon_amqp_connected')) === 1);
  const path = '/?dialect=classic&resume=on';
  const publish = (id: string) => server.broker.publishFixture('call.CHANNEL_CREATE.json', { 'Call-ID': id });
  const clients = await openOnEach(server, path);
  for (const client of clients) await client.subscribe('call.CHANNEL_CREATE.*');
  await publish('1');
  for (const client of clients) await client.untilEvents(1);
  const [since, ...others] = clients.map(({ events }) => events[0]?.cursor);
  expect(new Set(others)).toEqual(new Set([since]));
  await publish('2');
  for (const client of clients) await client.untilEvents(2);
  // A worker’s own memory is gone with it: its successor has filled it from the stream.
  const [victim] = listening(server);
  process.kill(Number(victim?.pid), 'SIGKILL');
  await until(() => listening(server).length === 3);
  await until(async () => (await metric(server, 'horizon_amqp_connected')) === 1);
  const later = await openOnEach(server, path);
  for (const client of later) {
    expect((await client.subscribe('call.CHANNEL_CREATE.*', { since })).data).toMatchObject({ recovered: true });
    expect(await client.notice('live')).toMatchObject({ replayed: 1 });
    expect(client.events.map(({ args }) => (args as Record<string, unknown>)['Call-ID'])).toEqual(['2']);
  }
  expect(await metric(server, 'horizon_resumes_total\\{outcome="recovered"\\}')).toBe(later.length);
  expect(await metric(server, 'horizon_gaps_total')).toBe(0);
}, 90_000);

test('a worker that dies while it waits for the metrics of all does not take the others with it', async () => {
  const server = await startWorkers();
  const [asking, frozen] = listening(server);
  const get = (path: string) => fetch(`${server.address}${path}`, { headers: { connection: 'close' } });
  process.kill(Number(frozen?.pid), 'SIGSTOP');
  const scrapes = Array.from({ length: 4 }, () => get('/metrics').catch(() => undefined));
  // The frozen one is handed one connection at most. The other one has asked for the metrics before it answers this.
  await Promise.any(Array.from({ length: 3 }, () => get('/healthz')));
  process.kill(Number(asking?.pid), 'SIGKILL');
  await server.process.logged('a worker died; it will be replaced');
  process.kill(Number(frozen?.pid), 'SIGCONT');
  await Promise.all(scrapes);
  await until(() => listening(server).length === 3);
  await until(async () => (await metric(server, 'horizon_amqp_connected')) !== undefined);
  expect(server.process.exit).toBeUndefined();
  expect(server.process.log.filter(({ msg }) => msg === 'a worker died; it will be replaced')).toHaveLength(1);
});

describe('a drain of several workers', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s closes the sockets of all with 1012 and exits with 0',
    async (signal) => {
      const server = await startWorkers({ DRAIN_SECONDS: '0' });
      const clients = await openOnEach(server);
      // As a terminal does it: the workers get the signal as well, and then another one from the first process.
      if (signal === 'SIGINT') server.process.signalGroup(signal);
      else server.process.signal(signal);
      expect(await server.process.ended()).toEqual({ code: 0, signal: null });
      for (const client of clients) expect((await client.untilClosed()).code).toBe(1012);
      expect(server.process.stderr).toBe('');
    },
  );

  test('a second signal after more than a second ends all of them at once', async () => {
    const server = await startWorkers({ DRAIN_SECONDS: '3600' });
    const clients = await openOnEach(server);
    clients.push(...(await openOnEach(server)), ...(await openOnEach(server)));
    server.process.signal('SIGTERM');
    await server.process.logged('draining');
    expect(await server.process.insist('SIGTERM')).toBeGreaterThan(900);
    expect(await server.process.ended()).toEqual({ code: 1, signal: null });
    for (const client of clients) await client.untilClosed();
    for (const { pid } of listening(server)) {
      await until(() => {
        try {
          return !process.kill(Number(pid), 0);
        } catch {
          return true;
        }
      });
    }
  });
});
