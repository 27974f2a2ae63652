/** The events of late for those who ask over REST: read from the ring, a page at a time, in slices that hold up nobody. */
import type { Dialect } from '../dialects/dialect.ts';
import type { Catalogue } from '../families/catalogue.ts';
import type { Binding } from '../families/family.ts';
import { type Filter, holds } from '../filters/filter.ts';
import type { Epoch, History, NotRecovered } from '../history/history.ts';
import { type KeptEvent, ofNobody } from '../history/ring.ts';
import { Subscriptions } from '../registry/subscriptions.ts';
import type { Topic } from '../session/topic.ts';
import { PageQueue } from './page-queue.ts';
import { PastEvents } from './past-events.ts';

/** A page ends at so many bytes, however few events that are. */
const maxPageBytes = 4_194_304;
/** A page ends when so much was looked at, however little of it was found. */
const maxEffort = 100_000;
/** What an event costs of that which must be read; one of an exchange that nobody asks for costs 1. */
const readingEffort = 10;

export interface EventPageRequest {
  readonly account: string;
  /** The account that asks: accounts take turns. */
  readonly asker: string;
  readonly bindings: ReadonlyMap<string, Binding>;
  /** Only events that it holds for. */
  readonly filter: Filter | undefined;
  /** Undefined: the latest. */
  readonly since: string | undefined;
  readonly limit: number;
  readonly dialect: Dialect;
  /** False: whoever asked is gone. */
  readonly isWanted: () => boolean;
  /** Whether they may have it still: pages wait for their turn, and much may change meanwhile. @throws ActionError */
  readonly check: () => void;
}

export interface EventPage {
  /** Each a frame of the dialect, as JSON. */
  readonly events: readonly string[];
  /** The page has everything up to here. */
  readonly cursor: string;
  /** Whether to go on from there: what else there is did not fit, or was not looked at. */
  readonly more: boolean;
  readonly recovered: boolean;
  readonly reason?: NotRecovered;
}

/** A request whose turn it is. */
interface Look extends EventPageRequest {
  readonly epoch: Epoch;
  /** The bindings as the router's own index knows them. */
  readonly asked: Subscriptions;
  /** Whose events they may bring. */
  readonly owners: readonly string[];
  readonly exchanges: ReadonlySet<string>;
}

export class EventPages {
  readonly #past: PastEvents;
  readonly #queue = new PageQueue();
  /** Of the history that the events kept ready are of. */
  #epoch: Epoch | undefined;

  constructor(
    private readonly history: History,
    private readonly catalogue: Catalogue,
  ) {
    this.#past = new PastEvents(catalogue, history);
  }

  /** The account tree is another: whose an event of the past is may be another question. */
  onAccountsChanged(): void {
    this.#past.forget();
  }

  /** Whether no more pages may be asked for now: by an account, or by anybody. */
  fullFor(asker: string): 'account' | 'all' | undefined {
    if (this.#queue.isFullOf(asker)) return 'account';
    return this.#queue.isFull ? 'all' : undefined;
  }

  /**
   * @returns undefined while the source was not reached yet, and nothing is known, or where nobody wants it any more
   * @throws what the request's `check` throws when its turn has come, or while it is read
   */
  read(request: EventPageRequest): Promise<EventPage | undefined> {
    return this.#queue.run(request.asker, async () => this.#read(request));
  }

  async #read(request: EventPageRequest): Promise<EventPage | undefined> {
    const { history } = this;
    const { epoch } = history;
    if (epoch !== this.#epoch) this.#past.forget();
    this.#epoch = epoch;
    if (epoch === undefined || !request.isWanted()) return undefined;
    request.check();
    const look = this.#lookFor(request, epoch);
    if (request.since === undefined) return this.#latest(look);
    const families = [...request.bindings.values()].map(({ eventFamily }) => eventFamily);
    const verdict = history.judge(request.since, families);
    if (verdict.recovered) return this.#behind(verdict.position, look);
    const { reason } = verdict;
    return { events: [], cursor: history.cursorAt(history.head), more: false, recovered: false, reason };
  }

  #lookFor(request: EventPageRequest, epoch: Epoch): Look {
    const { account } = request;
    const bindings = [...request.bindings.values()];
    const asked = new Subscriptions();
    for (const [text, binding] of request.bindings) asked.hold(account, text, () => binding);
    const owners: string[] = [];
    if (bindings.some(({ isShared }) => isShared !== true)) owners.push(account);
    // What is for all accounts is kept under none.
    if (bindings.some(({ isShared }) => isShared === true)) owners.push(ofNobody);
    const names = new Set(bindings.map(({ eventFamily }) => eventFamily));
    const families = this.catalogue.families.filter(({ name }) => names.has(name));
    const exchanges = new Set(families.flatMap((family) => family.exchanges));
    for (const { patterns } of bindings) for (const { exchange } of patterns) exchanges.add(exchange);
    return { ...request, epoch, asked, owners, exchanges };
  }

