/** The server under test, as a process whose insides can be asked for. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type State, stateSchema } from './state.ts';

const startMs = 20_000;
/** What is kept of its output, to be shown where something is wrong. Characters. */
const keptOutput = 20_000;

export class SoakServer {
  output = '';
  hasEnded = false;

  private constructor(
    private readonly child: ChildProcess,
    readonly address: string,
  ) {
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output = (this.output + text).slice(-keptOutput);
      });
    }
    child.once('exit', () => {
      this.hasEnded = true;
    });
  }

  /** Starts it and waits until it is ready. */
  static async start(port: number, environment: Readonly<Record<string, string>>): Promise<SoakServer> {
    const probe = new URL('./probe.js', import.meta.url).href;
    const child = spawn(process.execPath, ['--expose-gc', '--import', probe, 'dist/main.js'], {
      env: { PATH: process.env.PATH, HOME: process.env.HOME, PORT: String(port), ...environment },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    const server = new SoakServer(child, `http://127.0.0.1:${port}`);
    const deadline = performance.now() + startMs;
    while (!(await server.isReady())) {
      if (server.hasEnded || performance.now() > deadline)
        throw new Error(`the server did not start:\n${server.output}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    return server;
  }

  get socketAddress(): string {
    return this.address.replace('http', 'ws');
  }

  get pid(): number {
    return this.child.pid ?? 0;
  }

  async isReady(): Promise<boolean> {
    return this.#get('/readyz').then(
      ({ ok }) => ok,
      () => false,
    );
  }

  /** The values of a metric, by their labels as they stand in the text; `''` where there are none. */
  async metric(name: string): Promise<ReadonlyMap<string, number>> {
    const text = await (await this.#get('/metrics')).text();
    const found = text.matchAll(new RegExp(`^${name}(?:\\{(.*)\\})? (\\S+)$`, 'gm'));
    return new Map([...found].map(([, labels = '', value]) => [labels, Number(value)]));
  }

  async state(): Promise<State> {
    this.child.send('state?');
    const [message] = (await once(this.child, 'message')) as [unknown];
    return stateSchema.parse(message);
  }

  signal(signal: NodeJS.Signals): void {
    this.child.kill(signal);
  }

  /** @returns the exit code of a drain */
  async stop(): Promise<number | null> {
    if (this.hasEnded) return this.child.exitCode;
    const ended = once(this.child, 'exit');
    this.child.kill('SIGTERM');
    const timer = setTimeout(() => this.child.kill('SIGKILL'), startMs);
    const [code] = (await ended) as [number | null];
    clearTimeout(timer);
    return code;
  }

  /** One connection for each, so that none is open at rest. */
  #get(path: string): Promise<Response> {
    return fetch(`${this.address}${path}`, { headers: { connection: 'close' }, signal: AbortSignal.timeout(5000) });
  }
}
