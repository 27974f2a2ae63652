/** What clients are answered: the same envelope in every dialect. Pure. */
import { randomUUID } from 'node:crypto';
import type { ActionError } from '../errors.ts';
import type { RequestId } from './client-message.ts';

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
