/** `npm run soak`: hours of telephony, comings and goings, and faults; and then whether all is as it was. */
import { setTimeout as pause } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { createRandom } from '../../src/simulator/random.ts';
import type { Member } from '../support/crowd.ts';
import { ensureInstalled, rabbitmqServer } from '../support/packages.ts';
import { Churn } from './churn.ts';
import { type Fault, faults } from './faults.ts';
import type { State } from './state.ts';
import { faultsOfState, judgeDeliveries, mebibytes, type Window } from './verdict.ts';
import { accounts, createWorld, type World } from './world.ts';

const help = `Lets a server live through hours of telephony, of clients that come and go, and of faults of the broker and the line.

  npm run soak -- [--minutes 120] [--seed N]

  --minutes   how long (120)
  --seed      of what the PBX plays and what clients do (a random one)

At the end every event that was published outside of the faults must have reached everybody who listened to its account,
once and in order, and handles, timers, listeners, patterns and memory must be as at the beginning. Exit code 1: they are not.
`;

const stayersOfAnAccount = 3;
const places = 30;
/** From the end of a fault to the next. ms */
const shortestCalmMs = 2000;
const longestCalmMs = 45_000;
/** How long a fault's consequences may last. ms */
const backMs = 30_000;
/** What is on its way when a fault begins belongs to it. ms */
const marginMs = 1000;
const warmUpChurnMs = 8000;
const restMs = 20_000;
const brokerConnections = 2;

function say(text: string): void {
  process.stdout.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);
}

async function isSoon(condition: () => Promise<boolean>, ms: number): Promise<boolean> {
  const deadline = performance.now() + ms;
  while (performance.now() < deadline) {
    // What can't be asked for now is not so now.
    if (await condition().catch(() => false)) return true;
    await pause(100);
  }
  return false;
}

const keysOf = (bindings: readonly { source: string; routing_key: string }[]): string[] =>
  bindings.map(({ source, routing_key }) => `${source} ${routing_key}`).sort();

/** @returns the fault's time, and what is wrong with how it ended */
async function suffer(world: World, fault: Fault, plan: readonly string[]): Promise<[Window, string[]]> {
  const { server, publisher } = world;
  const from = performance.now() - marginMs;
  await fault.inflict(world);
  const endedAt = performance.now();
  const isBack = await isSoon(async () => {
    if (!publisher.isUpToDate || !(await server.isReady())) return false;
    const bound = new Set(keysOf(await world.bindings()));
    return plan.every((key) => bound.has(key));
  }, backMs);
  const until = performance.now() + marginMs;
  say(`${fault.name}: back after ${((until - marginMs - endedAt) / 1000).toFixed(1)} s`);
  return [
    { name: fault.name, from, until },
    isBack ? [] : [`after "${fault.name}" it was not back within ${backMs / 1000} s`],
  ];
}

/** Waits until nobody is there and nothing is bound. @returns what the server holds then, and what is wrong */
async function rest({ server }: World): Promise<[State, string[]]> {
  const names = ['horizon_sockets', 'horizon_subscriptions', 'horizon_amqp_patterns'];
  const left = async (): Promise<string[]> => {
    const values = await Promise.all(names.map(async (name) => [name, (await server.metric(name)).get('')] as const));
    return values.filter(([, value]) => value !== 0).map(([name, value]) => `${name} is ${value} with nobody there`);
  };
  await isSoon(async () => (await left()).length === 0, restMs);
  // After a fault each of its connections to the broker comes back in its own time.
  await isSoon(async () => (await server.state()).resources.TCPSocketWrap === brokerConnections, restMs);
  // What was closed just now lets go of its timers and handles in its own time.
  await pause(3000);
  return [await server.state(), await left()];
}

async function leave(members: readonly Member[]): Promise<void> {
  for (const { socket } of members) socket.close();
  await isSoon(async () => members.every(({ closed }) => closed !== undefined), 5000);
}

async function startChurn({ server, tokenFor }: World, seed: number): Promise<Churn> {
  const tokens = await Promise.all(accounts.map(({ id }) => tokenFor(id)));
  const churn = new Churn(server.socketAddress, [...tokens, 'good for nothing'], createRandom(seed));
  churn.start(places);
  return churn;
}

