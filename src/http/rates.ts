/** How often one may ask over REST: each token and each address has a bucket of its own. */
import type { FastifyRequest } from 'fastify';
import { digestOf } from '../auth/identity.ts';
import { KeyedBuckets } from '../keyed-buckets.ts';
import type { RateLimit } from '../token-bucket.ts';
import { HttpError } from './envelope.ts';
import type { Http } from './http-server.ts';

/** What costs something. The health routes are asked by proxies and monitors, all from one address. */
const limitedPath = /^\/+v2(?:[/?]|$)/;

/**
 * Refuses requests over the limit with 429, before anything is done for them.
 * @param tokenOf the token that a request's headers carry, whether it is worth anything or not
 */
export function limitRates(
  http: Http,
  limit: RateLimit,
  tokenOf: (headers: FastifyRequest['headers']) => string | undefined,
): void {
  const rates = new KeyedBuckets(limit);
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
