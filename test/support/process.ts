/** The real thing as a child process: `dist/main.js` and the commands beside it, with an environment of the test's own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { shortened, showWhenWaitFails, until, within } from './until.ts';

export const projectFolder = fileURLToPath(new URL('../../', import.meta.url));

/** Nothing but these and PATH and HOME reaches the process. */
export type Environment = Readonly<Record<string, string>>;

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export class StartedProcess {
  stdout = '';
  stderr = '';
  /** Set once it has ended and all of its output was read. */
  exit: Exit | undefined;
  readonly #waiting = new Set<() => void>();

  constructor(private readonly child: ChildProcess) {
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text;
      this.#changed();
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
      this.#changed();
    });
    child.on('error', (error) => this.#ended({ code: null, signal: null }, String(error)));
    showWhenWaitFails(() => {
      const state = this.exit === undefined ? 'running' : `ended with ${this.exit.code ?? this.exit.signal}`;
      return `process ${child.pid}: ${state}, wrote: ${shortened(this.output)}`;
    });
    // Not `exit`: what it wrote last may still be on its way then.
    child.on('close', (code, signal) => this.#ended({ code, signal }));
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  /** Everything that it wrote. */
  get output(): string {
    return this.stdout + this.stderr;
  }

  /** The lines on standard error. */
  get errorLines(): string[] {
    return this.stderr.split('\n').filter((line) => line !== '');
  }

  /** The log lines so far. Other lines, such as the demo's banner, are left out. */
  get log(): Readonly<Record<string, unknown>>[] {
    const lines = this.stdout.split('\n').filter((line) => line.startsWith('{') && line.endsWith('}'));
    return lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** Sends it again and again until the process ends. @returns how long it took, ms */
  async insist(signal: NodeJS.Signals): Promise<number> {
    const startedAt = performance.now();
    await until(() => {
      this.signal(signal);
      return this.exit !== undefined;
    }, `the end of the process after ${signal}`);
    return performance.now() - startedAt;
  }

  /** To the whole process group, as a terminal does on Ctrl-C. */
  signalGroup(signal: NodeJS.Signals): void {
    killGroup(this.pid, signal);
  }

  /** @returns the first place in the output that matches; waits for it. Rejects when the process ends without. */
  async text(pattern: RegExp): Promise<RegExpExecArray> {
    for (;;) {
      const found = pattern.exec(this.output);
      if (found !== null) return found;
      if (this.exit !== undefined) throw new Error(`ended before it wrote ${pattern}:\n${this.output}`);
      await within(this.#change(), `output that matches ${pattern}`);
    }
  }

  /** Waits for a log line with this message. */
  async logged(message: string): Promise<Readonly<Record<string, unknown>>> {
    for (;;) {
      const line = this.log.find(({ msg }) => msg === message);
      if (line !== undefined) return line;
      if (this.exit !== undefined) throw new Error(`ended before it logged "${message}":\n${this.output}`);
      await within(this.#change(), `the log line "${message}"`);
    }
  }

  async ended(): Promise<Exit> {
    while (this.exit === undefined) await within(this.#change(), 'the end of the process');
    return this.exit;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => this.#waiting.add(resolve));
  }

  #changed(): void {
    for (const resolve of this.#waiting) resolve();
    this.#waiting.clear();
  }

  #ended(exit: Exit, reason = ''): void {
    this.exit ??= exit;
    this.stderr += reason;
    this.#changed();
  }
}

/** Starts a program in the project's folder; it is killed, with all that it started, when the test ends. */
export function startProcess(command: string, args: readonly string[], environment: Environment = {}): StartedProcess {
  const child = spawn(command, args, {
    cwd: projectFolder,
    env: { PATH: process.env.PATH, HOME: process.env.HOME, ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A process group of its own: npm and the primary of several workers have children.
    detached: true,
  });
  onTestFinished(() => killGroup(child.pid, 'SIGKILL'));
  return new StartedProcess(child);
}

/** Starts the server, and does not wait for it. Without other settings it is the demo, on a free port. */
export function startMain(environment: Environment = {}, args: readonly string[] = []): StartedProcess {
  return startProcess(process.execPath, ['dist/main.js', ...args], { PORT: '0', ...environment });
}

export interface StartedServer {
  readonly process: StartedProcess;
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  /** `ws://127.0.0.1:PORT` */
  readonly socketAddress: string;
}

/** Starts the server and waits until it listens. */
export async function startServer(environment: Environment = {}): Promise<StartedServer> {
  const started = startMain(environment);
  const { address } = await started.logged('listening');
  if (typeof address !== 'string') throw new Error(`it says no address:\n${started.output}`);
  return { process: started, address, socketAddress: address.replace('http', 'ws') };
}

/** A folder of the test's own, removed when it ends. @returns writes a file there and tells its path */
export async function useFolder(): Promise<(name: string, content: string | object) => Promise<string>> {
  const folder = await mkdtemp(join(tmpdir(), 'event-horizon-test-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return async (name, content) => {
    const path = join(folder, name);
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
    return path;
  };
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(-pid, signal);
  } catch (error) {
    // Nobody is left in the group.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}
