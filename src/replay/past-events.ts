/** Events of the history, read again: once for all who are given them at about the same time. */
import { EventInTransit } from '../dialects/event-in-transit.ts';
import { readEvent } from '../event-reader.ts';
import type { Catalogue } from '../families/catalogue.ts';
import type { BusEvent } from '../families/family.ts';
import type { History } from '../history/history.ts';
import type { KeptEvent } from '../history/ring.ts';

export interface PastEvent {
  readonly event: BusEvent;
  readonly transit: EventInTransit;
}

/** What is kept ready: events, and bytes of their bodies (frames and parsed payloads cost a few times as much). */
const maxEvents = 4096;
const maxBytes = 8_388_608;

export class PastEvents {
  /** By position, the one read first first; null: nobody's any more. */
  readonly #ready = new Map<number, { readonly past: PastEvent | undefined; readonly bytes: number }>();
  #bytes = 0;

  constructor(
    private readonly catalogue: Catalogue,
    private readonly history: History,
  ) {}

  /** @returns undefined where it is nobody's by now */
  read(kept: KeptEvent): PastEvent | undefined {
    const known = this.#ready.get(kept.position);
    if (known !== undefined) return known.past;
    const past = this.#read(kept);
    const { length } = kept.body;
    this.#ready.set(kept.position, { past, bytes: length });
    this.#bytes += length;
    for (const [position, { bytes }] of this.#ready) {
      if (this.#ready.size <= maxEvents && this.#bytes <= maxBytes) break;
      this.#ready.delete(position);
      this.#bytes -= bytes;
    }
    return past;
  }

  /** Another history: its positions are others. Or another account tree: what was whose may be nobody's. */
  forget(): void {
    this.#ready.clear();
    this.#bytes = 0;
  }

  #read(kept: KeptEvent): PastEvent | undefined {
    const { position, account, exchange, routingKey, contentEncoding } = kept;
    // The body is a view of memory that is used again.
    const body = Buffer.from(kept.body);
    const { read } = readEvent(this.catalogue, { exchange, routingKey, contentEncoding, body }, true);
    if (typeof read === 'string') return undefined;
    const event = this.#asTaken(read.event, account);
    if (event === undefined) return undefined;
    return { event, transit: new EventInTransit({ ...read, event }, () => this.history.cursorAt(position)) };
  }

  /**
   * Whose an event is was decided when it was taken. Where that went by a realm, and the realm is another account's by now,
   * it is nobody's. Conferences go by what was heard of them before, which is another thing now.
   */
  #asTaken(event: BusEvent, account: string | undefined): BusEvent | undefined {
    if (event.account === account) return event;
    return event.family === 'conference' ? { ...event, account } : undefined;
  }
}
