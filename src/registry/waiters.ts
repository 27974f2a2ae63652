/** Who waits for patterns to be held at the broker, by pattern. */
import type { FamilyName } from '../families/family.ts';

export interface Waiter {
  readonly source: FamilyName;
  /** The patterns waited for. */
  readonly keys: readonly string[];
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

  for(key: string): Iterable<Waiter> {
    return this.#byKey.get(key) ?? [];
  }

  /** Who waits for several patterns comes several times. */
  *all(): Generator<Waiter> {
    for (const waiters of this.#byKey.values()) yield* waiters;
  }
}
