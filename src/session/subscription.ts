/**
 * What a receiver is subscribed to. An interest is a binding of an account, with what narrows it, understood once and
 * shared by all receivers that hold it; a subscription is one receiver's hold on it.
 */
import type { Binding, BusEvent, FamilyName, Pattern } from '../families/family.ts';
import type { RequestId } from '../protocol/client-message.ts';
import { type Lifetime, type Narrowing, notNarrowed, optionsBody } from '../protocol/subscription-options.ts';
import type { Subscriber } from './subscriber.ts';

/** One receiver's hold on an interest. */
export interface Subscription {
  readonly subscriber: Subscriber;
  readonly interest: Interest;
  /** That of the message that made it, if it had one. */
  readonly requestId: RequestId | undefined;
  /** What this subscription's messages end with, where they end differently from others'. */
  tail: Buffer | undefined;
  /** When it ends by itself; undefined: it doesn't. */
  lifetime: Lifetime | undefined;
  /** In a history: only what is behind this position is delivered; -1: everything that comes. */
  from: number;
  /** Grows with each subscription of the process: tells the oldest of several. */
  readonly order: number;
  /** Its place among the interest's subscriptions. */
  slot: number;
}

export class Interest {
  readonly family: FamilyName;
  readonly eventFamily: FamilyName;
  /** Its events are every account's. */
  readonly isShared: boolean;
  /** What its events' words are, one way or another. */
  readonly wordings: readonly (readonly string[])[];
  readonly subscriptions: Subscription[] = [];
  /** How many subscriptions hold it or are on the way to; when nobody does, it is dropped. */
  holders = 0;
  /** How many of its subscriptions end after their first event. */
  onceCount = 0;
  #binding: Binding;

  /**
   * @param account the account asked for, or `*`
   * @param text the client's binding to the letter
   * @param narrowing what makes another interest of the same binding
   */
  constructor(
    readonly account: string,
    readonly text: string,
    binding: Binding,
    readonly narrowing: Narrowing = notNarrowed,
  ) {
    this.#binding = binding;
    this.family = binding.family;
    this.eventFamily = binding.eventFamily;
    this.isShared = binding.isShared === true;
    this.wordings = binding.wordings;
  }

  /** What the broker must route to this node for it. */
  get patterns(): readonly Pattern[] {
    return this.#binding.patterns;
  }

  subscriptionKey(event: BusEvent): string {
    return this.#binding.subscriptionKey(event);
  }

  /** The same binding, understood again with another account tree: its patterns may differ. */
  reinterpret(binding: Binding): void {
    this.#binding = binding;
  }
}

/** Its options as REST shows them. @returns null where it has none */
export function optionsOf({ interest, lifetime }: Subscription): ReturnType<typeof optionsBody> {
  return optionsBody(interest.narrowing, lifetime);
}
