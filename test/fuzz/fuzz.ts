/** A run: attackers of all kinds against one server for some seconds, canaries beside them, and what is to be said of it. */
import { fork } from 'node:child_process';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { late, withDeadline } from '../../src/deadline.ts';
import { actionErrors } from '../../src/errors.ts';
import { createRandom, type Random } from '../../src/simulator/random.ts';
import { attackBus, declareExchanges } from './attack-bus.ts';
import { attackRest } from './attack-rest.ts';
import { attackSockets, playRecipes } from './attack-sockets.ts';
import type { CanaryOrder, CanaryReport } from './canary.ts';
import { Findings } from './findings.ts';
import { messageMaker } from './messages.ts';
import { closeRecipes, recipes } from './recipes.ts';
import { FuzzedServer } from './server.ts';
import { canaries, createWorld, secretsOf } from './world.ts';

export interface FuzzOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Of the broker. */
  readonly url: string;
  /** How much later than a plain queue a canary may have an event, ms. */
  readonly lateMs: number;
  readonly say: (line: string) => void;
}

/** Attackers at the same time. More of them would only take the machine from the server. */
const socketAttackers = 8;
const restAttackers = 2;
const busAttackers = 1;
/** How long an attacker may take to see that it is over; and the canaries, which wait for what is missing. ms */
const endMs = 10_000;
const canaryEndMs = 45_000;
/** What the server may hold at the end, idle, beyond what it held when it had seen a bit of everything. */
const growthBytes = 24 * 1024 * 1024;
/** What its process may take at any time: a tenth of what single attackers once had it take. */
const residentLimitBytes = 400 * 1024 * 1024;

/** @returns what was wrong; nothing of it when the run was good */
export async function fuzz(options: FuzzOptions): Promise<readonly string[]> {
  await declareExchanges(options.url);
  const server = await FuzzedServer.start(options.url);
  try {
    return await attack(server, options);
  } finally {
    await server.stop();
  }
}

async function attack(
  server: FuzzedServer,
  { seed, seconds, url, lateMs, say }: FuzzOptions,
): Promise<readonly string[]> {
  const world = await createWorld(await offeredBindings(server));
  const findings = new Findings(
    canaries.map(({ mark }) => mark),
    secretsOf(world),
  );
  const make = messageMaker(await json(server, '/protocol.json'), world);
  const { paths } = z.object({ paths: z.record(z.string(), z.unknown()) }).parse(await json(server, '/openapi.json'));
  let isOver = false;
  const shared = { port: server.port, world, findings, isOver: () => isOver || server.exit !== undefined };
  const crew = [
    ...Array.from({ length: socketAttackers }, () => (random: Random) => attackSockets({ ...shared, make }, random)),
    ...Array.from(
      { length: restAttackers },
      () => (random: Random) => attackRest({ ...shared, paths: [...Object.keys(paths), '/', '/x'] }, random),
    ),
    ...Array.from({ length: busAttackers }, () => (random: Random) => attackBus({ ...shared, url }, random)),
  ];
  const flock = startCanaries({ port: server.port, url });
  const running = crew.map((run, index) => run(createRandom(seed * 1000 + index)));
  await playRecipes({ ...shared, make }, createRandom(seed));
  await pause((seconds * 1000) / 4);
  const heldBytes = await server.heldBytes();
  let mostBytes = 0;
  for (
    const endsAt = Date.now() + (seconds * 3000) / 4;
    Date.now() < endsAt && server.exit === undefined;
    await pause(500)
  ) {
    mostBytes = Math.max(mostBytes, await server.residentBytes());
  }
  isOver = true;
  for (const [index, run] of running.entries()) {
    if ((await withDeadline(endMs, run)) === late) findings.conclude(`attacker ${index} did not come to its end`);
  }
  const canaryReport = await flock.finish();
  if (server.exit === undefined) {
    await untilCalm(server);
    const growth = (await server.heldBytes()) - heldBytes;
    say(
      `held: ${mega(heldBytes)} MB after a quarter of the time, ${mega(heldBytes + growth)} MB at the end; at most ${mega(mostBytes)} MB resident`,
    );
    if (growth > growthBytes) findings.conclude(`memory grew by ${mega(growth)} MB`);
  }
  if (mostBytes > residentLimitBytes) findings.conclude(`the process took ${mega(mostBytes)} MB`);
  judge(server, findings, canaryReport, lateMs);
  describe(findings, canaryReport, say);
  return findings.faults;
}

