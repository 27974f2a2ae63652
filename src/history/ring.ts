/**
 * The events of late, in memory, by position and by account. Bodies are copied into blocks: a hundred thousand small
 * buffers would each cost the collector a look, and keep whatever the network handed over with them.
 */
import { PositionDeque } from './deque.ts';

/** An event of the bus as it is kept. */
export interface KeptEvent {
  /** Where it stands in the history; grows from event to event, not always by one. */
  readonly position: number;
  /** Whose it was when it was taken; undefined where that could not be told. */
  readonly account: string | undefined;
  readonly exchange: string;
  readonly routingKey: string;
  readonly contentEncoding: string | undefined;
  /** As it came. A view of the ring's memory: not to be changed, nor kept for long. */
  readonly body: Buffer;
}

/**
 * What an event costs beside its body and its routing key's characters, bytes: the object, the key's header, its places
 * in two lists. Measured (`test/unit/ring.test.ts` holds it against the process).
 */
const eventBytes = 192;
/** What an account costs that has events here. */
const accountBytes = 256;

/** Instead of an account: what was kept without one, what is for all of them among it. No account's id is empty. */
export const ofNobody = '';

/** A block is this part of the limit, within these bounds, bytes: one block is the most by which the count can be wrong. */
const blockPart = 64;
const minBlockBytes = 4096;
const maxBlockBytes = 1_048_576;

interface Block {
  readonly bytes: Buffer;
  used: number;
  /** Events in it that are still kept. */
  events: number;
}

class Entry implements KeptEvent {
  constructor(
    readonly position: number,
    readonly account: string | undefined,
    readonly exchange: string,
    readonly routingKey: string,
    readonly contentEncoding: string | undefined,
    readonly block: Block,
    private readonly start: number,
    private readonly length: number,
  ) {}

  get body(): Buffer {
    return this.block.bytes.subarray(this.start, this.start + this.length);
  }
}

interface AccountEvents {
  readonly id: string;
  readonly events: PositionDeque<Entry>;
}

export class Ring {
  readonly #events = new PositionDeque<Entry>();
  readonly #accounts = new Map<string, AccountEvents>();
  /** Texts that nearly every event repeats. */
  readonly #names = new Map<string, string>();
  readonly #blockBytes: number;
  #block: Block | undefined;
  #bytes = 0;

  /** @param limitBytes what it may cost, with everything */
  constructor(private readonly limitBytes: number) {
    this.#blockBytes = Math.min(maxBlockBytes, Math.max(minBlockBytes, Math.floor(limitBytes / blockPart)));
  }

  /** What it costs. */
  get bytes(): number {
    return this.#bytes;
  }

  get length(): number {
    return this.#events.length;
  }

  /** The position of the oldest event. */
  get oldest(): number | undefined {
    return this.#events.first?.position;
  }

  /** The position of the newest event. */
  get newest(): number | undefined {
    return this.#events.last?.position;
  }

  /**
   * Keeps an event; the oldest give way.
   * @returns the position of the last one that gave way, if any did: it may be this one's
   */
  append(event: KeptEvent): number | undefined {
    const { body } = event;
    const block = this.#room(body.length);
    const start = block.used;
    block.bytes.set(body, start);
    block.used += body.length;
    block.events += 1;
    const ofAccount = this.#ofAccount(event.account ?? ofNobody);
    const entry = new Entry(
      event.position,
      event.account === undefined ? undefined : ofAccount.id,
      this.#name(event.exchange),
      event.routingKey,
      event.contentEncoding === undefined ? undefined : this.#name(event.contentEncoding),
      block,
      start,
      body.length,
    );
    this.#events.push(entry);
    ofAccount.events.push(entry);
    this.#bytes += costOf(entry);
    let last: number | undefined;
    while (this.#bytes > this.limitBytes && this.#events.length > 0) last = this.#evict();
    return last;
  }

  /** Forgets everything up to and with a position. */
  evictThrough(position: number): void {
    for (let { oldest } = this; oldest !== undefined && oldest <= position; oldest = this.oldest) this.#evict();
  }

  clear(): void {
    this.evictThrough(Number.POSITIVE_INFINITY);
    this.#block = undefined;
    this.#bytes = 0;
  }

  /** The events behind a position, oldest first: of an account, or of all. */
  *behind(position: number, account?: string): Generator<KeptEvent, void> {
    const events = account === undefined ? this.#events : this.#accounts.get(account)?.events;
    let after = position;
    // Looked up anew for each: between two steps of a reader what it stands on may have gone.
    for (;;) {
      const next = events?.at(events.indexBehind(after));
      if (next === undefined) return;
      yield next;
      after = next.position;
    }
  }

  /** The event behind a position, of an account or of all. */
  next(position: number, account?: string): KeptEvent | undefined {
    const events = account === undefined ? this.#events : this.#accounts.get(account)?.events;
    return events?.at(events.indexBehind(position));
  }

  /** The event before a position, of an account. */
  previous(position: number, account: string): KeptEvent | undefined {
    return this.#accounts.get(account)?.events.before(position);
  }

  #evict(): number {
    const entry = this.#events.shift() as Entry;
    this.#bytes -= costOf(entry);
    this.#evictOfAccount(entry.account ?? ofNobody);
    const { block } = entry;
    block.events -= 1;
    if (block.events === 0) this.#free(block);
    return entry.position;
  }

  /** The oldest of all is the oldest of its account. */
  #evictOfAccount(account: string): void {
    const events = this.#accounts.get(account)?.events;
    events?.shift();
    if (events?.length !== 0) return;
    this.#accounts.delete(account);
    this.#bytes -= accountBytes;
  }

  #free(block: Block): void {
    // The one that is being filled is used again from its beginning.
    if (block === this.#block) block.used = 0;
    else this.#bytes -= block.bytes.length;
  }

  #room(bytes: number): Block {
    // A large body has a block of its own: it would leave too much of another one empty.
    if (bytes > this.#blockBytes / 4) return this.#newBlock(bytes);
    const current = this.#block;
    if (current !== undefined && current.bytes.length - current.used >= bytes) return current;
    if (current !== undefined && current.events === 0) this.#bytes -= current.bytes.length;
    this.#block = this.#newBlock(this.#blockBytes);
    return this.#block;
  }

  #newBlock(bytes: number): Block {
    this.#bytes += bytes;
    return { bytes: Buffer.allocUnsafeSlow(bytes), used: 0, events: 0 };
  }

  #ofAccount(id: string): AccountEvents {
    let account = this.#accounts.get(id);
    if (account === undefined) {
      account = { id, events: new PositionDeque() };
      this.#accounts.set(id, account);
      this.#bytes += accountBytes;
    }
    return account;
  }

  /** There are as many as exchanges; publishers who invent encodings don't fill the memory with them. */
  #name(text: string): string {
    const known = this.#names.get(text);
    if (known !== undefined) return known;
    if (this.#names.size < 100) this.#names.set(text, text);
    return text;
  }
}

function costOf({ routingKey }: Entry): number {
  return eventBytes + routingKey.length;
}
