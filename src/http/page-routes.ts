/** The console at `/`, and how it comes by the demo's token. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import fastifyStatic from '@fastify/static';
import type { FastifyRequest } from 'fastify';
import { HttpError, type NodeInfo, successBody } from './envelope.ts';
import type { Http } from './http-server.ts';

/** What the build makes of `src/console`: beside `src` as well as beside the rest of `dist`. */
const consoleFolder = fileURLToPath(new URL('../../dist/console/', import.meta.url));

/** Nothing but its own files, and nobody to speak to but the server that it came from. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ');

export async function addPageRoutes(http: Http): Promise<void> {
  // Of a program that was not built there is none.
  if (!existsSync(consoleFolder)) return;
  await http.register(fastifyStatic, {
    root: consoleFolder,
    cacheControl: false,
    setHeaders: (reply) => {
      reply.setHeader('Content-Security-Policy', contentSecurityPolicy);
      reply.setHeader('Referrer-Policy', 'no-referrer');
      reply.setHeader('Cache-Control', 'no-cache');
    },
  });
}

/** What the demo's page needs to begin with. */
export interface DemoAccess {
  readonly token: string;
  readonly accountId: string;
  /** One below it, for who wants to watch another one. */
  readonly subAccount: { readonly id: string; readonly name: string };
}

/**
 * The demo's token, for its own page alone: a browser says where a request comes from, and the host it was sent to must be
 * loopback, since another site's name could be made to lead here (DNS rebinding).
 * @param access undefined: this is no demo
 */
export function addDemoRoute(http: Http, info: NodeInfo, access: DemoAccess | undefined): void {
  http.get('/demo', { schema: { hide: true } }, async (request, reply) => {
    // The page asks; that there is no demo is no error.
    if (access === undefined) return reply.code(204).send();
    if (!isSameOrigin(request)) throw new HttpError(403, "the demo's token is for its own page");
    reply.removeHeader('Access-Control-Allow-Origin');
    reply.header('Cache-Control', 'no-store');
    const { token, accountId, subAccount } = access;
    return successBody(info, request.id, { token, account_id: accountId, sub_account: subAccount });
  });
}

const loopbackHost = /^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d{1,5})?$/i;

function isSameOrigin({ headers }: FastifyRequest): boolean {
  if (!loopbackHost.test(headers.host ?? '')) return false;
  const site = headers['sec-fetch-site'];
  if (site !== undefined && site !== 'same-origin') return false;
  return headers.origin === undefined || headers.origin === `http://${headers.host}`;
}
