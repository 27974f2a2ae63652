/** The client library at `/client.js`: one file for browsers, of this node's own version. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { constants, gzip } from 'node:zlib';
import { HttpError } from './envelope.ts';
import type { Http } from './http-server.ts';

/** Made by `npm run build`; beside `dist` as well as beside `src`. */
const libraryFile = new URL('../../dist/browser/client.js', import.meta.url);

interface Library {
  readonly text: Buffer;
  readonly packed: Buffer;
  readonly etag: string;
}

export function addLibraryRoute(http: Http): void {
  let library: Promise<Library> | undefined;
  http.get('/client.js', { schema: { hide: true } }, async (request, reply) => {
    // Read when it is first asked for: a node without pages needs none.
    library ??= load();
    const { text, packed, etag } = await library.catch(() => {
      library = undefined;
      throw new HttpError(404, 'the client library was not built: npm run build');
    });
    reply.header('ETag', etag).header('Cache-Control', 'no-cache').header('Vary', 'Accept-Encoding');
    // Pages of any site may load it, also those that ask to be told so (`Cross-Origin-Embedder-Policy`).
    reply.header('Cross-Origin-Resource-Policy', 'cross-origin');
    if (isKnown(request.headers['if-none-match'], etag)) return reply.code(304).send();
    reply.type('text/javascript; charset=utf-8');
    if (!/\bgzip\b(?!\s*;\s*q=0(?:\.0*)?\s*(?:,|$))/i.test(request.headers['accept-encoding'] ?? ''))
      return reply.send(text);
    return reply.header('Content-Encoding', 'gzip').send(packed);
  });
}

async function load(): Promise<Library> {
  const text = await readFile(libraryFile);
  const packed = await promisify(gzip)(text, { level: constants.Z_BEST_COMPRESSION });
  // Weak: it stands for the text, packed or not.
  return { text, packed, etag: `W/"${createHash('sha256').update(text).digest('base64url')}"` };
}

/** @param header `If-None-Match` */
function isKnown(header: string | undefined, etag: string): boolean {
  const known = header?.split(',').map((tag) => tag.trim());
  return known?.some((tag) => tag === '*' || tag.replace(/^W\//, '') === etag.replace(/^W\//, '')) === true;
}
