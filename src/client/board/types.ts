/** What users of a board see of it. What isn't known is undefined; times are Unix time, ms, by this machine's clock. */

export type CallState = 'ringing' | 'talking' | 'held' | 'parked' | 'ended';

/** Somebody at the end of a call. What isn't known is undefined. */
export interface Party {
  readonly name: string | undefined;
  readonly number: string | undefined;
  /** Of the account's users and devices (`Owner-ID`, `Authorizing-ID`): undefined for somebody outside as well. */
  readonly userId: string | undefined;
  readonly deviceId: string | undefined;
}

/** One person's line in a call. Times are Unix time, ms, by this machine's clock. */
export interface Leg extends Party {
  /** `Call-ID`: what `command` wants. */
  readonly id: string;
  readonly account: string;
  readonly state: CallState;
  /** As the switch sees it: `inbound` is who calls, `outbound` who is called. */
  readonly direction: 'inbound' | 'outbound';
  readonly username: string | undefined;
  /** `1001@realm`, the lamp that it lights. */
  readonly presenceId: string | undefined;
  /** A carrier's line, and none of the account's devices; undefined: nobody has said. */
  readonly isOutside: boolean | undefined;
  /** A line that the switch has to itself: nobody's. */
  readonly isLoopback: boolean;
  readonly otherLegId: string | undefined;
  readonly since: number;
  readonly isAnswered: boolean;
  /** undefined: not answered, or nobody saw when. */
  readonly answeredAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Why it ended (`Hangup-Cause`). */
  readonly cause: string | undefined;
}

/** Both legs of a call, or all that it has, as one. */
export interface Call {
  /** The `Call-ID` of the leg that it began with, and the same for as long as it goes on, whoever leaves it. */
  readonly id: string;
  readonly account: string;
  readonly state: CallState;
  /** As the account sees it: from outside, to the outside, or neither. Until a line to the outside is seen, it is `internal`. */
  readonly direction: 'inbound' | 'outbound' | 'internal';
  readonly from: Party;
  readonly to: Party;
  /** Times are Unix time, ms, by this machine's clock. */
  readonly since: number;
  /** Since when these two talk; undefined: they don't, or nobody saw when it began. */
  readonly answeredAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly cause: string | undefined;
  /** The parking slot that it waits in; undefined: it doesn't, or nobody saw where. */
  readonly slot: string | undefined;
  /** The conference that one of its legs is in: its `key`. */
  readonly conference: string | undefined;
  /** Living ones first, in the order from, to. Ended ones stay for a few seconds. */
  readonly legs: readonly Leg[];
  /** Only a list without details told of some of it: `board.look` gets the rest. */
  readonly isSketch: boolean;
}

/** Somebody in a conference. */
export interface Member {
  /** Of their leg. */
  readonly callId: string;
  readonly participantId: string | undefined;
  readonly name: string | undefined;
  readonly number: string | undefined;
  readonly userId: string | undefined;
  readonly deviceId: string | undefined;
  readonly isModerator: boolean;
  readonly isTalking: boolean;
  readonly isMuted: boolean;
  /** They hear nothing. */
  readonly isDeaf: boolean;
  /** Unix time, ms. */
  readonly since: number;
}

/** A conference that is held now. */
export interface Conference {
  /** What `change` calls it: another one each time that the room opens. */
  readonly key: string;
  /** Its name: what is dialled. */
  readonly id: string;
  readonly account: string;
  /** Another one each time that the room opens. */
  readonly instanceId: string | undefined;
  readonly isLocked: boolean;
  /** Unix time, ms; undefined: nobody saw it. */
  readonly since: number | undefined;
  /** In the order in which they came. */
  readonly members: readonly Member[];
}

/** A telephone that is registered. */
export interface Registration {
  /** `username@realm`: there is one for each, as with Kazoo's own registrar. */
  readonly key: string;
  readonly account: string;
  readonly username: string;
  readonly realm: string | undefined;
  /** Where it is reached: `sip:…`. */
  readonly contact: string | undefined;
  readonly userAgent: string | undefined;
  readonly address: string | undefined;
  readonly userId: string | undefined;
  readonly deviceId: string | undefined;
  /** Unix time, ms; undefined: nobody has said. */
  readonly expiresAt: number | undefined;
}

/** A lamp on a telephone, as far as anything was heard of it. */
export interface Lamp {
  /** `1001@realm`. */
  readonly key: string;
  readonly account: string;
  /** `1001`, or `*3101` for a parking slot. */
  readonly user: string;
  readonly state: 'idle' | 'ringing' | 'busy';
  /** Of the mailbox; undefined: nothing was heard of it. */
  readonly newMessages: number | undefined;
  readonly savedMessages: number | undefined;
}

/** What there is, by kind. */
export interface Kinds {
  readonly calls: Call;
  readonly conferences: Conference;
  readonly registrations: Registration;
  readonly lamps: Lamp;
}

export type Kind = keyof Kinds;

/** What is watched. Without `account` and `accounts` it is the connection's account. */
export interface BoardOptions {
  readonly account?: string | undefined;
  /** At most 20. */
  readonly accounts?: readonly string[] | undefined;
  /** Which calls are shown: asked whenever one has changed. */
  readonly where?: ((call: Call) => boolean) | undefined;
  /** What of it is wanted: all without it. Each takes bindings at the server, and events. */
  readonly parts?: readonly Kind[] | undefined;
}

/** The ids of calls and the keys of the rest that have changed, come or gone since the last time. */
export interface BoardChange extends Event, Readonly<Record<Kind, ReadonlySet<string>>> {}

/** A part that the server refuses: it stays empty. */
export interface Refusal {
  readonly part: Kind;
  /** undefined: the connection's own. */
  readonly account: string | undefined;
  readonly error: unknown;
}

/** Each list is the same array, and each thing in it the same object, until something of it has changed. */
export interface Board {
  /** Calls that are over stay for 5 s, with the state `ended`. */
  readonly calls: readonly Call[];
  readonly conferences: readonly Conference[];
  readonly registrations: readonly Registration[];
  readonly lamps: readonly Lamp[];
  call(id: string): Call | undefined;
  /** Something may be missing, or may have ended: not connected, catching up, the broker is away, or not all is known yet. */
  readonly isStale: boolean;
  /** Since when. Unix time, ms */
  readonly staleSince: number | undefined;
  readonly refused: readonly Refusal[];
  /** Which calls somebody looks at now, by their ids: of those that only a list has told of, the details are asked for. */
  look(callIds: Iterable<string>): void;
  /** `change`: within 16 ms of a change, many together. */
  addEventListener(
    type: 'change',
    listener: (event: BoardChange) => void,
    options?: { readonly once?: boolean; readonly signal?: AbortSignal },
  ): void;
  removeEventListener(type: 'change', listener: (event: BoardChange) => void): void;
  /** Ends its subscriptions and timers; what it shows stays as it is. */
  close(): void;
}
