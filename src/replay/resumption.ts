/**
 * Sockets that can resume: what they are told beside their events, and what becomes of their cursors. Without a history
 * (`HISTORY=off`) they are told when the broker is away, and that something may be missing.
 */
import type { AccountTree } from '../auth/accounts.ts';
import type { Delivery } from '../bus.ts';
import type { Catalogue } from '../families/catalogue.ts';
import type { BusEvent } from '../families/family.ts';
import type { Epoch, History, Mark, NotRecovered, Verdict } from '../history/history.ts';
import type { HistoryListener } from '../history/source.ts';
import type { RequestId } from '../protocol/client-message.ts';
import { noticeText } from '../protocol/notice.ts';
import type { Subscriptions } from '../registry/subscriptions.ts';
import type { Session } from '../session/session.ts';
import type { Interest, Subscription } from '../session/subscription.ts';
import { Turnstile } from '../turnstile.ts';
import type { EventKeeper } from './event-keeper.ts';
import { PastEvents } from './past-events.ts';
import { type ReplayCounters, Replayer } from './replayer.ts';
import { type FeedOwner, SocketFeed } from './socket-feed.ts';
import { WatchedAccounts } from './watched-accounts.ts';

/** Replays that wait on a socket for the one under way, at most. */
export const maxWaitingReplays = 20;
/** A cursor comes at least so often. ms */
const positionMs = 20_000;
/** How long the end of a hole is waited for before its beginning is told instead. ms */
const holeMs = 2000;
/** Judging a cursor is cheap, but what follows is not: after a restart everybody comes back at once. */
const resumesPerTurn = 8;

export interface ResumptionCounters extends ReplayCounters {
  resumed(outcome: 'recovered' | NotRecovered): void;
  gap(): void;
}

/** Where a subscribe's delivery begins, and what its reply says of that. */
export interface Beginning {
  /** Events behind this position are delivered. */
  readonly from: number;
  readonly cursor: string | undefined;
  /** What became of the client's own cursor, if it sent one. */
  readonly verdict: Verdict | undefined;
}

export class Resumption implements FeedOwner, HistoryListener, EventKeeper {
  readonly #feeds = new Set<SocketFeed>();
  readonly #past: PastEvents | undefined;
  readonly #watched: WatchedAccounts | undefined;
  readonly #replayer: Replayer | undefined;
  readonly #turnstile = new Turnstile(resumesPerTurn);
  #isUp = false;
  /** What came before the first connect nobody here has missed. */
  #hasBeenUp = false;
  /** Since when the source is away, Unix time, ms. */
  #downSince = Date.now();
  /** Where holes begin whose end was not met yet, and since when (ms of `performance`). */
  readonly #openMarks = new Map<string, { readonly mark: Mark; readonly since: number }>();

  /** @param history undefined: there is none */
  constructor(
    private readonly history: History | undefined,
    catalogue: Catalogue,
    subscriptions: Subscriptions,
    accounts: { readonly tree: AccountTree },
    private readonly counters: ResumptionCounters,
  ) {
    if (history === undefined) return;
    this.#past = new PastEvents(catalogue, history);
    this.#watched = new WatchedAccounts(history, accounts);
    this.#replayer = new Replayer(history, this.#past, this.#watched, subscriptions, counters, () => this.#isUp);
  }

  get hasHistory(): boolean {
    return this.history !== undefined;
  }

  get head(): number {
    return this.history?.head ?? -1;
  }

