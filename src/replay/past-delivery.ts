/** Sends events of the past to a socket, for those of its subscriptions that they are owed to. */
import type { Subscriptions } from '../registry/subscriptions.ts';
import type { Subscription } from '../session/subscription.ts';
import { Concern } from './concern.ts';
import type { PastEvent } from './past-events.ts';
import type { Replay, SocketFeed } from './socket-feed.ts';

export interface SendCounters {
  framesSent: number;
}

export class PastDelivery {
  readonly #concern: Concern;
  /** Of the event in hand. */
  readonly #due: Subscription[] = [];

  constructor(
    private readonly subscriptions: Subscriptions,
    private readonly counters: SendCounters,
  ) {
    this.#concern = new Concern(subscriptions);
  }

  /**
   * For the subscriptions that a message added; in a dialect with one frame an event only what no other one has covered.
   * @returns about how many bytes that was
   */
  replayed(feed: SocketFeed, replay: Replay, position: number, past: PastEvent): number {
    const { perSubscription } = feed.session.dialect;
    const due = this.#due;
    due.length = 0;
    for (const subscription of this.#concern.of(feed, past)) {
      if (replay.subscriptions.has(subscription)) due.push(subscription);
      else if (!perSubscription && subscription.from < position && !feed.isOwedReplay(subscription)) return 0;
    }
    const bytes = this.#sendFor(due, past);
    if (bytes > 0) replay.replayed += 1;
    return bytes;
  }

  /** For all others. @returns about how many bytes that was */
  missed(feed: SocketFeed, position: number, past: PastEvent): number {
    const due = this.#due;
    due.length = 0;
    for (const subscription of this.#concern.of(feed, past)) {
      if (subscription.from >= position || feed.isOwedReplay(subscription)) continue;
      due.push(subscription);
    }
    return this.#sendFor(due, past);
  }

  /**
   * Sends an event for subscriptions of a socket, or for the oldest of them, as its dialect has it. Those that end after
   * their first event end then.
   */
  #sendFor(due: readonly Subscription[], past: PastEvent): number {
    const [first] = due;
    if (first === undefined) return 0;
    let bytes = 0;
    if (first.subscriber.dialect.perSubscription) for (const each of due) bytes += this.#send(past, each);
    else bytes = this.#send(past, oldestOf(due, first));
    if (bytes > 0) for (const each of due) if (each.lifetime?.isOnce) this.subscriptions.onSpent(each);
    return bytes;
  }

  /** @returns about how many bytes that was */
  #send({ transit }: PastEvent, { subscriber, interest, tail }: Subscription): number {
    const message = transit.message(subscriber.dialect, interest.topic, true);
    if (message === undefined) return 0;
    subscriber.deliver(message, tail);
    this.counters.framesSent += 1;
    return message.open.reduce((sum, { length }) => sum + length, tail?.length ?? 1);
  }
}

function oldestOf(subscriptions: readonly Subscription[], first: Subscription): Subscription {
  return subscriptions.reduce((oldest, each) => (each.order < oldest.order ? each : oldest), first);
}
