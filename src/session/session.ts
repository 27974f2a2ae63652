/**
 * One client: who it is, what it holds, how fast it talks. Knows its socket only as a transport. A node keeps ten
 * thousands of these, so the fields are few and flat, and what most sessions never need is made when it is needed.
 */
import { randomUUID } from 'node:crypto';
import type { Identity } from '../auth/identity.ts';
import type { Dialect } from '../dialects/dialect.ts';
import type { CloseReason } from '../errors.ts';
import type { EventMessage } from '../protocol/event-message.ts';
import { type RateLimit, TokenBucket } from '../token-bucket.ts';
import type { Feed } from './feed.ts';
import type { RoutingNote, Subscriber } from './subscriber.ts';
import type { Subscription } from './subscription.ts';

/** The way to the client. */
export interface Transport {
  /**
   * Queues an event's message; it leaves in this turn of the event loop.
   * @param tail what this receiver's copy ends with, where it differs
   */
  sendEvent(message: EventMessage, tail: Buffer | undefined): void;
  sendText(text: string): void;
  /** What it was sent and has not left yet, bytes. */
  readonly owedBytes: number;
  /** @param text the reason that the client reads, in place of the usual one */
  close(reason: CloseReason, text?: string): void;
  /** Reads nothing more from the client for a second. */
  pauseReading(): void;
  /** Takes messages up to MAX_MESSAGE_BYTES: a stranger's are smaller. */
  admit(): void;
}

/** What a client called its socket. */
export interface Label {
  readonly name: string | undefined;
  readonly metadata: unknown;
}

const noLabel: Label = { name: undefined, metadata: undefined };

/** More malformed messages than this close the socket. */
const maxMalformed = 10;
/** A client that is understood again has one forgiven for each so many ms: one message alone forgives none. */
const forgiveMs = 1000;

export class Session implements Subscriber {
  // What each delivery looks at stands first, in one line of the processor's cache.
  #deliverUntil = 0;
  /** Set where the client asked to be able to resume. */
  feed: Feed | undefined;
  routingNote: RoutingNote | undefined;

  /** Can't be guessed: whoever knows it and has a token of the account may close the socket. */
  readonly id: string = randomUUID();
  /** Unix time, ms. */
  readonly connectedAt = Date.now();
  #identity: Identity | undefined;
  #identifiedAt = 0;
  #label = noLabel;
  #unauthenticatedSince = performance.now();
  #isEnded = false;
  /** At most MAX_BINDINGS_PER_SOCKET, so a list is enough. */
  readonly #subscriptions: Subscription[] = [];
  /** Malformed messages that are not forgiven, and the moment from which on time forgives (`performance.now()`, ms). */
  #malformed = 0;
  #malformedSince = 0;
  readonly #rate: TokenBucket;
  /** Messages over the rate limit, since the last one within it; and control frames. */
  #refusedInRow = 0;
  #refusedControlsInRow = 0;

  /**
   * @param address the client's
   * @param rateLimit of its messages
   */
  constructor(
    readonly transport: Transport,
    readonly dialect: Dialect,
    readonly address: string,
    rateLimit: RateLimit,
  ) {
    this.#rate = new TokenBucket(rateLimit);
  }

  /** Who it is: set with the first token that was accepted. From then on it belongs to that account for good. */
  get identity(): Identity | undefined {
    return this.#identity;
  }

  get accountId(): string | undefined {
    return this.#identity?.accountId;
  }

  /** When the identity was last vouched for. Of `performance.now()`, ms: the wall clock may be set back. */
  get identifiedAt(): number {
    return this.#identifiedAt;
  }

  get deliverUntil(): number {
    return this.#deliverUntil;
  }

  /** Since when the socket has had no valid token: of `performance.now()`, ms. */
  get unauthenticatedSince(): number {
    return this.#unauthenticatedSince;
  }

  authenticateAs(identity: Identity): void {
    if (this.#identity === undefined) this.transport.admit();
    this.#identity = identity;
    this.#identifiedAt = performance.now();
    this.#deliverUntil = identity.expiresAt;
    this.feed?.wake();
  }

  /**
   * Has the identity count as vouched for at that time (of `performance.now()`): it could not be checked again, and stays
   * valid for now.
   */
  postponeCheck(identifiedAt: number): void {
    this.#identifiedAt = identifiedAt;
  }

  /**
   * From now on the token is worth nothing, and nothing is delivered. The identity stays, as the account that the socket
   * belongs to, and so do the subscriptions: suspended until a fresh token is accepted.
   */
  endToken(): void {
    this.#deliverUntil = 0;
    this.feed?.hold();
    this.#unauthenticatedSince = performance.now();
  }

  hasValidToken(now: number): boolean {
    return this.#deliverUntil > now;
  }

  get label(): Label {
    return this.#label;
  }

  /** What is left undefined stays as it was. */
  relabel({ name, metadata }: Label): void {
    if (name === undefined && metadata === undefined) return;
    this.#label = { name: name ?? this.#label.name, metadata: metadata ?? this.#label.metadata };
  }

  /** The client is gone, or about to be: it is sent nothing more. */
  get isEnded(): boolean {
    return this.#isEnded;
  }

  end(): void {
    this.#isEnded = true;
  }

  deliver(message: EventMessage, tail: Buffer | undefined): void {
    this.transport.sendEvent(message, tail);
  }

  tell(text: string): void {
    this.transport.sendText(text);
  }

  /** @param now `performance.now()` */
  countMalformed(now: number): void {
    if (this.#malformed === 0) this.#malformedSince = now;
    this.#malformed += 1;
  }

  get isTooMalformed(): boolean {
    return this.#malformed > maxMalformed;
  }

  /** Time forgives malformed messages, but only those of a client that is understood again. */
  countWellFormed(now: number): void {
    if (this.#malformed === 0) return;
    const forgiven = Math.floor((now - this.#malformedSince) / forgiveMs);
    this.#malformed = Math.max(0, this.#malformed - forgiven);
    this.#malformedSince += forgiven * forgiveMs;
  }

  /** Counts a message. @returns whether it is within the rate limit */
  takeRateToken(): boolean {
    if (!this.#rate.take(performance.now())) return false;
    this.#refusedInRow = 0;
    this.#refusedControlsInRow = 0;
    return true;
  }

  /** @returns how many messages in a row were over the limit, this one included */
  countRefused(): number {
    this.#refusedInRow += 1;
    return this.#refusedInRow;
  }

  /** The same of control frames: each costs less, and they get no answer that could tell the client. */
  countRefusedControl(): number {
    this.#refusedControlsInRow += 1;
    return this.#refusedControlsInRow;
  }

  get subscriptions(): readonly Subscription[] {
    return this.#subscriptions;
  }

  addSubscription(subscription: Subscription): void {
    this.#subscriptions.push(subscription);
    this.feed?.subscriptionsChanged();
  }

  removeSubscription(subscription: Subscription): void {
    const at = this.#subscriptions.indexOf(subscription);
    if (at >= 0) this.#subscriptions.splice(at, 1);
    this.feed?.subscriptionsChanged();
  }

  /** What it holds in an account, oldest first. */
  heldIn(account: string): Subscription[] {
    return this.#subscriptions.filter(({ interest }) => interest.account === account);
  }

  bindingTexts(): string[] {
    return this.#subscriptions.map(({ interest }) => interest.text);
  }
}
