/**
 * The history of a node: what the bus said of late, where it may have been silent, and what a client that comes back can
 * be given. Positions are those of the source (offsets of a stream); it knows nothing of where they come from, nor of
 * who asks.
 */
import { CursorCipher } from './cursor.ts';
import { PositionDeque } from './deque.ts';
import { type KeptEvent, Ring } from './ring.ts';

/** What makes a history this one: it is found in the source itself, so that all nodes have the same. */
export interface Epoch {
  readonly id: string;
  /** Of its cursors. */
  readonly key: string;
}

/** Before this position events may be missing: of some families, or (undefined) of all. */
export interface Mark {
  readonly position: number;
  readonly families: readonly string[] | undefined;
  /** The hole's end is yet to come, and will have a mark of its own. */
  readonly isBegin?: boolean;
}

/** Why a client can't be given what it missed. The names are those of the replies. */
export const notRecovered = ['too_old', 'gap', 'unknown', 'no_history'] as const;
export type NotRecovered = (typeof notRecovered)[number];

/** What becomes of a cursor: where delivery begins, or why not there. */
export type Verdict =
  | { readonly recovered: true; readonly position: number }
  | { readonly recovered: false; readonly reason: NotRecovered };

export interface HistoryLimits {
  readonly ringBytes: number;
  readonly maxAgeMs: number;
}

/** When a position was passed, as the source or this node's clock says. */
interface Moment {
  readonly position: number;
  /** Unix time, ms. */
  readonly time: number;
}

export class History {
  readonly #ring: Ring;
  readonly #marks = new PositionDeque<Mark>();
  readonly #moments = new PositionDeque<Moment>();
  readonly #maxAgeMs: number;
  #epoch: Epoch | undefined;
  #cipher: CursorCipher | undefined;
  #floor = 0;
  #head = 0;

  constructor(limits: HistoryLimits) {
    this.#ring = new Ring(limits.ringBytes);
    this.#maxAgeMs = limits.maxAgeMs;
  }

  /** Undefined until the source has told it. */
  get epoch(): Epoch | undefined {
    return this.#epoch;
  }

  /** Moments that are remembered: never many more than events. */
  get moments(): number {
    return this.#moments.length;
  }

  /** The last position taken. */
  get head(): number {
    return this.#head;
  }

  /** Everything behind this position is kept. */
  get floor(): number {
    return this.#floor;
  }

  /** What the events kept cost, bytes. */
  get bytes(): number {
    return this.#ring.bytes;
  }

  /** How old the oldest event is that can be had, seconds; 0 while there is none. */
  ageSeconds(now: number): number {
    const { oldest } = this.#ring;
    if (oldest === undefined) return 0;
    const moment = this.#moments.at(Math.max(0, this.#moments.indexBehind(oldest) - 1));
    return moment === undefined ? 0 : Math.max(0, (now - moment.time) / 1000);
  }

