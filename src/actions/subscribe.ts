/** `subscribe`: all of the message's bindings or none, and a reply only when the broker holds what they need. */
import { z } from 'zod';
import { checkAccount, checkFamily, checkScope } from '../auth/authorization.ts';
import { ActionError } from '../errors.ts';
import type { Binding } from '../families/family.ts';
import { notRecovered } from '../history/history.ts';
import { maxWaitingReplays } from '../replay/resumption.ts';
import type { Interest, Subscription } from '../session/subscription.ts';
import type { Action, Request } from './action.ts';
import { type BindingsMessage, bindingsMessage, bindingTexts } from './bindings-message.ts';

/** Of the filters that a message's subscriptions bring back when they end by themselves: each notice repeats the filter. */
const maxRepeatedFilterBytes = 131_072;

const reply = z.object({
  subscribed: bindingTexts.describe('what this message added'),
  subscriptions: bindingTexts.describe("all of the socket's bindings"),
  cursor: z.string().optional().describe('on a socket that can resume: where delivery begins for what was added'),
  recovered: z.boolean().optional().describe('whether all events since the cursor that came with the message follow'),
  reason: z.enum(notRecovered).optional().describe('why not'),
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
    if (wanted > maxBindings) {
      throw new ActionError(
        'too_many_bindings',
        `too many bindings: the socket would hold ${wanted}, the limit is ${maxBindings}`,
      );
    }
    if (request.message.since !== undefined && request.services.resumption.isFull(request.session)) {
      throw new ActionError('rate_limited', `too many replays: ${maxWaitingReplays} wait on this socket already`);
    }
  },

  validate(request) {
    if (request.message.since !== undefined && request.session.feed === undefined) {
      throw new ActionError('invalid_message', 'invalid message: data.since: only a socket with ?resume=on can resume');
    }
    if (request.message.bindings.length === 0) throw new ActionError('binding_missing');
    checkEndings(request.message);
    for (const text of request.message.bindings) understand(text, request);
  },

  async perform(request) {
    const { registry, resumption } = request.services;
    const { session, requestId, message } = request;
    const { lifetime } = message.options;
    const giveBack = takeRoom(request);
    const held: Interest[] = [];
    try {
      hold(request, newBindings(request), held);
      const added = [...held];
      // They may come to their end while the broker is asked, and are new then.
      hold(request, renewedBindings(request), held);
      await registry.confirmed(added);
      if (message.since !== undefined) await resumption.turn();
      checkStillAllowed(request, held);
      refilter(request, held);
    } catch (error) {
      for (const interest of held) registry.letGo(interest);
      throw error;
    } finally {
      giveBack();
    }
    const added: Interest[] = [];
    for (const interest of held) {
      const subscription = session.subscriptions.find((other) => other.interest === interest);
      if (subscription === undefined) {
        added.push(interest);
        continue;
      }
      registry.renew(subscription, lifetime);
      registry.letGo(interest);
    }
    const beginning = resumption.begin(session, added, message.since);
    const { from } = beginning;
    const subscriptions = added.map((interest) => registry.subscribe(session, interest, requestId, from, lifetime));
    resumption.start(session, subscriptions, beginning, requestId);
    // Name and metadata of the latest subscribe win.
    session.relabel(message);
    const { cursor, verdict } = beginning;
    return {
      subscribed: added.map(({ text }) => text),
      subscriptions: session.bindingTexts(),
      ...(cursor === undefined ? {} : { cursor }),
      ...(verdict === undefined ? {} : { recovered: verdict.recovered }),
      ...(verdict === undefined || verdict.recovered ? {} : { reason: verdict.reason }),
    };
  },
};

function accountOf({ message, identity }: Request<BindingsMessage>): string {
  return message.accountId ?? identity.accountId;
}

/** A message of a few kilobytes must not come back as megabytes. @throws ActionError invalid_message */
function checkEndings({ bindings, options: { narrowing, lifetime } }: BindingsMessage): void {
  const filterBytes = narrowing.filter?.bytes ?? 0;
  if (lifetime === undefined || filterBytes * bindings.length <= maxRepeatedFilterBytes) return;
  throw new ActionError(
    'invalid_message',
    `invalid message: data.filter: with expires or once each of the ${bindings.length} bindings repeats its ${filterBytes} bytes when it ends, and a message's may have ${maxRepeatedFilterBytes} together`,
  );
}

/** @throws ActionError where the text is no binding, or the token excludes its family */
function understand(text: string, request: Request<BindingsMessage>): Binding {
  const { includesSubaccounts } = request.message.options.narrowing;
  const binding = request.services.catalogue.parse(text, accountOf(request), includesSubaccounts);
  checkFamily(request.identity, binding.family);
  return binding;
}

/** The message's bindings that the socket doesn't hold yet, with what narrows them. */
function newBindings(request: Request<BindingsMessage>): string[] {
  const held = heldAlike(request);
  return request.message.bindings.filter((text) => !held.has(text));
}

/** Those that it holds, and that end by themselves or are to. */
function renewedBindings(request: Request<BindingsMessage>): string[] {
  const held = heldAlike(request);
  const { bindings, options } = request.message;
  return bindings.filter((text) => {
    const subscription = held.get(text);
    return subscription !== undefined && (subscription.lifetime ?? options.lifetime) !== undefined;
  });
}

/** What the socket holds in the message's account, narrowed as the message has it: by binding, since a message may name many. */
function heldAlike(request: Request<BindingsMessage>): ReadonlyMap<string, Subscription> {
  const { key } = request.message.options.narrowing;
  const alike = request.session.heldIn(accountOf(request)).filter(({ interest }) => interest.narrowing.key === key);
  return new Map(alike.map((subscription) => [subscription.interest.text, subscription]));
}

/**
 * Takes room for what the message adds, before the broker is asked: a thousand sockets of an account may ask together.
 * @returns what gives it back, once it is counted as subscriptions or came to nothing
 * @throws ActionError too_many_bindings
 */
function takeRoom(request: Request<BindingsMessage>): () => void {
  const { limits, registry } = request.services;
  const { accountId } = request.identity;
  const { maxBindingsPerAccount } = limits;
  const added = newBindings(request).length;
  const wanted = registry.holdings.bindingsOf(accountId) + added;
  if (wanted <= maxBindingsPerAccount || added === 0) return registry.holdings.reserve(accountId, added);
  throw new ActionError(
    'too_many_bindings',
    `too many bindings: the account would hold ${wanted} on this node, the limit is ${maxBindingsPerAccount}`,
  );
}

/** Holds bindings of the message. @param held is added to, so that it is known what was held when one fails */
function hold(request: Request<BindingsMessage>, texts: readonly string[], held: Interest[]): void {
  const { narrowing } = request.message.options;
  for (const text of texts) {
    const parse = (): Binding => understand(text, request);
    held.push(request.services.registry.hold(accountOf(request), text, parse, narrowing, request.identity.filter));
  }
}

/** While the broker was asked, a fresh token may have come, whose filter is another. @param held is put right */
function refilter({ services: { registry }, identity }: Request<BindingsMessage>, held: Interest[]): void {
  for (const [place, before] of held.entries()) {
    const interest = registry.refiltered(before, identity.filter);
    if (interest === before) continue;
    held[place] = interest;
    registry.letGo(before);
  }
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
  for (const { family, text, includesSubaccounts } of held) {
    checkFamily(identity, family);
    // It may have hung on a realm that the account has no longer.
    services.catalogue.parse(text, accountOf(request), includesSubaccounts);
  }
}
