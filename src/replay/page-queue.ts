/**
 * Pages of events that are to be read: one at a time and a few milliseconds a turn of the event loop, however many were
 * asked for at once. Accounts take turns.
 */
import { setImmediate } from 'node:timers/promises';

/** How long pages are worked at in a turn, ms: what live delivery waits for them at most. */
const sliceMs = 3;
/** Pages that are not read yet, the one under way among them. Each takes some tenths of a second at worst. */
const maxOfAccount = 20;
const maxOfAll = 60;

export class PageQueue {
  /** By account; the first of the first is under way. */
  readonly #waiting = new Map<string, (() => Promise<void>)[]>();
  #count = 0;
  #isWorking = false;
  #sliceEndsAt = 0;

  /** Whether whoever works is to `pause` before it goes on. */
  get isSliceOver(): boolean {
    return performance.now() >= this.#sliceEndsAt;
  }

  /** Resolves in another turn of the event loop. */
  async pause(): Promise<void> {
    await setImmediate();
    this.#sliceEndsAt = performance.now() + sliceMs;
  }

  /** Whether as many wait as may. */
  get isFull(): boolean {
    return this.#count >= maxOfAll;
  }

  /** The same of an account. */
  isFullOf(account: string): boolean {
    return (this.#waiting.get(account)?.length ?? 0) >= maxOfAccount;
  }

  /** Settles as the task does, once it was its turn. */
  run<T>(account: string, task: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      const tasks = this.#waiting.get(account) ?? [];
      tasks.push(() => task().then(resolve, reject));
      this.#waiting.set(account, tasks);
      this.#count += 1;
      if (!this.#isWorking) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#isWorking = true;
    for (let [next] = this.#waiting; next !== undefined; [next] = this.#waiting) {
      const [account, tasks] = next;
      await tasks[0]?.();
      tasks.shift();
      this.#count -= 1;
      // The account's next one comes behind those of the others.
      this.#waiting.delete(account);
      if (tasks.length > 0) this.#waiting.set(account, tasks);
    }
    this.#isWorking = false;
  }
}
