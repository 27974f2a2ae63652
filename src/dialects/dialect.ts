/** How an event looks to a client. One file a dialect implements this, and `dialects.ts` lists them. */
import { z } from 'zod';
import type { BusEvent, Offer, Payload } from '../families/family.ts';
import type { RequestId } from '../protocol/client-message.ts';
import type { EventMessage } from '../protocol/event-message.ts';

/** A body of the bus, as far as anybody knows it. */
export const payloadSchema = z.record(z.string(), z.unknown());

/** An event of the bus, read and ready to be said. */
export interface ReadEvent {
  readonly event: BusEvent;
  readonly payload: Payload;
  /** The AMQP body, decompressed: UTF-8, a JSON object. */
  readonly body: Buffer;
}

/** What a message says of the subscription that it is sent for. */
export interface SubscribedBinding {
  /** The client's own text. */
  readonly text: string;
  /** The account asked for, or `*`. */
  readonly account: string;
  /** Its events are those of the accounts below as well, and say whose they are. */
  readonly includesSubaccounts: boolean;
  subscriptionKey(event: BusEvent): string;
}

/** One event in one dialect, with what was made of it so far that all its messages share. */
export interface Rendering {
  /**
   * The message for those who hold a binding. Asked for once as long as the same binding is meant (`event-in-transit.ts`); a
   * dialect whose messages are the same for all bindings returns the same object, since its frames are kept on it.
   * @param cursor where the event stands in the history, for those who can resume there
   * @throws Error where the event can't be said in this dialect
   */
  message(binding: SubscribedBinding, cursor?: string): EventMessage;
}

export interface Dialect {
  /** As clients and settings spell it. */
  readonly name: string;
  /** Whether a receiver gets a message for each matching subscription, or one an event: for the oldest of them. */
  readonly perSubscription: boolean;
  /** Of its messages, for those who want to know what to expect. */
  readonly schema: z.ZodType;
  render(event: ReadEvent): Rendering;
  /** How REST bodies say what can be subscribed to. @returns undefined where this dialect says nothing of it */
  offer(offer: Offer): unknown;
  /**
   * How REST bodies tell of sockets. `ids`: lists have nothing but ids, and a single socket is shown with the owner's account
   * and token, in a list. `records`: lists have all of them, and a single one stands alone, all without the owner.
   */
  readonly socketsAs: 'ids' | 'records';
  /**
   * What ends the messages of a subscription, where they end differently from others'.
   * @param requestId that of the message that made it
   * @param hasOptions the receiver may hold others to the same binding
   */
  tail(requestId: RequestId | undefined, hasOptions: boolean): Buffer | undefined;
}
