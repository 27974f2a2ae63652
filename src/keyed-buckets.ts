/** Token buckets by key: how often each of many may do something. */
import { type RateLimit, TokenBucket } from './token-bucket.ts';

/** Buckets that are remembered. Who comes back after its own was forgotten finds a full one. */
const maxBuckets = 20_000;

export class KeyedBuckets {
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(private readonly limit: RateLimit) {}

  /**
   * Takes a token of each bucket, if all have one.
   * @param now `performance.now()`
   * @returns how long to wait, seconds; 0: it may pass
   */
  take(keys: readonly string[], now: number): number {
    const buckets = keys.map((key) => this.#bucketOf(key, now));
    const ms = Math.max(...buckets.map((bucket) => bucket.msUntilToken(now)));
    if (ms > 0) return Math.ceil(ms / 1000);
    for (const bucket of buckets) bucket.take(now);
    return 0;
  }

  #bucketOf(key: string, now: number): TokenBucket {
    const known = this.#buckets.get(key);
    if (known !== undefined) return known;
    if (this.#buckets.size >= maxBuckets) this.#forgetSome(now);
    const bucket = new TokenBucket(this.limit);
    this.#buckets.set(key, bucket);
    return bucket;
  }

  /** Those that are full again, and a tenth of the oldest whatever they are: looking through all takes a moment. */
  #forgetSome(now: number): void {
    let old = maxBuckets / 10;
    for (const [key, bucket] of this.#buckets) {
      old -= 1;
      if (old >= 0 || bucket.isFull(now)) this.#buckets.delete(key);
    }
  }
}
