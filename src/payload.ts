/** The body of a bus message, checked: nothing else than UTF-8, JSON objects of bounded size gets past here. */
import { isUtf8 } from 'node:buffer';
import { gunzipSync } from 'node:zlib';
import type { Delivery } from './bus.ts';
import type { Payload } from './families/family.ts';

/** A body larger than this is nobody's event: sending it would count as a backlog for every healthy socket. */
export const maxBodyBytes = 1_048_576;

/** Why a message of the bus goes no further. The names are those of `horizon_events_dropped_total{reason}`. */
export type DropReason =
  | 'undecodable'
  | 'too_large'
  | 'bad_gzip'
  | 'not_utf8'
  | 'not_json'
  | 'not_object'
  | 'foreign'
  | 'contradiction'
  | 'failed';

export interface DecodedBody {
  /** The bytes that the payload was parsed from: decompressed. */
  readonly body: Buffer;
  readonly payload: Payload;
}

/**
 * @param limit bytes, decompressed
 * @returns the payload, or why it can't be used
 */
export function decodeBody(
  delivery: Pick<Delivery, 'body' | 'contentEncoding' | 'isUndecodable'>,
  limit = maxBodyBytes,
): DecodedBody | DropReason {
  if (delivery.isUndecodable === true) return 'undecodable';
  const body = delivery.contentEncoding?.toLowerCase() === 'gzip' ? gunzip(delivery.body, limit) : delivery.body;
  if (body === undefined) return 'bad_gzip';
  if (body.length > limit) return 'too_large';
  // Bodies are spliced into frames. A browser ends a connection on which a text frame is not UTF-8.
  if (!isUtf8(body)) return 'not_utf8';
  const payload = parseJson(body.toString('utf8'));
  if (payload === undefined) return 'not_json';
  if (typeof payload !== 'object' || payload === null || Array.isArray(payload)) return 'not_object';
  return { body, payload: payload as Payload };
}

/** Synchronous, to keep the order of the queue; the limit keeps a small body from growing beyond measure. */
function gunzip(body: Buffer, limit: number): Buffer | undefined {
  try {
    return gunzipSync(body, { maxOutputLength: limit });
  } catch {
    // Whatever zlib has to say about it, it is the publisher's fault and is counted as such.
    return undefined;
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // Not quoted anywhere: the text may be anything, of any account.
    return undefined;
  }
}
