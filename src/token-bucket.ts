/** A token bucket: so many a second, and so many at once. */

export interface RateLimit {
  readonly perSecond: number;
  /** How many the bucket holds: so many may come at once after a pause. */
  readonly burst: number;
}

/** One of these stands for each socket, so it has no fields but what changes, and the limit that all share. */
export class TokenBucket {
  #tokens: number;
  /** When the tokens were worked out. The bucket begins full, so any moment will do. */
  #at = 0;

  constructor(private readonly limit: RateLimit) {
    this.#tokens = limit.burst;
  }

  /**
   * Takes a token.
   * @param now ms of a clock that is never set back: `performance.now()`
   * @returns false when there is none
   */
  take(now: number): boolean {
    this.#refill(now);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }

  /** Takes what something cost that was begun already; where there is not as much, what comes next waits for it. */
  spend(tokens: number): void {
    this.#tokens -= tokens;
  }

  /** How long it takes until there is a token, ms; 0: there is one. */
  msUntilToken(now: number): number {
    this.#refill(now);
    return Math.max(0, ((1 - this.#tokens) * 1000) / this.limit.perSecond);
  }

  /** Whether nothing is remembered of what was taken. */
  isFull(now: number): boolean {
    this.#refill(now);
    return this.#tokens >= this.limit.burst;
  }

  #refill(now: number): void {
    const { perSecond, burst } = this.limit;
    this.#tokens = Math.min(burst, this.#tokens + ((now - this.#at) * perSecond) / 1000);
    this.#at = now;
  }
}
