/**
 * When subscriptions end by themselves. Those that end at about the same time share a timer, so that a node may hold a
 * hundred thousand of them, and as many renewals a minute cost no timer each.
 */
import type { Subscription } from '../session/subscription.ts';

/** Subscriptions end up to so much later than they asked for, never sooner. ms */
const slotMs = 100;
/** Ending many takes its time: other work comes in between. ms */
const sliceMs = 5;
/** How often the clock is looked at, subscriptions. */
const endsPerLook = 64;

interface Slot {
  readonly subscriptions: Set<Subscription>;
  readonly timer: NodeJS.Timeout;
}

export class Expiries {
  /** By the time when they end, of `performance.now()`: the wall clock may be set. */
  readonly #slots = new Map<number, Slot>();
  readonly #dueAt = new Map<Subscription, number>();

  /** @param onExpired the subscription is to be ended; it is forgotten here already */
  constructor(private readonly onExpired: (subscription: Subscription) => void) {}

  /** From now on a subscription ends when its lifetime says so, or not at all. */
  set(subscription: Subscription): void {
    this.forget(subscription);
    const seconds = subscription.lifetime?.expirySeconds;
    if (seconds === undefined) return;
    const now = performance.now();
    const dueAt = Math.ceil((now + seconds * 1000) / slotMs) * slotMs;
    this.#dueAt.set(subscription, dueAt);
    this.#slotAt(dueAt, now).subscriptions.add(subscription);
  }

  /** It ended otherwise. */
  forget(subscription: Subscription): void {
    const dueAt = this.#dueAt.get(subscription);
    if (dueAt === undefined) return;
    this.#dueAt.delete(subscription);
    const slot = this.#slots.get(dueAt);
    slot?.subscriptions.delete(subscription);
    if (slot?.subscriptions.size === 0) this.#drop(dueAt, slot);
  }

  #slotAt(dueAt: number, now: number): Slot {
    let slot = this.#slots.get(dueAt);
    if (slot === undefined) {
      // Timers count whole milliseconds, and may be one early.
      const timer = setTimeout(() => this.#end(dueAt), Math.ceil(dueAt - now) + 1).unref();
      slot = { subscriptions: new Set(), timer };
      this.#slots.set(dueAt, slot);
    }
    return slot;
  }

  #end(dueAt: number): void {
    const slot = this.#slots.get(dueAt);
    if (slot === undefined) return;
    const until = performance.now() + sliceMs;
    let ended = 0;
    for (const subscription of slot.subscriptions) {
      this.forget(subscription);
      this.onExpired(subscription);
      ended += 1;
      if (ended % endsPerLook === 0 && performance.now() > until) break;
    }
    if (slot.subscriptions.size > 0) setImmediate(() => this.#end(dueAt));
  }

  #drop(dueAt: number, { timer }: Slot): void {
    clearTimeout(timer);
    this.#slots.delete(dueAt);
  }
}
