/** The times without a broker that answers: how many, and how long in all. */
export class Outages {
  /** The present one included. */
  count = 0;
  #endedMs = 0;
  /** Of `performance.now()`. */
  #since: number | undefined;

  /** @param since `performance.now()` when the broker was last known to be there */
  begin(since: number): void {
    if (this.#since !== undefined) return;
    this.#since = since;
    this.count += 1;
  }

  /** The broker answers again. */
  end(): void {
    this.#endedMs = this.#totalMs();
    this.#since = undefined;
  }

  /** Of all together, the present one as far as it has come. */
  get seconds(): number {
    return this.#totalMs() / 1000;
  }

  #totalMs(): number {
    return this.#endedMs + (this.#since === undefined ? 0 : performance.now() - this.#since);
  }
}