  /** From the end backwards, until the page is full. */
  async #latest(look: Look): Promise<EventPage | undefined> {
    const { history } = this;
    const end = history.head;
    const draft = new Draft(look.limit);
    let at = end + 1;
    while (!draft.isFull) {
      if (!(await this.#goesOn(look))) return undefined;
      const kept = lastOf(look.owners.map((owner) => history.previous(at, owner)));
      if (kept === undefined || !this.#add(kept, look, draft)) break;
      at = kept.position;
    }
    return this.#page(draft.events.toReversed(), end, false);
  }

  /** Up to what is the end when the page's turn comes: a mark that is set later is told by the next page. */
  async #behind(position: number, look: Look): Promise<EventPage | undefined> {
    const { history } = this;
    const end = Math.max(position, history.head);
    const draft = new Draft(look.limit);
    let at = position;
    for (;;) {
      if (!(await this.#goesOn(look))) return undefined;
      // Overtaken by the ring: the next page says so.
      if (at < history.floor) return this.#page(draft.events, at, true);
      const kept = firstOf(look.owners.map((owner) => history.next(at, owner)));
      if (kept === undefined || kept.position > end) return this.#page(draft.events, end, false);
      if (!this.#add(kept, look, draft)) return this.#page(draft.events, at, true);
      at = kept.position;
    }
  }

  /** Lets others have their turn, if it is time. @returns false when there is nothing to go on with */
  async #goesOn({ epoch, isWanted, check }: Look): Promise<boolean> {
    if (!this.#queue.isSliceOver) return true;
    await this.#queue.pause();
    if (this.history.epoch !== epoch || !isWanted()) return false;
    check();
    return true;
  }

  /** @returns false when the page is over before this event */
  #add(kept: KeptEvent, { exchanges, dialect, asked, filter }: Look, draft: Draft): boolean {
    const isRead = exchanges.has(kept.exchange);
    if (!draft.mayLook(isRead ? readingEffort : 1)) return false;
    const past = isRead ? this.#past.read(kept) : undefined;
    if (past === undefined || (filter !== undefined && !holds(filter, past.read.fields))) return true;
    return draft.add(framesOf(past, dialect, asked));
  }

  #page(events: readonly (readonly Buffer[])[], position: number, more: boolean): EventPage {
    const frames = events.flat().map((frame) => frame.toString('utf8'));
    return { events: frames, cursor: this.history.cursorAt(position), more, recovered: true };
  }
}

/** A page that is being filled. */
class Draft {
  /** The frames of each event: one, or one for each binding. */
  readonly events: (readonly Buffer[])[] = [];
  #frames = 0;
  #bytes = 0;
  #effort = 0;

  constructor(private readonly limit: number) {}

  get isFull(): boolean {
    return this.#frames >= this.limit;
  }

  mayLook(effort: number): boolean {
    this.#effort += effort;
    return this.#effort <= maxEffort;
  }

  /** @returns false when they don't fit; the first ones always do, or nobody would get beyond them */
  add(frames: readonly Buffer[]): boolean {
    if (frames.length === 0) return true;
    const bytes = frames.reduce((sum, { length }) => sum + length, this.#bytes);
    const isTooMuch = this.#frames + frames.length > this.limit || bytes > maxPageBytes;
    if (isTooMuch && this.#frames > 0) return false;
    this.events.push(frames);
    this.#frames += frames.length;
    this.#bytes = bytes;
    return true;
  }
}

function framesOf(
  { event, transit }: NonNullable<ReturnType<PastEvents['read']>>,
  dialect: Dialect,
  asked: Subscriptions,
): readonly Buffer[] {
  const found: Topic[] = [];
  asked.matchTopics(event, found);
  const frames: Buffer[] = [];
  for (const topic of dialect.perSubscription ? found : found.slice(0, 1)) {
    const message = transit.message(dialect, topic, true);
    if (message !== undefined) frames.push(message.json());
  }
  return frames;
}

function firstOf(events: readonly (KeptEvent | undefined)[]): KeptEvent | undefined {
  return events.reduce((first, event) =>
    (event?.position ?? Infinity) < (first?.position ?? Infinity) ? event : first,
  );
}

function lastOf(events: readonly (KeptEvent | undefined)[]): KeptEvent | undefined {
  return events.reduce((last, event) => ((event?.position ?? -1) > (last?.position ?? -1) ? event : last));
}
