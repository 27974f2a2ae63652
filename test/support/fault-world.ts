/**
 * A server as a process, 200 clients of four accounts on it, and somebody who publishes all the time; then a fault. What was
 * lost, when it had been published, who was told, and how long it took until all was as before.
 */
import { onTestFinished } from 'vitest';
import type { AmqpProxy } from './amqp-line.ts';
import { startAmqpProxy } from './amqp-proxy.ts';
import { secret, tokenFor } from './bridge.ts';
import { type Broker, useBroker } from './broker.ts';
import { join, lostBy, type Member } from './crowd.ts';
import { type Environment, type StartedServer, startServer } from './process.ts';
import type { RabbitAddress } from './rabbit.ts';
import { callsInTurn, SteadyPublisher } from './steady-publisher.ts';
import { until } from './until.ts';

export const accounts = ['north', 'east', 'south', 'west'];
const bindings = ['call.*.*', 'object.doc_edited.user'];
const clientsInAll = 200;
const publishEveryMs = 40;

export interface World {
  readonly broker: Broker;
  /** Between the servers and the broker. */
  readonly proxy: AmqpProxy;
  readonly publisher: SteadyPublisher;
  /** What the broker holds at rest, each pattern once for each node. */
  readonly plan: readonly string[];
  readonly server: StartedServer;
  readonly members: readonly Member[];
}

/** What a fault came to. */
export interface Report {
  /** Events that somebody who was connected all the time did not get. */
  readonly lost: number;
  /** When the first and the last of them were published, ms since the fault began. */
  readonly lostFromMs: number;
  readonly lostUntilMs: number;
  /** Events that came twice or out of order. */
  readonly outOfOrder: number;
  /** From the end of the fault until everybody got everything again, and the broker held the plan. */
  readonly backAfterMs: number;
  /** From the beginning of the fault until then. */
  readonly tookMs: number;
  /** What /readyz gave as reasons, each once. */
  readonly reasons: readonly string[];
  /** How many outages were counted. */
  readonly outages: number;
  /** Close codes of sockets that were closed. */
  readonly closed: readonly number[];
}

/** @param launch starts the server; with the address of a broker in its environment */
export async function startWorld(
  rabbit: RabbitAddress,
  environment: Environment = {},
  launch: (environment: Environment) => Promise<StartedServer> = startServer,
): Promise<World> {
  const broker = await useBroker(rabbit);
  const proxy = await startAmqpProxy(rabbit.amqpPort);
  const server = await launch({
    AMQP_URL: proxy.url(broker.vhost),
    AUTH_JWT_SECRET: secret,
    NODE_NAME: 'node',
    DRAIN_SECONDS: '0',
    ...environment,
  });
  await until(() => isReady(server), 'the server is ready');
  const publisher = new SteadyPublisher(broker.url, ['callevt'], publishEveryMs, callsInTurn(accounts));
  publisher.start();
  onTestFinished(() => publisher.stop());
  const members = await populate(server, publisher, clientsInAll);
  const world = { broker, proxy, publisher, plan: await broker.patterns(), server, members };
  await allGetAll(world);
  return world;
}

/** Opens so many sockets, of each account as many. */
export async function populate(server: StartedServer, publisher: SteadyPublisher, count: number): Promise<Member[]> {
  const tokens = new Map(await Promise.all(accounts.map(async (name) => [name, await tokenFor(name)] as const)));
  const joining = Array.from({ length: count }, async (_, index) => {
    const account = accounts[index % accounts.length] as string;
    const member = await join(server.socketAddress, account, tokens.get(account) ?? '', bindings);
    member.since = publisher.sent.length;
    return member;
  });
  const members = await Promise.all(joining);
  onTestFinished(() => {
    for (const { socket } of members) socket.terminate();
  });
  return members;
}

export function isReady({ address }: StartedServer): Promise<boolean> {
  return ask(address, '/readyz').then(
    ({ ok }) => ok,
    () => false,
  );
}

/** What is asked of a process that dies just then may never be answered: Node has handed the connection to nobody. */
function ask(address: string, path: string): Promise<Response> {
  return fetch(`${address}${path}`, { signal: AbortSignal.timeout(5000) });
}

async function allGetAll({ publisher, members }: World): Promise<void> {
  const from = await publisher.publishMore(2 * accounts.length);
  const fresh = publisher.sent.slice(from).filter(({ isConfirmed }) => isConfirmed);
  await until(
    () =>
      members
        .filter(({ closed }) => closed === undefined)
        .every(({ got, account }) => fresh.every((sent) => sent.account !== account || got.has(sent.number))),
    'everybody gets everything',
  );
}

function distinct(patterns: readonly string[]): string {
  return [...new Set(patterns)].join();
}

async function isBack({ broker, plan, server, publisher }: World): Promise<boolean> {
  if (!publisher.isUpToDate || !(await isReady(server))) return false;
  // Of several workers, which of them holds a pattern is chance.
  return distinct(await broker.patterns()) === distinct(plan);
}

/** Of several workers, one that is too busy to answer in time is missing from the metrics for that once. */
async function outagesOf({ address }: StartedServer): Promise<number> {
  let count = Number.NaN;
  await until(async () => {
    const text = await (await ask(address, '/metrics')).text();
    count = Number(/^horizon_amqp_outages_total (\d+)$/m.exec(text)?.[1]);
    return !Number.isNaN(count) && !/^horizon_worker_up.* 0$/m.test(text);
  }, 'the metrics of every worker');
  return count;
}

/** Asks the server all the time what is wrong, until it is told to stop. @returns the reasons */
async function watchReasons({ address }: StartedServer, isOver: () => boolean): Promise<Set<string>> {
  const reasons = new Set<string>();
  while (!isOver()) {
    const response = await ask(address, '/readyz').catch(() => undefined);
    if (response?.status === 503) {
      const { message } = (await response.json()) as { message: string };
      reasons.add(message.replace(/ \(.*/s, ''));
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return reasons;
}

/**
 * Lets a fault happen, and waits until everything is as it was.
 * @param inflict resolves when the fault is over, as far as the world outside of the server is concerned
 */
export async function suffer(world: World, inflict: () => Promise<void>): Promise<Report> {
  const { server, publisher, members } = world;
  const outagesBefore = await outagesOf(server);
  let isOver = false;
  const watching = watchReasons(server, () => isOver);
  const beganAt = performance.now();
  await inflict();
  const endedAt = performance.now();
  await until(() => isBack(world), 'the server is ready, and the broker holds the plan');
  await allGetAll(world);
  const backAt = performance.now();
  isOver = true;
  const staying = members.filter(({ closed }) => closed === undefined);
  const closed = members.flatMap((member) => (member.closed === undefined ? [] : [member.closed]));
  const complete = publisher.sent.findIndex(({ at }) => at > endedAt && at > backAt - 1000);
  const lost = staying.flatMap((member) => lostBy(member, publisher.sent, complete));
  const times = lost.map(({ at }) => at - beganAt);
  return {
    lost: lost.length,
    lostFromMs: Math.min(...times),
    lostUntilMs: Math.max(...times),
    outOfOrder: members.reduce((sum, member) => sum + member.outOfOrder, 0),
    backAfterMs: backAt - endedAt,
    tookMs: backAt - beganAt,
    reasons: [...(await watching)],
    outages: (await outagesOf(server)) - outagesBefore,
    closed,
  };
}
