/**
 * What is to be held at the server: a subscription (an account, a binding, its options), shared by all handlers that want
 * the same; and the wishes for it, one for each call of `subscribe`.
 */
import type { HorizonError } from './horizon-error.ts';
import { isRecord, type Message } from './message.ts';
import type { Filter, Handler, SubscribeOptions } from './types.ts';

/** One call of `subscribe`. */
export interface Wish {
  readonly handler: Handler;
  readonly once: boolean;
  readonly helds: readonly Held[];
  /** The server has confirmed all of it once. */
  isReady: boolean;
  isOver: boolean;
  /** Those of `ready`. */
  readonly resolve: () => void;
  readonly reject: (error: HorizonError) => void;
}

/** Where a binding's events are: what tells whether another one may have the same. */
interface Place {
  /** Those that a `gap` names. */
  readonly family: string;
  /** Its second word. */
  readonly event: string | undefined;
}

export interface Held extends Place {
  readonly key: string;
  /** Of this one alone: what is subscribed to anew is another. */
  readonly serial: number;
  /** As it was asked for; undefined: the token's own. */
  readonly account: string | undefined;
  readonly binding: string;
  readonly filter: Filter | undefined;
  readonly includeSubaccounts: boolean;
  /** The same for the same options; empty without any. */
  readonly options: string;
  /** In the order of their making. */
  readonly wishes: Set<Wish>;
  /** At the server. `asking`, `ending`: it was sent a message; `refused`: another token or connection may bring it back. */
  state: 'absent' | 'asking' | 'held' | 'ending' | 'refused';
  /** The server may have ended it without our asking, and is asked again. */
  isDoubted: boolean;
  /** Whether the server has ever confirmed it. */
  wasHeld: boolean;
  /** Everything up to there was received; none where the server keeps no history. */
  cursor: string | undefined;
  /** What was missed is on its way. */
  isReplaying: boolean;
  /** Of the message that made it on this connection. */
  requestId: string | undefined;
}

export function isWanted({ wishes }: Held): boolean {
  return wishes.size > 0;
}

/** Whether the server is to be asked for it. */
export function isToAsk(held: Held): boolean {
  return isWanted(held) && (held.state === 'absent' || (held.state === 'held' && held.isDoubted));
}

export function newHeld(
  binding: string,
  { account, filter, includeSubaccounts = false, since }: SubscribeOptions,
  key = keyOf(binding, { account, filter, includeSubaccounts }),
): Held {
  return {
    key,
    serial: Math.random(),
    account,
    binding,
    ...placeOf(binding),
    // What the caller does with it afterwards is not what was asked for.
    filter: filter === undefined ? undefined : structuredClone(filter),
    includeSubaccounts,
    options: optionsText({ filter, includeSubaccounts }),
    wishes: new Set(),
    state: 'absent',
    isDoubted: false,
    // Somebody has held it, who knows how far it came.
    wasHeld: since !== undefined,
    cursor: since,
    isReplaying: false,
    requestId: undefined,
  };
}

/** The same for what is one subscription at the server. */
export function keyOf(binding: string, options: SubscribeOptions): string {
  return JSON.stringify([options.account ?? '', binding, optionsText(options)]);
}

function optionsText({ filter, includeSubaccounts }: SubscribeOptions): string {
  if (filter === undefined && includeSubaccounts !== true) return '';
  return JSON.stringify([sorted(filter), includeSubaccounts === true]);
}

/** Filters are equal as JSON, whatever the order of their members. */
function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted);
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.keys(value)
      .sort()
      .map((name) => [name, sorted(value[name])]),
  );
}

/** What a message says of the subscriptions that it is about, but for their bindings. JSON leaves out what is undefined. */
export function dataOf({ account, filter, includeSubaccounts }: Held): Message {
  return { account_id: account, filter, include_subaccounts: includeSubaccounts || undefined };
}

export function placeOf(binding: string): Place {
  const [root = '', event] = binding.split('.');
  return { family: root.startsWith('doc_') || (root === 'fax' && event === 'object') ? 'object' : root, event };
}

/** Whether there may be events that are of both bindings: then each has a frame of its own. */
export function mayShare({ family, event }: Place, other: Place): boolean {
  if (family !== other.family) return false;
  return family !== 'call' || event === other.event || event === '*' || other.event === '*';
}
