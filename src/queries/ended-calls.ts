/**
 * Calls that ended a moment ago. Media nodes keep their tables by themselves, and one may still list a call whose end was
 * told already: whoever joins the list and the events would have a ghost.
 */
import { type BusEvent, type Payload, textField } from '../families/family.ts';

/** How long a media node may be behind its own events. ms */
const ghostMs = 10_000;
const maxCalls = 100_000;

export class EndedCalls {
  /** When each was heard to end, ms of `performance.now()`: in that order. */
  readonly #endedAt = new Map<string, number>();

  /** Told of every event that this node takes. */
  note({ family, eventName }: Pick<BusEvent, 'family' | 'eventName'>, payload: Payload): void {
    if (family !== 'call' || eventName !== 'CHANNEL_DESTROY') return;
    const id = textField(payload, 'Call-ID');
    if (id === undefined) return;
    const now = performance.now();
    this.#forget(now);
    this.#endedAt.delete(id);
    this.#endedAt.set(id, now);
  }

  has(callId: string): boolean {
    const endedAt = this.#endedAt.get(callId);
    return endedAt !== undefined && performance.now() - endedAt <= ghostMs;
  }

  #forget(now: number): void {
    for (const [id, endedAt] of this.#endedAt) {
      if (now - endedAt <= ghostMs && this.#endedAt.size < maxCalls) return;
      this.#endedAt.delete(id);
    }
  }
}
