/**
 * The classic dialect: `{"name": NAME, "args": PAYLOAD}`, the payload's bytes as they came, whose it is where that is asked
 * for, and the `request_id`, if any.
 */
import { z } from 'zod';
import { requestIdSchema } from '../protocol/client-message.ts';
import { EventMessage, tailOf } from '../protocol/event-message.ts';
import { type Dialect, payloadSchema } from './dialect.ts';

export const classic = {
  name: 'classic',
  perSubscription: false,
  schema: z.object({
    name: z.string(),
    args: payloadSchema.describe('the body of the message as it came from the bus'),
    account_id: z
      .string()
      .optional()
      .describe("the event's account: of a subscription with include_subaccounts, and of no other"),
    cursor: z.string().optional().describe('on a socket that can resume: everything up to and with this event'),
    request_id: requestIdSchema.optional().describe('that of the subscription, if it was made with one'),
  }),

  // The body is spliced, not parsed and printed again: it is the publisher's text to the letter, and costs a copy.
  render({ event, body }) {
    const open = [Buffer.from(`{"name":${JSON.stringify(event.name)},"args":`), body];
    let plain: EventMessage | undefined;
    let resumable: EventMessage | undefined;
    /** Those that say whose the event is, by what they say behind `args`: nearly always one. */
    let owned: Map<string, EventMessage> | undefined;

    function ofOwner(account: string, cursor: string | undefined): EventMessage {
      const members = JSON.stringify({ account_id: account, cursor });
      owned ??= new Map();
      const message = owned.get(members) ?? new EventMessage([...open, Buffer.from(`,${members.slice(1, -1)}`)]);
      owned.set(members, message);
      return message;
    }

    return {
      message({ includesSubaccounts, account }, cursor) {
        if (includesSubaccounts) return ofOwner(event.account ?? account, cursor);
        if (cursor === undefined) {
          plain ??= new EventMessage(open);
          return plain;
        }
        resumable ??= new EventMessage([...open, Buffer.from(`,"cursor":"${cursor}"`)]);
        return resumable;
      },
    };
  },

  offer: ({ sample }) => sample,
  socketsAs: 'ids',
  tail: (requestId) => tailOf({ request_id: requestId }),
} as const satisfies Dialect;
