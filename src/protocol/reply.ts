/** What clients are answered: the same envelope in every dialect. Pure. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type ActionError, type ActionErrorCode, actionErrors } from '../errors.ts';
import { type RequestId, requestIdSchema } from './client-message.ts';

const envelope = {
  action: z.literal('reply'),
  request_id: requestIdSchema.describe("the message's own, or one that the server made"),
};

/** @param data the action's `reply` */
export function successReplySchema(data: z.ZodType): z.ZodType {
  return z.object({ ...envelope, status: z.literal('success'), data });
}

export const errorReplySchema = z.object({
  ...envelope,
  status: z.literal('error'),
  data: z.object({
    errors: z.array(z.string()).min(1).describe('for people'),
    code: z.enum(Object.keys(actionErrors) as ActionErrorCode[]).describe('for programs'),
  }),
});

/**
 * @param requestId the client's own; without one the server makes one
 * @param data as the action's `reply` has it
 */
export function successReply(requestId: RequestId | undefined, data: unknown): string {
  return JSON.stringify({ action: 'reply', request_id: requestId ?? randomUUID(), status: 'success', data });
}

export function errorReply(requestId: RequestId | undefined, error: ActionError): string {
  return JSON.stringify({
    action: 'reply',
    request_id: requestId ?? randomUUID(),
    status: 'error',
    data: { errors: [error.message], code: error.code },
  });
}
