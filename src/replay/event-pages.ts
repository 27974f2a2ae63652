/** The events of late for those who ask over REST: read from the ring, a page at a time, in slices that hold up nobody. */
import type { Dialect } from '../dialects/dialect.ts';
import type { Catalogue } from '../families/catalogue.ts';
import type { Binding } from '../families/family.ts';
import type { History, NotRecovered } from '../history/history.ts';
import { Subscriptions } from '../registry/subscriptions.ts';
import type { Interest } from '../session/subscription.ts';
import { Turnstile } from '../turnstile.ts';
import { PastEvents } from './past-events.ts';

/** A page ends at so many bytes, however few events that are. */
const maxPageBytes = 4_194_304;
/** How long a slice takes, ms. A turn of the event loop has room for one, however many pages are read. */
const sliceMs = 4;
/** Pages that an account waits for, at most: looking through a full ring for what is not there takes seconds. */
const maxWaiting = 20;

/** The pages that an account waits for. */
interface Queue {
  length: number;
  /** Resolves when the last of them was read. */
  last: Promise<unknown>;
}

export interface EventPageRequest {
  readonly account: string;
  /** The account that asks: its pages are read one after the other. */
  readonly asker: string;
  readonly bindings: ReadonlyMap<string, Binding>;
  /** Undefined: the latest. */
  readonly since: string | undefined;
  readonly limit: number;
  readonly dialect: Dialect;
}

export interface EventPage {
  /** Each a frame of the dialect, as JSON. */
  readonly events: readonly string[];
  /** The page has everything up to here. */
  readonly cursor: string;
  /** Whether there is more behind it by now. */
  readonly more: boolean;
  readonly recovered: boolean;
  readonly reason?: NotRecovered;
}

export class EventPages {
  readonly #past: PastEvents;
  readonly #turnstile = new Turnstile(1);
  readonly #queues = new Map<string, Queue>();

  constructor(
    private readonly history: History,
    catalogue: Catalogue,
  ) {
    this.#past = new PastEvents(catalogue, history);
  }

  /** Whether an account waits for as many pages as it may. */
  isFull(asker: string): boolean {
    return (this.#queues.get(asker)?.length ?? 0) >= maxWaiting;
  }

  /** @returns undefined while the source was not reached yet, and nothing is known */
  async read(request: EventPageRequest): Promise<EventPage | undefined> {
    const queue = this.#queues.get(request.asker) ?? { length: 0, last: Promise.resolve() };
    this.#queues.set(request.asker, queue);
    queue.length += 1;
    const page = queue.last.then(() => this.#read(request));
    queue.last = page.catch(() => undefined);
    try {
      return await page;
    } finally {
      queue.length -= 1;
      if (queue.length === 0) this.#queues.delete(request.asker);
    }
  }

  async #read(request: EventPageRequest): Promise<EventPage | undefined> {
    await this.#nextSlice();
    const { history } = this;
    if (history.epoch === undefined) return undefined;
    // What an account tree says may have changed since the last request.
    this.#past.forget();
    const asked = askedFor(request);
    if (request.since === undefined) return this.#latest(request, asked);
    const families = [...request.bindings.values()].map(({ eventFamily }) => eventFamily);
    const verdict = history.judge(request.since, families);
    if (verdict.recovered) return (await this.#behind(verdict.position, request, asked, 'first')).page;
    const { reason } = verdict;
    return { events: [], cursor: history.cursorAt(history.head), more: false, recovered: false, reason };
  }

  /** Looks back farther and farther until there are enough. */
  async #latest(request: EventPageRequest, asked: Subscriptions): Promise<EventPage> {
    const { history } = this;
    for (let count = request.limit; ; count *= 4) {
      const position = Math.max(history.floor, history.positionBeforeLast(count, request.account));
      const { page, isCut } = await this.#behind(position, request, asked, 'last');
      if (!isCut && page.events.length < request.limit && position > history.floor) continue;
      return { ...page, events: page.events.slice(-request.limit) };
    }
  }

  /**
   * @param which those of which a page is made, where there are more behind the position than it has room for
   * @returns also whether there were more
   */
  async #behind(
    position: number,
    request: EventPageRequest,
    asked: Subscriptions,
    which: 'first' | 'last',
  ): Promise<{ readonly page: EventPage; readonly isCut: boolean }> {
    const { history } = this;
    const events: string[] = [];
    let at = position;
    let bytes = 0;
    let isCut = false;
    let sliceEndsAt = performance.now() + sliceMs;
    for (;;) {
      const kept = history.next(at, request.account);
      if (kept === undefined) {
        at = Math.max(at, history.head);
        break;
      }
      const past = this.#past.read(kept);
      const frames = past === undefined ? [] : framesOf(past, request.dialect, asked);
      const size = frames.reduce((sum, { length }) => sum + length, 0);
      const isFull = (): boolean =>
        events.length > 0 && (events.length + frames.length > request.limit || bytes + size > maxPageBytes);
      if (isFull() && which === 'first') return { page: this.#page(events, at, true), isCut: true };
      for (; isFull(); isCut = true) bytes -= events.shift()?.length ?? 0;
      events.push(...frames);
      bytes += size;
      at = kept.position;
      if (performance.now() < sliceEndsAt) continue;
      await this.#nextSlice();
      sliceEndsAt = performance.now() + sliceMs;
    }
    return { page: this.#page(events, at, false), isCut };
  }

  /** Resolves when it is this page's turn. */
  #nextSlice(): Promise<void> {
    return new Promise((resolve) => this.#turnstile.enter(resolve));
  }

  #page(events: readonly string[], position: number, more: boolean): EventPage {
    return { events, cursor: this.history.cursorAt(position), more, recovered: true };
  }
}

/** The bindings as the router's own index knows them. */
function askedFor({ account, bindings }: EventPageRequest): Subscriptions {
  const asked = new Subscriptions();
  for (const [text, binding] of bindings) asked.hold(account, text, () => binding);
  return asked;
}

function framesOf(
  { event, transit }: NonNullable<ReturnType<PastEvents['read']>>,
  dialect: Dialect,
  asked: Subscriptions,
): string[] {
  const found: Interest[] = [];
  asked.match(event, found);
  const frames: string[] = [];
  for (const interest of dialect.perSubscription ? found : found.slice(0, 1)) {
    const message = transit.message(dialect, interest, true);
    if (message !== undefined) frames.push(message.json().toString('utf8'));
  }
  return frames;
}
