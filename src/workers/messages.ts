/** What the primary and its workers say to each other. Node's own channel carries other things beside it. */
import { z } from 'zod';

/** Who never says so for a while hangs. */
const pulse = z.object({ type: z.literal('pulse') });
/** A worker was asked for the metrics of all, and asks the primary. */
const metricsQuestion = z.object({ type: z.literal('all metrics?'), id: z.string() });
/** A worker's own, as prom-client makes them. */
const ownMetrics = z.object({
  type: z.literal('own metrics'),
  id: z.string(),
  metrics: z.array(z.looseObject({ name: z.string() })),
});

export const toPrimarySchema = z.discriminatedUnion('type', [pulse, metricsQuestion, ownMetrics]);
export type ToPrimary = z.output<typeof toPrimarySchema>;

const ownMetricsQuestion = z.object({ type: z.literal('own metrics?'), id: z.string() });
const metricsAnswer = z.object({
  type: z.literal('all metrics'),
  id: z.string(),
  text: z.string().optional(),
  error: z.string().optional(),
});
/** Which workers do not answer now, by their nodes' names. Said when it changes. */
const silentWorkers = z.object({ type: z.literal('silent workers'), names: z.array(z.string()) });

export const toWorkerSchema = z.discriminatedUnion('type', [ownMetricsQuestion, metricsAnswer, silentWorkers]);
export type ToWorker = z.output<typeof toWorkerSchema>;
