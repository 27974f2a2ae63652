/** Faults of the server itself and of its machine, each with 200 clients on it and somebody who goes on publishing. */
import { execFile } from 'node:child_process';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { expect, inject, test } from 'vitest';
import { WebSocket } from 'ws';
import { secret, tokenFor } from '../support/bridge.ts';
import type { Member } from '../support/crowd.ts';
import { accounts, isReady, populate, startWorld, suffer, type World } from '../support/fault-world.ts';
import { faketime } from '../support/packages.ts';
import { type Environment, type StartedServer, startProcess, startServer, useFolder } from '../support/process.ts';
import { freePort } from '../support/rabbit.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const harmless = { closed: [], outOfOrder: 0, lost: 0, outages: 0, reasons: [] };
const backMs = 15_000;

async function behindMs({ address }: StartedServer): Promise<number> {
  const { timestamp } = (await (await fetch(`${address}/healthz`)).json()) as { timestamp: string };
  return Date.now() - Date.parse(timestamp);
}

test('a node that stands still for a while goes on where it was: everything arrives, late', async () => {
  const world = await startWorld(inject('rabbit'));
  const report = await suffer(world, async () => {
    process.kill(world.server.process.pid, 'SIGSTOP');
    await world.publisher.publishMore(75).finally(() => process.kill(world.server.process.pid, 'SIGCONT'));
  });
  expect(report).toMatchObject(harmless);
  expect(report.backAfterMs).toBeLessThan(backMs);
}, 60_000);

test('a wall clock that goes back by an hour and comes back costs nothing', async () => {
  const write = await useFolder();
  const offset = await write('offset', '+0');
  const world = await startWorld(inject('rabbit'), {
    LD_PRELOAD: faketime.path,
    FAKETIME_TIMESTAMP_FILE: offset,
    FAKETIME_NO_CACHE: '1',
    FAKETIME_DONT_FAKE_MONOTONIC: '1',
    DONT_FAKE_MONOTONIC: '1',
  });
  const report = await suffer(world, async () => {
    for (const [shift, isSo] of [
      ['-3600', (ms: number) => ms > 1_800_000],
      ['+0', (ms: number) => ms < 1_800_000],
    ] as const) {
      await writeFile(offset, shift);
      await until(async () => isSo(await behindMs(world.server)));
      await world.publisher.publishMore(25);
    }
  });
  expect(report).toMatchObject(harmless);
}, 60_000);

/** Tries to open a socket. @returns whether it could be */
function canOpen({ socketAddress }: StartedServer): Promise<boolean> {
  const socket = new WebSocket(socketAddress, { handshakeTimeout: 1000 });
  return new Promise((resolve) => {
    socket.once('error', () => resolve(false));
    socket.once('open', () => {
      socket.terminate();
      resolve(true);
    });
  });
}

test('without file handles nobody new can come, those who are there lose nothing, and afterwards all is as before', async () => {
  const world = await startWorld(inject('rabbit'));
  const { server } = world;
  const { pid } = server.process;
  const before = /^Max open files\s+(\d+)/m.exec(await readFile(`/proc/${pid}/limits`, 'utf8'))?.[1];
  const limit = (handles: number | string | undefined) =>
    run('prlimit', ['--pid', String(pid), `--nofile=${handles}:`]);
  const report = await suffer(world, async () => {
    await limit((await readdir(`/proc/${pid}/fd`)).length);
    await until(async () => !(await canOpen(server)), 'nobody can come');
    await world.publisher.publishMore(25);
    await limit(before);
    await until(() => canOpen(server), 'somebody can come');
  });
  expect(report).toMatchObject({ ...harmless, reasons: expect.anything() });
  expect(report.backAfterMs).toBeLessThan(backMs);
}, 60_000);

/** A server whose standard output and standard error are full from the start. */
async function startOnFullDisk(environment: Environment): Promise<StartedServer> {
  const port = await freePort();
  const script = 'exec "$NODE" dist/main.js > /dev/full 2> /dev/full';
  const started = startProcess('sh', ['-c', script], { NODE: process.execPath, PORT: String(port), ...environment });
  const address = `http://127.0.0.1:${port}`;
  return { process: started, address, socketAddress: address.replace('http', 'ws') };
}

