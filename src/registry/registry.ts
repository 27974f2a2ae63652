/** Sessions and what they hold, kept in step with what the broker holds: the one place that changes either. */
import { ActionError } from '../errors.ts';
import type { Binding } from '../families/family.ts';
import type { Filter } from '../filters/filter.ts';
import type { RequestId } from '../protocol/client-message.ts';
import { noticeText } from '../protocol/notice.ts';
import type { Lifetime, Narrowing } from '../protocol/subscription-options.ts';
import type { Session } from '../session/session.ts';
import type { Subscriber } from '../session/subscriber.ts';
import type { Interest, Subscription } from '../session/subscription.ts';
import type { Topic } from '../session/topic.ts';
import type { Binder } from './binder.ts';
import { Expiries } from './expiries.ts';
import { Holdings } from './holdings.ts';
import { Sessions } from './sessions.ts';
import type { Subscriptions } from './subscriptions.ts';

export class Registry {
  readonly sessions = new Sessions();
  readonly holdings = new Holdings();
  readonly #expiries = new Expiries((subscription) => this.#endItself(subscription, 'expired'));

  constructor(
    readonly subscriptions: Subscriptions,
    private readonly binder: Pick<Binder, 'want' | 'forget' | 'confirmed'>,
  ) {
    subscriptions.onSpent = (subscription) => this.#endItself(subscription, 'once');
  }

  /**
   * Takes a hold on an account's binding and has the broker asked for it. To be followed by `subscribe` or `letGo`.
   * @throws ActionError too_many_bindings, or what `parse` throws; nothing is held then
   */
  hold(account: string, text: string, parse: () => Binding, narrowing?: Narrowing, tokenFilter?: Filter): Interest {
    const interest = this.subscriptions.hold(account, text, parse, narrowing, tokenFilter);
    const { topic } = interest;
    if (topic.holders > 1) return interest;
    try {
      this.binder.want(topic.eventFamily, topic.patterns);
    } catch (error) {
      this.subscriptions.release(interest);
      throw error;
    }
    return interest;
  }

  /** Gives a hold back; the last one takes the patterns from the broker. */
  letGo(interest: Interest): void {
    const { topic } = interest;
    if (this.subscriptions.release(interest)) this.binder.forget(topic.eventFamily, topic.patterns);
  }

  /**
   * Resolves when what is published from then on for these interests comes to this node.
   * @throws ActionError source_unavailable
   */
  async confirmed(interests: readonly Interest[]): Promise<void> {
    const topics = new Set(interests.map(({ topic }) => topic));
    await Promise.all([...topics].map(({ eventFamily, patterns }) => this.binder.confirmed(eventFamily, patterns)));
  }

  /**
   * Turns a hold into a subscription.
   * @param from only events behind this position of the history are delivered
   * @param lifetime when it ends by itself
   */
  subscribe(
    subscriber: Subscriber,
    interest: Interest,
    requestId: RequestId | undefined,
    from?: number,
    lifetime?: Lifetime,
  ): Subscription {
    const subscription = this.subscriptions.add(subscriber, interest, requestId, from, lifetime);
    this.holdings.add(subscription);
    this.#expiries.set(subscription);
    return subscription;
  }

  /**
   * Has a subscription filtered by what its receiver's token is narrowed to now, in place of what it was narrowed to.
   * @throws ActionError too_many_bindings; nothing has changed then
   */
  refilter(subscription: Subscription, tokenFilter: Filter | undefined): void {
    const before = subscription.interest;
    const interest = this.refiltered(before, tokenFilter);
    if (interest === before) return;
    this.subscriptions.move(subscription, interest);
    this.letGo(before);
  }

  /**
   * A hold on what an interest is with another token.
   * @returns the same interest, and no other hold, where nothing is different
   * @throws ActionError too_many_bindings
   */
  refiltered(interest: Interest, tokenFilter: Filter | undefined): Interest {
    if (interest.tokenFilter?.key === tokenFilter?.key) return interest;
    const { account, text, narrowing } = interest;
    return this.hold(account, text, () => interest.topic.binding, narrowing, tokenFilter);
  }

  /** A subscription that is held already is asked for again: when it ends is what is asked for now. */
  renew(subscription: Subscription, lifetime: Lifetime | undefined): void {
    this.subscriptions.setLifetime(subscription, lifetime);
    this.#expiries.set(subscription);
  }

  unsubscribe(subscription: Subscription): void {
    this.subscriptions.remove(subscription);
    this.holdings.remove(subscription);
    this.#expiries.forget(subscription);
    this.letGo(subscription.interest);
  }

  /** The subscription ends as it was asked to, and the client is told. */
  #endItself(subscription: Subscription, reason: 'expired' | 'once'): void {
    const { subscriber, interest, requestId } = subscription;
    this.unsubscribe(subscription);
    subscriber.tell(
      noticeText({
        notice: 'subscription_ended',
        account_id: interest.account,
        binding: interest.text,
        filter: interest.narrowing.filter?.source,
        request_id: requestId,
        reason,
      }),
    );
  }

  unsubscribeAll(subscriber: Subscriber): void {
    for (const subscription of [...subscriber.subscriptions]) this.unsubscribe(subscription);
  }

  /** The socket is gone, or about to be: it is listed no more and gets nothing more. */
  end(session: Session): void {
    if (session.isEnded) return;
    session.end();
    this.unsubscribeAll(session);
    this.sessions.remove(session);
  }

  /**
   * Understands every topic anew: the patterns of some hang on the account tree. One that can't be understood any more stays
   * as it is; its subscriptions are the caller's to end.
   * @param parse may throw an ActionError
   * @returns the topics whose new patterns don't fit into the plan, and why: they stay as they were, bound to what is not
   *   theirs any more, so their subscriptions are the caller's to end, too
   */
  replan(parse: (topic: Topic) => Binding): ReadonlyMap<Topic, ActionError> {
    const unplanned = new Map<Topic, ActionError>();
    for (const topic of this.subscriptions.topics()) {
      const binding = attempt(() => parse(topic));
      if (binding instanceof ActionError) continue;
      const failure = attempt(() => this.#reinterpret(topic, binding));
      if (failure instanceof ActionError) unplanned.set(topic, failure);
    }
    return unplanned;
  }

  /** Make before break. @throws ActionError too_many_bindings; nothing has changed then */
  #reinterpret(topic: Topic, binding: Binding): void {
    const before = topic.patterns;
    this.binder.want(topic.eventFamily, binding.patterns);
    topic.reinterpret(binding);
    this.binder.forget(topic.eventFamily, before);
  }
}

/** @returns what it returns, or the ActionError that it throws */
function attempt<T>(step: () => T): T | ActionError {
  try {
    return step();
  } catch (error) {
    if (error instanceof ActionError) return error;
    throw error;
  }
}
