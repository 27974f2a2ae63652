/**
 * Where the server is to go on after a loss: a cursor for each subscription, since a connection's replays run one after
 * the other. Only once the last of them is done does the cursor that came last stand for all.
 */
import { type Held, isWanted, mayShare, placeOf } from './held.ts';
import type { Message } from './message.ts';

export class Cursors {
  /** Events that have come of those that were missed; undefined: nothing is being replayed. */
  caughtUp: number | undefined;
  /** Of the event that came last, and of the one before it: none where something else has come since. */
  #event: string | undefined;
  #eventBefore: string | undefined;
  /** All of which something is being replayed, and some for which that is over. */
  readonly #replaying = new Set<Held>();
  readonly #helds: () => Iterable<Held>;

  /** @param helds all of this moment */
  constructor(helds: () => Iterable<Held>) {
    this.#helds = helds;
  }

  /** The connection is gone, with all that was held there. The cursors stay. */
  lose(): void {
    for (const held of this.#helds()) Object.assign(held, { isReplaying: false, requestId: undefined });
    this.caughtUp = undefined;
    this.#note(undefined, () => false);
  }

  /** There is a connection again, and what was held is about to be asked for. */
  resume(): void {
    if (this.#isResuming()) this.caughtUp = 0;
  }

  /**
   * The server has made subscriptions.
   * @param id of the message
   * @param added what the message made; where others stand is not said by its cursor
   * @param isRecovered whether all that was missed is known to come
   */
  begin(id: string, added: readonly Held[], cursor: string | undefined, isRecovered: boolean): void {
    for (const held of added) {
      Object.assign(held, { requestId: id, isReplaying: isRecovered, cursor: cursor ?? held.cursor });
      if (isRecovered) this.#replaying.add(held);
    }
    if (isRecovered && added.length > 0) this.caughtUp ??= 0;
  }

  /** @param owners those that it came for, as far as can be told */
  onEvent(cursor: string | undefined, binding: string, owners: readonly Held[]): void {
    // While something is replayed, all of a message go on together. Where it isn't sure whose it is, it is nobody's: a
    // cursor that is too old brings an event twice, one that is too new loses some.
    const [owner, ...others] = owners;
    const isSure = owner !== undefined && others.length === 0;
    if (this.caughtUp !== undefined && owners.some(({ isReplaying }) => isReplaying)) this.caughtUp += 1;
    if (cursor === undefined) return;
    if (cursor !== this.#event) [this.#eventBefore, this.#event] = [this.#event, cursor];
    const isReplaying = this.#isReplaying();
    const place = placeOf(binding);
    for (const held of this.#helds()) {
      if (held.state !== 'held' || (isReplaying && !(isSure && held.requestId === owner.requestId))) continue;
      // Another frame of the same event may be on its way to it: so far it has all that came before.
      if (owners.includes(held) || !mayShare(held, place)) held.cursor = cursor;
      else if (held.cursor !== cursor) held.cursor = this.#eventBefore ?? held.cursor;
    }
  }

  /** @param cursor of a notice: while something is replayed it is nobody's own */
  onNotice(cursor: string | undefined): void {
    this.#note(cursor, () => false);
  }

  /** A replay is done. */
  onLive({ request_id: id }: Message, cursor: string | undefined): void {
    const isOwn = ({ requestId }: Held): boolean => requestId !== undefined && requestId === id;
    this.#note(cursor, isOwn);
    for (const held of this.#helds()) if (isOwn(held)) held.isReplaying = false;
    this.settle();
    this.onNotice(cursor);
  }

  /** Whatever is being replayed ends here, and what came before is good for nobody. */
  onVoid(cursor: string | undefined): void {
    for (const held of this.#helds()) held.isReplaying = false;
    this.settle();
    this.onNotice(cursor);
  }

  /** Looks whether anything is still to be caught up with. */
  settle(): void {
    if (!this.#isResuming() && !this.#isReplaying()) this.caughtUp = undefined;
  }

  /** @param isOwner whose it is while something is replayed */
  #note(cursor: string | undefined, isOwner: (held: Held) => boolean): void {
    this.#event = undefined;
    this.#eventBefore = undefined;
    if (cursor === undefined) return;
    const isReplaying = this.#isReplaying();
    for (const held of this.#helds()) {
      if (held.state === 'held' && (!isReplaying || isOwner(held))) held.cursor = cursor;
    }
  }

  /** Whether something that was held is not held again yet. */
  #isResuming(): boolean {
    for (const held of this.#helds()) {
      if (held.wasHeld && isWanted(held) && (held.state === 'absent' || held.state === 'asking')) return true;
    }
    return false;
  }

  #isReplaying(): boolean {
    for (const held of this.#replaying) {
      if (held.isReplaying) return true;
      this.#replaying.delete(held);
    }
    return false;
  }
}
