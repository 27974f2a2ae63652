/** The door: what is checked before an HTTP request becomes a WebSocket, and how it is refused. */
import type { IncomingMessage } from 'node:http';
import { isIP, type Socket } from 'node:net';
import proxyaddr from '@fastify/proxy-addr';
import { type DialectName, dialectNames, isDialectName } from '../dialects/dialects.ts';
import { answerRaw } from '../raw-answer.ts';

/** Refuses an upgrade. The text is for people, the status for programs. */
export class UpgradeRefused extends Error {
  override readonly name = 'UpgradeRefused';
  constructor(
    readonly status: 400 | 401 | 403 | 429 | 500 | 503,
    message: string,
  ) {
    super(message);
  }
}

/** How long a refused client has to take the answer. */
const answerMs = 2000;

function parameterOf({ url = '' }: IncomingMessage, name: string): string | null {
  // Not a URL: any path will do, also one like `//`.
  const [, query = ''] = url.split('?', 2);
  return new URLSearchParams(query).get(name);
}

/** @returns the dialect that the request's address asks for, if any. @throws UpgradeRefused where there is no such dialect */
export function requestedDialect(request: IncomingMessage): DialectName | undefined {
  const value = parameterOf(request, 'dialect');
  if (value === null) return undefined;
  if (isDialectName(value)) return value;
  throw new UpgradeRefused(400, `dialect must be ${dialectNames.join(' or ')}`);
}

/** Whether the client asks to be able to resume (`?resume=on`). @throws UpgradeRefused where it asks for something else */
export function wantsResume(request: IncomingMessage): boolean {
  const value = parameterOf(request, 'resume');
  if (value !== null && value !== 'on') throw new UpgradeRefused(400, 'resume must be on, or left out');
  return value === 'on';
}

/**
 * What a token without a scheme looks like (RFC 7235, `token68`): one word. Credentials of another scheme are two words
 * at least, `Basic dXNlcg==`, but for those that a scheme's name alone may begin: these are not taken for tokens either.
 */
const bareToken = /^[\w.~+/-]+=*$/;
const loneScheme =
  /^(?:basic|digest|dpop|gnap|hoba|mutual|negotiate|ntlm|oauth|privatetoken|scram-sha-(?:1|256)|vapid)$/i;

/**
 * The token of a request: in `X-Auth-Token`, or in `Authorization` behind `Bearer` or, as Kazoo 5 sends it, alone. What
 * follows `Bearer` may be no token at all. Other schemes are not for this server.
 */
export function headerToken(headers: IncomingMessage['headers']): string | undefined {
  const own = headers['x-auth-token'];
  if (typeof own === 'string' && own !== '') return own;
  const { authorization = '' } = headers;
  const match = /^Bearer(?: +(.*))?$/i.exec(authorization);
  if (match !== null) return match[1] ?? '';
  return bareToken.test(authorization) && !loneScheme.test(authorization) ? authorization : undefined;
}

/** A browser always says where a page comes from; who says nothing is no browser, and has no cookies to misuse. */
export function checkOrigin(request: IncomingMessage, allowed: readonly string[] | undefined): void {
  const { origin } = request.headers;
  if (allowed === undefined || origin === undefined) return;
  if (!allowed.some((entry) => entry.toLowerCase() === origin.toLowerCase())) {
    throw new UpgradeRefused(403, 'this origin may not connect');
  }
}

/**
 * The client's address: the peer, or what a trusted proxy says of it.
 * @param proxies addresses and CIDR ranges whose X-Forwarded-For is believed
 */
export function createAddressReader(proxies: readonly string[]): (request: IncomingMessage) => string {
  const isTrusted = proxyaddr.compile([...proxies]);
  return (request) => {
    const peer = request.socket.remoteAddress ?? '';
    const address = proxyaddr(request, isTrusted);
    return plain(isIP(address) === 0 ? peer : address);
  };
}

/** `::ffff:192.0.2.1`, what a dual-stack listener sees, is `192.0.2.1`. */
function plain(address: string): string {
  return address.startsWith('::ffff:') && address.includes('.') ? address.slice('::ffff:'.length) : address;
}

/**
 * Answers a refused upgrade in HTTP, in the envelope of the REST side, and ends the connection, whatever the client does:
 * nobody else watches a socket that was handed over, and one that its client keeps open would stay for good.
 */
export function refuse(socket: Socket, refusal: UpgradeRefused, body: (refusal: UpgradeRefused) => object): void {
  if (socket.destroyed) return;
  // What the client sends on is read and dropped: closing over unread bytes would take the answer from it.
  socket.resume();
  answerRaw(socket, refusal.status, body(refusal));
  const deadline = setTimeout(() => socket.destroy(), answerMs).unref();
  socket.once('close', () => clearTimeout(deadline));
}
