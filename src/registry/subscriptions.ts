/** Who wants what: the interests of this node, who holds them, and which of them an event matches. */
import { type Binding, type BusEvent, everyAccount } from '../families/family.ts';
import type { RequestId } from '../protocol/client-message.ts';
import { type Lifetime, type Narrowing, notNarrowed } from '../protocol/subscription-options.ts';
import type { Subscriber } from '../session/subscriber.ts';
import { Interest, type Subscription } from '../session/subscription.ts';
import { TopicIndex } from './topic-index.ts';

export class Subscriptions {
  readonly #interests = new Map<string, Interest>();
  readonly #index = new TopicIndex<Interest>();
  /** Interests in events that belong to no account. */
  readonly #shared = new TopicIndex<Interest>();
  #order = 0;
  #count = 0;
  /** Set by who ends subscriptions: one was sent the event after which it ends. */
  onSpent: (subscription: Subscription) => void = (subscription) => this.remove(subscription);

  /** Subscriptions of this node. */
  get count(): number {
    return this.#count;
  }

  interests(): Iterable<Interest> {
    return this.#interests.values();
  }

  /**
   * Takes a hold on an account's binding, so that it stays while the broker is asked; `release` gives it back.
   * @param parse understands the binding; called where nobody holds it yet, and may throw
   * @param narrowing the same binding with another one is another interest
   */
  hold(account: string, text: string, parse: () => Binding, narrowing: Narrowing = notNarrowed): Interest {
    const key = keyOf(account, text, narrowing);
    let interest = this.#interests.get(key);
    if (interest === undefined) {
      interest = new Interest(account, text, parse(), narrowing);
      this.#interests.set(key, interest);
      for (const words of interest.wordings) this.#indexOf(interest).add(interest, words);
    }
    interest.holders += 1;
    return interest;
  }

  /** @returns whether that was the last hold, and the interest is gone */
  release(interest: Interest): boolean {
    interest.holders -= 1;
    if (interest.holders > 0) return false;
    this.#interests.delete(keyOf(interest.account, interest.text, interest.narrowing));
    for (const words of interest.wordings) this.#indexOf(interest).delete(interest, words);
    return true;
  }

  /**
   * Makes a held interest a subscription: from here on its events are delivered.
   * @param from only those behind this position of the history
   * @param lifetime when it ends by itself
   */
  add(
    subscriber: Subscriber,
    interest: Interest,
    requestId: RequestId | undefined,
    from = -1,
    lifetime?: Lifetime,
  ): Subscription {
    const subscription: Subscription = {
      subscriber,
      interest,
      requestId,
      tail: undefined,
      lifetime: undefined,
      from,
      order: ++this.#order,
      slot: interest.subscriptions.length,
    };
    this.setLifetime(subscription, lifetime);
    interest.subscriptions.push(subscription);
    subscriber.addSubscription(subscription);
    this.#count += 1;
    return subscription;
  }

  /** From now on a subscription ends by itself, or does no longer. */
  setLifetime(subscription: Subscription, lifetime: Lifetime | undefined): void {
    const { subscriber, interest, requestId } = subscription;
    interest.onceCount += onceOf(lifetime) - onceOf(subscription.lifetime);
    subscription.lifetime = lifetime;
    subscription.tail = subscriber.dialect.tail(
      requestId,
      lifetime !== undefined || interest.narrowing !== notNarrowed,
    );
  }

  /** Ends deliveries; the hold on the interest is still to be released. Takes the same time for any number of others. */
  remove(subscription: Subscription): void {
    const { subscriber, interest } = subscription;
    const last = interest.subscriptions.pop();
    if (last !== undefined && last !== subscription) {
      interest.subscriptions[subscription.slot] = last;
      last.slot = subscription.slot;
    }
    interest.onceCount -= onceOf(subscription.lifetime);
    subscriber.removeSubscription(subscription);
    this.#count -= 1;
  }

  #indexOf({ isShared }: Interest): TopicIndex<Interest> {
    return isShared ? this.#shared : this.#index;
  }

  /** Appends the interests that an event matches: its account's, and those in every account; of shared ones all accounts'. */
  match(event: BusEvent, found: Interest[]): void {
    const { account } = event;
    if (event.isShared) {
      this.#shared.collectAll(event.family, event.words, found);
      return;
    }
    if (account !== undefined && account !== everyAccount)
      this.#index.collect(account, event.family, event.words, found);
    this.#index.collect(everyAccount, event.family, event.words, found);
  }
}

/** Accounts have no blanks, and the length tells where the narrowing ends: no two interests have one key. */
function keyOf(account: string, text: string, { key }: Narrowing): string {
  return `${account} ${key.length} ${key}${text}`;
}

function onceOf(lifetime: Lifetime | undefined): number {
  return lifetime?.isOnce === true ? 1 : 0;
}
