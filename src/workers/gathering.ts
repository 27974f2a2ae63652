/** The metrics of all workers, gathered by the primary: of those that answer, and who doesn't. */
import { randomUUID } from 'node:crypto';
import { AggregatorRegistry, Counter, Gauge, Registry } from 'prom-client';
import { withDeadline } from '../deadline.ts';
import type { ToPrimary, ToWorker } from './messages.ts';

/** How long those that seem to live have for an answer. ms */
const answerMs = 2000;

/** A worker, as far as it can be asked. */
export interface Asked {
  /** Its node's name. */
  readonly name: string;
  readonly isSilent: boolean;
  send(message: ToWorker): void;
}

type Metrics = Extract<ToPrimary, { type: 'own metrics' }>['metrics'];

interface Question {
  readonly missing: Set<string>;
  readonly answers: Metrics[];
  readonly done: () => void;
}

/** What the primary counts itself. */
export class PrimaryMetrics {
  readonly registry = new Registry();
  readonly #up: Gauge<'worker'>;

  /** @param lostLogLines how many lines of the primary's own log were lost */
  constructor(lostLogLines: () => number) {
    const registers = [this.registry];
    this.#up = new Gauge({
      name: 'horizon_worker_up',
      help: 'With WORKERS: 1 for each worker whose metrics are among these, 0 for one that does not answer',
      labelNames: ['worker'],
      registers,
    });
    new Counter({
      name: 'horizon_log_lines_dropped_total',
      help: 'Log lines that could not be written',
      registers,
      collect() {
        this.reset();
        this.inc(lostLogLines());
      },
    });
  }

  note(worker: string, isUp: boolean): void {
    this.#up.set({ worker }, isUp ? 1 : 0);
  }
}

export class Gathering {
  readonly #questions = new Map<string, Question>();

  constructor(private readonly own: PrimaryMetrics) {}

  /** Asks all that seem to live. @returns the Prometheus text */
  async gather(workers: readonly Asked[]): Promise<string> {
    const asked = workers.filter(({ isSilent }) => !isSilent);
    const missing = new Set(asked.map(({ name }) => name));
    const answers: Metrics[] = [];
    if (missing.size > 0) await this.#ask(asked, missing, answers);
    for (const { name, isSilent } of workers) this.own.note(name, !isSilent && !missing.has(name));
    return AggregatorRegistry.aggregate([...answers, await this.own.registry.getMetricsAsJSON()]).metrics();
  }

  async #ask(asked: readonly Asked[], missing: Set<string>, answers: Metrics[]): Promise<void> {
    const id = randomUUID();
    const answered = new Promise<void>((resolve) => {
      this.#questions.set(id, { missing, answers, done: resolve });
      for (const worker of asked) worker.send({ type: 'own metrics?', id });
    });
    await withDeadline(answerMs, answered);
    this.#questions.delete(id);
  }

  onAnswer(worker: string, id: string, metrics: Metrics): void {
    const question = this.#questions.get(id);
    if (question?.missing.delete(worker) !== true) return;
    question.answers.push(metrics);
    if (question.missing.size === 0) question.done();
  }
}
