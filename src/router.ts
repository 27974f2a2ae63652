/**
 * One event from the bus to the subscribers that want it. This is the hot path: an event is parsed once, looked up in the
 * index once, and each dialect's message is made once, however many receive it.
 */
import type { Delivery } from './bus.ts';
import type { ReadEvent } from './dialects/dialect.ts';
import { EventInTransit } from './dialects/event-in-transit.ts';
import type { Catalogue } from './families/catalogue.ts';
import type { BusEvent } from './families/family.ts';
import { type DropReason, decodeBody } from './payload.ts';
import type { Subscriptions } from './registry/subscriptions.ts';
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
  #eventNumber = 0;

  constructor(
    private readonly catalogue: Catalogue,
    private readonly subscriptions: Subscriptions,
    private readonly counters: RouterCounters,
    /** Told of what is wrong with a message; has the sense not to log each. */
    private readonly onDrop: (reason: DropReason, delivery: Delivery, error?: unknown) => void,
    /** Told of every event, before it goes to anybody. */
    private readonly onEvent: (read: ReadEvent) => void = () => undefined,
  ) {}

  /** @returns whether anybody was sent something. Never throws: a message that breaks something is dropped. */
  route(delivery: Delivery): boolean {
    try {
      const read = this.#read(delivery);
      if (typeof read === 'string') {
        this.#drop(read, delivery);
        return false;
      }
      this.onEvent(read);
      const transit = new EventInTransit(read);
      const isSent = this.#deliver(read.event, transit);
      if (transit.failure !== undefined) this.#drop('failed', delivery, transit.failure);
      return isSent;
    } catch (error) {
      this.#drop('failed', delivery, error);
      return false;
    }
  }

  #read(delivery: Delivery): ReadEvent | DropReason {
    const { exchange, routingKey } = delivery;
    const decoded = decodeBody(delivery);
    if (typeof decoded === 'string') {
      this.counters.received(this.catalogue.familyOn(exchange));
      return decoded;
    }
    const { family, reading } = this.catalogue.read(exchange, routingKey, decoded.payload);
    this.counters.received(family);
    return typeof reading === 'string' ? reading : { event: reading, ...decoded };
  }

  #drop(reason: DropReason, delivery: Delivery, error?: unknown): void {
    this.counters.dropped(reason);
    this.onDrop(reason, delivery, error);
  }

  #deliver(event: BusEvent, transit: EventInTransit): boolean {
    const matched = this.#matched;
    matched.length = 0;
    this.subscriptions.match(event, matched);
    if (matched.length === 0) return false;
    const now = Date.now();
    const sentBefore = this.counters.framesSent;
    if (matched.length === 1) this.#sendAll(transit, matched[0] as Interest, now);
    else this.#sendOnce(transit, matched, now);
    return this.counters.framesSent > sentBefore;
  }

  /** The usual case, one interest: everybody gets a message, and nobody two. */
  #sendAll(transit: EventInTransit, { subscriptions }: Interest, now: number): void {
    for (const subscription of subscriptions) {
      // The token's end is looked at here and not only by the clock: no event is delivered after it.
      if (subscription.subscriber.deliverUntil > now) this.#send(transit, subscription);
    }
  }

  /**
   * Several interests match: in a dialect with one message an event, a subscriber gets it for the oldest of its
   * subscriptions. The note that finds it is left with the subscriber itself, under this event's number.
   */
  #sendOnce(transit: EventInTransit, matched: readonly Interest[], now: number): void {
    const event = ++this.#eventNumber;
    const notes = this.#notes;
    notes.length = 0;
    for (const { subscriptions } of matched) {
      for (const subscription of subscriptions) {
        const { subscriber } = subscription;
        if (subscriber.deliverUntil <= now) continue;
        if (subscriber.dialect.perSubscription) {
          this.#send(transit, subscription);
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
      this.#send(transit, subscription);
    }
  }

  #send(transit: EventInTransit, { subscriber, interest, tail }: Subscription): void {
    const message = transit.message(subscriber.dialect, interest);
    if (message === undefined) return;
    subscriber.deliver(message, tail);
    this.counters.framesSent += 1;
  }
}
