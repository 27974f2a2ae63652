/** Whoever events are delivered to: the session of a socket is one. */
import type { Dialect } from '../dialects/dialect.ts';
import type { EventMessage } from '../protocol/event-message.ts';
import type { Feed } from './feed.ts';
import type { Subscription } from './subscription.ts';

/** What the router leaves with a subscriber while an event is in hand that several of its subscriptions match. */
export interface RoutingNote {
  /** The event's number. */
  event: number;
  /** The subscription that the event is sent for. */
  chosen: Subscription | undefined;
}

/** All that router and registry need of a receiver. */
export interface Subscriber {
  readonly dialect: Dialect;
  /** The account that it belongs to, for good; undefined: none yet, and it holds nothing. */
  readonly accountId: string | undefined;
  /** Until when events may be delivered; Unix time, ms. 0: not now. Looked at before every delivery. */
  readonly deliverUntil: number;
  /** What it is subscribed to, oldest first. */
  readonly subscriptions: readonly Subscription[];
  /** The router's alone, which makes it when it is needed first: looking it up in a map would cost a delivery as much again. */
  routingNote: RoutingNote | undefined;
  /** Of a receiver that can resume. */
  readonly feed?: Feed | undefined;

  /**
   * Takes an event's message. Never throws, and never waits.
   * @param tail what this receiver's copy ends with, where it differs from others'
   */
  deliver(message: EventMessage, tail: Buffer | undefined): void;
  /** Takes what is no event, as JSON. */
  tell(text: string): void;
  /** A subscription begins. */
  addSubscription(subscription: Subscription): void;
  /** A subscription ends. */
  removeSubscription(subscription: Subscription): void;
}
