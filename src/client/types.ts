/**
 * What users of the client library see of it: what they give, what they get, what it is called. Nothing here is Node's
 * or a browser's alone.
 */
import type { Board, BoardOptions } from './board/types.ts';
import type { HorizonError } from './horizon-error.ts';
import type { DataOf, FamilyOf, NameOf } from './payloads.ts';

export type * from './board/types.ts';

/** As much of a WebSocket as is needed: that of browsers, of Node 22, of the package `ws`. */
export interface SocketLike {
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(text: string): void;
  close(code?: number): void;
}

export type SocketConstructor = new (url: string) => SocketLike;

/** A token, or what gets one. */
export type TokenSource = string | ((refusal?: HorizonError) => string | Promise<string>);

export interface ConnectOptions {
  /** Of the server: `wss://events.example.com/`. `https:` and `http:` are taken for `wss:` and `ws:`; in a browser it may be relative. */
  readonly url: string;
  /**
   * The token, or what gets one: called for each connection, and whenever the server wants another; then with what it
   * said of the last one. One that throws or rejects counts as a token that is refused; two of these in a row end in the
   * state `closed`.
   */
  readonly token: TokenSource;
  /** Whose events, calls, … are meant where nobody says otherwise; the token's own account without it. */
  readonly account?: string | undefined;
  /** Where there is none by itself: Node 20 (`import { WebSocket } from 'ws'`). */
  readonly WebSocket?: SocketConstructor | undefined;
  /** It always resumes. */
  readonly resume?: true;
}

/** A value that an event is compared with, as text. */
export type FilterValue = string | number | boolean;

export type FilterCondition =
  | FilterValue
  | readonly FilterValue[]
  | { readonly prefix: string }
  | { readonly not: FilterValue | readonly FilterValue[] }
  | { readonly exists: boolean };

/** By path (`Custom-Channel-Vars.Authorizing-ID`, in either spelling): all conditions must hold. docs/PROTOCOL.md has the rules. */
export type Filter = Readonly<Record<string, FilterCondition>>;

export interface SubscribeOptions {
  /** Whose events; `*` is for superduper admins. */
  readonly account?: string | undefined;
  /** Only events that are so. The server sorts them out. */
  readonly filter?: Filter | undefined;
  /** Those of all accounts below it as well. */
  readonly includeSubaccounts?: boolean | undefined;
  /** Ends by itself after the first event. */
  readonly once?: boolean | undefined;
  /**
   * The cursor of an event of earlier, from another page or program: what came behind it comes first. Where that can't be
   * had, a `gap` says so. Refused (`already_held`) where this client holds the same subscription already.
   */
  readonly since?: string | undefined;
}

/** An event of the bus. */
export interface HorizonEvent<Binding extends string = string> {
  readonly name: NameOf<Binding>;
  /** `call`, `conference`, `object`, `fax`, `presence`, `registration`, `notifications`, or one of the server's own. */
  readonly family: FamilyOf<Binding>;
  /** Whose it is; `*` where that can't be told. */
  readonly account: string;
  /** The one that it came for, as it was subscribed to. */
  readonly binding: Binding;
  readonly data: DataOf<Binding>;
  /** Its place in the server's history; undefined where the server keeps none. */
  readonly cursor: string | undefined;
  /** Whether it happened while nobody could tell us, and comes late. */
  readonly replayed: boolean;
}

export type Handler<Binding extends string = string> = (event: HorizonEvent<Binding>) => void;

/** What `subscribe` returns: called, it ends the subscription. */
export interface Stop {
  (): void;
  /**
   * Resolves when the server has confirmed; rejects with a HorizonError when it refuses. While the connection is away it
   * waits; where that is closed it rejects with `closed`, and `open()` makes the subscription all the same. Nobody has to
   * look at it. Ended before, it resolves.
   */
  readonly ready: Promise<void>;
  /** Whether the server holds all of it now; `status` is dispatched when that changes. */
  readonly isHeld: boolean;
}

/** `waiting`: comes back by itself. `closed`: only `open()` brings it back. */
export type HorizonState = 'connecting' | 'open' | 'waiting' | 'closed';

