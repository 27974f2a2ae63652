/** Answers that their clients don't read: they lie in this node's memory. Bounded for each in time, for all in bytes. */
import type { ServerResponse } from 'node:http';
import { HttpError } from './envelope.ts';
import type { Http } from './http-server.ts';

export interface UnreadLimits {
  /** How long a client has to read an answer, ms. */
  readonly answerMs: number;
  /** What all clients together have not read yet; beyond it no more lists are made. */
  readonly totalBytes: number;
}

const defaultUnreadLimits: UnreadLimits = { answerMs: 10_000, totalBytes: 67_108_864 };

export class UnreadAnswers {
  #bytes = 0;

  constructor(private readonly limits: UnreadLimits = defaultUnreadLimits) {}

  get bytes(): number {
    return this.#bytes;
  }

  /** To be called for what takes memory, before it is made. @throws HttpError 503 when too much is unread */
  checkRoom(): void {
    if (this.#bytes < this.limits.totalBytes) return;
    throw new HttpError(503, 'too many answers are not read by their clients', {
      retryAfterSeconds: Math.ceil(this.limits.answerMs / 1000),
    });
  }

  /** Counts an answer until it is with the system, and cuts the connection of a client that doesn't read it. */
  watch(response: ServerResponse, bytes: number): void {
    // Its client is gone already.
    if (response.closed || response.destroyed) return;
    this.#bytes += bytes;
    // Nothing else would end it: no time limit of Node's is for a response that stands still.
    const deadline = setTimeout(() => response.destroy(), this.limits.answerMs).unref();
    response.once('close', () => {
      clearTimeout(deadline);
      this.#bytes -= bytes;
    });
  }
}

/** Watches every answer of a server. */
export function watchAnswers(http: Http, unread: UnreadAnswers): void {
  http.addHook('onSend', async (_request, reply, payload) => {
    unread.watch(reply.raw, bytesOf(payload));
    return payload;
  });
}

/** Files are streamed: little of them is in memory. */
function bytesOf(payload: unknown): number {
  if (typeof payload === 'string') return Buffer.byteLength(payload);
  return Buffer.isBuffer(payload) ? payload.length : 0;
}
