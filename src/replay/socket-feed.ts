/** What one socket that can resume has been given, and what it is owed. */
import type { RequestId } from '../protocol/client-message.ts';
import type { Feed } from '../session/feed.ts';
import type { Session } from '../session/session.ts';
import type { Subscription } from '../session/subscription.ts';
import type { Topic } from '../session/topic.ts';

/** Events of the past that a subscribe asked for: those behind its position and up to that of the feed. */
export interface Replay {
  readonly subscriptions: ReadonlySet<Subscription>;
  readonly requestId: RequestId | undefined;
  /** Everything up to here was sent. */
  position: number;
  /** Events sent. */
  replayed: number;
}

/** Those who move feeds on. */
export interface FeedOwner {
  readonly hasHistory: boolean;
  /** The last position taken. */
  readonly head: number;
  /** The feed has something to catch up with, or may go on. */
  activate(feed: SocketFeed): void;
}

export class SocketFeed implements Feed {
  sentAt = -1;
  /** While it isn't live: everything up to here was sent to all subscriptions but those that wait for their replay. */
  position = 0;
  /** In the order of their messages; the first one is under way. */
  readonly replays: Replay[] = [];
  /** What it had is of a history that is gone. */
  isVoid = false;
  /** When it was sent a cursor last (of `performance.now()`, ms), and `sentAt` then. */
  cursorAt = performance.now();
  cursorSentAt = -1;
  #isLive = true;
  #byTopic: Map<Topic, Subscription[]> | undefined;

  constructor(
    readonly session: Session,
    private readonly owner: FeedOwner,
  ) {}

  get isLive(): boolean {
    return this.#isLive;
  }

  get hasCursors(): boolean {
    return this.owner.hasHistory;
  }

  hold(position = this.owner.head): void {
    if (!this.#isLive || !this.owner.hasHistory) return;
    this.#isLive = false;
    this.position = position;
    this.owner.activate(this);
  }

  doneTo(subscription: Subscription): number {
    if (this.isVoid || this.isOwedReplay(subscription)) return -1;
    return this.#isLive ? this.owner.head : this.position;
  }

  /**
   * Accounts have come below these, whose events of before a replay may bring: subscriptions to these with all below them have
   * not covered those.
   */
  uncover(accounts: ReadonlySet<string>): void {
    for (const subscription of this.session.subscriptions) {
      const { account, includesSubaccounts } = subscription.interest;
      if (!includesSubaccounts || !accounts.has(account)) continue;
      subscription.from = Math.max(subscription.from, this.doneTo(subscription));
    }
  }

  wake(): void {
    if (!this.#isLive) this.owner.activate(this);
  }

  /** It has everything: events go to it as they come. */
  goLive(): void {
    this.#isLive = true;
  }

  subscriptionsChanged(): void {
    this.#byTopic = undefined;
  }

  /** Its subscriptions by the bindings that they are to. */
  get byTopic(): ReadonlyMap<Topic, readonly Subscription[]> {
    if (this.#byTopic !== undefined) return this.#byTopic;
    const byTopic = new Map<Topic, Subscription[]>();
    for (const subscription of this.session.subscriptions) {
      const { topic } = subscription.interest;
      const others = byTopic.get(topic);
      if (others === undefined) byTopic.set(topic, [subscription]);
      else others.push(subscription);
    }
    this.#byTopic = byTopic;
    return byTopic;
  }

  /** Whether a subscription waits for its replay, or is in the middle of it. */
  isOwedReplay(subscription: Subscription): boolean {
    return this.replays.some(({ subscriptions }) => subscriptions.has(subscription));
  }
}

/** Up to where it has what it is being given now. */
export function placeOf({ position, replays: [replay] }: SocketFeed): number {
  return replay === undefined || replay.position > position ? position : replay.position;
}
