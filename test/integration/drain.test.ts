import { describe, expect, test } from 'vitest';
import { secret, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { type Client, openClient, refusedUpgrade } from '../support/client.ts';
import { type Environment, type StartedServer, startServer } from '../support/process.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

async function start(environment: Environment = {}): Promise<StartedServer> {
  const { url } = await useBroker();
  const server = await startServer({ AMQP_URL: url, AUTH_JWT_SECRET: secret, ...environment });
  await until(async () => (await rest(server, '/readyz')).status === 200);
  return server;
}

const openClients = (server: StartedServer, count: number): Promise<Client[]> =>
  Promise.all(Array.from({ length: count }, () => openClient(server)));

/** A drain whose end no test waits for: the process is killed with the test. */
const endless = { DRAIN_SECONDS: '3600' };

describe('a drain', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s: every socket is closed with 1012, and the process exits with 0',
    async (signal) => {
      const server = await start({ DRAIN_SECONDS: '0' });
      const clients = await openClients(server, 20);
      server.process.signal(signal);
      expect(await server.process.ended()).toEqual({ code: 0, signal: null });
      expect(server.process.stderr).toBe('');
      for (const client of clients) expect((await client.untilClosed()).code).toBe(1012);
    },
  );

  test('without sockets and in the demo it exits with 0 as well', async () => {
    for (const server of [await start(), await startServer()]) {
      server.process.signal('SIGTERM');
      expect(await server.process.ended()).toEqual({ code: 0, signal: null });
    }
  });

  test('the reason is {"reconnect":MS}, a delay of the socket\'s own', async () => {
    const server = await start({ DRAIN_SECONDS: '0' });
    const clients = await openClients(server, 20);
    server.process.signal('SIGTERM');
    const delays: number[] = [];
    for (const client of clients) {
      const reason = JSON.parse((await client.untilClosed()).reason) as { reconnect: number };
      expect(Object.keys(reason)).toEqual(['reconnect']);
      expect(Number.isInteger(reason.reconnect)).toBe(true);
      expect(reason.reconnect).toBeGreaterThan(0);
      delays.push(reason.reconnect);
    }
    expect(new Set(delays).size).toBeGreaterThan(10);
  });

  test('closes them evenly over DRAIN_SECONDS: none before its time, one after the other', async () => {
    const seconds = 3;
    const server = await start({ DRAIN_SECONDS: String(seconds) });
    const clients = await openClients(server, 6);
    const startedAt = performance.now();
    const closedAfter: number[] = [];
    for (const client of clients) {
      client.socket.once('close', () => closedAfter.push((performance.now() - startedAt) / 1000));
    }
    server.process.signal('SIGTERM');
    expect(await server.process.ended()).toEqual({ code: 0, signal: null });
    await Promise.all(clients.map((client) => client.untilClosed()));
    expect(closedAfter).toHaveLength(clients.length);
    // A slow machine is late, and nothing makes one early: a clock's granularity aside.
    for (const [index, after] of closedAfter.entries()) {
      expect(after).toBeGreaterThan((index / clients.length) * seconds - 0.1);
    }
  });

  test('/readyz answers 503, new upgrades are refused with 503 and Retry-After, and present sockets go on', async () => {
    const server = await start(endless);
    const clients = await openClients(server, 2);
    server.process.signal('SIGTERM');
    await server.process.logged('draining');
    expect((await rest(server, '/readyz')).status).toBe(503);
    const refusal = await refusedUpgrade(server);
    expect(refusal).toMatchObject({ status: 503, body: { status: 'error', error: '503' } });
    expect(Number(refusal.headers['retry-after'])).toBeGreaterThan(0);
    const present = clients.find((client) => client.closed === undefined);
    await present?.ping();
  });

  test('says so in its log, first and last', async () => {
    const server = await start({ DRAIN_SECONDS: '0' });
    server.process.signal('SIGTERM');
    await server.process.ended();
    expect(server.process.log.slice(-2).map(({ msg }) => msg)).toEqual(['draining', 'stopped']);
  });

  test('gives the broker back what it took: no queue and no pattern is left', async () => {
    const broker = await useBroker();
    const server = await startServer({ AMQP_URL: broker.url, AUTH_JWT_SECRET: secret, DRAIN_SECONDS: '0' });
    const client = await openClient(server, { token: await tokenFor('acme') });
    await until(async () => (await client.subscribe('call.*.*')).status === 'success');
    expect(await broker.patterns()).not.toEqual([]);
    server.process.signal('SIGTERM');
    expect(await server.process.ended()).toEqual({ code: 0, signal: null });
    expect(await broker.queues()).toEqual([]);
    expect(await broker.patterns()).toEqual([]);
  });
});

describe('a second signal', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    '%s after more than a second ends it at once, with 1 and one line',
    async (signal) => {
      const server = await start(endless);
      await openClients(server, 2);
      server.process.signal('SIGTERM');
      await server.process.logged('draining');
      // Those of the first second go unheard.
      expect(await server.process.insist(signal)).toBeGreaterThan(900);
      expect(await server.process.ended()).toEqual({ code: 1, signal: null });
      expect(server.process.errorLines).toEqual([expect.stringContaining(signal)]);
    },
  );

  test("the first second's repeats are ignored: a terminal and npm may both send one", async () => {
    const server = await start({ DRAIN_SECONDS: '1' });
    const clients = await openClients(server, 2);
    for (const signal of ['SIGINT', 'SIGINT', 'SIGTERM', 'SIGINT'] as const) server.process.signal(signal);
    expect(await server.process.ended()).toEqual({ code: 0, signal: null });
    expect(server.process.stderr).toBe('');
    for (const client of clients) expect((await client.untilClosed()).code).toBe(1012);
  });
});
