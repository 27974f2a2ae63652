/** Several processes on one port: starts them, replaces those that die, gathers their metrics, passes the end on. */
import cluster, { type Worker } from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { AggregatorRegistry, type Registry, type RegistryContentType } from 'prom-client';
import { z } from 'zod';
import type { Config } from './config.ts';
import { messageOf } from './errors.ts';
import type { Log } from './log.ts';

export const isWorker = cluster.isWorker;

/** Pause before a worker is replaced, growing while they keep dying. ms */
const firstPauseMs = 1000;
const longestPauseMs = 30_000;
/** Who lives this long has shown that it can. ms */
const soundMs = 60_000;
const badConfiguration = 78;

/** What the primary needs of the process. */
export interface PrimaryProcess {
  onSignal(drain: () => Promise<void>): void;
  exit(code: number): Promise<never>;
}

const metricsQuestion = z.object({ type: z.literal('metrics?'), id: z.string() });
const metricsAnswer = z.object({
  type: z.literal('metrics'),
  id: z.string(),
  text: z.string().optional(),
  error: z.string().optional(),
});

/** Runs as the primary: never serves itself. */
export function runWorkers(config: Config, log: Log, primary: PrimaryProcess): void {
  const registry = new AggregatorRegistry();
  let isEnding = false;
  let hasListened = false;
  let pauseMs = firstPauseMs;

  function fork(number: number): void {
    const worker = cluster.fork({ NODE_NAME: `${config.NODE_NAME}-${number}` });
    const startedAt = performance.now();
    worker.on('listening', () => {
      hasListened = true;
    });
    worker.on('message', (message: unknown) => void answerMetrics(worker, message, registry));
    const onEnd = (code: number, signal: string | null): void => {
      if (isEnding) return;
      // What can't even start once would not start the next time either; it has said why.
      if (!hasListened || code === badConfiguration) return void endAll(code || 1);
      pauseMs = performance.now() - startedAt > soundMs ? firstPauseMs : Math.min(longestPauseMs, pauseMs * 2);
      log.error({ worker: number, code, signal, pauseMs }, 'worker died; it will be replaced');
      setTimeout(() => {
        if (!isEnding) fork(number);
      }, pauseMs);
    };
    worker.on('exit', onEnd);
    // What is said to a worker that has just died fails here, and must not end the primary and the others with it.
    worker.on('error', (error) => {
      log.warn({ err: error, worker: number }, 'a worker could not be reached');
      // One that could not even be started has no other end.
      if (worker.process.pid === undefined) onEnd(1, null);
    });
  }

  function endAll(code: number): void {
    isEnding = true;
    void primary.exit(code);
  }

  primary.onSignal(async () => {
    isEnding = true;
    const codes = await Promise.all(livingWorkers().map(endWorker));
    await primary.exit(Math.max(0, ...codes));
  });
  for (let number = 1; number <= config.WORKERS; number += 1) fork(number);
}

function livingWorkers(): Worker[] {
  return Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
}

/** @returns the worker's exit code */
function endWorker(worker: Worker): Promise<number> {
  return new Promise((resolve) => {
    worker.once('exit', (code) => resolve(code ?? 1));
    worker.process.kill('SIGTERM');
  });
}

async function answerMetrics(
  worker: Worker,
  message: unknown,
  registry: AggregatorRegistry<RegistryContentType>,
): Promise<void> {
  const question = metricsQuestion.safeParse(message);
  if (!question.success) return;
  const { id } = question.data;
  const answer = await registry.clusterMetrics().then(
    (text) => ({ text }),
    (error: unknown) => ({ error: messageOf(error) }),
  );
  // It may have died meanwhile; what can't be sent then is said by its `error` event.
  if (worker.isConnected()) worker.send({ type: 'metrics', id, ...answer });
}

/** In a worker: lets the primary gather these metrics. */
export function shareMetrics(registry: Registry): void {
  AggregatorRegistry.setRegistries(registry);
  // Its constructor is what makes a worker listen for the primary's question.
  new AggregatorRegistry();
}

/** In a worker: asks the primary for the metrics of all of them. */
export function metricsOfAllWorkers(): Promise<string> {
  const { worker } = cluster;
  if (worker === undefined) return Promise.reject(new Error('this is no worker'));
  const id = randomUUID();
  return new Promise((resolve, reject) => {
    const onMessage = (message: unknown): void => {
      const answer = metricsAnswer.safeParse(message);
      if (!answer.success || answer.data.id !== id) return;
      worker.off('message', onMessage);
      if (answer.data.text !== undefined) resolve(answer.data.text);
      else reject(new Error(answer.data.error));
    };
    worker.on('message', onMessage);
    worker.send({ type: 'metrics?', id });
  });
}
