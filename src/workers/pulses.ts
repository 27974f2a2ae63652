/** Which workers live, as their pulses tell: each says every second that its event loop turns. */

/** How often a worker says so. ms */
export const pulseMs = 1000;
/** Who has not said so for this long is not waited for. ms */
const silentMs = 3000;
/** And who has not for this long hangs for good. ms */
const hungMs = 10_000;
/** Until its first one a worker has as long as a slow machine takes to start it. ms */
const firstPulseMs = 60_000;

export class Pulses {
  /** By the worker's number: when it is taken for silent, were it not to say anything more. */
  readonly #silentAt = new Map<number, number>();
  #checkedAt: number | undefined;

  /** A worker was started. @param now as all times here: `performance.now()` */
  expect(worker: number, now: number): void {
    this.#silentAt.set(worker, now + firstPulseMs);
  }

  beat(worker: number, now: number): void {
    // One that has ended may have said it before.
    if (this.#silentAt.has(worker)) this.#silentAt.set(worker, now + silentMs);
  }

  forget(worker: number): void {
    this.#silentAt.delete(worker);
  }

  /** To be called once a second. @returns the workers that are silent, and those of them that hang */
  check(now: number): { readonly silent: readonly number[]; readonly hung: readonly number[] } {
    this.#excuse(now);
    const silent: number[] = [];
    const hung: number[] = [];
    for (const [worker, at] of this.#silentAt) {
      if (now >= at) silent.push(worker);
      if (now >= at + hungMs - silentMs) hung.push(worker);
    }
    return { silent, hung };
  }

  /** Who was held up himself (a process that was stopped, a machine without time) has heard nothing, and nobody is to blame. */
  #excuse(now: number): void {
    const late = this.#checkedAt === undefined ? 0 : now - this.#checkedAt - pulseMs;
    this.#checkedAt = now;
    if (late < pulseMs) return;
    for (const [worker, at] of this.#silentAt) this.#silentAt.set(worker, Math.max(at, now + silentMs));
  }
}
