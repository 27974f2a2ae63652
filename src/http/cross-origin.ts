/**
 * Which requests pages of other origins may make: GET everywhere; what changes something only where its route says so.
 * Tokens are in headers and never in cookies, so an open origin gives a page nothing that it doesn't have.
 */
import cors from '@fastify/cors';
import type { Http } from './http-server.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether pages of other origins may call a route that is no GET. */
    crossOrigin?: boolean;
  }
}

const readMethods = ['GET', 'HEAD'];

/** To be called before routes are added. */
export async function openToOtherOrigins(http: Http): Promise<void> {
  await http.register(cors, {
    origin: '*',
    methods: readMethods,
    allowedHeaders: ['X-Auth-Token', 'Authorization', 'Content-Type', 'X-Request-ID'],
    exposedHeaders: ['X-Request-ID', 'Retry-After'],
    maxAge: 86_400,
    // An OPTIONS that is no preflight gets the same answer: what may be done from other pages.
    strictPreflight: false,
  });
  /** What a preflight is told, by path; the route of each path is made with the first method that is declared. */
  const declared = new Map<string, string[]>();
  http.addHook('onRoute', ({ url, method, config }) => {
    if (config?.crossOrigin !== true) return;
    const known = declared.get(url);
    const methods = known ?? [...readMethods];
    methods.push(...[method].flat());
    if (known !== undefined) return;
    declared.set(url, methods);
    // The plug-in answers by itself, with what stands in the route's own `config`.
    http.options(url, { schema: { hide: true }, config: { cors: { methods } } }, async () => undefined);
  });
}
