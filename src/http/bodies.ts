/** Bodies of requests: JSON, with a limit, where a method has one. What comes with others is read to its end and dropped. */
import type { FastifyRequest } from 'fastify';
import { HttpError } from './envelope.ts';
import type { Http } from './http-server.ts';

/** For routes that say nothing else in their `bodyLimit`, bytes. */
export const maxBodyBytes = 16_384;

const methodsWithBody = new Set(['POST', 'PUT', 'PATCH']);
const jsonType = /^application\/(?:[\w.+-]+\+)?json(?:\s*;|\s*$)/i;

export function readBodies(http: Http): void {
  // A body that would change the prototype of what it is merged into is no body.
  const parse = http.getDefaultJsonParser('error', 'error');
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('*', { parseAs: 'buffer' }, (request, bytes: Buffer, done) => {
    if (request.is404 || !methodsWithBody.has(request.method)) return done(null, undefined);
    if (!jsonType.test(request.headers['content-type'] ?? '')) {
      return done(new HttpError(415, 'the body must be application/json'));
    }
    const text = textOf(bytes);
    if (text === undefined) return done(new HttpError(400, 'the body is not UTF-8'));
    if (text === '') return done(null, undefined);
    void parse(request as FastifyRequest, text, done);
  });
}

function textOf(bytes: Buffer): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError) return undefined;
    throw error;
  }
}
