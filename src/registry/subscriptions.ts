/** Who wants what: the interests of this node, who holds them, and which of them an event matches. */
import { ActionError } from '../errors.ts';
import { type Binding, type BusEvent, everyAccount, type Payload } from '../families/family.ts';
import type { Fields } from '../filters/fields.ts';
import { both, type Filter } from '../filters/filter.ts';
import { FilterPlaces, maxTried, type Place } from '../filters/filter-places.ts';
import type { RequestId } from '../protocol/client-message.ts';
import { type Lifetime, type Narrowing, notNarrowed } from '../protocol/subscription-options.ts';
import type { Subscriber } from '../session/subscriber.ts';
import { Interest, type Subscription } from '../session/subscription.ts';
import { Topic } from '../session/topic.ts';
import { type AccountChain, Ancestry } from './ancestry.ts';
import { TopicIndex } from './topic-index.ts';

export class Subscriptions {
  readonly #topics = new Map<string, Topic>();
  readonly #index = new TopicIndex<Topic>();
  /** Topics of events of an account and all below it. */
  readonly #trees = new TopicIndex<Topic>();
  /** Topics of events that belong to no account. */
  readonly #shared = new TopicIndex<Topic>();
  /** By account. */
  readonly #places = new Map<string, FilterPlaces>();
  /** Of the event in hand. */
  readonly #matched: Topic[] = [];
  #order = 0;
  #count = 0;
  /** Set by who ends subscriptions: one was sent the event after which it ends. */
  onSpent: (subscription: Subscription) => void = (subscription) => this.remove(subscription);

  readonly #ancestry: Ancestry;

  /** @param accounts without them every account stands alone */
  constructor(accounts: AccountChain = { tree: {}, parentOf: () => undefined }) {
    this.#ancestry = new Ancestry(accounts);
  }

  /** Subscriptions of this node. */
  get count(): number {
    return this.#count;
  }

  topics(): Iterable<Topic> {
    return this.#topics.values();
  }

  /**
   * Takes a hold on an account's binding, so that it stays while the broker is asked; `release` gives it back.
   * @param parse understands the binding; called where nobody holds it yet, and may throw
   * @param narrowing the same binding with another one is another interest
   * @param tokenFilter what the token of whoever asks is narrowed to, beside
   * @throws ActionError too_many_bindings where the account has too many filters; nothing is held then
   */
  hold(
    account: string,
    text: string,
    parse: () => Binding,
    narrowing: Narrowing = notNarrowed,
    tokenFilter?: Filter,
  ): Interest {
    const key = topicKey(account, text, narrowing);
    const topic = this.#topics.get(key) ?? new Topic(account, text, narrowing.includesSubaccounts, parse());
    const interest = topic.find(narrowing.filter, tokenFilter) ?? this.#addInterest(topic, narrowing, tokenFilter);
    if (topic.holders === 0) {
      this.#topics.set(key, topic);
      for (const words of topic.wordings) this.#indexOf(topic).add(topic, words);
      if (topic.includesSubaccounts) this.#ancestry.add(topic.account);
    }
    interest.holders += 1;
    topic.holders += 1;
    return interest;
  }

