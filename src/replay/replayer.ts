/**
 * Beside the router: gives sockets what they missed. A socket that catches up is a feed that isn't live; its events come
 * from the ring until it has everything, with the checks of live delivery, no more than a socket takes, and never for
 * longer than a moment: live events go first, and accounts take turns.
 */
import type { History } from '../history/history.ts';
import type { RequestId } from '../protocol/client-message.ts';
import { type Notice, noticeText } from '../protocol/notice.ts';
import type { Subscriptions } from '../registry/subscriptions.ts';
import { ActiveFeeds, type Standing } from './active-feeds.ts';
import { PastDelivery, type SendCounters } from './past-delivery.ts';
import type { PastEvents } from './past-events.ts';
import { placeOf, type Replay, type SocketFeed } from './socket-feed.ts';
import { isOf, type WatchedAccounts } from './watched-accounts.ts';

/** Unsent on a socket that catches up, at most, bytes. */
const maxUnsentBytes = 65_536;
/** A turn takes so long, ms; between two turns everything else has its own. */
const turnMs = 4;
/** Events that one feed looks at before it is another's turn. */
const eventsPerStep = 32;
/** When sockets that have enough unsent are looked at again, ms. */
const drainMs = 10;

/** What a step came to: it went on, it waits for its socket, or there is nothing to do now. */
type Step = 'moved' | Exclude<Standing, 'free'>;

/** A notice whose cursor is yet to be made. */
type NoticeOfPlace =
  | { readonly notice: 'position' }
  | { readonly notice: 'gap'; readonly families?: readonly string[] | undefined }
  | { readonly notice: 'live'; readonly request_id: RequestId | undefined; readonly replayed: number };

export interface ReplayCounters extends SendCounters {
  replayed(events: number): void;
}

export class Replayer {
  readonly #active = new ActiveFeeds();
  /** Feeds that have everything and are not to be live yet. */
  readonly #waiting = new Set<SocketFeed>();
  readonly #delivery: PastDelivery;
  #isScheduled = false;
  #timer: NodeJS.Timeout | undefined;
  /** Of the turn in hand, ms of `performance`. */
  #turnEndsAt = 0;

  constructor(
    private readonly history: History,
    private readonly past: PastEvents,
    private readonly watched: WatchedAccounts,
    subscriptions: Subscriptions,
    private readonly counters: ReplayCounters,
    /** Whether events go to sockets as they come: not while the source is away, or on the way to its end. */
    private readonly isSourceLive: () => boolean,
  ) {
    this.#delivery = new PastDelivery(subscriptions, counters);
  }

  /** The feed has something to do, from the next turn of the event loop on. */
  activate(feed: SocketFeed): void {
    this.#active.add(feed);
    this.#schedule();
  }

