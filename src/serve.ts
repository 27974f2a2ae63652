/** The server as a process: environment, signals, exit codes. `npm start` and `event-horizon serve` both begin here. */
import { readFileSync } from 'node:fs';
import { pid } from 'node:process';
import { createApp } from './app.ts';
import { createAccountSource } from './auth/account-source.ts';
import { Accounts } from './auth/accounts.ts';
import { type Config, describeConfig, readConfig } from './config.ts';
import { demoBanner } from './demo/demo.ts';
import { ConfigError, exitCodeOf, exitCodes, isBadArgument, messageOf } from './errors.ts';
import { createLog, endLog, type Log } from './log.ts';
import { standardOutput } from './log-output.ts';
import { startWarnings } from './start-warnings.ts';
import { version } from './version.ts';
import { runWorkers } from './workers/primary.ts';
import { isWorker, joinPrimary } from './workers/worker.ts';

/** A terminal and npm may both pass on one Ctrl-C; what comes in this time is the same signal. ms */
const sameSignalMs = 1000;

const output = standardOutput(process);

/** For the words about a port that can't be had. */
let metricsPort: number | undefined;

/**
 * Runs the server until a signal ends it. What goes wrong is said in a line and ends the process: 78 for a bad setting, 1 for
 * anything else.
 */
export async function runServer(): Promise<void> {
  guardProcess();
  try {
    const config = readConfig(process.env);
    metricsPort = config.METRICS_PORT;
    const log = createLog(config, output, process.stdout.isTTY);
    if (config.WORKERS > 1 && !isWorker) startWorkers(config, log);
    else await serve(config, log);
  } catch (error) {
    fail(error);
  }
}

/** Prints what is in force, secrets hidden, when a server could be made of it. Ends the process with 78 where none can. */
export async function checkSettings(): Promise<void> {
  guardProcess();
  try {
    const config = readConfig(process.env);
    await createApp(config, { log: createLog({ ...config, LOG_LEVEL: 'silent' }, output, false), version, usedMemory });
    process.stdout.write(`${describeConfig(config)}\n`);
  } catch (error) {
    fail(error);
  }
}

function startWorkers(config: Config, log: Log): void {
  // What no worker could use is said once, and not by each of them.
  createAccountSource(config, new Accounts(), () => undefined, log);
  warn(config, log);
  runWorkers(config, log, { onSignal, exit, lostLogLines: () => output.dropped });
}

const usedMemory = (): number => process.memoryUsage.rss();

async function serve(config: Config, log: Log): Promise<void> {
  const colleagues = isWorker ? joinPrimary() : undefined;
  const app = await createApp(config, {
    log,
    version,
    usedMemory,
    lostLogLines: () => output.dropped,
    ...(colleagues !== undefined && { colleagues }),
  });
  colleagues?.share(app.metrics.registry);
  const address = await app.start();
  onSignal(async () => {
    log.info({ seconds: config.DRAIN_SECONDS }, 'draining');
    await app.stop();
    log.info('stopped');
    await exit(0);
  });
  // Whoever reads that it listens may end it from then on.
  log.info({ address, version, pid, demo: config.demo }, 'listening');
  if (app.demo !== undefined) output.write(demoBanner(address, app.demo));
  // Behind the banner, where it is seen.
  if (!isWorker) warn(config, log);
}

/** The end in good order: the log's last lines are written first, if whoever reads them takes them. */
async function exit(code: number): Promise<never> {
  await endLog(output);
  process.exit(code);
}

/** The first signal drains; another one, unless it is the same passed on twice, ends the process at once. */
function onSignal(drain: () => Promise<void>): void {
  let since: number | undefined;
  const handle = (signal: NodeJS.Signals): void => {
    if (since === undefined) {
      since = performance.now();
      drain().catch((error: unknown) => fail(error));
    } else if (performance.now() - since > sameSignalMs) {
      die(`${signal} again, ending at once`, exitCodes.anythingElse);
    }
  };
  process.on('SIGTERM', handle);
  process.on('SIGINT', handle);
}

function warn(config: Config, log: Log): void {
  for (const { fields, message } of startWarnings(config, fileHandleLimit())) log.warn(fields, message);
}

function fileHandleLimit(): number | undefined {
  try {
    const match = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return match === null ? undefined : Number(match[1]);
  } catch {
    // No Linux, no such file; then nobody is warned.
    return undefined;
  }
}

/** The end for this, with one line that says why and the exit code that belongs to it. */
export function fail(error: unknown): never {
  const text = error instanceof ConfigError ? [...new Set(error.lines)].join('; ') : describeFailure(error);
  die(text, exitCodeOf(error));
}

function settingOf(port: number | undefined): string {
  return port !== undefined && port === metricsPort ? 'METRICS_PORT' : 'PORT';
}

/** The end at once, whatever has become of standard output and standard error. */
function die(reason: string, code: number): never {
  output.endNow();
  try {
    process.stderr.write(`event-horizon: ${reason}\n`);
  } finally {
    process.exit(code);
  }
}

/** One line that a person understands. */
function describeFailure(error: unknown): string {
  if (isBadArgument(error)) return `${messageOf(error)} (\`npm start -- --help\` lists options and settings)`;
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  if (code === 'EADDRINUSE')
    return `${address}:${port} is in use by another program; stop it, or set ${settingOf(port)} to another one`;
  if (code === 'EACCES')
    return `${address}:${port} may not be used by this user; set ${settingOf(port)} to 1024 or above`;
  return messageOf(error);
}

function guardProcess(): void {
  // What can't be said there is said to nobody; it must not become a fault of its own.
  process.stderr.on('error', () => undefined);
  process.on('uncaughtException', (error) => die(`fault: ${error.stack ?? error.message}`, exitCodes.anythingElse));
}