  #addInterest(topic: Topic, narrowing: Narrowing, tokenFilter: Filter | undefined): Interest {
    const place = this.#place(topic.account, both(narrowing.filter, tokenFilter), narrowing.filter === undefined);
    const interest = new Interest(topic, narrowing, tokenFilter, place);
    topic.add(interest);
    return interest;
  }

  #place(account: string, filter: Filter | undefined, isOfToken: boolean): Place | undefined {
    if (filter === undefined) return undefined;
    const places = this.#places.get(account) ?? new FilterPlaces();
    const place = places.hold(filter, isOfToken);
    if (place === undefined) {
      throw new ActionError(
        'too_many_bindings',
        `too many filters: an event of the account would have to be tried against more than ${maxTried} of them, or they are too large`,
      );
    }
    this.#places.set(account, places);
    return place;
  }

  /** @returns whether that was the last hold on its topic, which is gone then */
  release(interest: Interest): boolean {
    const { topic, narrowing, place } = interest;
    interest.holders -= 1;
    topic.holders -= 1;
    if (interest.holders > 0) return false;
    topic.delete(interest);
    if (place !== undefined) this.#displace(topic.account, place);
    if (topic.holders > 0) return false;
    this.#topics.delete(topicKey(topic.account, topic.text, narrowing));
    for (const words of topic.wordings) this.#indexOf(topic).delete(topic, words);
    if (topic.includesSubaccounts) this.#ancestry.delete(topic.account);
    return true;
  }

  #displace(account: string, place: Place): void {
    const places = this.#places.get(account);
    places?.release(place);
    if (places?.isEmpty) this.#places.delete(account);
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

  /** Its events are those of another held interest of its topic from now on. The hold on the one before is still to be released. */
  move(subscription: Subscription, interest: Interest): void {
    const { feed } = subscription.subscriber;
    // What the filter hid so far a replay may bring: this subscription has not covered it.
    if (feed !== undefined && subscription.interest.tokenFilter !== undefined) {
      subscription.from = Math.max(subscription.from, feed.doneTo(subscription));
    }
    this.#takeOut(subscription);
    subscription.interest = interest;
    subscription.slot = interest.subscriptions.length;
    interest.subscriptions.push(subscription);
    interest.onceCount += onceOf(subscription.lifetime);
  }

  /** Ends deliveries; the hold on the interest is still to be released. Takes the same time for any number of others. */
  remove(subscription: Subscription): void {
    this.#takeOut(subscription);
    subscription.subscriber.removeSubscription(subscription);
    this.#count -= 1;
  }

  #takeOut(subscription: Subscription): void {
    const { interest, lifetime } = subscription;
    const { subscriptions } = interest;
    interest.onceCount -= onceOf(lifetime);
    const last = subscriptions.pop();
    if (last === undefined || last === subscription) return;
    subscriptions[subscription.slot] = last;
    last.slot = subscription.slot;
  }

  #indexOf({ isShared, includesSubaccounts }: Topic): TopicIndex<Topic> {
    if (isShared) return this.#shared;
    return includesSubaccounts ? this.#trees : this.#index;
  }

  /**
   * Appends the topics that an event matches: its account's, those of accounts above with all below them, and those in every
   * account; of shared ones all accounts'. Which of their interests it concerns is another question.
   */
  matchTopics(event: BusEvent, found: Topic[]): void {
    const { account } = event;
    if (event.isShared) {
      this.#shared.collectAll(event.family, event.words, found);
      return;
    }
    if (account !== undefined && account !== everyAccount) {
      this.#index.collect(account, event.family, event.words, found);
      // Nobody pays for the tree but those who have it asked for.
      if (!this.#ancestry.isEmpty) this.#collectAbove(account, event, found);
    }
    this.#index.collect(everyAccount, event.family, event.words, found);
  }

  /** By the tree as it is now: an account that has left it brings no event more. */
  #collectAbove(account: string, { family, words }: BusEvent, found: Topic[]): void {
    for (const above of this.#ancestry.above(account)) this.#trees.collect(above, family, words, found);
  }

  /** Appends the interests that an event concerns. Hot. */
  match(event: BusEvent, payload: Payload, found: Interest[]): void {
    const matched = this.#matched;
    matched.length = 0;
    this.matchTopics(event, matched);
    let fields: Fields | undefined;
    for (const topic of matched) fields = topic.collect(payload, fields, found);
  }
}

/** Accounts have no blanks. */
function topicKey(account: string, text: string, { includesSubaccounts }: Narrowing): string {
  return `${account} ${includesSubaccounts ? '+' : '-'}${text}`;
}

function onceOf(lifetime: Lifetime | undefined): number {
  return lifetime?.isOnce === true ? 1 : 0;
}
