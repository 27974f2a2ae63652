/** The classic dialect: `{"name": NAME, "args": PAYLOAD}`, the payload's bytes as they came, and the `request_id`, if any. */
import { EventMessage, tailOf } from '../protocol/event-message.ts';
import type { Dialect } from './dialect.ts';

export const classic = {
  name: 'classic',
  perSubscription: false,

  // The body is spliced, not parsed and printed again: it is the publisher's text to the letter, and costs a copy.
  render({ event, body }) {
    const message = new EventMessage([Buffer.from(`{"name":${JSON.stringify(event.name)},"args":`), body]);
    return { message: () => message };
  },

  tail: (requestId) => tailOf({ request_id: requestId }),
} as const satisfies Dialect;
