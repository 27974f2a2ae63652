/** How often one may ask over REST: each token and each address has a bucket of its own. */
import type { FastifyRequest } from 'fastify';
import { digestOf } from '../auth/identity.ts';
import { type RateLimit, TokenBucket } from '../token-bucket.ts';
import { HttpError } from './envelope.ts';
import type { Http } from './http-server.ts';

/** Buckets that are remembered. Who comes back after its own was forgotten finds a full one. */
const maxBuckets = 20_000;
/** What costs something. The health routes are asked by proxies and monitors, all from one address. */
const limitedPath = /^\/+v2(?:[/?]|$)/;

export class RequestRates {
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(private readonly limit: RateLimit) {}

  /**
   * Takes a request of each bucket, if all have one.
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

/**
 * Refuses requests over the limit with 429, before anything is done for them.
 * @param tokenOf the token that a request's headers carry, whether it is worth anything or not
 */
export function limitRates(
  http: Http,
  limit: RateLimit,
  tokenOf: (headers: FastifyRequest['headers']) => string | undefined,
): void {
  const rates = new RequestRates(limit);
  http.addHook('onRequest', async (request) => {
    if (!limitedPath.test(request.url)) return;
    const token = tokenOf(request.headers);
    const keys = [`address ${request.ip}`, ...(token === undefined ? [] : [`token ${digestOf(token)}`])];
    const retryAfterSeconds = rates.take(keys, performance.now());
    if (retryAfterSeconds === 0) return;
    throw new HttpError(429, `rate limit exceeded: ${limit.perSecond} requests a second, ${limit.burst} at once`, {
      retryAfterSeconds,
    });
  });
}
