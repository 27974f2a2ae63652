/** What clients are told beside replies and events: answers to nothing. All but the last are for those that can resume. Pure. */
import { z } from 'zod';
import { type RequestId, requestIdSchema } from './client-message.ts';

const action = z.literal('notice');
const cursor = z.string();

export const noticeSchema = z.discriminatedUnion('notice', [
  z
    .object({ action, notice: z.literal('position'), cursor })
    .describe('everything up to here was sent: told when no cursor came for 20 s'),
  z.object({ action, notice: z.literal('source_down'), since: z.iso.datetime() }).describe('the broker is away'),
  z.object({ action, notice: z.literal('source_up') }).describe('it is back'),
  z
    .object({ action, notice: z.literal('gap'), cursor: cursor.optional(), families: z.array(z.string()).optional() })
    .describe('events may be missing before this position, of these families or of all: take a snapshot'),
  z
    .object({
      action,
      notice: z.literal('live'),
      cursor,
      request_id: requestIdSchema.optional().describe("the subscribe's own"),
      replayed: z.number().int().describe('how many events'),
    })
    .describe('a replay is done'),
  z
    .object({
      action,
      notice: z.literal('subscription_ended'),
      account_id: z.string(),
      binding: z.string(),
      filter: z.record(z.string(), z.unknown()).optional(),
      request_id: requestIdSchema.optional().describe("the subscribe's own"),
      reason: z.enum(['expired', 'once']),
    })
    .describe('a subscription ended by itself, as its options asked; to any socket'),
]);

/** Members that are undefined are left out. */
export type Notice =
  | { readonly notice: 'position'; readonly cursor: string }
  | { readonly notice: 'source_down'; readonly since: string }
  | { readonly notice: 'source_up' }
  | { readonly notice: 'gap'; readonly cursor?: string; readonly families?: readonly string[] | undefined }
  | {
      readonly notice: 'live';
      readonly cursor: string;
      readonly request_id: RequestId | undefined;
      readonly replayed: number;
    }
  | {
      readonly notice: 'subscription_ended';
      readonly account_id: string;
      readonly binding: string;
      /** As the client wrote it. */
      readonly filter: Readonly<Record<string, unknown>> | undefined;
      readonly request_id: RequestId | undefined;
      readonly reason: 'expired' | 'once';
    };

export function noticeText(notice: Notice): string {
  return JSON.stringify({ action: 'notice', ...notice });
}
