/** How an event looks to a client. One file a dialect implements this. */
import type { BusEvent, Payload } from '../families/family.ts';
import type { RequestId } from '../protocol/client-message.ts';
import type { Frame } from '../protocol/frame.ts';

export type DialectName = 'classic' | 'kazoo4';

/** An event on its way to its receivers, with what the dialects made of it so far: each thing is made once. */
export interface EventInTransit {
  readonly event: BusEvent;
  readonly payload: Payload;
  /** The AMQP body, decompressed: UTF-8, a JSON object. */
  readonly body: Buffer;
  /** The classic dialect's frame, once made. */
  classicFrame?: Frame;
  /** The kazoo4 dialect's `data`, once made; empty where that failed. */
  normalized?: string;
  /** Why a dialect could not say it. */
  failure?: unknown;
}

/** What a frame says of the subscription that it is sent for. */
export interface SubscribedBinding {
  /** The client's own text. */
  readonly text: string;
  /** The account asked for, or `*`. */
  readonly account: string;
  subscriptionKey(event: BusEvent): string;
}

export interface Dialect {
  /** Whether a socket gets a frame for each matching subscription, or one an event. */
  readonly framePerSubscription: boolean;
  /** @returns undefined where the event can't be said in this dialect; `transit.failure` has the reason */
  frame(transit: EventInTransit, binding: SubscribedBinding): Frame | undefined;
  /** What ends the frames of a subscription, where they end differently from others'. */
  tail(requestId: RequestId | undefined): Buffer | undefined;
}
