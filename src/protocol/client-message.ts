/**
 * What clients send: one JSON object in each text frame, checked field by field, in two steps. The first reads who asks for
 * what; the rest, which may be large, is looked at when that is known. Pure.
 */
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

/** The first item that is no text ends the check: zod's own lists note a fault for each of 30,000, which takes 40 ms. */
const texts = z.unknown().transform((value, context): readonly string[] => {
  if (!Array.isArray(value)) {
    context.addIssue({ code: 'invalid_type', expected: 'array', input: value });
    return z.NEVER;
  }
  const wrong = value.findIndex((item) => typeof item !== 'string');
  if (wrong < 0) return value;
  context.addIssue({ code: 'invalid_type', expected: 'string', input: value[wrong], path: [wrong] });
  return z.NEVER;
});

const data = z.object({
  account_id: z.string().min(1).max(128).optional(),
  binding: z.string().optional(),
  bindings: texts.optional(),
  name: name.optional(),
  metadata: metadata.optional(),
});

const bodySchema = z.object({ data: data.optional(), name: name.optional(), metadata: metadata.optional() });

const envelopeSchema = z.object({
  action: z.string(),
  auth_token: z.string().optional(),
  request_id: requestId.optional(),
});

/** Who asks for what. The action may be one that nobody knows. */
export interface Envelope {
  readonly action: string;
  readonly token: string | undefined;
  readonly requestId: RequestId | undefined;
  /** The whole message, for `readMessage`. */
  readonly json: unknown;
}

/** A client's message, read to its end. */
export interface ClientMessage {
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
export function decodeEnvelope(frame: Buffer): Envelope {
  const json = parseJson(frame.toString('utf8'));
  const result = envelopeSchema.safeParse(json);
  if (!result.success) throw new MalformedMessage('invalid_message', describe(result.error), readableRequestId(json));
  const { action, auth_token, request_id } = result.data;
  // An empty token is what a client sends that has none yet.
  return { action, token: auth_token === '' ? undefined : auth_token, requestId: request_id, json };
}

/** @throws MalformedMessage at the first field that is not what it should be */
export function readMessage({ json, requestId: id }: Envelope): ClientMessage {
  const result = bodySchema.safeParse(json);
  if (!result.success) throw new MalformedMessage('invalid_message', describe(result.error), id);
  const { data: fields, name: outerName, metadata: outerMetadata } = result.data;
  return {
    requestId: id,
    accountId: fields?.account_id,
    bindings: bindingsOf(fields?.binding, fields?.bindings),
    namesNoBindings: fields?.binding === undefined && fields?.bindings === undefined,
    name: fields?.name ?? outerName,
    metadata: fields?.metadata ?? outerMetadata,
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
