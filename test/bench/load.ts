/** The orchestrator's hold on a load client. */
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { ConnectionSpec } from './protocols.ts';

export type LoadCommand =
  | { readonly type: 'connect'; readonly specs: readonly ConnectionSpec[]; readonly parallel: number }
  | { readonly type: 'expect'; readonly frames: number; readonly withLatency: boolean }
  | { readonly type: 'report' }
  | { readonly type: 'close' };

export interface Latency {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

export interface Done {
  readonly type: 'done';
  /** Monotonic clock of the machine, ms: the same in every process. */
  readonly atMs: number;
  readonly received: number;
  readonly receivedBytes: number;
  readonly cpuMs: number;
  readonly closedEarly: number;
  readonly latency?: Latency;
}

export interface Connected {
  readonly type: 'connected';
  readonly count: number;
  readonly failed: number;
  readonly firstError: string;
  readonly ms: number;
}

export type LoadReport = Done | Connected | { readonly type: 'armed' } | { readonly type: 'closed' };

/** Receipts that take longer than this count as lost. */
const patienceMs = 60_000;

export class LoadClient {
  readonly #process: ChildProcess;

  constructor() {
    this.#process = fork(fileURLToPath(new URL('./load-client.js', import.meta.url)));
  }

  /** @param parallel connections under way at the same time */
  async connect(specs: readonly ConnectionSpec[], parallel = 100): Promise<Connected> {
    const connected = await this.#ask({ type: 'connect', specs, parallel }, 'connected', 300_000);
    if (connected.failed > 0) process.stderr.write(`${connected.failed} connections failed: ${connected.firstError}\n`);
    return connected;
  }

  /** From here on events are counted. @returns settles when all have come, or with what came until patience ended */
  async expect(frames: number, withLatency = false): Promise<{ done: Promise<Done> }> {
    await this.#ask({ type: 'expect', frames, withLatency }, 'armed', patienceMs);
    const done = this.#await('done', patienceMs).catch(() => this.#ask({ type: 'report' }, 'done', patienceMs));
    return { done };
  }

  async close(): Promise<void> {
    await this.#ask({ type: 'close' }, 'closed', patienceMs);
  }

  stop(): void {
    this.#process.kill('SIGKILL');
  }

  #ask<Type extends LoadReport['type']>(command: LoadCommand, answer: Type, ms: number) {
    const report = this.#await(answer, ms);
    this.#process.send(command);
    return report;
  }

  #await<Type extends LoadReport['type']>(type: Type, ms: number): Promise<Extract<LoadReport, { type: Type }>> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#process.off('message', onMessage);
        reject(new Error(`the load client said no "${type}" within ${ms} ms`));
      }, ms);
      const onMessage = (message: unknown): void => {
        const report = message as LoadReport;
        if (report.type !== type) return;
        clearTimeout(timer);
        this.#process.off('message', onMessage);
        resolve(report as Extract<LoadReport, { type: Type }>);
      };
      this.#process.on('message', onMessage);
    });
  }
}
