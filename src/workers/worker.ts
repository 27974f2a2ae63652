/** In a worker: its side of the conversation with the primary. */
import cluster, { type Worker } from 'node:cluster';
import { randomUUID } from 'node:crypto';
import type { Registry } from 'prom-client';
import { late, withDeadline } from '../deadline.ts';
import { type ToPrimary, type ToWorker, toWorkerSchema } from './messages.ts';
import { pulseMs } from './pulses.ts';

export const isWorker = cluster.isWorker;

/** Longer than the primary waits for the others. ms */
const answerMs = 5000;

/** What a worker knows of the others. */
export interface Colleagues {
  /** The metrics of all workers, as Prometheus text. @throws Error when the primary doesn't answer */
  metricsOfAll(): Promise<string>;
  /** From now on these can be gathered from this worker. */
  share(metrics: Registry): void;
  /** The names of those that do not answer now. */
  silent(): readonly string[];
}

/** Says from now on that this process lives. */
export function joinPrimary(): Colleagues {
  const { worker } = cluster;
  if (worker === undefined) throw new Error('this is no worker');
  const waiting = new Map<string, (answer: Extract<ToWorker, { type: 'all metrics' }>) => void>();
  let silent: readonly string[] = [];
  let registry: Registry | undefined;

  worker.on('message', (message: unknown) => {
    const { data } = toWorkerSchema.safeParse(message);
    if (data?.type === 'silent workers') silent = data.names;
    else if (data?.type === 'all metrics') waiting.get(data.id)?.(data);
    else if (data?.type === 'own metrics?' && registry !== undefined) void tellMetrics(worker, registry, data.id);
  });
  setInterval(() => tell(worker, { type: 'pulse' }), pulseMs).unref();
  tell(worker, { type: 'pulse' });

  async function metricsOfAll(): Promise<string> {
    const id = randomUUID();
    const answered = new Promise<string>((resolve, reject) => {
      waiting.set(id, ({ text, error }) => (text === undefined ? reject(new Error(error)) : resolve(text)));
      tell(worker as Worker, { type: 'all metrics?', id });
    });
    try {
      const answer = await withDeadline(answerMs, answered);
      if (answer === late) throw new Error('the first process does not answer');
      return answer;
    } finally {
      waiting.delete(id);
    }
  }

  return {
    metricsOfAll,
    share(metrics) {
      registry = metrics;
    },
    silent: () => silent,
  };
}

async function tellMetrics(worker: Worker, registry: Registry, id: string): Promise<void> {
  const metrics = await registry.getMetricsAsJSON();
  tell(worker, { type: 'own metrics', id, metrics: metrics.map((metric) => ({ ...metric })) });
}

/** A primary that has gone takes its workers with it: there is nobody left to tell that it could not be told. */
function tell(worker: Worker, message: ToPrimary): void {
  if (worker.isConnected()) worker.send(message, () => undefined);
}
