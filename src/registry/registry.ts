/** Sessions and what they hold, kept in step with what the broker holds: the one place that changes either. */
import { ActionError } from '../errors.ts';
import type { Binding } from '../families/family.ts';
import type { RequestId } from '../protocol/client-message.ts';
import { noticeText } from '../protocol/notice.ts';
import type { Lifetime, Narrowing } from '../protocol/subscription-options.ts';
import type { Session } from '../session/session.ts';
import type { Subscriber } from '../session/subscriber.ts';
import type { Interest, Subscription } from '../session/subscription.ts';
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
  hold(account: string, text: string, parse: () => Binding, narrowing?: Narrowing): Interest {
    const interest = this.subscriptions.hold(account, text, parse, narrowing);
    if (interest.holders > 1) return interest;
    try {
      this.binder.want(interest.eventFamily, interest.patterns);
    } catch (error) {
      this.subscriptions.release(interest);
      throw error;
    }
    return interest;
  }

  /** Gives a hold back; the last one takes the patterns from the broker. */
  letGo(interest: Interest): void {
    if (this.subscriptions.release(interest)) this.binder.forget(interest.eventFamily, interest.patterns);
  }

  /**
   * Resolves when what is published from then on for these interests comes to this node.
   * @throws ActionError source_unavailable
   */
  async confirmed(interests: readonly Interest[]): Promise<void> {
    await Promise.all(interests.map(({ eventFamily, patterns }) => this.binder.confirmed(eventFamily, patterns)));
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
   * Understands every interest anew: the patterns of some hang on the account tree. One that can't be understood any more
   * stays as it is; its subscriptions are the caller's to end.
   * @param parse may throw an ActionError
   * @returns the interests whose new patterns don't fit into the plan, and why: they stay as they were, bound to what is
   *   not theirs any more, so their subscriptions are the caller's to end, too
   */
  replan(parse: (interest: Interest) => Binding): ReadonlyMap<Interest, ActionError> {
    const unplanned = new Map<Interest, ActionError>();
    for (const interest of this.subscriptions.interests()) {
      const binding = attempt(() => parse(interest));
      if (binding instanceof ActionError) continue;
      const failure = attempt(() => this.#reinterpret(interest, binding));
      if (failure instanceof ActionError) unplanned.set(interest, failure);
    }
    return unplanned;
  }

  /** Make before break. @throws ActionError too_many_bindings; nothing has changed then */
  #reinterpret(interest: Interest, binding: Binding): void {
    const before = interest.patterns;
    this.binder.want(interest.eventFamily, binding.patterns);
    interest.reinterpret(binding);
    this.binder.forget(interest.eventFamily, before);
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
