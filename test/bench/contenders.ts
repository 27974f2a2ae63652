/** Who is compared: how each is started, and how its clients connect. */
import { type ChildProcess, spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { makeToken } from '../../src/auth/token.ts';
import { freePort, type Rabbit } from '../support/rabbit.ts';
import type { ConnectionSpec, ProtocolName } from './protocols.ts';

const secret = 'a secret for the benchmark and nothing else, long enough';

export interface Contender {
  readonly name: string;
  readonly protocol: ProtocolName;
  /** What the connections ask for beyond the account. */
  readonly options?: Partial<ConnectionSpec>;
  /** The script among `servers/`; undefined for Event Horizon itself and for the broker's own plug-in. */
  readonly script?: string;
  /** Every connection has a token of its own; else an account's connections share one. */
  readonly ownTokens?: boolean;
  /** Settings of Event Horizon. */
  readonly settings?: Readonly<Record<string, string>>;
}

export const horizon: Contender = { name: 'Event Horizon', protocol: 'horizon' };
export const horizonRequestId: Contender = {
  name: 'Event Horizon, request_id each',
  protocol: 'horizon',
  options: { withRequestId: true },
};
export const horizonKazoo4: Contender = {
  name: 'Event Horizon, kazoo4',
  protocol: 'horizon',
  options: { path: '/?dialect=kazoo4' },
};
export const horizonCompressed: Contender = {
  name: 'Event Horizon, COMPRESSION=on',
  protocol: 'horizon',
  options: { compressed: true },
  settings: { COMPRESSION: 'on' },
};
export const horizonCompressedRequestId: Contender = {
  ...horizonCompressed,
  name: 'Event Horizon, COMPRESSION=on, request_id each',
  options: { compressed: true, withRequestId: true },
};
export const horizonOwnTokens: Contender = {
  name: 'Event Horizon, a token each',
  protocol: 'horizon',
  ownTokens: true,
};
export const horizonWorkers: Contender = {
  name: 'Event Horizon, WORKERS=2',
  protocol: 'horizon',
  settings: { WORKERS: '2' },
};
export const horizonStream: Contender = {
  name: 'Event Horizon, HISTORY=stream',
  protocol: 'horizon',
  settings: { HISTORY: 'stream' },
};
export const socketIo: Contender = { name: 'Socket.IO 4.8 bridge', protocol: 'socket.io', script: 'socket-io' };
export const plainWs: Contender = { name: 'plain ws bridge', protocol: 'plain', script: 'plain-ws' };
export const webStomp: Contender = { name: 'RabbitMQ Web STOMP', protocol: 'stomp' };
export const limit: Contender = { name: 'limit (raw sockets)', protocol: 'raw', script: 'limit' };

/** A contender that runs. */
export interface Running {
  readonly contender: Contender;
  readonly port: number;
  /** CPU time that its process took so far, ms. */
  cpuMs(): number;
  /** Resident memory of its process, bytes. */
  residentBytes(): number;
  /** Has its process collect garbage, where it can be asked. */
  collectGarbage(): Promise<void>;
  /** What its connections are to be. */
  specs(count: number, accounts?: readonly string[]): Promise<ConnectionSpec[]>;
  stop(): Promise<void>;
}

const folder = fileURLToPath(new URL('.', import.meta.url));

export async function startContender(contender: Contender, rabbit: Rabbit): Promise<Running> {
  const amqpUrl = `amqp://guest:guest@127.0.0.1:${rabbit.amqpPort}`;
  const port = contender.protocol === 'stomp' ? rabbit.stompPort : await freePort();
  const child = contender.protocol === 'stomp' ? undefined : launch(contender, port, amqpUrl);
  if (child !== undefined) await untilReady(contender, child, port);
  const pid = child?.pid ?? rabbit.pid();
  return {
    contender,
    port,
    cpuMs: () => cpuOf(pid),
    residentBytes: () => residentOf(pid),
    collectGarbage: async () => {
      if (child === undefined) return;
      const collected = new Promise((resolve) => child.once('message', resolve));
      child.kill('SIGUSR2');
      await collected;
    },
    specs: (count, names = [benchAccount]) => specsFor(contender, port, count, names),
    async stop() {
      if (child === undefined || child.exitCode !== null || child.signalCode !== null) return;
      const gone = new Promise((resolve) => child.once('exit', resolve));
      // A profile is only written by a process that may end.
      child.kill(process.env.BENCH_PROFILE ? 'SIGTERM' : 'SIGKILL');
      await gone;
    },
  };
}

/** The account of the call fixtures. */
export const benchAccount = 'account0000000000000000000000002';

function launch(contender: Contender, port: number, amqpUrl: string): ChildProcess {
  const isHorizon = contender.script === undefined;
  const script = isHorizon ? 'dist/main.js' : `${folder}servers/${contender.script}.js`;
  const env = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    AMQP_URL: amqpUrl,
    PORT: String(port),
    ...(isHorizon && { AUTH_JWT_SECRET: secret, LOG_LEVEL: 'warn', DRAIN_SECONDS: '0', ...contender.settings }),
  };
  const args = ['--expose-gc', '--import', `${folder}servers/collect-on-signal.js`];
  // With BENCH_PROFILE=folder, Event Horizon's CPU profile is written there when it ends.
  if (isHorizon && process.env.BENCH_PROFILE) args.push('--cpu-prof', '--cpu-prof-dir', process.env.BENCH_PROFILE);
  return spawn(process.execPath, [...args, script], { env, stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

async function untilReady(contender: Contender, child: ChildProcess, port: number): Promise<void> {
  if (contender.script !== undefined) {
    await new Promise((resolve, reject) => {
      child.once('message', resolve);
      child.once('exit', (code) => reject(new Error(`${contender.name} ended with ${code}`)));
    });
    return;
  }
  const deadline = Date.now() + 120_000;
  while (Date.now() < deadline) {
    const response = await fetch(`http://127.0.0.1:${port}/readyz`).catch(() => undefined);
    if (response?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`${contender.name} was not ready in time`);
}

async function specsFor(
  contender: Contender,
  port: number,
  count: number,
  accounts: readonly string[],
): Promise<ConnectionSpec[]> {
  const tokens = new Map<string, string>();
  const tokenFor = async (account: string, index: number): Promise<string> => {
    const owner = contender.ownTokens === true ? `user${index}` : 'user';
    const known = tokens.get(account + owner);
    const token = known ?? (await makeToken(secret, { account_id: account, owner_id: owner }, 86_400));
    tokens.set(account + owner, token);
    return token;
  };
  const specs: ConnectionSpec[] = [];
  for (let index = 0; index < count; index += 1) {
    const account = accounts[index % accounts.length] as string;
    const token = contender.protocol === 'horizon' ? await tokenFor(account, index) : undefined;
    specs.push({
      protocol: contender.protocol,
      port,
      account,
      ...(token !== undefined && { token }),
      ...contender.options,
    });
  }
  return specs;
}

/** From /proc, of a process and its children: user and system time in ticks of 10 ms. */
function cpuOf(pid: number): number {
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').split(' ').filter(Boolean);
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
  const own = (Number(fields[11]) + Number(fields[12])) * 10;
  return children.reduce((sum, child) => sum + cpuOf(Number(child)), own);
}

function residentOf(pid: number): number {
  const match = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'));
  return Number(match?.[1]) * 1024;
}
