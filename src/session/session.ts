/**
 * One client: who it is, what it holds, how fast it talks. Knows its socket only as a transport. A node keeps ten
 * thousands of these, so the fields are few and flat, and what most sessions never need is made when it is needed.
 */
import { randomUUID } from 'node:crypto';
import type { Identity } from '../auth/identity.ts';
import type { Dialect } from '../dialects/dialect.ts';
import type { CloseReason } from '../errors.ts';
import type { Frame } from '../protocol/frame.ts';
import type { Subscription } from './subscription.ts';

/** The way to the client. */
export interface Transport {
  /**
   * Queues an event's frame; it leaves in this turn of the event loop.
   * @param tail what this receiver's copy ends with, where it differs
   */
  sendEvent(frame: Frame, tail: Buffer | undefined): void;
  sendText(text: string): void;
  /** @param text the reason that the client reads, in place of the usual one */
  close(reason: CloseReason, text?: string): void;
  /** Reads nothing more from the client for a second. */
  pauseReading(): void;
}

/** What a client called its socket. */
export interface Label {
  readonly name: string | undefined;
  readonly metadata: unknown;
}

const noLabel: Label = { name: undefined, metadata: undefined };

/** More malformed messages in a row than this close the socket. */
const maxMalformedInRow = 10;

export class Session {
  /** Can't be guessed: whoever knows it and has a token of the account may close the socket. */
  readonly id: string = randomUUID();
  /** Unix time, ms. */
  readonly connectedAt = Date.now();
  identity: Identity | undefined;
  /** When the identity was last vouched for. Of `performance.now()`, ms: the wall clock may be set back. */
  identifiedAt = 0;
  label = noLabel;
  /** Since when the socket has had no valid token: of `performance.now()`, ms. */
  unauthenticatedSince = performance.now();
  closed = false;

  /** What it is subscribed to, oldest first. At most MAX_BINDINGS_PER_SOCKET, so a list is enough. */
  subscriptions: Subscription[] = [];

  /** Until when (Unix time, ms) events may be delivered; 0 without a token. Looked at before every delivery. */
  deliverUntil = 0;

  /** The router's notes on the event in hand: see `router.ts`. */
  seenEvent = 0;
  chosen: Subscription | undefined;

  /** Messages that wait for the one in hand. */
  inbox: Buffer[] | undefined;
  #malformedInRow = 0;

  /** Token bucket: what is left of it, and when that was worked out (ms of a clock that is never set; 0: it is full). */
  rateTokens: number;
  rateAt = 0;
  /** Messages over the rate limit, since the last one within it. */
  #refusedInRow = 0;

  /**
   * @param source the client's address
   * @param burst messages that it may send at once
   */
  constructor(
    readonly transport: Transport,
    readonly dialect: Dialect,
    readonly source: string,
    burst: number,
  ) {
    this.rateTokens = burst;
  }

  authenticateAs(identity: Identity): void {
    this.identity = identity;
    this.identifiedAt = performance.now();
    this.deliverUntil = identity.expiresAt;
  }

  /**
   * From now on the token is worth nothing, and nothing is delivered. The identity stays, as the account that the socket
   * belongs to, and so do the subscriptions: suspended until a fresh token is accepted.
   */
  endToken(): void {
    this.deliverUntil = 0;
    this.unauthenticatedSince = performance.now();
  }

  hasValidToken(now: number): boolean {
    return this.deliverUntil > now;
  }

  countMalformed(): void {
    this.#malformedInRow += 1;
  }

  get isTooMalformed(): boolean {
    return this.#malformedInRow > maxMalformedInRow;
  }

  countWellFormed(): void {
    this.#malformedInRow = 0;
  }

  /**
   * Takes one message from the bucket.
   * @param now `performance.now()`: a wall clock that is set back would lock the client out
   * @returns false when it is empty
   */
  takeRateToken(now: number, perSecond: number, burst: number): boolean {
    this.rateTokens = Math.min(burst, this.rateTokens + ((now - this.rateAt) * perSecond) / 1000);
    this.rateAt = now;
    if (this.rateTokens < 1) return false;
    this.rateTokens -= 1;
    this.#refusedInRow = 0;
    return true;
  }

  /** @returns how many messages in a row were over the limit, this one included */
  countRefused(): number {
    this.#refusedInRow += 1;
    return this.#refusedInRow;
  }

  /** An account's subscriptions by their bindings: made for one message, which may name many. */
  heldIn(account: string): ReadonlyMap<string, Subscription> {
    const held = new Map<string, Subscription>();
    for (const subscription of this.subscriptions) {
      if (subscription.interest.account === account) held.set(subscription.interest.text, subscription);
    }
    return held;
  }

  bindingTexts(): string[] {
    return this.subscriptions.map(({ interest }) => interest.text);
  }
}
