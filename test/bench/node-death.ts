/**
 * What a node's death costs a publisher: a bridge that holds 9,000 subscriptions of 2,000 accounts is killed while a
 * publisher publishes with confirms every 10 ms to the exchanges that the bridge is bound to. The broker deletes the
 * bridge's queue and its bindings then, and the confirms of what is being routed wait for that. Measured with the plan
 * that MAX_PATTERNS allows, with a plan that is just full, and with a limit so high that everything is bound finely.
 */
import { type ChildProcess, fork, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import amqp from 'amqplib';
import { SignJWT } from 'jose';
import { WebSocket } from 'ws';
import { ensureInstalled, rabbitmqServer } from '../support/packages.ts';
import { freePort, type Rabbit, startRabbit } from '../support/rabbit.ts';
import { median, shown } from './statistics.ts';

const secret = 'a secret of the bench, and of nobody else in the whole world';
const childrenPerParent = 100;
const intervalMs = 10;
/** Before the death, to know the usual; and after it: what was published then is waited for as long as it takes. */
const usualMs = 2000;
const afterMs = 1000;

const accountId = (n: number): string => n.toString(16).padStart(32, '0');
const parentId = (n: number): string => `f${n.toString(16).padStart(31, '0')}`;

/** What the users of one account watch, 4.5 on the average: calls, documents, every other one its conferences. */
const bindingsOf = (n: number): string[] => [
  'call.CHANNEL_CREATE.*',
  'object.doc_edited.user',
  'object.doc_edited.device',
  'object.doc_created.user',
  ...(n % 2 === 0 ? ['conference.event.*.*'] : []),
];

interface Sample {
  readonly at: number;
  readonly ms: number;
}

/** MAX_PATTERNS, and how many accounts are watched. */
interface Case {
  readonly limit: number;
  readonly accounts: number;
}

const cases: readonly Case[] = [
  { limit: 100, accounts: 2000 },
  // The most that fits without giving way.
  { limit: 100, accounts: 27 },
  { limit: 10_000, accounts: 2000 },
];

interface Round {
  readonly subscriptions: number;
  readonly patterns: number;
  readonly usualMs: number;
  readonly longestUsualMs: number;
  readonly longestMs: number;
}

const self = fileURLToPath(import.meta.url);
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { rounds: { type: 'string', default: '3' } },
});

if (positionals[0] === 'publish') await publishForEver(positionals[1] as string);
else await measure();

async function measure(): Promise<void> {
  await ensureInstalled([rabbitmqServer]);
  for (const measured of cases) {
    const rounds: Round[] = [];
    for (let round = 0; round < Number(values.rounds); round += 1) {
      const rabbit = await startRabbit();
      try {
        rounds.push(await measureOnce(rabbit, measured));
      } finally {
        await rabbit.remove();
      }
    }
    report(measured, rounds);
  }
}

function report({ limit, accounts }: Case, rounds: readonly Round[]): void {
  const column = (pick: (round: Round) => number): number[] => rounds.map(pick);
  const longest = column((round) => round.longestMs);
  process.stdout.write(
    [
      `MAX_PATTERNS=${limit}, ${accounts} accounts, ${rounds[0]?.subscriptions} subscriptions: ${rounds[0]?.patterns} patterns`,
      `  confirm latency before the death, median: ${shown(median(column((round) => round.usualMs)))} ms`,
      `  longest before the death, median of ${rounds.length}: ${shown(median(column((round) => round.longestUsualMs)))} ms`,
      `  longest at the death, each round: ${longest.map(shown).join(', ')} ms`,
      `  longest at the death, median of ${rounds.length}: ${shown(median(longest))} ms, longest ${shown(Math.max(...longest))} ms`,
      '',
    ].join('\n'),
  );
}

async function measureOnce(rabbit: Rabbit, { limit, accounts }: Case): Promise<Round> {
  const url = `amqp://guest:guest@127.0.0.1:${rabbit.amqpPort}`;
  const bridge = await startBridge(url, { limit, accounts });
  try {
    const groups = Array.from({ length: Math.ceil(accounts / childrenPerParent) }, (_, parent) =>
      subscribeGroup(bridge.port, parent, accounts),
    );
    await Promise.all(groups);
    const [subscriptions, patterns] = await held(bridge.port);
    const publisher = fork(self, ['publish', url]);
    const samples: Sample[] = [];
    publisher.on('message', (sample) => samples.push(sample as Sample));
    await pause(usualMs);
    const diedAt = Date.now();
    bridge.process.kill('SIGKILL');
    await pause(afterMs);
    await stopped(publisher);
    const before = samples.filter(({ at, ms }) => at + ms < diedAt).map(({ ms }) => ms);
    const since = samples.filter(({ at, ms }) => at + ms >= diedAt).map(({ ms }) => ms);
    return {
      subscriptions,
      patterns,
      usualMs: median(before),
      longestUsualMs: Math.max(...before),
      longestMs: Math.max(...since),
    };
  } finally {
    await ended(bridge.process, 'SIGKILL');
    await bridge.forget();
  }
}