/** All that a freshness chip needs. Times are Unix time, ms. */
export interface Status {
  readonly state: HorizonState;
  /** Since when it is so: the state or, while it is `open` and the source is down, that. */
  readonly since: number;
  /** Why it isn't open, in words. */
  readonly reason: string | undefined;
  /** Of `waiting`: when it is tried again. */
  readonly nextTryAt: number | undefined;
  /** Whether the server has its broker: without it nothing comes. `unknown` while we aren't connected. */
  readonly source: 'up' | 'down' | 'unknown';
  /** How many events have come of those that were missed; undefined: nothing is being caught up with. */
  readonly catchingUp: number | undefined;
  /** Of the last ping. ms */
  readonly rttMs: number | undefined;
}

/** What `query` can ask. */
export type QueryName = 'channels' | 'channel' | 'conferences' | 'conference' | 'registrations';

/** Members of a result, in the kazoo4 spelling; docs/PROTOCOL.md lists them. */
export type Entry = Readonly<Record<string, unknown>>;

export interface QueryResults {
  readonly channels: readonly Entry[];
  readonly channel: Entry | null;
  readonly conferences: readonly Entry[];
  readonly conference: Entry | null;
  readonly registrations: readonly Entry[];
}

/** The server's reply. */
export interface QueryReply<Result = unknown> {
  readonly name: string;
  readonly account_id: string;
  readonly result: Result;
  /** Some media node did not answer: what is missing from the result may be there all the same. */
  readonly partial: boolean;
  readonly details_partial?: boolean;
}

/** Members of a message's `data` (`account_id`, `call_id`, `details`, `target`, …), as docs/PROTOCOL.md has them. */
export type RequestData = Readonly<Record<string, unknown>>;

/** Events may be missing of these: whoever shows what is takes a fresh look (`query`). */
export interface GapEvent extends Event {
  /** As they were subscribed to; the token's own is named where it is known, and empty where it isn't. */
  readonly accounts: readonly string[];
  readonly bindings: readonly string[];
  /** `notice`: the server met the gap while we were connected; else why it could not be resumed: `too_old`, `gap`, `unknown`, `no_history`. */
  readonly reason: string;
}

/** A subscription was refused, or has ended without our asking. */
export interface FailureEvent extends Event {
  /** Code and text are the server's. */
  readonly error: HorizonError;
  readonly account: string | undefined;
  /** Those concerned, where it is known. */
  readonly bindings: readonly string[];
}

export interface HorizonEventMap {
  /** The state is another. */
  readonly state: Event;
  /** Something in the status is another, its figures aside; or the server holds other subscriptions of ours. */
  readonly status: Event;
  readonly gap: GapEvent;
  readonly error: FailureEvent;
}

type Listener<Type extends keyof HorizonEventMap> =
  | ((event: HorizonEventMap[Type]) => void)
  | { handleEvent(event: HorizonEventMap[Type]): void };

/** A server, and what is asked of it. It connects by itself, again and again, until it is closed. */
export interface Horizon {
  readonly state: HorizonState;
  readonly status: Status;
  /** The token's own account, where the token or the server has told it. */
  readonly account: string | undefined;
  /**
   * Hands events to a handler until it is stopped. Several bindings are subscribed to all together or not at all. One
   * that throws harms no other: the error is reported as an uncaught one is.
   */
  subscribe<const Binding extends string>(
    bindings: Binding | readonly Binding[],
    handler: Handler<Binding>,
    options?: SubscribeOptions,
  ): Stop;
  /** Asks what is. Rejects with a HorizonError, after 10 s at the latest. */
  query<Name extends QueryName>(name: Name, data?: RequestData): Promise<QueryReply<QueryResults[Name]>>;
  /** Does something to a call: `command(id, 'hangup')`. What comes of it the events say. Rejects as `query` does. */
  command(callId: string, action: string, data?: RequestData): Promise<{ readonly accepted: boolean }>;
  /** @returns how long the answer took, ms. Rejects as `query` does. */
  ping(): Promise<number>;
  /**
   * What there is, kept right: calls, conferences, registrations, lamps.
   * Throws a RangeError for more than 20 accounts, or `*`, of which no list can be had.
   */
  board(options?: BoardOptions): Board;
  /** Comes (back) at once: from `closed`, or while it waits. */
  open(): void;
  /** Disconnects, and stays away. Subscriptions are kept for `open`. */
  close(): void;
  addEventListener<Type extends keyof HorizonEventMap>(
    type: Type,
    listener: Listener<Type>,
    options?: { once?: boolean },
  ): void;
  removeEventListener<Type extends keyof HorizonEventMap>(type: Type, listener: Listener<Type>): void;
}
