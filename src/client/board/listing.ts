/** What comes from the server, events and lists, and which of the two is to be believed. Times are Unix time, ms. */
import type { Data } from './reading.ts';

/** A media node's list may be behind its own events by so much. ms */
export const lagMs = 2000;

/** What comes with a list of the server's. */
export interface Listing {
  readonly account: string;
  readonly askedAt: number;
  readonly now: number;
  /** What isn't on it isn't there. */
  readonly isComplete: boolean;
}

/**
 * Who is to be believed where a list is not what events came to. `none`: something was told right before it was asked for;
 * either the list is behind, or something behind that was missed. Another list will tell.
 * @param toldAt when an event told it
 */
export function trustIn(toldAt: number, { askedAt }: Pick<Listing, 'askedAt'>): 'event' | 'list' | 'none' {
  return toldAt >= askedAt ? 'event' : toldAt < askedAt - lagMs ? 'list' : 'none';
}

/** An event of the families that the board watches. */
export interface Told {
  readonly account: string;
  readonly data: Data;
  /** It comes late. */
  readonly replayed: boolean;
}

/**
 * What a complete list lacks is gone, unless an event says otherwise.
 * @returns whether that is the whole truth
 */
export function dropMissing<One extends { readonly heardAt: number }>(
  all: Iterable<One>,
  isMissing: (one: One) => boolean,
  listing: Pick<Listing, 'askedAt' | 'isComplete'>,
  drop: (one: One) => void,
): boolean {
  let isWhole = true;
  for (const one of listing.isComplete ? [...all].filter(isMissing) : []) {
    const trust = trustIn(one.heardAt, listing);
    if (trust === 'list') drop(one);
    isWhole &&= trust !== 'none';
  }
  return isWhole;
}

/** What comes of something behind its end is late for so long. ms */
export const afterlifeMs = 60_000;

/** Forgets what ended long ago. @param endedAt by id */
export function forgetOld(endedAt: Map<string, number>, now: number): void {
  for (const [id, at] of endedAt) if (now - at >= afterlifeMs) endedAt.delete(id);
}
