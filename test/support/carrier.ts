/**
 * The way of an event without a broker and without sockets: what the broker would route by the patterns that are wanted goes
 * through the router and the dialects to receivers that keep what they get.
 */
import { AccountTree } from '../../src/auth/accounts.ts';
import { type DialectName, dialectNamed } from '../../src/dialects/dialects.ts';
import { createCatalogue } from '../../src/families/catalogue.ts';
import type { Pattern } from '../../src/families/family.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import { Router } from '../../src/router.ts';
import type { Subscriber } from '../../src/session/subscriber.ts';
import type { Subscription } from '../../src/session/subscription.ts';
import {
  defaultCallEvents as callEvents,
  defaultDocumentTypes as documentTypes,
  defaultNotifications as notifications,
} from '../../src/setting-defaults.ts';

export interface Receiver {
  /** What came, as text. */
  readonly texts: readonly string[];
  /** The same as JSON. */
  readonly events: Record<string, unknown>[];
}

export interface CarriedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
}

/** How the broker is bound: with what the subscriptions need, or with the families' coarse patterns. */
export type PlanKind = 'fine' | 'coarse';

interface CarrierOptions {
  readonly accounts?: ConstructorParameters<typeof AccountTree>[0];
  readonly settings?: Partial<Parameters<typeof createCatalogue>[0]>;
  readonly plan?: PlanKind;
}

export function createCarrier({ accounts = [], settings = {}, plan = 'fine' }: CarrierOptions = {}) {
  const catalogue = createCatalogue(
    { callEvents, documentTypes, notifications, ...settings },
    new AccountTree(accounts),
  );
  const subscriptions = new Subscriptions();
  const drops: string[] = [];
  const counters = { received: () => undefined, dropped: () => undefined, framesSent: 0 };
  const router = new Router(catalogue, subscriptions, counters, (reason) => drops.push(reason));

  function bound(): Pattern[] {
    if (plan === 'coarse') return catalogue.families.flatMap(({ coarse }) => coarse);
    return [...subscriptions.topics()].flatMap(({ patterns }) => patterns);
  }

  return {
    /** Why messages went no further, one each. */
    drops,
    /** The patterns of a binding, `EXCHANGE PATTERN`. @throws ActionError where it is none */
    patternsOf: (binding: string, account: string): string[] =>
      catalogue.parse(binding, account).patterns.map(({ exchange, routingPattern }) => `${exchange} ${routingPattern}`),
    /** @throws ActionError where a binding is none */
    subscribe(account: string, bindings: readonly string[], dialect: DialectName = 'kazoo4'): Receiver {
      const texts: string[] = [];
      const held: Subscription[] = [];
      const receiver: Subscriber = {
        dialect: dialectNamed(dialect),
        accountId: account,
        deliverUntil: Number.POSITIVE_INFINITY,
        subscriptions: held,
        routingNote: undefined,
        deliver: (message, tail) => texts.push(message.json(tail).toString()),
        tell: (text) => texts.push(text),
        addSubscription: (subscription) => held.push(subscription),
        removeSubscription: (subscription) => held.splice(held.indexOf(subscription), 1),
      };
      for (const text of bindings) {
        const interest = subscriptions.hold(account, text, () => catalogue.parse(text, account));
        subscriptions.add(receiver, interest, undefined);
      }
      return {
        texts,
        get events() {
          return texts.map((text) => JSON.parse(text) as Record<string, unknown>);
        },
      };
    },
    publish(message: CarriedMessage): void {
      if (bound().some((pattern) => isRouted(pattern, message))) {
        router.route({ ...message, contentEncoding: undefined });
      }
    },
  };
}

/** As a topic exchange does it; the fanout `fax` has everything. */
function isRouted({ exchange, routingPattern }: Pattern, message: CarriedMessage): boolean {
  if (exchange !== message.exchange) return false;
  if (exchange === 'fax') return true;
  const source = routingPattern.split('.').map((word) => {
    if (word === '*') return '\\.[^.]*';
    return word === '#' ? '(?:\\.[^.]*)*' : `\\.${word.replace(/[\\^$+?()[\]{}|]/g, '\\$&')}`;
  });
  return new RegExp(`^${source.join('')}$`).test(`.${message.routingKey}`);
}
