/**
 * Slow consumers: TCP's backpressure reaches this process as bytes that don't leave it, and nobody may owe it more of them, or
 * for longer, than the limits say.
 */
import type { CloseReason } from '../errors.ts';

export interface BacklogSettings {
  readonly slowConsumerBytes: number;
  readonly slowConsumerSeconds: number;
  readonly maxUnsentBytes: number;
}

/** A socket, as the backlog sees it. */
export interface Debtor {
  /** All bytes that it was ever given. */
  readonly givenBytes: number;
  /** Those of them that have not left. */
  readonly unsentBytes: number;
  /** It is given no more than it takes, since it catches up with what it missed: late only when nothing leaves at all. */
  readonly isPaced: boolean;
  /** Set once this server has begun to close it. */
  readonly closeCode: number | undefined;
  close(reason: CloseReason): void;
}

/** All bytes before a position in the stream of those given have waited since a moment, or longer. */
interface Note {
  mark: number;
  /** ms, as `performance.now()`. */
  since: number;
  /** When the note was begun. It is moved on until the next one is. */
  readonly begunAt: number;
}

/** What is known of a socket that has something unsent. Most sockets never have one. */
interface Debt {
  /** Unsent bytes, when last looked at. */
  bytes: number;
  /** Oldest first; none is of bytes that have left. */
  readonly notes: Note[];
  /** Bytes that had left when last looked at, and since when (ms, as `performance.now()`) no more of them did. */
  left: number;
  leftAt: number;
}

/** A note covers no more than this, ms, or this part of SLOW_CONSUMER_SECONDS: nobody needs more than so many notes. */
const noteMs = 500;
const notesEach = 60;
/** While the total is over the limit's edge, how much must come in between two counts of all sockets: a part of the limit. */
const recountPart = 16;

export class Backlog<T extends Debtor> {
  readonly #debts = new Map<T, Debt>();
  readonly #limitMs: number;
  readonly #noteMs: number;
  #total = 0;
  /** The total at which all are counted in the middle of a flush. */
  #recountAt: number;

  constructor(private readonly settings: BacklogSettings) {
    this.#limitMs = settings.slowConsumerSeconds * 1000;
    this.#noteMs = Math.max(noteMs, this.#limitMs / notesEach);
    this.#recountAt = settings.maxUnsentBytes;
  }

  /**
   * Looks at a socket that was just written to, or once a second.
   * Closes it when it has too much unsent, or something unsent for too long; and others, when all have too much together.
   * @param now `performance.now()`: a wall clock that is set on would make everybody late
   */
  check(debtor: T, now: number): void {
    const bytes = debtor.unsentBytes;
    if (bytes === 0) {
      this.forget(debtor);
    } else if (debtor.closeCode === undefined) {
      const waitedMs = this.#note(debtor, bytes, now);
      if (bytes > this.settings.slowConsumerBytes || waitedMs > this.#limitMs) this.#close(debtor);
      else if (this.#total > this.#recountAt) this.checkTotal();
    }
  }

  /** @returns how long the oldest unsent byte has waited, ms; a note's length less at most */
  #note(debtor: T, bytes: number, now: number): number {
    const given = debtor.givenBytes;
    let debt = this.#debts.get(debtor);
    if (debt === undefined) {
      debt = { bytes: 0, notes: [], left: given - bytes, leftAt: now };
      this.#debts.set(debtor, debt);
    }
    this.#total += bytes - debt.bytes;
    debt.bytes = bytes;
    if (given - bytes > debt.left) {
      debt.left = given - bytes;
      debt.leftAt = now;
    }
    const { notes } = debt;
    if (debtor.isPaced) {
      // What is unsent stays so while it is filled up: its age says nothing.
      notes.length = 0;
      return now - debt.leftAt;
    }
    while (notes[0] !== undefined && notes[0].mark <= given - bytes) notes.shift();
    const last = notes.at(-1);
    if (last === undefined || (given > last.mark && now - last.begunAt > this.#noteMs)) {
      notes.push({ mark: given, since: now, begunAt: now });
    } else if (given > last.mark) {
      last.mark = given;
      last.since = now;
    }
    return now - (notes[0] as Note).since;
  }

  forget(debtor: T): void {
    const debt = this.#debts.get(debtor);
    if (debt === undefined) return;
    this.#total -= debt.bytes;
    this.#debts.delete(debtor);
  }

  #close(debtor: T): void {
    this.forget(debtor);
    debtor.close('slow_consumer');
  }

  /** Closes those with the most unsent until the rest is within MAX_UNSENT_BYTES. */
  checkTotal(): void {
    const { maxUnsentBytes } = this.settings;
    if (this.#total <= maxUnsentBytes) return;
    this.#recount();
    if (this.#total > maxUnsentBytes) {
      const byDebt = [...this.#debts].sort(([, a], [, b]) => b.bytes - a.bytes);
      for (const [debtor] of byDebt) {
        if (this.#total <= maxUnsentBytes) break;
        this.#close(debtor);
      }
    }
    this.#recountAt = Math.max(maxUnsentBytes, this.#total + maxUnsentBytes / recountPart);
  }

  /** Sockets drain without telling; what they were last seen to owe may be long paid. */
  #recount(): void {
    for (const [debtor, debt] of this.#debts) {
      const bytes = debtor.unsentBytes;
      this.#total += bytes - debt.bytes;
      debt.bytes = bytes;
    }
  }
}