  /** A socket is there that can resume. */
  open(session: Session): void {
    const feed = new SocketFeed(session, this);
    session.feed = feed;
    this.#feeds.add(feed);
    if (this.#isUp) return;
    session.transport.sendText(this.#downNotice());
    feed.hold();
  }

  close(session: Session): void {
    const feed = session.feed as SocketFeed | undefined;
    if (feed === undefined) return;
    this.#feeds.delete(feed);
    this.#replayer?.forget(feed);
  }

  activate(feed: SocketFeed): void {
    this.#replayer?.activate(feed);
  }

  stop(): void {
    this.#replayer?.stop();
  }

  /** The source is there, and its end has been reached. */
  onSourceUp(): void {
    if (this.#isUp) return;
    this.#isUp = true;
    // What was lost is bound again by now: whatever hole there was has its end behind it.
    this.#openMarks.clear();
    for (const feed of this.#feeds) {
      feed.session.transport.sendText(noticeText({ notice: 'source_up' }));
      if (this.history === undefined) feed.session.transport.sendText(noticeText({ notice: 'gap' }));
      else if (feed.isVoid) this.#replayer?.restart(feed);
    }
    if (this.history === undefined && this.#hasBeenUp) this.counters.gap();
    this.#hasBeenUp = true;
    this.#replayer?.wakeAll();
  }

  onSourceDown(): void {
    if (!this.#isUp) return;
    this.#isUp = false;
    this.#downSince = Date.now();
    const text = this.#downNotice();
    for (const feed of this.#feeds) {
      feed.session.transport.sendText(text);
      feed.hold();
    }
  }

  #downNotice(): string {
    return noticeText({ notice: 'source_down', since: new Date(this.#downSince).toISOString() });
  }

  /** The account tree is another: whose an event of the past is may be another question. */
  onAccountsChanged(): void {
    this.#past?.forget();
    const grown = this.#watched?.renew();
    if (grown !== undefined && grown.size > 0) for (const feed of this.#feeds) feed.uncover(grown);
  }

  /** Once a second. @param now `performance.now()` */
  tick(now: number): void {
    const { history } = this;
    if (history === undefined) return;
    history.expire(now);
    for (const { mark, since } of this.#openMarks.values()) {
      if (now - since > holeMs) this.onMark({ position: history.head, families: mark.families });
    }
    if (history.epoch === undefined) return;
    for (const feed of this.#feeds) this.#tellPosition(feed, now);
  }

  #tellPosition(feed: SocketFeed, now: number): void {
    if (feed.sentAt !== feed.cursorSentAt) {
      feed.cursorSentAt = feed.sentAt;
      feed.cursorAt = now;
    }
    if (now - feed.cursorAt < positionMs || feed.replays.length > 0 || feed.isVoid) return;
    if (feed.session.hasValidToken(Date.now())) this.#replayer?.tell(feed, { notice: 'position' });
  }

  keep(delivery: Delivery, { account }: BusEvent): void {
    const { position, exchange, routingKey, contentEncoding, body } = delivery;
    if (position === undefined) return;
    this.history?.append({ position, account, exchange, routingKey, contentEncoding, body });
    this.#replayer?.wakeAll();
  }

  pass({ position }: Delivery): void {
    if (position !== undefined) this.onPass(position);
  }

  cursorAt(position: number): string {
    if (this.history === undefined) throw new Error('there is no history');
    return this.history.cursorAt(position);
  }

  onBegin(position: number): void {
    this.history?.begin(position);
    this.#void();
  }

  onEpoch(epoch: Epoch): void {
    const isOther = this.history?.epoch !== undefined && this.history.epoch.id !== epoch.id;
    this.history?.name(epoch);
    if (!isOther) return;
    this.#void();
    if (this.#isUp) for (const feed of this.#feeds) this.#replayer?.restart(feed);
  }

  /** What clients have is worth nothing any more: they are told once it is known where they go on. */
  #void(): void {
    this.#past?.forget();
    this.#openMarks.clear();
    for (const feed of this.#feeds) {
      feed.hold();
      feed.isVoid = true;
      feed.replays.length = 0;
      // Where subscriptions began is a place in the history that is gone; the new one counts from its own beginning.
      for (const subscription of feed.session.subscriptions) subscription.from = -1;
    }
  }

  onPass(position: number): void {
    this.history?.pass(position);
    this.#replayer?.wakeAll();
  }

  onMoment(position: number, ageMs: number): void {
    this.history?.passAt(position, performance.now() - ageMs);
    this.#replayer?.wakeAll();
  }

  onMark(mark: Mark): void {
    this.history?.mark(mark);
    const families = mark.families?.join() ?? '';
    if (mark.isBegin === true) {
      this.#openMarks.set(families, { mark, since: performance.now() });
      return;
    }
    this.#openMarks.delete(families);
    this.#tellGap(mark);
  }

  onLost(position: number): void {
    this.history?.lose(position);
    this.#tellGap({ position, families: undefined });
  }

  /** Those that catch up meet it on their way. */
  #tellGap({ position, families }: Mark): void {
    // What a node meets while it fills its ring for the first time nobody here has missed; on the way back they have.
    if (this.#hasBeenUp) this.counters.gap();
    for (const feed of this.#feeds) {
      if (feed.isLive) this.#replayer?.tell(feed, { notice: 'gap', families }, position);
    }
    this.#replayer?.wakeAll();
  }

  /** Resolves when it is the turn of a subscribe that asks for the past. */
  turn(): Promise<void> {
    return new Promise((resolve) => this.#turnstile.enter(resolve));
  }

  /** Whether no more replays may wait on the socket. */
  isFull({ feed }: Session): boolean {
    return feed !== undefined && (feed as SocketFeed).replays.length > maxWaitingReplays;
  }

  /**
   * Where delivery begins for the bindings that a message adds.
   * @param since the client's cursor, if it has one
   */
  begin(session: Session, interests: readonly Interest[], since: string | undefined): Beginning {
    const { history } = this;
    if (session.feed === undefined) return { from: this.head, cursor: undefined, verdict: undefined };
    if (history === undefined) {
      const verdict: Verdict = { recovered: false, reason: 'no_history' };
      if (since !== undefined) this.counters.resumed(verdict.reason);
      return { from: -1, cursor: undefined, verdict: since === undefined ? undefined : verdict };
    }
    const families = interests.map(({ eventFamily }) => eventFamily);
    const verdict = since === undefined ? undefined : history.judge(since, families);
    if (verdict !== undefined) this.counters.resumed(verdict.recovered ? 'recovered' : verdict.reason);
    const from = verdict?.recovered ? verdict.position : history.head;
    (session.feed as SocketFeed).cursorAt = performance.now();
    return { from, cursor: history.cursorAt(from), verdict };
  }

  /** The subscriptions are there, and the reply is about to be sent: what they missed comes behind it. */
  start(
    session: Session,
    subscriptions: readonly Subscription[],
    { from, verdict }: Beginning,
    requestId: RequestId | undefined,
  ): void {
    const feed = session.feed as SocketFeed | undefined;
    if (feed === undefined) return;
    if (verdict?.recovered !== true) return;
    feed.hold();
    feed.replays.push({
      subscriptions: new Set(subscriptions),
      requestId,
      position: from,
      replayed: 0,
    });
    this.activate(feed);
  }
}
