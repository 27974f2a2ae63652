/** The server under attack: the real process, its log, its memory. */
import { type ChildProcess, fork } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { maxSocketsOfAccount } from './recipes.ts';
import { accounts, secret } from './world.ts';

const startMs = 30_000;

export class FuzzedServer {
  /** Everything that it wrote. */
  output = '';
  exit: string | undefined;

  private constructor(
    private readonly child: ChildProcess,
    private readonly folder: string,
  ) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    child.on('exit', (code, signal) => {
      this.exit = `code ${code}, signal ${signal}`;
    });
  }

  /** @param url of the broker */
  static async start(url: string): Promise<FuzzedServer> {
    const folder = await mkdtemp(join(tmpdir(), 'event-horizon-fuzz-'));
    const accountsFile = join(folder, 'accounts.json');
    await writeFile(accountsFile, JSON.stringify(accounts));
    const collector = fileURLToPath(new URL('../bench/servers/collect-on-signal.js', import.meta.url));
    const child = fork('dist/main.js', [], {
      execArgv: ['--expose-gc', '--import', collector],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      env: {
        PATH: process.env.PATH,
        HOME: process.env.HOME,
        PORT: '0',
        NODE_NAME: 'fuzzed',
        AMQP_URL: url,
        AUTH_JWT_SECRET: secret,
        // Nobody is there: who asks for it is told so, and that is one of the codes.
        AUTH_JWKS_URL: 'http://127.0.0.1:1/jwks',
        AUTH_TIMEOUT_SECONDS: '10',
        ACCOUNTS_FILE: accountsFile,
        COMPRESSION: 'on',
        MAX_CONNECTIONS_PER_ACCOUNT: String(maxSocketsOfAccount),
        DRAIN_SECONDS: '0',
        LOG_PRETTY: 'off',
      },
    });
    const server = new FuzzedServer(child, folder);
    await server.#until(() => server.address !== undefined);
    await server.#until(async () => (await fetch(`${server.address}/readyz`)).ok);
    return server;
  }

  async #until(condition: () => boolean | Promise<boolean>): Promise<void> {
    for (const endsAt = Date.now() + startMs; !(await condition()); ) {
      if (this.exit !== undefined || Date.now() > endsAt) throw new Error(`the server did not start:\n${this.output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }

  get address(): string | undefined {
    return /"address":"([^"]+)"/.exec(this.output)?.[1];
  }

  get port(): number {
    return Number(new URL(this.address ?? '').port);
  }

  /** Lines of faults in its log. */
  get loggedFaults(): string[] {
    return this.output.split('\n').filter((line) => /"level":"(error|fatal)"/.test(line));
  }

  /** What it holds when everything that can go is gone, bytes. */
  async heldBytes(): Promise<number> {
    const collected = new Promise((resolve) => this.child.once('message', resolve));
    this.child.kill('SIGUSR2');
    await collected;
    const metrics = await (await fetch(`${this.address}/metrics`)).text();
    const read = (name: string): number => Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(metrics)?.[1] ?? Number.NaN);
    return read('nodejs_heap_size_used_bytes') + read('nodejs_external_memory_bytes');
  }

  async residentBytes(): Promise<number> {
    const status = await readFile(`/proc/${this.child.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) * 1024;
  }

  async stop(): Promise<void> {
    if (this.exit === undefined) {
      const ended = new Promise((resolve) => this.child.once('exit', resolve));
      this.child.kill('SIGTERM');
      const deadline = setTimeout(() => this.child.kill('SIGKILL'), 10_000);
      await ended;
      clearTimeout(deadline);
    }
    await rm(this.folder, { recursive: true, force: true });
  }
}
