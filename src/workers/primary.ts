/**
 * Several processes on one port: starts them, replaces those that die, ends and replaces those that hang, gathers their
 * metrics, passes the end on. The primary never serves itself.
 */
import cluster, { type Worker } from 'node:cluster';
import type { Config } from '../config.ts';
import { exitCodes, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Asked, Gathering, PrimaryMetrics } from './gathering.ts';
import { type ToWorker, toPrimarySchema } from './messages.ts';
import { Pulses, pulseMs } from './pulses.ts';

/** Pause before a worker is replaced, growing while they keep dying. ms */
const firstPauseMs = 1000;
const longestPauseMs = 30_000;
/** Who lives this long has shown that it can. ms */
const soundMs = 60_000;

/** What the primary needs of the process. */
export interface PrimaryProcess {
  onSignal(drain: () => Promise<void>): void;
  exit(code: number): Promise<never>;
  /** How many lines of its log were lost so far. */
  lostLogLines(): number;
}

/** Runs as the primary until all is over. */
export function runWorkers(config: Config, log: Log, primary: PrimaryProcess): void {
  new Primary(config, log, primary).run();
}

class Primary {
  /** By their numbers, from 1: those that live. */
  readonly #workers = new Map<number, Worker>();
  readonly #pulses = new Pulses();
  readonly #gathering: Gathering;
  #silent: ReadonlySet<number> = new Set();
  #isEnding = false;
  #hasListened = false;
  #pauseMs = firstPauseMs;

  constructor(
    private readonly config: Config,
    private readonly log: Log,
    private readonly process: PrimaryProcess,
  ) {
    this.#gathering = new Gathering(new PrimaryMetrics(() => process.lostLogLines()));
  }

  run(): void {
    this.process.onSignal(async () => {
      this.#isEnding = true;
      const codes = await Promise.all([...this.#workers.values()].map(endWorker));
      await this.process.exit(Math.max(0, ...codes));
    });
    for (let number = 1; number <= this.config.WORKERS; number += 1) this.#fork(number);
    // To the end: one that hangs would hold up a drain for ever.
    setInterval(() => this.#checkPulses(), pulseMs);
  }

  #nameOf(number: number): string {
    return `${this.config.NODE_NAME}-${number}`;
  }

  #fork(number: number): void {
    const worker = cluster.fork({ NODE_NAME: this.#nameOf(number) });
    const startedAt = performance.now();
    this.#workers.set(number, worker);
    this.#pulses.expect(number, startedAt);
    worker.on('listening', () => {
      this.#hasListened = true;
      // It has missed what was said before.
      this.#tellWhoIsSilent([worker]);
    });
    worker.on('message', (message: unknown) => this.#onMessage(number, worker, message));
    const onEnd = (code: number, signal: string | null): void => {
      if (this.#workers.get(number) === worker) {
        this.#workers.delete(number);
        this.#pulses.forget(number);
      }
      if (!this.#isEnding) this.#replace(number, { code, signal, livedMs: performance.now() - startedAt });
    };
    worker.on('exit', onEnd);
    // What is said to a worker that has just died fails here, and must not end the primary and the others with it.
    worker.on('error', (error) => {
      this.log.warn({ err: error, worker: number }, 'a worker could not be reached');
      // One that could not even be started has no other end.
      if (worker.process.pid === undefined) onEnd(1, null);
    });
  }

  #replace(number: number, { code, signal, livedMs }: { code: number; signal: string | null; livedMs: number }): void {
    // What can't even start once would not start the next time either; it has said why.
    if (!this.#hasListened || code === exitCodes.badConfiguration) {
      this.#isEnding = true;
      void this.process.exit(code || exitCodes.anythingElse);
      return;
    }
    this.#pauseMs = livedMs > soundMs ? firstPauseMs : Math.min(longestPauseMs, this.#pauseMs * 2);
    const pauseMs = this.#pauseMs;
    this.log.error({ worker: number, code, signal, pauseMs }, 'a worker died; it will be replaced');
    setTimeout(() => {
      if (!this.#isEnding) this.#fork(number);
    }, pauseMs);
  }

  #onMessage(number: number, worker: Worker, message: unknown): void {
    const { data } = toPrimarySchema.safeParse(message);
    if (data === undefined) return;
    if (data.type === 'pulse') this.#pulses.beat(number, performance.now());
    else if (data.type === 'own metrics') this.#gathering.onAnswer(this.#nameOf(number), data.id, data.metrics);
    else void this.#answerMetrics(worker, data.id);
  }

  async #answerMetrics(worker: Worker, id: string): Promise<void> {
    const numbers = Array.from({ length: this.config.WORKERS }, (_, index) => index + 1);
    const asked = numbers.map((number): Asked => {
      const one = this.#workers.get(number);
      return {
        name: this.#nameOf(number),
        isSilent: one === undefined || this.#silent.has(number),
        send: (message) => one !== undefined && tell(one, message),
      };
    });
    const answer = await this.#gathering.gather(asked).then(
      (text) => ({ text }),
      (error: unknown) => ({ error: messageOf(error) }),
    );
    tell(worker, { type: 'all metrics', id, ...answer });
  }

  #checkPulses(): void {
    const { silent, hung } = this.#pulses.check(performance.now());
    for (const number of hung) {
      this.log.error({ worker: number }, 'a worker hangs: it is killed');
      this.#workers.get(number)?.process.kill('SIGKILL');
    }
    const isChanged = silent.length !== this.#silent.size || silent.some((number) => !this.#silent.has(number));
    if (!isChanged) return;
    for (const number of silent)
      if (!this.#silent.has(number)) this.log.warn({ worker: number }, 'a worker does not answer');
    this.#silent = new Set(silent);
    this.#tellWhoIsSilent([...this.#workers.values()]);
  }

  #tellWhoIsSilent(workers: readonly Worker[]): void {
    const names = [...this.#silent].map((number) => this.#nameOf(number));
    for (const worker of workers) tell(worker, { type: 'silent workers', names });
  }
}

/** It may have died meanwhile; what can't be sent then is said by its `error` event. */
function tell(worker: Worker, message: ToWorker): void {
  if (worker.isConnected()) worker.send(message);
}

/** @returns the worker's exit code */
function endWorker(worker: Worker): Promise<number> {
  return new Promise((resolve) => {
    worker.once('exit', (code) => resolve(code ?? 1));
    worker.process.kill('SIGTERM');
  });
}
