/**
 * Asks the server what there is: when the board is new, when events may be missing, and again where an answer was not the
 * whole truth. One question after the other: a token may ask ten a second.
 */
import { isRefusal } from '../horizon-error.ts';
import type { Horizon, QueryReply } from '../types.ts';
import type { Listing } from './listing.ts';
import type { Picture } from './picture.ts';
import { type Data, entries, text } from './reading.ts';

/** What can be asked for, and the question. */
const questions = { calls: 'channels', conferences: 'conferences', registrations: 'registrations' } as const;

export type Listed = keyof typeof questions;

/** Between two questions. ms */
const pauseMs = 120;
/** An answer that is not the whole truth is asked for again after so long, doubled each time. ms */
const leastRetryMs = 2000;
const mostRetryMs = 30_000;
/** The server completes no more in one answer. */
const mostDetails = 100;
/** So many legs are remembered to have been asked for. */
const mostAsked = 5000;

interface Wish {
  readonly account: string | undefined;
  readonly kind: Listed | 'details';
  readonly dueAt: number;
  readonly retryMs: number;
}

export interface SnapshotListener {
  /** Something may look different. */
  onChange(): void;
  /** This can't be had. */
  onRefused(kind: Listed, account: string | undefined, error: unknown): void;
}

export class Snapshots {
  readonly #wishes = new Map<string, Wish>();
  /** Legs of which details are wanted, by account; those asked for already are not asked for again. */
  readonly #sketches = new Map<string | undefined, readonly string[]>();
  readonly #asked = new Set<string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isAsking = false;
  #isClosed = false;
  readonly #horizon: Horizon;
  readonly #picture: Picture;
  readonly #listener: SnapshotListener;

  constructor(horizon: Horizon, picture: Picture, listener: SnapshotListener) {
    this.#horizon = horizon;
    this.#picture = picture;
    this.#listener = listener;
  }

  /** Whether the whole truth is here. */
  get isDone(): boolean {
    return [...this.#wishes.values()].every(({ kind }) => kind === 'details');
  }

  /** @param waitMs how long it can wait */
  want(kind: Listed, account: string | undefined, waitMs = 0): void {
    this.#put({ kind, account, dueAt: Date.now() + waitMs, retryMs: leastRetryMs });
  }

  /** What a list leaves out of some legs is looked up. */
  wantDetails(account: string | undefined, legIds: readonly string[]): void {
    this.#sketches.set(account, legIds);
    if (this.#asked.size > mostAsked) this.#asked.clear();
    if (!legIds.some((id) => !this.#asked.has(id))) return;
    this.#put({ kind: 'details', account, dueAt: Date.now(), retryMs: leastRetryMs });
  }

  /** The connection is there (again). */
  wake(): void {
    clearTimeout(this.#timer);
    const [next] = [...this.#wishes.values()].sort((one, other) => one.dueAt - other.dueAt);
    if (this.#isAsking || this.#isClosed || this.#horizon.state !== 'open' || next === undefined) return;
    this.#timer = setTimeout(() => void this.#ask(next), Math.max(0, next.dueAt - Date.now()));
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #put(wish: Wish): void {
    this.#wishes.set(keyOf(wish), wish);
    this.wake();
  }

  async #ask(wish: Wish): Promise<void> {
    this.#isAsking = true;
    let isWhole = false;
    try {
      isWhole = await (wish.kind === 'details' ? this.#complete(wish) : this.#look(wish, wish.kind));
    } catch (error) {
      // A connection that was closed may be opened again.
      isWhole = isRefusal(error) && error.code !== 'closed';
      if (isWhole && wish.kind !== 'details') this.#listener.onRefused(wish.kind, wish.account, error);
    }
    await pause();
    this.#isAsking = false;
    // Wanted anew while the answer was on its way, it is asked for again.
    if (this.#wishes.get(keyOf(wish)) === wish) {
      this.#wishes.delete(keyOf(wish));
      const { retryMs } = wish;
      const again = { ...wish, dueAt: Date.now() + retryMs, retryMs: Math.min(retryMs * 2, mostRetryMs) };
      if (!isWhole) this.#wishes.set(keyOf(wish), again);
    }
    if (this.#isClosed) return;
    this.#listener.onChange();
    this.wake();
  }

  async #look({ account }: Wish, kind: Listed): Promise<boolean> {
    const askedAt = Date.now();
    const reply = await this.#horizon.query(questions[kind], of(account));
    const listing = listingOf(reply, askedAt);
    let isWhole = this.#picture.list(kind, reply.result, listing) && listing.isComplete;
    this.#listener.onChange();
    for (const room of kind === 'conferences' ? entries(reply.result) : []) {
      isWhole = (await this.#lookInto(text(room, 'name') ?? '', listing.account)) && isWhole;
    }
    return isWhole;
  }

  async #lookInto(room: string, account: string): Promise<boolean> {
    await pause();
    const askedAt = Date.now();
    const reply = await this.#horizon.query('conference', { account_id: account, conference_id: room });
    const listing = listingOf(reply, askedAt);
    // A room that has ended meanwhile has told so.
    if (reply.result === null) return listing.isComplete;
    return this.#picture.listMembers(room, reply.result, listing) && listing.isComplete;
  }

  async #complete({ account }: Wish): Promise<boolean> {
    const sketches = this.#sketches.get(account) ?? [];
    const ids = sketches.filter((id) => !this.#asked.has(id)).slice(0, mostDetails);
    if (ids.length === 0) return true;
    const askedAt = Date.now();
    const reply = await this.#horizon.query('channels', { ...of(account), details: true, call_ids: ids });
    // Those of another account, too, are not asked for again.
    for (const id of ids) this.#asked.add(id);
    const listed = entries(reply.result) as readonly Data[];
    if (reply.details_partial === true) {
      for (const entry of listed)
        if (text(entry, 'call_direction') === undefined) this.#asked.delete(String(entry.uuid));
    }
    this.#picture.list('calls', listed, { ...listingOf(reply, askedAt), isComplete: false });
    return sketches.every((id) => this.#asked.has(id));
  }
}

const keyOf = ({ kind, account = '' }: Wish): string => `${kind} ${account}`;
const of = (account: string | undefined) => ({ account_id: account });
const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, pauseMs));

function listingOf({ account_id, partial }: QueryReply, askedAt: number): Listing {
  return { account: account_id, askedAt, now: Date.now(), isComplete: !partial };
}
