/** `ping`: answered to anybody. Its reply comes after everything that was sent before, so clients use it as a fence. */
import { z } from 'zod';
import type { Action } from './action.ts';
import { type BindingsMessage, bindingsMessage } from './bindings-message.ts';

const reply = z.object({ response: z.literal('pong') });

export const ping: Action<BindingsMessage, z.output<typeof reply>> = {
  name: 'ping',
  access: 'anybody',
  isConcurrent: false,
  // It says nothing that matters; but a message that is wrong is wrong, whatever it asks for.
  message: bindingsMessage,
  reply,
  perform: () => ({ response: 'pong' }),
};
