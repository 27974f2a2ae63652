/**
 * Equal work is done once for all who want it at the same time. Nobody gets a result that is older than the wish: who comes
 * while the work is under way shares the next.
 */

interface Running<T> {
  /** Resolves when it is done, however it went. */
  readonly settled: Promise<void>;
  next: Promise<T> | undefined;
}

export class Shared<T> {
  readonly #running = new Map<string, Running<T>>();

  /** @param key what tells equal work from other work */
  run(key: string, work: () => Promise<T>): Promise<T> {
    const running = this.#running.get(key);
    if (running === undefined) return this.#start(key, work);
    running.next ??= running.settled.then(() => this.#start(key, work));
    return running.next;
  }

  #start(key: string, work: () => Promise<T>): Promise<T> {
    const result = work();
    const settled = result.then(
      () => undefined,
      () => undefined,
    );
    const running: Running<T> = { settled, next: undefined };
    this.#running.set(key, running);
    void settled.then(() => {
      if (running.next === undefined) this.#running.delete(key);
    });
    return result;
  }
}
