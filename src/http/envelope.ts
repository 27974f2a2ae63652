/** The envelope of every REST body, as Kazoo's clients know it. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { z } from 'zod';

export interface NodeInfo {
  readonly nodeName: string;
  readonly version: string;
}

interface Stamp {
  readonly request_id: string;
  readonly node: string;
  readonly version: string;
  readonly timestamp: string;
}

function stamp(info: NodeInfo, requestId: string): Stamp {
  return { request_id: requestId, node: info.nodeName, version: info.version, timestamp: new Date().toISOString() };
}

/** Which part of a list a body has, in Crossbar's terms. */
export interface Paging {
  /** How many there are on this page. */
  readonly page_size: number;
  /** What brings this page again. */
  readonly start_key?: string;
  /** What brings the next; not there on the last one. */
  readonly next_start_key?: string;
}

/** What else there is to say of a body. */
export interface Remarks {
  /** Some node that lives didn't answer. */
  readonly partial?: boolean;
  readonly paging?: Paging | undefined;
  /** What a query knows: always said, either way. */
  readonly knowledge?: { readonly partial: boolean; readonly details_partial?: true };
}

export function successBody(info: NodeInfo, requestId: string, data: unknown, remarks: Remarks = {}): object {
  const { partial = false, paging, knowledge } = remarks;
  return { data, status: 'success', ...(partial && { partial }), ...knowledge, ...paging, ...stamp(info, requestId) };
}

/**
 * @param data what else there is to say, by field
 * @param partial as in `successBody`
 */
export function errorBody(
  info: NodeInfo,
  requestId: string,
  status: number,
  message: string,
  data: object = {},
  partial = false,
): object {
  return {
    data,
    error: String(status),
    message,
    status: 'error',
    ...(partial && { partial }),
    ...stamp(info, requestId),
  };
}

export interface HttpErrorDetails {
  /** What else there is to say, by field. */
  readonly data?: object;
  /** Some node that lives didn't answer. */
  readonly partial?: boolean;
  /** When to try again. */
  readonly retryAfterSeconds?: number;
}

/** What a route throws to answer with an error. */
export class HttpError extends Error {
  override readonly name = 'HttpError';
  constructor(
    readonly status: 400 | 401 | 403 | 404 | 415 | 429 | 500 | 501 | 503,
    message: string,
    readonly details: HttpErrorDetails = {},
  ) {
    super(message);
  }
}

const stampSchema = {
  request_id: z.string(),
  node: z.string(),
  version: z.string(),
  timestamp: z.iso.datetime(),
};

const partialSchema = z
  .literal(true)
  .optional()
  .describe('some node that lives did not answer in time, or could not be asked');

/** For the OpenAPI document. */
export function successSchema(data: z.ZodType): z.ZodType {
  return z.object({
    data,
    status: z.literal('success'),
    partial: partialSchema,
    ...stampSchema,
  });
}

/** The same for what the media nodes were asked. */
export function knowledgeSchema(data: z.ZodType): z.ZodType {
  return z.object({
    data,
    status: z.literal('success'),
    partial: z.boolean().describe('some media node did not answer in time: what is missing may be there all the same'),
    details_partial: z.literal(true).optional().describe('some entries are not completed'),
    ...stampSchema,
  });
}

/** The same for lists. */
export function listSchema(data: z.ZodType): z.ZodType {
  return z.object({
    data,
    status: z.literal('success'),
    partial: partialSchema,
    page_size: z.int().optional().describe('how many are on this page; there where the list is paged'),
    start_key: z.string().optional().describe('what brings this page again'),
    next_start_key: z.string().optional().describe('what brings the next page; not there on the last one'),
    ...stampSchema,
  });
}

export const errorSchema = z.object({
  data: z.record(z.string(), z.unknown()),
  error: z.string().describe('the HTTP status'),
  message: z.string(),
  status: z.literal('error'),
  partial: partialSchema,
  ...stampSchema,
});

/** Answers with an error in the envelope. */
export function sendError(
  info: NodeInfo,
  request: FastifyRequest,
  reply: FastifyReply,
  { status, message, details }: HttpError,
): FastifyReply {
  if (details.retryAfterSeconds !== undefined) reply.header('Retry-After', details.retryAfterSeconds);
  return reply.code(status).send(errorBody(info, request.id, status, message, details.data, details.partial));
}