interface Bridge {
  readonly port: number;
  readonly process: ChildProcess;
  forget(): Promise<void>;
}

/** The real thing, with an account tree: a parent's token may watch each of its children. */
async function startBridge(url: string, { limit, accounts: count }: Case): Promise<Bridge> {
  const folder = await mkdtemp(join(tmpdir(), 'event-horizon-bench-'));
  const accounts: object[] = [];
  for (let n = 0; n < count; n += 1) {
    const parent = Math.floor(n / childrenPerParent);
    if (n % childrenPerParent === 0) accounts.push({ id: parentId(parent) });
    accounts.push({ id: accountId(n), parent_id: parentId(parent) });
  }
  await writeFile(join(folder, 'accounts.json'), JSON.stringify(accounts));
  const port = await freePort();
  const child = spawn(process.execPath, ['dist/main.js'], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: {
      PATH: process.env.PATH,
      PORT: String(port),
      AMQP_URL: url,
      AUTH_JWT_SECRET: secret,
      ACCOUNTS_FILE: join(folder, 'accounts.json'),
      MAX_PATTERNS: String(limit),
      MAX_BINDINGS_PER_SOCKET: '1000',
      RATE_LIMIT_BURST: '1000',
      LOG_LEVEL: 'fatal',
    },
  });
  for (;;) {
    const isReady = await fetch(`http://127.0.0.1:${port}/readyz`).then(
      ({ ok }) => ok,
      () => false,
    );
    if (isReady) return { port, process: child, forget: () => rm(folder, { recursive: true }) };
    if (child.exitCode !== null) throw new Error('the bridge ended; see its message above');
    await pause(50);
  }
}

/** One socket that watches all of a parent's children. */
async function subscribeGroup(port: number, parent: number, accounts: number): Promise<void> {
  const token = await new SignJWT({ account_id: parentId(parent) })
    .setProtectedHeader({ alg: 'HS256' })
    .setExpirationTime('1h')
    .sign(new TextEncoder().encode(secret));
  const socket = new WebSocket(`ws://127.0.0.1:${port}`, { headers: { 'x-auth-token': token } });
  // Its end is part of the measurement.
  socket.on('error', () => undefined);
  await new Promise((resolve) => socket.once('open', resolve));
  const end = Math.min(accounts, (parent + 1) * childrenPerParent);
  for (let n = parent * childrenPerParent; n < end; n += 1) {
    const answered = new Promise<string>((resolve) => socket.once('message', (data) => resolve(data.toString())));
    socket.send(JSON.stringify({ action: 'subscribe', data: { account_id: accountId(n), bindings: bindingsOf(n) } }));
    const reply = JSON.parse(await answered) as { status: string };
    if (reply.status !== 'success') throw new Error(`a subscribe failed: ${JSON.stringify(reply)}`);
  }
}

async function held(port: number): Promise<[subscriptions: number, patterns: number]> {
  const text = await (await fetch(`http://127.0.0.1:${port}/metrics`)).text();
  const value = (name: string): number => Number(new RegExp(`^${name} (\\d+)`, 'm').exec(text)?.[1]);
  return [value('horizon_subscriptions'), value('horizon_amqp_patterns')];
}

/** The publisher, a process of its own: it tells the parent what each confirm took. */
async function publishForEver(url: string): Promise<void> {
  const connection = await amqp.connect(url, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  // Of the first account; the exchanges are there, the bridge is bound to them. It gets only as much as it must.
  const database = `account%2F${accountId(0).slice(0, 2)}%2F${accountId(0).slice(2, 4)}%2F${accountId(0).slice(4)}`;
  const messages = [
    { exchange: 'callevt', key: 'call.CHANNEL_CREATE.x' },
    { exchange: 'configuration', key: `doc_edited.${database}.user.x` },
    { exchange: 'conference', key: `conference.event.add-member.${accountId(0)}.7001.x` },
  ];
  const body = Buffer.from(JSON.stringify({ 'Event-Name': 'bench', 'Account-ID': accountId(0) }));
  let count = 0;
  const timer = setInterval(() => {
    const { exchange, key } = messages[count % messages.length] as (typeof messages)[number];
    count += 1;
    const startedAt = process.hrtime.bigint();
    const at = Date.now();
    channel.publish(exchange, key, body, {}, () => {
      process.send?.({ at, ms: Number(process.hrtime.bigint() - startedAt) / 1e6 } satisfies Sample);
    });
  }, intervalMs);
  // What is not confirmed yet counts as well.
  process.once('message', () => {
    clearInterval(timer);
    channel
      .waitForConfirms()
      .then(() => connection.close())
      .then(() => process.disconnect())
      .catch((error: unknown) => {
        process.stderr.write(`${String(error)}\n`);
        process.exit(1);
      });
  });
}

async function stopped(publisher: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => publisher.once('exit', resolve));
  publisher.send('stop');
  await gone;
}

async function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise((resolve) => child.once('exit', resolve));
  child.kill(signal);
  await gone;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
