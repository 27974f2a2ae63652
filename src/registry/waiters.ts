/** Who waits for patterns to be held at the broker, by pattern. */

/** A set of patterns that somebody waits for: it is there when each of them was confirmed since, one by one. */
export interface Waiter {
  readonly keys: readonly string[];
  /** Those that the broker has not confirmed since the wait began. */
  readonly pending: Set<string>;
  /** They are all confirmed. */
  readonly resolve: () => void;
}

export class Waiters {
  readonly #byKey = new Map<string, Set<Waiter>>();

  add(waiter: Waiter): void {
    for (const key of waiter.keys) {
      const waiters = this.#byKey.get(key);
      if (waiters === undefined) this.#byKey.set(key, new Set([waiter]));
      else waiters.add(waiter);
    }
  }

  remove(waiter: Waiter): void {
    for (const key of waiter.keys) {
      const waiters = this.#byKey.get(key);
      waiters?.delete(waiter);
      if (waiters?.size === 0) this.#byKey.delete(key);
    }
  }

  /** Whether somebody waits for it. */
  isAwaited(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** The broker holds the pattern: who waits needs not see it confirmed again, even if others have it asked for anew. */
  confirm(key: string): void {
    for (const { pending, resolve } of this.#byKey.get(key) ?? []) {
      pending.delete(key);
      if (pending.size === 0) resolve();
    }
  }

  /** The broker may not hold the pattern any more: what confirmed it before counts for nothing. */
  revoke(key: string): void {
    for (const { pending } of this.#byKey.get(key) ?? []) pending.add(key);
  }

  revokeAll(): void {
    for (const key of this.#byKey.keys()) this.revoke(key);
  }
}
