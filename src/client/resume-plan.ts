/** Which messages make subscriptions (again), and which end them: few, and what resumes first. Pure. */
import { dataOf, type Held, isToAsk, isWanted } from './held.ts';
import type { Message } from './message.ts';

/** Bindings of one message, as JSON: a message of more than 4 KiB may go unread where too many come. Bytes */
const mostBindingBytes = 3000;

/** Subscriptions that one message asks for: of one account, with the same options and the same cursor. */
export interface Group {
  readonly helds: readonly Held[];
  /** Where they go on. */
  readonly since: string | undefined;
}

/** @returns the groups to ask for, those that were held before first */
export function planSubscribes(helds: Iterable<Held>): readonly Group[] {
  const groups = new Map<string, Held[]>();
  for (const held of helds) {
    if (!isToAsk(held)) continue;
    const key = JSON.stringify([held.wasHeld, held.account ?? '', held.options, held.cursor ?? '']);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [held]);
    else group.push(held);
  }
  return [...groups.values()]
    .sort(([a], [b]) => Number(b?.wasHeld ?? false) - Number(a?.wasHeld ?? false))
    .flatMap((group) => inPieces(group))
    .map((piece) => ({ helds: piece, since: piece[0]?.cursor }));
}

function inPieces(group: readonly Held[]): Held[][] {
  const pieces: Held[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const held of group) {
    const own = JSON.stringify(held.binding).length + 1;
    bytes += own;
    if (bytes > mostBindingBytes) {
      pieces.push([]);
      bytes = own;
    }
    pieces.at(-1)?.push(held);
  }
  return pieces;
}

/** @returns the `data` of the message */
export function subscribeData({ helds, since }: Group): Message {
  const [first] = helds;
  return {
    ...(first === undefined ? {} : dataOf(first)),
    bindings: helds.map(({ binding }) => binding),
    ...(since === undefined ? {} : { since }),
  };
}

/** A message that ends something, and what is not held any more after it. */
export interface Ending {
  readonly data: Message;
  readonly helds: readonly Held[];
}

/**
 * A binding ends all subscriptions to it, whatever their options; with a filter only that one. So one that shares its
 * binding with another that is still wanted stays, and its frames are dropped, unless its filter tells it apart.
 * @param accountOf of those without one: the token's own, where it is known
 */
export function planUnsubscribes(helds: Iterable<Held>, accountOf: (held: Held) => string): readonly Ending[] {
  const byBinding = new Map<string, Held[]>();
  for (const held of helds) {
    if (held.state !== 'held') continue;
    const key = JSON.stringify([accountOf(held), held.binding]);
    byBinding.set(key, [...(byBinding.get(key) ?? []), held]);
  }
  const whole = new Map<string, Held[]>();
  const endings: Ending[] = [];
  for (const siblings of byBinding.values()) {
    if (!siblings.some(isWanted)) {
      for (const held of siblings) whole.set(held.account ?? '', [...(whole.get(held.account ?? '') ?? []), held]);
      continue;
    }
    for (const held of siblings) {
      const isAlone = siblings.every((other) => other === held || !isWanted(other) || !hasSameFilter(other, held));
      if (isWanted(held) || held.filter === undefined || !isAlone) continue;
      const { include_subaccounts: _, ...data } = dataOf(held);
      endings.push({ data: { ...data, binding: held.binding }, helds: [held] });
    }
  }
  for (const ended of whole.values()) {
    for (const piece of inPieces(ended)) {
      const [first] = piece;
      const data = first?.account === undefined ? {} : { account_id: first.account };
      endings.push({ data: { ...data, bindings: [...new Set(piece.map(({ binding }) => binding))] }, helds: piece });
    }
  }
  return endings;
}

function hasSameFilter(one: Held, other: Held): boolean {
  return JSON.stringify(one.filter) === JSON.stringify(other.filter);
}