/** Everything is loaded, compiled and used once before the first look. */
async function warmUp(world: World, seed: number): Promise<State> {
  const stayers = await world.openStayers(1);
  const churn = await startChurn(world, seed);
  await pause(warmUpChurnMs);
  const [reset] = faults;
  if (reset !== undefined) await suffer(world, reset, []);
  await churn.stop();
  await leave(stayers);
  const [state, wrong] = await rest(world);
  if (wrong.length > 0) throw new Error(wrong.join('; '));
  return state;
}

function show(title: string, { heapBytes, residentBytes, listeners, resources }: State): void {
  const kinds = Object.entries(resources).map(([kind, count]) => `${count} ${kind}`);
  const memory = `heap ${mebibytes(heapBytes)} MiB, resident ${mebibytes(residentBytes)} MiB`;
  say(`${title}: ${memory}, ${listeners} listeners, ${kinds.join(', ')}`);
}

async function soak(world: World, minutes: number, seed: number): Promise<string[]> {
  const { server, publisher } = world;
  const before = await warmUp(world, seed);
  show('at the beginning', before);
  const stayers = await world.openStayers(stayersOfAnAccount);
  const plan = keysOf(await world.bindings());
  const churn = await startChurn(world, seed + 1);
  const endsAt = performance.now() + minutes * 60_000;
  const calmMs = Math.min(longestCalmMs, Math.max(shortestCalmMs, (minutes * 60_000) / faults.length / 5));
  const windows: Window[] = [];
  const wrong: string[] = [];
  for (let index = 0; performance.now() < endsAt && !server.hasEnded; index += 1) {
    await pause(calmMs);
    const [window, faultsFound] = await suffer(world, faults[index % faults.length] as Fault, plan);
    windows.push(window);
    wrong.push(...faultsFound);
  }
  await churn.stop();
  await publisher.publishMore(accounts.length);
  await pause(marginMs);
  // What was published in the last second is still on its way.
  windows.push({ name: 'the end', from: performance.now() - marginMs, until: Number.POSITIVE_INFINITY });
  const deliveries = judgeDeliveries(stayers, publisher.sent, windows);
  wrong.push(...deliveries.wrong);
  const failed = (await server.metric('horizon_events_dropped_total')).get('reason="failed"') ?? 0;
  if (failed > 0) wrong.push(`${failed} events could not be handled`);
  if (server.output.includes('MaxListenersExceededWarning')) wrong.push('Node.js warned of too many listeners');
  await leave(stayers);
  let [after, left] = await rest(world);
  // What passes by itself has not grown.
  for (let looks = 1; looks < 3 && faultsOfState(before, after).length > 0; looks += 1)
    [after, left] = await rest(world);
  show('at the end', after);
  wrong.push(...left, ...faultsOfState(before, after));
  const { expected, kinds } = deliveries;
  say(`${publisher.sent.length} events published; ${expected} of ${kinds} kinds, outside of faults, had to arrive`);
  say(`${churn.count} sockets came and went, ${windows.length - 1} faults`);
  return wrong;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { minutes: { type: 'string' }, seed: { type: 'string' }, help: { type: 'boolean', short: 'h' } },
  });
  if (values.help) {
    process.stdout.write(help);
    return 0;
  }
  const minutes = Number(values.minutes ?? 120);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  if (!(minutes > 0) || !Number.isInteger(seed)) {
    process.stderr.write('soak: --minutes is a number above 0, --seed a whole number\n');
    return 78;
  }
  await ensureInstalled([rabbitmqServer]);
  say(`${minutes} minutes, seed ${seed}`);
  const world = await createWorld(seed);
  try {
    const wrong = await soak(world, minutes, seed);
    for (const sentence of wrong) say(`WRONG: ${sentence}`);
    if (wrong.length > 0) process.stdout.write(`\nThe server's last words:\n${world.server.output}\n`);
    else say('all is as it was');
    return wrong.length === 0 ? 0 : 1;
  } finally {
    await world.end();
  }
}

process.exitCode = await main();
