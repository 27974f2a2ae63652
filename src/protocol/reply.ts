/** What clients are answered: the same envelope in every dialect. Pure. */
import { randomUUID } from 'node:crypto';
import type { ActionError } from '../errors.ts';
import type { RequestId } from './client-message.ts';

/** `data` of a successful reply. */
export type ReplyData =
  | { readonly subscribed: readonly string[]; readonly subscriptions: readonly string[] }
  | {
      readonly unsubscribed: readonly string[];
      readonly subscribed: readonly string[];
      readonly subscriptions: readonly string[];
    }
  | { readonly response: 'pong' };

/** @param requestId the client's own; without one the server makes one */
export function successReply(requestId: RequestId | undefined, data: ReplyData): string {
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
