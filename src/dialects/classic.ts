/** The classic dialect: `{"name": NAME, "args": PAYLOAD}`, the payload's bytes as they came, and the `request_id`, if any. */
import { Frame } from '../protocol/frame.ts';
import type { Dialect } from './dialect.ts';

export const classic: Dialect = {
  framePerSubscription: false,

  // The body is spliced, not parsed and printed again: it is the publisher's text to the letter, and costs a copy.
  frame(transit) {
    transit.classicFrame ??= new Frame([
      Buffer.from(`{"name":${JSON.stringify(transit.event.name)},"args":`),
      transit.body,
    ]);
    return transit.classicFrame;
  },

  tail(requestId) {
    return requestId === undefined ? undefined : Buffer.from(`,"request_id":${JSON.stringify(requestId)}}`);
  },
};
