/** What clients send: one JSON object in each text frame, checked field by field. Pure. */
import { z } from 'zod';
import { ActionError } from '../errors.ts';

export const maxNameCharacters = 256;
export const maxMetadataBytes = 4096;
const maxRequestIdCharacters = 256;

/** Echoed in replies and event frames, so it is short. The reference client sends a text or a number. */
export type RequestId = string | number;

const requestId = z.union(
  [z.string().max(maxRequestIdCharacters), z.number().refine(isExact)],
  `must be a text of at most ${maxRequestIdCharacters} characters, or a number that JavaScript can hold exactly`,
);

/** A larger whole number would come back as another one. */
function isExact(value: number): boolean {
  return !Number.isInteger(value) || Number.isSafeInteger(value);
}

const name = z.string().max(maxNameCharacters);
/** Any JSON. Its size is all that matters, and a nesting too deep to print again is over it in any case. */
const metadata = z.unknown().refine(isSmall, `must be at most ${maxMetadataBytes} bytes of JSON`);

function isSmall(value: unknown): boolean {
  try {
    return value === undefined || Buffer.byteLength(JSON.stringify(value)) <= maxMetadataBytes;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

const data = z.object({
  account_id: z.string().min(1).max(128).optional(),
  binding: z.string().optional(),
  bindings: z.array(z.string()).optional(),
  name: name.optional(),
  metadata: metadata.optional(),
});

const messageSchema = z.object({
  action: z.string(),
  auth_token: z.string().optional(),
  request_id: requestId.optional(),
  data: data.optional(),
  name: name.optional(),
  metadata: metadata.optional(),
});

/** A client's message. Its action may still be one that nobody knows. */
export interface ClientMessage {
  readonly action: string;
  readonly token: string | undefined;
  readonly requestId: RequestId | undefined;
  readonly accountId: string | undefined;
  /** Without repetitions, in the order in which they came. */
  readonly bindings: readonly string[];
  /** Neither `binding` nor `bindings` is there: to unsubscribe so means everything, an empty list doesn't. */
  readonly namesNoBindings: boolean;
  readonly name: string | undefined;
  readonly metadata: unknown;
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
export function decodeMessage(frame: Buffer): ClientMessage {
  const json = parseJson(frame.toString('utf8'));
  const result = messageSchema.safeParse(json);
  if (!result.success) throw new MalformedMessage('invalid_message', describe(result.error), readableRequestId(json));
  const message = result.data;
  return {
    action: message.action,
    // An empty token is what a client sends that has none yet.
    token: message.auth_token === '' ? undefined : message.auth_token,
    requestId: message.request_id,
    accountId: message.data?.account_id,
    bindings: bindingsOf(message.data?.binding, message.data?.bindings),
    namesNoBindings: message.data?.binding === undefined && message.data?.bindings === undefined,
    name: message.data?.name ?? message.name,
    metadata: message.data?.metadata ?? message.metadata,
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The parser's own words would quote the client's text back at it.
    throw new MalformedMessage('invalid_json', 'invalid JSON: a text frame must be one JSON object');
  }
}

/** The singular wins over the plural when both are there. */
function bindingsOf(binding: string | undefined, bindings: readonly string[] | undefined): string[] {
  if (binding !== undefined) return binding === '' ? [] : [binding];
  return [...new Set(bindings)];
}

function describe(error: z.ZodError): string {
  const [issue] = error.issues;
  const path = issue?.path.join('.');
  return `invalid message: ${path === '' || path === undefined ? 'the message' : path}: ${issue?.message}`;
}

function readableRequestId(json: unknown): RequestId | undefined {
  if (typeof json !== 'object' || json === null || !('request_id' in json)) return undefined;
  return requestId.safeParse(json.request_id).data;
}
