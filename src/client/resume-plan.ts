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
  const groups = groupsOf([...helds].filter(isToAsk), ({ wasHeld, account, options, cursor }) => {
    return JSON.stringify([wasHeld, account ?? '', options, cursor ?? '']);
  });
  return groups
    .sort(([a], [b]) => Number(b?.wasHeld ?? false) - Number(a?.wasHeld ?? false))
    .flatMap(inPieces)
    .map((piece) => ({ helds: piece, since: piece[0]?.cursor }));
}

/** Those of the same key together, in their order. */
function groupsOf(helds: readonly Held[], keyOf: (held: Held) => string): Held[][] {
  const groups = new Map<string, Held[]>();
  for (const held of helds) {
    const key = keyOf(held);
    const group = groups.get(key) ?? [];
    group.push(held);
    groups.set(key, group);
  }
  return [...groups.values()];
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
  return { ...(first && dataOf(first)), bindings: helds.map(({ binding }) => binding), since };
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
  const held = [...helds].filter(({ state }) => state === 'held');
  const whole: Held[] = [];
  const endings: Ending[] = [];
  for (const siblings of groupsOf(held, (one) => JSON.stringify([accountOf(one), one.binding]))) {
    if (!siblings.some(isWanted)) {
      whole.push(...siblings);
      continue;
    }
    for (const held of siblings) {
      const isAlone = siblings.every((other) => other === held || !isWanted(other) || !hasSameFilter(other, held));
      if (isWanted(held) || held.filter === undefined || !isAlone) continue;
      const { include_subaccounts: _, ...data } = dataOf(held);
      endings.push({ data: { ...data, binding: held.binding }, helds: [held] });
    }
  }
  for (const ended of groupsOf(whole, ({ account }) => account ?? '')) {
    for (const piece of inPieces(ended)) {
      const bindings = [...new Set(piece.map(({ binding }) => binding))];
      endings.push({ data: { account_id: piece[0]?.account, bindings }, helds: piece });
    }
  }
  return endings;
}

function hasSameFilter(one: Held, other: Held): boolean {
  return JSON.stringify(one.filter) === JSON.stringify(other.filter);
}