test('on a full log disk a lost connection is mended as ever', async () => {
  const world = await startWorld(inject('rabbit'), {}, startOnFullDisk);
  const report = await suffer(world, async () => {
    const before = world.proxy.links.length;
    for (const link of world.proxy.links) link.reset();
    await until(() => world.proxy.links.length >= before + 2, 'other connections');
  });
  expect(report).toMatchObject({ closed: [], outOfOrder: 0, outages: 1 });
  expect(report.backAfterMs).toBeLessThan(backMs);
}, 60_000);

const open = (members: readonly Member[]): Member[] => members.filter(({ closed }) => closed === undefined);

test('a node that is killed takes its own sockets with it and no event of another node; started again it is as before', async () => {
  const survivor = await startWorld(inject('rabbit'));
  const { broker, publisher } = survivor;
  const environment = {
    PORT: String(await freePort()),
    AMQP_URL: broker.url,
    AUTH_JWT_SECRET: secret,
    NODE_NAME: 'victim',
  };
  const victim = await startServer(environment);
  await until(() => isReady(victim));
  const victims = await populate(victim, publisher, 100);
  const world: World = { ...survivor, plan: await broker.patterns() };
  expect(world.plan).toHaveLength(2 * survivor.plan.length);
  let successors: Member[] = [];
  const report = await suffer(world, async () => {
    victim.process.signal('SIGKILL');
    await until(() => open(victims).length === 0, 'every socket of the node is closed');
    const again = await startServer(environment);
    await until(() => isReady(again));
    successors = await populate(again, publisher, 100);
  });
  expect(report).toMatchObject(harmless);
  expect(report.tookMs).toBeLessThan(backMs);
  expect(new Set(victims.map(({ closed }) => closed))).toEqual(new Set([1006]));
  const from = await publisher.publishMore(2 * accounts.length);
  const fresh = publisher.sent.slice(from);
  await until(() =>
    successors.every(({ got, account }) => fresh.some((sent) => sent.account === account && got.has(sent.number))),
  );
}, 60_000);

/** The names of the workers that have sockets. */
async function busyWorkers({ address }: StartedServer): Promise<Set<string>> {
  const lists = accounts.map(async (account) => {
    const headers = { 'X-Auth-Token': await tokenFor(account) };
    const response = await fetch(`${address}/v2/accounts/${account}/websockets?dialect=kazoo4`, { headers });
    const { data = [] } = (await response.json()) as { data?: { destination: string }[] };
    return data.map(({ destination }) => destination);
  });
  return new Set((await Promise.all(lists)).flat());
}

test('a worker that is killed takes its own sockets with it and no event of another; it is replaced', async () => {
  const started = await startWorld(inject('rabbit'), { WORKERS: '2' });
  const { server, publisher } = started;
  const members = [...started.members];
  const world: World = { ...started, members };
  // Connections are handed to whichever worker is free: on a busy machine all of them may be one's.
  await until(async () => {
    if ((await busyWorkers(server)).size === 2) return true;
    members.push(...(await populate(server, publisher, 20)));
    return false;
  }, 'sockets on either worker');
  const listening = () => server.process.log.filter(({ msg }) => msg === 'listening');
  const report = await suffer(world, async () => {
    process.kill(Number(listening()[0]?.pid), 'SIGKILL');
    await until(() => open(members).length < members.length, 'sockets are closed');
    await until(() => listening().length === 3, 'another worker');
    await populate(server, publisher, 100);
  });
  expect(report).toMatchObject({ outOfOrder: 0, lost: 0, outages: 0 });
  expect(report.tookMs).toBeLessThan(backMs);
  expect(open(members).length).toBeGreaterThan(0);
  expect(new Set(report.closed)).toEqual(new Set([1006]));
}, 60_000);
