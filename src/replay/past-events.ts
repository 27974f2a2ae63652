/** Events of the history, read again: once for all who are given them at about the same time. */
import type { ReadEvent } from '../dialects/dialect.ts';
import { EventInTransit } from '../dialects/event-in-transit.ts';
import { readEvent } from '../event-reader.ts';
import type { Catalogue } from '../families/catalogue.ts';
import type { BusEvent, Payload } from '../families/family.ts';
import { Fields } from '../filters/fields.ts';
import type { History } from '../history/history.ts';
import type { KeptEvent } from '../history/ring.ts';

export interface PastEvent {
  readonly event: BusEvent;
  /** Its payload, for filters. */
  readonly read: { readonly fields: Fields };
  readonly transit: EventInTransit;
}

/** What is kept ready: events, and bytes of their bodies (frames and what is known of the event cost a few times as much). */
const maxEvents = 4096;
const maxBytes = 8_388_608;
/** Of so many events, the ones read last, the payload is kept as well. */
const maxParsed = 64;

interface Ready {
  readonly past: PastEvent | undefined;
  readonly bytes: number;
}

export class PastEvents {
  readonly #ready = new Map<number, Ready>();
  /** The positions of those, in the order in which they were read; what stands before the head has been dropped. */
  #order: number[] = [];
  #head = 0;
  #bytes = 0;
  readonly #parsed: PastRead[] = [];
  #nextParsed = 0;

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
    this.#order.push(kept.position);
    this.#bytes += length;
    while (this.#ready.size > maxEvents || this.#bytes > maxBytes) this.#dropOldest();
    return past;
  }

  #dropOldest(): void {
    // By the list: the map's own iterator would walk over all that was deleted before.
    const position = this.#order[this.#head] as number;
    this.#head += 1;
    this.#bytes -= this.#ready.get(position)?.bytes ?? 0;
    this.#ready.delete(position);
    if (this.#head < maxEvents) return;
    this.#order = this.#order.slice(this.#head);
    this.#head = 0;
  }

  /** Another history: its positions are others. Or another account tree: what was whose may be nobody's. */
  forget(): void {
    this.#ready.clear();
    this.#order = [];
    this.#head = 0;
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
    const past = new PastRead(event, read.body, read.payload, this.#retain);
    return { event, read: past, transit: new EventInTransit(past, () => this.history.cursorAt(position)) };
  }

  /** Thousands of payloads that live for a second are what the collector works at most. */
  readonly #retain = (past: PastRead): void => {
    this.#parsed[this.#nextParsed]?.releasePayload();
    this.#parsed[this.#nextParsed] = past;
    this.#nextParsed = (this.#nextParsed + 1) % maxParsed;
  };

  /**
   * Whose an event is was decided when it was taken. Where that went by a realm, and the realm is another account's by now,
   * it is nobody's. Conferences go by what was heard of them before, which is another thing now.
   */
  #asTaken(event: BusEvent, account: string | undefined): BusEvent | undefined {
    if (event.account === account) return event;
    return event.family === 'conference' ? { ...event, account } : undefined;
  }
}

/** An event that was read, and is parsed again for whoever asks for its payload late: another dialect, or a filter. */
class PastRead implements ReadEvent {
  #payload: Payload | undefined;
  #fields: Fields | undefined;

  /** @param retain is told each time that the payload is there: it is, until it is released */
  constructor(
    readonly event: BusEvent,
    readonly body: Buffer,
    payload: Payload,
    private readonly retain: (past: PastRead) => void,
  ) {
    this.#payload = payload;
    retain(this);
  }

  get payload(): Payload {
    if (this.#payload === undefined) {
      // Before it is there: its own place may be the one that is given to it.
      this.retain(this);
      this.#payload = JSON.parse(this.body.toString('utf8')) as Payload;
    }
    return this.#payload;
  }

  get fields(): Fields {
    const { payload } = this;
    this.#fields ??= new Fields(payload);
    return this.#fields;
  }

  releasePayload(): void {
    this.#payload = undefined;
    this.#fields = undefined;
  }
}
