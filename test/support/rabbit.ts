/** Real RabbitMQ brokers for tests: processes of their own, in a folder of their own, ended with the tests. */
import { type ChildProcess, execFile, execFileSync, spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { rabbitmqServer } from './packages.ts';

/** Where a broker is, in a form that can be handed to test files. */
export interface RabbitAddress {
  readonly amqpPort: number;
  readonly managementPort: number;
}

export interface Rabbit extends RabbitAddress {
  /** Of the Web STOMP plug-in. */
  readonly stompPort: number;
  /** The process id of the broker itself, which a script started. */
  pid(): number;
  /** Ends the process, with everything that was in the broker. */
  stop(): Promise<void>;
  /** Starts it again on the same ports. */
  start(): Promise<void>;
  /** Resolves when what the broker knows of its queues is on disk: it writes that lazily, and a kill forgets what isn't. */
  syncTables(): Promise<void>;
  /** Holds the process where it is: connections stay open, and nothing is answered until it goes on. */
  freeze(): void;
  thaw(): void;
  /** `rabbitmqctl` with these arguments. @returns what it printed */
  control(...args: string[]): Promise<string>;
  /** Frees what it took; the broker can't be started again. */
  remove(): Promise<void>;
}

const startMs = 60_000;

/** A port that is free now. */
export async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/**
 * @param configuration lines for rabbitmq.conf
 * @param plugins beside the management
 */
export async function startRabbit(
  configuration: readonly string[] = [],
  plugins: readonly string[] = [],
): Promise<Rabbit> {
  const folder = await mkdtemp(join(tmpdir(), 'event-horizon-rabbit-'));
  const [amqpPort, managementPort, distributionPort, epmdPort] = await Promise.all([
    freePort(),
    freePort(),
    freePort(),
    freePort(),
  ]);
  await mkdir(join(folder, 'home'));
  await writeFile(join(folder, 'enabled_plugins'), `[${['rabbitmq_management', ...plugins].join(',')}].\n`);
  const stompPort = await freePort();
  await writeFile(
    join(folder, 'rabbitmq.conf'),
    [
      `listeners.tcp.1 = 127.0.0.1:${amqpPort}`,
      'management.tcp.ip = 127.0.0.1',
      `management.tcp.port = ${managementPort}`,
      ...(plugins.includes('rabbitmq_web_stomp') ? stompLines(stompPort, await freePort()) : []),
      'management.rates_mode = none',
      'collect_statistics_interval = 1000',
      'log.console = false',
      ...configuration,
      '',
    ].join('\n'),
  );
  const env = {
    ...process.env,
    HOME: join(folder, 'home'),
    RABBITMQ_NODENAME: `eh${amqpPort}@localhost`,
    RABBITMQ_DIST_PORT: String(distributionPort),
    ERL_EPMD_PORT: String(epmdPort),
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_MNESIA_BASE: join(folder, 'mnesia'),
    RABBITMQ_LOG_BASE: join(folder, 'log'),
    RABBITMQ_CONFIG_FILE: join(folder, 'rabbitmq.conf'),
    RABBITMQ_ENABLED_PLUGINS_FILE: join(folder, 'enabled_plugins'),
    // Else it lies where the tests were started.
    ERL_CRASH_DUMP: join(folder, 'erl_crash.dump'),
    // Fewer threads: many brokers share two cores here.
    RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS: '+S 2:2 +sbwt none',
  };
  let process_: ChildProcess | undefined;

  async function start(): Promise<void> {
    process_ = spawn(rabbitmqServer.path, [], { env, stdio: 'ignore', detached: true });
    await untilReady(managementPort, process_);
  }

  async function stop(): Promise<void> {
    const running = process_;
    process_ = undefined;
    if (running?.pid === undefined || running.exitCode !== null) return;
    const ended = new Promise((resolve) => running.once('exit', resolve));
    // The whole group: the script that was started is the parent of the broker.
    signalGroup(running.pid, 'SIGKILL');
    await ended;
  }

  async function control(...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)(join(dirname(rabbitmqServer.path), 'rabbitmqctl'), args, { env });
    return stdout;
  }

  async function syncTables(): Promise<void> {
    await control('eval', 'mnesia:sync_log().');
  }

  async function remove(): Promise<void> {
    await stop();
    spawn('epmd', ['-port', String(epmdPort), '-kill'], { stdio: 'ignore' }).on('error', () => undefined);
    await rm(folder, { recursive: true, force: true, maxRetries: 5 });
  }

  const freeze = (): void => {
    signalGroup(process_?.pid, 'SIGSTOP');
    // On a busy machine a thread goes on for a while until the one that takes the signal has its turn.
    while (!isStopped(pid())) sleepSync(1);
  };
  const thaw = (): void => signalGroup(process_?.pid, 'SIGCONT');

  await start();
  const pid = (): number =>
    Number(
      execFileSync('pgrep', ['-g', String(process_?.pid), 'beam'])
        .toString()
        .split('\n')[0],
    );
  return { amqpPort, managementPort, stompPort, pid, stop, start, syncTables, freeze, thaw, control, remove };
}

/** The plug-in brings plain STOMP along. */
function stompLines(webPort: number, plainPort: number): string[] {
  return [
    `stomp.listeners.tcp.1 = 127.0.0.1:${plainPort}`,
    'web_stomp.tcp.ip = 127.0.0.1',
    `web_stomp.tcp.port = ${webPort}`,
  ];
}

/** Whether every thread of a process stands still. */
function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((task) =>
    / [Tt] /.test(readFileSync(`/proc/${pid}/task/${task}/stat`, 'utf8').replace(/^.*\)/, '').slice(0, 3)),
  );
}

function sleepSync(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

/** Asks the management API until it answers: then everything before it in the start-up is there as well. */
async function untilReady(managementPort: number, broker: ChildProcess): Promise<void> {
  const deadline = Date.now() + startMs;
  while (Date.now() < deadline) {
    if (broker.exitCode !== null) throw new Error(`RabbitMQ ended with code ${broker.exitCode} while it started`);
    const isUp = await management({ managementPort }, 'GET', '/api/health/checks/local-alarms').then(
      () => true,
      () => false,
    );
    if (isUp) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`RabbitMQ did not start within ${startMs} ms`);
}

/** A call of the management API. @returns the answer's JSON; undefined where there is none */
export async function management(
  { managementPort }: Pick<RabbitAddress, 'managementPort'>,
  method: string,
  path: string,
  body?: object,
): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${managementPort}${path}`, {
    method,
    headers: { authorization: `Basic ${btoa('guest:guest')}`, 'content-type': 'application/json' },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text === '' ? undefined : JSON.parse(text);
}
