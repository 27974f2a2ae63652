/**
 * One event from the bus to the subscribers that want it. This is the hot path: an event is parsed once, looked up in the
 * index once, and each dialect's message is made once, however many receive it.
 */
import type { Delivery } from './bus.ts';
import type { Dialect, ReadEvent } from './dialects/dialect.ts';
import { EventInTransit } from './dialects/event-in-transit.ts';
import { readEvent } from './event-reader.ts';
import type { Catalogue } from './families/catalogue.ts';
import type { DropReason } from './payload.ts';
import type { EventMessage } from './protocol/event-message.ts';
import type { Subscriptions } from './registry/subscriptions.ts';
import type { EventKeeper } from './replay/event-keeper.ts';
import type { Feed } from './session/feed.ts';
import type { RoutingNote } from './session/subscriber.ts';
import type { Interest, Subscription } from './session/subscription.ts';

/** What the router counts. Plain numbers: a metrics library's counter costs more than a delivery does. */
export interface RouterCounters {
  received(family: string): void;
  dropped(reason: DropReason): void;
  framesSent: number;
}

export class Router {
  /** Of the event in hand. Kept between events, so that routing allocates no lists. */
  readonly #matched: Interest[] = [];
  readonly #notes: RoutingNote[] = [];
  readonly #spent: Subscription[] = [];
  #eventNumber = 0;

  constructor(
    private readonly catalogue: Catalogue,
    private readonly subscriptions: Subscriptions,
    private readonly counters: RouterCounters,
    /** Told of what is wrong with a message; has the sense not to log each. */
    private readonly onDrop: (reason: DropReason, delivery: Delivery, error?: unknown) => void,
    /** Told of every event, before it goes to anybody. */
    private readonly onEvent: (read: ReadEvent) => void = () => undefined,
    private readonly keeper?: EventKeeper,
  ) {}

  /** @returns whether anybody was sent something. Never throws: a message that breaks something is dropped. */
  route(delivery: Delivery): boolean {
    try {
      const { family, read } = readEvent(this.catalogue, delivery);
      this.counters.received(family);
      if (typeof read === 'string') {
        this.keeper?.pass(delivery);
        this.#drop(read, delivery);
        return false;
      }
      this.onEvent(read);
      const { keeper } = this;
      const { position = 0, lateness } = delivery;
      keeper?.keep(delivery, read.event);
      // Nobody wants yesterday's ringing but who asks for it.
      if (lateness === 'old' || lateness === 'missed') return false;
      const transit = new EventInTransit(read, keeper && (() => keeper.cursorAt(position)));
      const isSent = this.#deliver(read, transit, position);
      if (transit.failure !== undefined) this.#drop('failed', delivery, transit.failure);
      return isSent;
    } catch (error) {
      this.#drop('failed', delivery, error);
      return false;
    }
  }

  #drop(reason: DropReason, delivery: Delivery, error?: unknown): void {
    this.counters.dropped(reason);
    this.onDrop(reason, delivery, error);
  }

  #deliver({ event, payload }: ReadEvent, transit: EventInTransit, position: number): boolean {
    const matched = this.#matched;
    matched.length = 0;
    this.subscriptions.match(event, payload, matched);
    if (matched.length === 0) return false;
    const now = Date.now();
    const sentBefore = this.counters.framesSent;
    const [only] = matched;
    if (only !== undefined && matched.length === 1 && only.onceCount === 0) this.#sendAll(transit, only, now, position);
    else this.#sendOnce(transit, matched, now, position);
    return this.counters.framesSent > sentBefore;
  }

  /**
   * The usual case, one interest: everybody gets a message, and nobody two. Nearly all speak one dialect and can't resume, so
   * a delivery is a few comparisons and the call.
   */
  #sendAll(transit: EventInTransit, interest: Interest, now: number, position: number): void {
    let dialect: Dialect | undefined;
    let message: EventMessage | undefined;
    let sent = 0;
    for (const subscription of interest.subscriptions) {
      const { subscriber } = subscription;
      if (subscriber.feed !== undefined) {
        this.#sendIfOpen(transit, subscription, now, position);
        continue;
      }
      if (subscriber.deliverUntil <= now) continue;
      if (subscriber.dialect !== dialect) {
        dialect = subscriber.dialect;
        message = transit.message(dialect, interest.topic);
      }
      if (message === undefined) continue;
      subscriber.deliver(message, subscription.tail);
      sent += 1;
    }
    this.counters.framesSent += sent;
  }

  #sendIfOpen(transit: EventInTransit, subscription: Subscription, now: number, position: number): void {
    const { feed } = subscription.subscriber;
    if (isOpen(subscription, feed, now, position)) this.#send(transit, subscription, feed, position);
  }

  /**
   * Several interests match: in a dialect with one message an event, a subscriber gets it for the oldest of its
   * subscriptions. The note that finds it is left with the subscriber itself, under this event's number. Those that end
   * after their first event have had it when their subscriber has, and end behind it.
   */
  #sendOnce(transit: EventInTransit, matched: readonly Interest[], now: number, position: number): void {
    const event = ++this.#eventNumber;
    const notes = this.#notes;
    const spent = this.#spent;
    notes.length = 0;
    spent.length = 0;
    for (const { subscriptions, onceCount } of matched) {
      for (const subscription of subscriptions) {
        const { subscriber } = subscription;
        const { feed } = subscriber;
        if (!isOpen(subscription, feed, now, position)) continue;
        if (onceCount > 0 && subscription.lifetime?.isOnce) spent.push(subscription);
        if (subscriber.dialect.perSubscription) {
          this.#send(transit, subscription, feed, position);
          continue;
        }
        subscriber.routingNote ??= { event: 0, chosen: undefined };
        const note = subscriber.routingNote;
        if (note.event !== event) {
          note.event = event;
          note.chosen = subscription;
          notes.push(note);
        } else if (subscription.order < (note.chosen as Subscription).order) {
          note.chosen = subscription;
        }
      }
    }
    for (const note of notes) {
      const subscription = note.chosen as Subscription;
      // A subscription that ends must not be kept by a note of it.
      note.chosen = undefined;
      this.#send(transit, subscription, subscription.subscriber.feed, position);
    }
    for (const subscription of spent) this.#end(transit, subscription);
    spent.length = 0;
  }

  /** Unless the event could not be said in its dialect. */
  #end(transit: EventInTransit, subscription: Subscription): void {
    const { subscriber, interest } = subscription;
    const isSaid = transit.message(subscriber.dialect, interest.topic, subscriber.feed?.hasCursors) !== undefined;
    if (isSaid) this.subscriptions.onSpent(subscription);
  }

  #send(
    transit: EventInTransit,
    { subscriber, interest, tail }: Subscription,
    feed: Feed | undefined,
    position: number,
  ): void {
    const message = transit.message(subscriber.dialect, interest.topic, feed?.hasCursors);
    if (message === undefined) return;
    subscriber.deliver(message, tail);
    if (feed !== undefined) feed.sentAt = position;
    this.counters.framesSent += 1;
  }
}

/** Whether an event may go to a subscription now. */
function isOpen({ subscriber, from }: Subscription, feed: Feed | undefined, now: number, position: number): boolean {
  // The token's end is looked at here and not only by the clock: no event is delivered after it.
  if (subscriber.deliverUntil <= now) {
    // Who can resume loses nothing by it.
    feed?.hold(position - 1);
    return false;
  }
  return feed === undefined || (feed.isLive && from < position);
}
