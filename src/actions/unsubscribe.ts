/** `unsubscribe`: from the bindings named, from an account's, or from everything. What is not held is no error. */
import { z } from 'zod';
import { ActionError } from '../errors.ts';
import type { Narrowing } from '../protocol/subscription-options.ts';
import type { Subscription } from '../session/subscription.ts';
import type { Action, Request } from './action.ts';
import { type BindingsMessage, bindingsMessage, bindingTexts } from './bindings-message.ts';

const reply = z.object({
  unsubscribed: bindingTexts.describe('what this message ended'),
  subscribed: bindingTexts.describe('nothing: it is there for clients that look for it in every reply'),
  subscriptions: bindingTexts.describe('what is left'),
});

export const unsubscribe: Action<BindingsMessage, z.output<typeof reply>> = {
  name: 'unsubscribe',
  access: 'token',
  isConcurrent: false,
  message: bindingsMessage,
  reply,

  /** A list that came out empty by mistake must not end everything. */
  validate({ message }) {
    if (message.bindings.length === 0 && !message.namesNoBindings) throw new ActionError('binding_missing');
  },

  perform(request) {
    const ended = named(request);
    for (const subscription of ended) request.services.registry.unsubscribe(subscription);
    return {
      unsubscribed: ended.map(({ interest }) => interest.text),
      subscribed: [],
      subscriptions: request.session.bindingTexts(),
    };
  },
};

/** Whatever their options; of those with a filter, where the message has one, only those with an equal one. */
function named({ session, message, identity }: Request<BindingsMessage>): Subscription[] {
  const { accountId, bindings, namesNoBindings, options } = message;
  const isMeant = ({ interest }: Subscription): boolean => fits(interest.narrowing, options.narrowing);
  if (namesNoBindings) {
    const all = accountId === undefined ? session.subscriptions : session.heldIn(accountId);
    return all.filter(isMeant);
  }
  const held = session.heldIn(accountId ?? identity.accountId).filter(isMeant);
  return bindings.flatMap((text) => held.filter(({ interest }) => interest.text === text));
}

function fits(held: Narrowing, asked: Narrowing): boolean {
  if (asked.filter === undefined) return true;
  return asked.includesSubaccounts ? held.key === asked.key : held.filter?.key === asked.filter.key;
}
