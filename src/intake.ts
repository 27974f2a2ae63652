/** Between the bus and the router: what is taken is routed at once, and settled when it was handed to the sockets. */
import { performance } from 'node:perf_hooks';
import type { Bus, Delivery } from './bus.ts';
import type { Log } from './log.ts';
import type { Metrics } from './metrics.ts';
import type { DropReason } from './payload.ts';
import { RareLog } from './rare-log.ts';
import type { Router } from './router.ts';

export class Intake {
  /** When each event that went to somebody was taken, ms of `performance`: since the last flush began, and before. */
  #taken: number[] = [];
  #flushing: number[] = [];
  #last: Delivery | undefined;
  #lastFlushing: Delivery | undefined;

  constructor(
    private readonly bus: Bus,
    private readonly router: Router,
    private readonly metrics: Metrics,
    /** Has the sockets flushed at the end of this turn. */
    private readonly scheduleFlush: () => void,
  ) {}

  onDelivery(delivery: Delivery): void {
    const takenAt = performance.now();
    if (this.router.route(delivery)) this.#taken.push(takenAt);
    if (this.#last === undefined) this.scheduleFlush();
    this.#last = delivery;
  }

  /** What was taken so far is in the flush that begins now. */
  onFlushStart(): void {
    const flushed = this.#flushing;
    this.#flushing = this.#taken;
    this.#taken = flushed;
    this.#lastFlushing = this.#last;
    this.#last = undefined;
  }

  onFlushed(): void {
    if (this.#lastFlushing !== undefined) this.bus.settle(this.#lastFlushing);
    this.#lastFlushing = undefined;
    const now = performance.now();
    for (const takenAt of this.#flushing) this.metrics.delivered((now - takenAt) / 1000);
    this.#flushing.length = 0;
  }
}

/** Says what was dropped, once a minute at most for each reason: a broken publisher must not fill the disk. */
export class DropReporter {
  readonly #log: RareLog<DropReason>;

  constructor(log: Log) {
    this.#log = new RareLog(log);
  }

  report(reason: DropReason, { exchange, routingKey }: Delivery, error: unknown): void {
    // Not everything that shares an exchange is an event; that is how the bus is.
    if (reason === 'foreign') return;
    const fields = { reason, exchange, routingKey };
    if (error === undefined) this.#log.warn(reason, fields, 'a message of the bus was dropped');
    else
      this.#log.error(reason, { ...fields, err: error }, 'a message of the bus could not be handled, and was dropped');
  }
}
