/**
 * What clients send: one JSON object in each text frame, checked field by field, in two steps. The first reads who asks for
 * what; the rest, which may be large and is each action's own, is looked at when that is known. Pure.
 */
import { z } from 'zod';
import { ActionError, firstFault } from '../errors.ts';

const maxRequestIdCharacters = 256;

/** Echoed in replies and event frames, so it is short. The reference client sends a text or a number. */
export type RequestId = string | number;

export const requestIdSchema = z.union(
  [z.string().max(maxRequestIdCharacters), z.number().refine(isExact)],
  `must be a text of at most ${maxRequestIdCharacters} characters, or a number that JavaScript can hold exactly`,
);

/** A larger whole number would come back as another one. */
function isExact(value: number): boolean {
  return !Number.isInteger(value) || Number.isSafeInteger(value);
}

/** What every message has, whatever it asks for. */
export const envelopeSchema = z.object({
  action: z.string(),
  auth_token: z.string().optional(),
  request_id: requestIdSchema.optional(),
});

/** Who asks for what. The action may be one that nobody knows. */
export interface Envelope {
  readonly action: string;
  readonly token: string | undefined;
  readonly requestId: RequestId | undefined;
  /** The whole message, for `readMessage`. */
  readonly json: unknown;
}

/** A message that can't be used; its `request_id`, if that much could be read, so that the answer finds its question. */
export class MalformedMessage extends ActionError {
  constructor(
    code: 'invalid_json' | 'invalid_message',
    message: string,
    readonly requestId?: RequestId,
  ) {
    super(code, message);
  }
}

/**
 * @param frame a text frame's bytes, UTF-8 checked by the WebSocket library
 * @throws MalformedMessage
 */
export function decodeEnvelope(frame: Buffer): Envelope {
  const json = withoutNulls(parseJson(frame.toString('utf8')));
  const result = envelopeSchema.safeParse(json);
  if (!result.success) throw new MalformedMessage('invalid_message', faultIn(result.error), readableRequestId(json));
  const { action, auth_token, request_id } = result.data;
  // An empty token is what a client sends that has none yet.
  return { action, token: auth_token === '' ? undefined : auth_token, requestId: request_id, json };
}

/**
 * Reads the rest of a message.
 * @param schema of the whole message, less what the envelope has
 * @throws MalformedMessage at the first field that is not what it should be
 */
export function readMessage<Message>({ json, requestId: id }: Envelope, schema: z.ZodType<Message>): Message {
  const result = schema.safeParse(json);
  if (!result.success) throw new MalformedMessage('invalid_message', faultIn(result.error), id);
  return result.data;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own words would quote the client's text back at it.
    throw new MalformedMessage('invalid_json', 'invalid JSON: a text frame must be one JSON object');
  }
}

/** Kazoo takes a member that is null for one that isn't there, and its clients send such. */
function withoutNulls(json: unknown): unknown {
  if (!isRecord(json)) return json;
  const message = dropNulls(json);
  return isRecord(message.data) ? { ...message, data: dropNulls(message.data) } : message;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function dropNulls(members: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(members).filter(([, value]) => value !== null));
}

function faultIn(error: z.ZodError): string {
  return `invalid message: ${firstFault(error, 'the message')}`;
}

function readableRequestId(json: unknown): RequestId | undefined {
  if (typeof json !== 'object' || json === null || !('request_id' in json)) return undefined;
  return requestIdSchema.safeParse(json.request_id).data;
}
