/**
 * One event from the bus to the sessions that want it. This is the hot path: an event is parsed once, looked up in the
 * index once, and each dialect's bytes are made once, however many sockets receive it.
 */
import type { Delivery } from './bus.ts';
import type { EventInTransit } from './dialects/dialect.ts';
import type { Catalogue } from './families/catalogue.ts';
import { type DropReason, decodeBody } from './payload.ts';
import type { Frame } from './protocol/frame.ts';
import type { Subscriptions } from './registry/subscriptions.ts';
import type { Session } from './session/session.ts';
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
  readonly #chosenSessions: Session[] = [];
  #eventNumber = 0;

  constructor(
    private readonly catalogue: Catalogue,
    private readonly subscriptions: Subscriptions,
    private readonly counters: RouterCounters,
    /** Told of what is wrong with a message; has the sense not to log each. */
    private readonly onDrop: (reason: DropReason, delivery: Delivery, error?: unknown) => void,
  ) {}

  /** @returns whether anybody was sent something. Never throws: a message that breaks something is dropped. */
  route(delivery: Delivery): boolean {
    try {
      const transit = this.#read(delivery);
      if (typeof transit === 'string') {
        this.#drop(transit, delivery);
        return false;
      }
      const isSent = this.#deliver(transit);
      if (transit.failure !== undefined) this.#drop('failed', delivery, transit.failure);
      return isSent;
    } catch (error) {
      this.#drop('failed', delivery, error);
      return false;
    }
  }

  #read(delivery: Delivery): EventInTransit | DropReason {
    const family = this.catalogue.familyOfExchange(delivery.exchange);
    this.counters.received(family?.name ?? 'other');
    if (family === undefined) return 'foreign';
    const decoded = decodeBody(delivery);
    if (typeof decoded === 'string') return decoded;
    const event = family.read(delivery.routingKey, decoded.payload);
    return typeof event === 'string' ? event : { event, ...decoded };
  }

  #drop(reason: DropReason, delivery: Delivery, error?: unknown): void {
    this.counters.dropped(reason);
    this.onDrop(reason, delivery, error);
  }

  #deliver(transit: EventInTransit): boolean {
    const matched = this.#matched;
    matched.length = 0;
    this.subscriptions.match(transit.event, matched);
    if (matched.length === 0) return false;
    const now = Date.now();
    const sentBefore = this.counters.framesSent;
    if (matched.length === 1) this.#sendAll(transit, matched[0] as Interest, now);
    else this.#sendOnce(transit, matched, now);
    return this.counters.framesSent > sentBefore;
  }

  /** The usual case, one interest: every subscriber gets a frame, and nobody two. */
  #sendAll(transit: EventInTransit, interest: Interest, now: number): void {
    let perEvent: Frame | undefined;
    let perSubscription: Frame | undefined;
    for (const { session, tail } of interest.subscribers) {
      // The token's end is looked at here and not only by the clock: no event is delivered after it.
      if (session.deliverUntil <= now) continue;
      let frame: Frame | undefined;
      if (session.dialect.framePerSubscription) {
        perSubscription ??= session.dialect.frame(transit, interest);
        frame = perSubscription;
      } else {
        perEvent ??= session.dialect.frame(transit, interest);
        frame = perEvent;
      }
      if (frame === undefined) continue;
      session.transport.sendEvent(frame, tail);
      this.counters.framesSent += 1;
    }
  }

  /**
   * Several interests match: a dialect with one frame an event sends it once, for the oldest of the session's
   * subscriptions. The note that finds it is left on the session itself, under this event's number.
   */
  #sendOnce(transit: EventInTransit, matched: readonly Interest[], now: number): void {
    const event = ++this.#eventNumber;
    const sessions = this.#chosenSessions;
    sessions.length = 0;
    for (const interest of matched) {
      let frame: Frame | undefined;
      for (const subscription of interest.subscribers) {
        const { session } = subscription;
        if (session.deliverUntil <= now) continue;
        if (session.dialect.framePerSubscription) {
          frame ??= session.dialect.frame(transit, interest);
          if (frame === undefined) continue;
          session.transport.sendEvent(frame, undefined);
          this.counters.framesSent += 1;
        } else if (session.seenEvent !== event) {
          session.seenEvent = event;
          session.chosen = subscription;
          sessions.push(session);
        } else if (subscription.order < (session.chosen as Subscription).order) {
          session.chosen = subscription;
        }
      }
    }
    for (const session of sessions) {
      const { interest, tail } = session.chosen as Subscription;
      session.chosen = undefined;
      const frame = session.dialect.frame(transit, interest);
      if (frame === undefined) continue;
      session.transport.sendEvent(frame, tail);
      this.counters.framesSent += 1;
    }
  }
}