function judge(server: FuzzedServer, findings: Findings, report: CanaryReport | undefined, lateMs: number): void {
  if (server.exit !== undefined) findings.fault(`the server ended: ${server.exit}\n${server.output.slice(-2000)}`);
  for (const line of server.loggedFaults) findings.conclude(`the server logged ${line.slice(0, 1000)}`);
  findings.checkText(server.output, 'the log');
  for (const code of Object.keys(actionErrors) as (keyof typeof actionErrors)[]) {
    if (typeof recipes[code] === 'function' && !findings.codes.has(code))
      findings.conclude(`the code ${code} was not reached`);
  }
  for (const code of closeRecipes.keys())
    if (!findings.closes.has(code)) findings.conclude(`no socket was closed with ${code}`);
  if (report === undefined) {
    findings.conclude('the canaries ended without a report');
    return;
  }
  for (const fault of report.faults) findings.conclude(fault);
  if (report.lateness.max > lateMs) {
    findings.conclude(
      `an event was ${report.lateness.max.toFixed(0)} ms late, ${report.latestAt.toFixed(1)} s after the start`,
    );
  }
}

function describe(
  { sent, codes, closes, statuses }: Findings,
  report: CanaryReport | undefined,
  say: (line: string) => void,
): void {
  const counts = (map: ReadonlyMap<unknown, number>): string =>
    [...map]
      .sort(([one], [other]) => (String(one) < String(other) ? -1 : 1))
      .map(([key, count]) => `${key} ${count}`)
      .join(', ');
  say(
    `sent: ${sent.connections} connections, ${sent.messages} messages in ${sent.frames} frames, ${sent.requests} requests, ${sent.events} events`,
  );
  say(`error codes: ${counts(codes)}`);
  say(`close codes: ${counts(closes)}`);
  say(`HTTP status: ${counts(statuses)}`);
  if (report === undefined) return;
  const { p50, p99, max } = report.lateness;
  say(
    `canaries: ${report.published} events published, ${report.received} received; late by p50 ${p50.toFixed(1)}, p99 ${p99.toFixed(1)}, at most ${max.toFixed(1)} ms`,
  );
}

const mega = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);

async function json(server: FuzzedServer, path: string): Promise<unknown> {
  return (await fetch(`${server.address}${path}`)).json();
}

async function offeredBindings(server: FuzzedServer): Promise<string[]> {
  const { data } = z
    .object({ data: z.record(z.string(), z.array(z.object({ binding: z.string() }))) })
    .parse(await json(server, '/v2/websockets?dialect=classic'));
  return Object.values(data).flatMap((offers) => offers.map(({ binding }) => binding));
}

/** All attackers are gone, and what they left behind was noticed. */
async function untilCalm(server: FuzzedServer): Promise<void> {
  for (let waits = 0; waits < 100; waits += 1) {
    const metrics = await (await fetch(`${server.address}/metrics`)).text();
    if (/^horizon_sockets 0$/m.test(metrics)) return;
    await pause(100);
  }
}

function startCanaries(order: CanaryOrder): { finish(): Promise<CanaryReport | undefined> } {
  const child = fork(fileURLToPath(new URL('./canary.js', import.meta.url)));
  let report: CanaryReport | undefined;
  child.on('message', (said: CanaryReport) => {
    report = said;
  });
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.send(order);
  return {
    async finish() {
      if (child.connected) child.send('over');
      if ((await withDeadline(canaryEndMs, ended)) === late) child.kill('SIGKILL');
      return report;
    },
  };
}