  /** Events, or the source, are there anew. Hot: called for each event. */
  wakeAll(): void {
    if (this.#waiting.size === 0) return;
    for (const feed of this.#waiting) this.activate(feed);
    this.#waiting.clear();
  }

  forget(feed: SocketFeed): void {
    this.#waiting.delete(feed);
    this.#active.forget(feed);
  }

  stop(): void {
    this.#active.clear();
    this.#waiting.clear();
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    setImmediate(this.#turn);
  }

  readonly #turn = (): void => {
    this.#isScheduled = false;
    this.#turnEndsAt = performance.now() + turnMs;
    let hasMoved = this.#pass();
    while (hasMoved && !this.#isTurnOver) hasMoved = this.#pass();
    if (this.#active.isEmpty) return;
    if (hasMoved) this.#schedule();
    else this.#timer = setTimeout(() => this.#schedule(), drainMs).unref();
  };

  /** The accounts in turn, as far as the time allows. @returns whether something moved */
  #pass(): boolean {
    let hasMoved = false;
    for (const account of this.#active.inTurn()) {
      if (this.#stepAll(account)) hasMoved = true;
      if (this.#isTurnOver) break;
    }
    return hasMoved;
  }

  /**
   * One of an account's feeds, and behind it those that stand within what it was given: each event is read once for all of
   * them. One account may have a thousand feeds; those that the time does not suffice for come first the next time.
   * @returns whether one of them moved
   */
  #stepAll(account: string): boolean {
    const leader = this.#active.leaderOf(account, (feed) => this.#standingOf(feed));
    if (leader === undefined) return false;
    const from = placeOf(leader);
    let hasMoved = this.#advance(account, leader, Number.POSITIVE_INFINITY);
    for (const feed of this.#active.between(account, from, placeOf(leader))) {
      if (hasMoved && this.#isTurnOver) break;
      if (feed !== leader && this.#advance(account, feed, placeOf(leader))) hasMoved = true;
    }
    return hasMoved;
  }

  /** @returns whether it moved */
  #advance(account: string, feed: SocketFeed, upTo: number): boolean {
    this.#active.moveToEnd(account, feed);
    const step = this.#step(feed, upTo);
    if (step === 'idle') this.#active.remove(account, feed);
    return step === 'moved';
  }

  /** Whether a step that has looked at so many events may look at one more: the first one always. */
  #mayLook(looked: number, leftBytes: number): boolean {
    return looked < eventsPerStep && leftBytes > 0 && (looked === 0 || !this.#isTurnOver);
  }

  get #isTurnOver(): boolean {
    return performance.now() >= this.#turnEndsAt;
  }

  #standingOf(feed: SocketFeed): Standing {
    const { session } = feed;
    if (session.isEnded || feed.isLive) return 'idle';
    // Suspended: a fresh token wakes it.
    if (!session.hasValidToken(Date.now())) return 'idle';
    // One that begins anew is told where, once that is known.
    if (feed.isVoid) return 'idle';
    return session.transport.owedBytes < maxUnsentBytes ? 'free' : 'blocked';
  }

  /** @param upTo what is behind this position is for another step */
  #step(feed: SocketFeed, upTo: number): Step {
    const standing = this.#standingOf(feed);
    if (standing !== 'free') return standing;
    const room = maxUnsentBytes - feed.session.transport.owedBytes;
    const [replay] = feed.replays;
    if (feed.position < this.history.floor) return this.#overtaken(feed);
    if (replay === undefined || replay.position > feed.position) return this.#catchUp(feed, replay, room, upTo);
    return replay.position < this.history.floor ? this.#overtaken(feed) : this.#replay(feed, replay, room, upTo);
  }

  #replay(feed: SocketFeed, replay: Replay, room: number, upTo: number): Step {
    let left = room;
    const accounts = this.watched.of(replay.subscriptions);
    for (let looked = 0; replay.position < upTo && this.#mayLook(looked, left); looked += 1) {
      const kept = this.watched.next(replay.position, accounts);
      if (kept === undefined || kept.position > feed.position) {
        this.#finish(feed, replay);
        return 'moved';
      }
      replay.position = kept.position;
      if (!isOf(kept, accounts)) continue;
      const past = this.past.read(kept);
      if (past !== undefined) left -= this.#delivery.replayed(feed, replay, kept.position, past);
    }
    return 'moved';
  }

  #finish(feed: SocketFeed, replay: Replay): void {
    feed.replays.shift();
    this.counters.replayed(replay.replayed);
    this.tell(feed, { notice: 'live', request_id: replay.requestId, replayed: replay.replayed });
  }

  /** Up to the end, or to where a replay begins that another node has seen more for. */
  #catchUp(feed: SocketFeed, replay: Replay | undefined, room: number, upTo: number): Step {
    let left = room;
    const { head } = this.history;
    const end = Math.min(head, replay?.position ?? head);
    const accounts = this.watched.of(feed.session.subscriptions);
    for (let looked = 0; feed.position < upTo && this.#mayLook(looked, left); looked += 1) {
      const kept = this.watched.next(feed.position, accounts);
      if (kept === undefined || kept.position > end) {
        this.#passTo(feed, end);
        return this.#atEnd(feed);
      }
      this.#passTo(feed, kept.position);
      if (!isOf(kept, accounts)) continue;
      const past = this.past.read(kept);
      if (past !== undefined) left -= this.#delivery.missed(feed, kept.position, past);
    }
    return 'moved';
  }

  /** Moves on to a position; marks on the way are told. */
  #passTo(feed: SocketFeed, position: number): void {
    const before = feed.position;
    feed.position = position;
    for (const mark of this.history.marksBetween(before, position)) {
      if (mark.isBegin !== true) this.tell(feed, { notice: 'gap', families: mark.families }, mark.position);
    }
  }

  #atEnd(feed: SocketFeed): Step {
    if (feed.position < this.history.head) return 'moved';
    if (feed.replays.length === 0 && this.isSourceLive()) feed.goLive();
    else if (feed.replays.length === 0 || (feed.replays[0] as Replay).position > feed.position) this.#waiting.add(feed);
    else return 'moved';
    return 'idle';
  }

  /** The ring holds no more what it is owed: it goes on at the end, and is told. */
  #overtaken(feed: SocketFeed): Step {
    this.restart(feed);
    return 'moved';
  }

  /** Goes on at the end, whatever was owed: events may be missing before it. */
  restart(feed: SocketFeed): void {
    feed.isVoid = false;
    feed.replays.length = 0;
    feed.position = this.history.head;
    this.tell(feed, { notice: 'gap' });
    this.activate(feed);
  }

  /**
   * Tells that everything up to a position was sent, and why.
   * @param position undefined: what the feed has everything up to
   */
  tell(feed: SocketFeed, notice: NoticeOfPlace, position = feed.isLive ? this.history.head : feed.position): void {
    const { notice: kind, ...others } = notice;
    // The cursor stands behind the kind.
    const members = { notice: kind, cursor: this.history.cursorAt(position), ...others };
    feed.session.transport.sendText(noticeText(members as Notice));
    feed.cursorAt = performance.now();
  }
}
