/** `ping`: answered to anybody. Its reply comes after everything that was sent before, so clients use it as a fence. */
import type { Action } from './action.ts';

export const ping: Action = {
  needsToken: false,
  perform: () => ({ response: 'pong' }),
};
