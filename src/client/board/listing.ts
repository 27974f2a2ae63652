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