  /**
   * Begins, or begins anew: what was kept is forgotten, and no cursor given out before is good.
   * @param position reading begins behind it
   */
  begin(position: number): void {
    this.#ring.clear();
    while (this.#marks.shift() !== undefined);
    while (this.#moments.shift() !== undefined);
    this.#epoch = undefined;
    this.#cipher = undefined;
    this.#floor = position;
    this.#head = position;
  }

  /** The source says which history it is. Cursors can be made from now on; another epoch's are not good any more. */
  name(epoch: Epoch): void {
    if (this.#epoch?.id === epoch.id) return;
    this.#epoch = epoch;
    this.#cipher = new CursorCipher(epoch.key);
  }

  /** Keeps an event. Its position is behind the head. */
  append(event: KeptEvent): void {
    this.pass(event.position);
    const evicted = this.#ring.append(event);
    if (evicted !== undefined) this.#raiseFloor(evicted);
  }

  /** What stands at a position is nobody's event. */
  pass(position: number): void {
    this.#head = Math.max(this.#head, position);
  }

  /** @param time when the position was passed, Unix ms; moments come about once a second */
  passAt(position: number, time: number): void {
    this.pass(position);
    const last = this.#moments.last;
    // Clocks of several nodes differ: one that is behind doesn't make what came later older.
    if (last !== undefined && position <= last.position) return;
    const moment = { position, time: Math.max(time, last?.time ?? 0) };
    // Where nothing was kept since the last but one, the last says nothing that the next one doesn't: a quiet bus leaves two.
    const lastButOne = this.#moments.at(this.#moments.length - 2);
    if (lastButOne === undefined || lastButOne.position < (this.#ring.newest ?? -1)) this.#moments.push(moment);
    else this.#moments.replaceLast(moment);
  }

  /** Events may be missing before this position. */
  mark(mark: Mark): void {
    this.pass(mark.position);
    this.#marks.push(mark);
  }

  /** This node did not see what was between its head and this position; it is gone. */
  lose(position: number): void {
    this.mark({ position, families: undefined });
    this.#ring.evictThrough(position);
    this.#raiseFloor(position);
  }

  /** Forgets what is too old. @param now Unix time, ms */
  expire(now: number): void {
    for (let first = this.#moments.first; first !== undefined; first = this.#moments.first) {
      if (now - first.time <= this.#maxAgeMs) break;
      this.#moments.shift();
      this.#ring.evictThrough(first.position);
      this.#raiseFloor(first.position);
    }
  }

  /** The cursor of a position. @throws Error before the source has said which history it is */
  cursorAt(position: number): string {
    if (this.#cipher === undefined) throw new Error('the history has no epoch yet');
    return this.#cipher.encode(position);
  }

  /**
   * What a client can be given that has everything up to a cursor.
   * @param families those that it asks for
   */
  judge(cursor: string, families: Iterable<string>): Verdict {
    const position = this.#cipher?.decode(cursor);
    if (position === undefined) return { recovered: false, reason: 'unknown' };
    if (position < this.#floor) return { recovered: false, reason: 'too_old' };
    if (this.hasGap(position, families)) return { recovered: false, reason: 'gap' };
    // One that this node has not reached yet another one has given out: delivery begins behind it.
    return { recovered: true, position };
  }

  /** Whether a mark lies behind a position. */
  hasGap(position: number, families: Iterable<string>): boolean {
    const asked = new Set(families);
    for (const mark of this.marksBetween(position, Number.POSITIVE_INFINITY)) {
      if (mark.families === undefined || mark.families.some((family) => asked.has(family))) return true;
    }
    return false;
  }

  /** The marks behind a position and up to another, oldest first. */
  *marksBetween(after: number, upTo: number): Generator<Mark, void> {
    for (let index = this.#marks.indexBehind(after); ; index += 1) {
      const mark = this.#marks.at(index);
      if (mark === undefined || mark.position > upTo) return;
      yield mark;
    }
  }

  /** The next event behind a position, of an account, of `ofNobody` or (undefined) of all. */
  next(position: number, account?: string): KeptEvent | undefined {
    return this.#ring.next(position, account);
  }

  /** The event before a position, of an account or `ofNobody`. */
  previous(position: number, account: string): KeptEvent | undefined {
    return this.#ring.previous(position, account);
  }

  /** The events behind a position. */
  behind(position: number, account?: string): Generator<KeptEvent, void> {
    return this.#ring.behind(position, account);
  }

  /** A mark of what is gone is of no use; of the moments the last one tells how old the oldest event is. */
  #raiseFloor(position: number): void {
    this.#floor = Math.max(this.#floor, position);
    while ((this.#marks.first?.position ?? Number.POSITIVE_INFINITY) < this.#floor) this.#marks.shift();
    while ((this.#moments.at(1)?.position ?? Number.POSITIVE_INFINITY) <= this.#floor) this.#moments.shift();
  }
}
