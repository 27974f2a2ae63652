/** `subscribe`: all of the message's bindings or none, and a reply only when the broker holds what they need. */
import { z } from 'zod';
import { checkAccount, checkFamily, checkScope } from '../auth/authorization.ts';
import { ActionError } from '../errors.ts';
import type { Binding } from '../families/family.ts';
import type { Interest } from '../session/subscription.ts';
import type { Action, Request } from './action.ts';
import { type BindingsMessage, bindingsMessage, bindingTexts } from './bindings-message.ts';

const reply = z.object({
  subscribed: bindingTexts.describe('what this message added'),
  subscriptions: bindingTexts.describe("all of the socket's bindings"),
});

export const subscribe: Action<BindingsMessage, z.output<typeof reply>> = {
  name: 'subscribe',
  access: 'token',
  scope: 'events',
  isConcurrent: false,
  message: bindingsMessage,
  reply,

  authorize(request) {
    checkAccount(request.identity, accountOf(request), request.services.accounts);
  },

  checkLimits(request) {
    const { maxBindings } = request.services.limits;
    const { bindings } = request.message;
    // They are all different, so the socket would hold as many; how many are new need not be known.
    const wanted =
      bindings.length > maxBindings
        ? bindings.length
        : request.session.subscriptions.length + newBindings(request).length;
    if (wanted <= maxBindings) return;
    throw new ActionError(
      'too_many_bindings',
      `too many bindings: the socket would hold ${wanted}, the limit is ${maxBindings}`,
    );
  },

  validate(request) {
    if (request.message.bindings.length === 0) throw new ActionError('binding_missing');
    for (const text of request.message.bindings) understand(text, request);
  },

  async perform(request) {
    const { registry } = request.services;
    const held = holdAll(request);
    try {
      await registry.confirmed(held);
      checkStillAllowed(request, held);
    } catch (error) {
      for (const interest of held) registry.letGo(interest);
      throw error;
    }
    for (const interest of held) registry.subscribe(request.session, interest, request.requestId);
    // Name and metadata of the latest subscribe win.
    request.session.relabel(request.message);
    return { subscribed: held.map(({ text }) => text), subscriptions: request.session.bindingTexts() };
  },
};

function accountOf({ message, identity }: Request<BindingsMessage>): string {
  return message.accountId ?? identity.accountId;
}

/** @throws ActionError where the text is no binding, or the token excludes its family */
function understand(text: string, request: Request<BindingsMessage>): Binding {
  const binding = request.services.catalogue.parse(text, accountOf(request));
  checkFamily(request.identity, binding.family);
  return binding;
}

/** The message's bindings that the socket doesn't hold yet. */
function newBindings(request: Request<BindingsMessage>): string[] {
  const held = request.session.heldIn(accountOf(request));
  return request.message.bindings.filter((text) => !held.has(text));
}

function holdAll(request: Request<BindingsMessage>): Interest[] {
  const { registry } = request.services;
  const held: Interest[] = [];
  try {
    for (const text of newBindings(request)) {
      held.push(registry.hold(accountOf(request), text, () => understand(text, request)));
    }
  } catch (error) {
    for (const interest of held) registry.letGo(interest);
    throw error;
  }
  return held;
}

/** While the broker was asked, the socket may have closed, the token ended, or the account tree changed. */
function checkStillAllowed(request: Request<BindingsMessage>, held: readonly Interest[]): void {
  const { session, services } = request;
  const { identity } = session;
  if (session.isEnded || identity === undefined || !session.hasValidToken(Date.now())) {
    throw new ActionError('token_expired');
  }
  checkScope(identity, 'events');
  checkAccount(identity, accountOf(request), services.accounts);
  for (const { family } of held) checkFamily(identity, family);
}
