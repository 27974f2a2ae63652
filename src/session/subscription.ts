/**
 * What a receiver is subscribed to. An interest is a binding of an account with what narrows it, shared by all receivers
 * that hold it; a subscription is one receiver's hold on it.
 */
import type { FamilyName } from '../families/family.ts';
import type { Filter } from '../filters/filter.ts';
import type { Place } from '../filters/filter-places.ts';
import type { RequestId } from '../protocol/client-message.ts';
import { type Lifetime, type Narrowing, optionsBody } from '../protocol/subscription-options.ts';
import type { Subscriber } from './subscriber.ts';
import type { Topic } from './topic.ts';

/** One receiver's hold on an interest. */
export interface Subscription {
  readonly subscriber: Subscriber;
  interest: Interest;
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
  readonly subscriptions: Subscription[] = [];
  /** How many subscriptions hold it or are on the way to; when nobody does, it is dropped. */
  holders = 0;
  /** How many of its subscriptions end after their first event. */
  onceCount = 0;

  /**
   * @param narrowing what makes another interest of the same binding
   * @param tokenFilter what the tokens of those who hold it are narrowed to, beside
   * @param place of all that its events are filtered by; undefined: by nothing
   */
  constructor(
    readonly topic: Topic,
    readonly narrowing: Narrowing,
    readonly tokenFilter: Filter | undefined,
    readonly place: Place | undefined,
  ) {}

  /** The account asked for, or `*`. */
  get account(): string {
    return this.topic.account;
  }

  /** The client's binding to the letter. */
  get text(): string {
    return this.topic.text;
  }

  get includesSubaccounts(): boolean {
    return this.topic.includesSubaccounts;
  }

  get family(): FamilyName {
    return this.topic.family;
  }

  get eventFamily(): FamilyName {
    return this.topic.eventFamily;
  }

  get isShared(): boolean {
    return this.topic.isShared;
  }
}

/** Its options as REST shows them. @returns null where it has none */
export function optionsOf({ interest, lifetime }: Subscription): ReturnType<typeof optionsBody> {
  return optionsBody(interest.narrowing, lifetime);
}
