/** Feeds that may go on, by account: accounts take turns, however many sockets each of them has. */
import { placeOf, type SocketFeed } from './socket-feed.ts';

/** Whether a feed may go on, waits for its socket, or has nothing to do now. */
export type Standing = 'free' | 'blocked' | 'idle';

/** Every so manyth time it is the turn of the feed that has waited longest, instead of the one farthest behind. */
const longestWaitEvery = 4;
/** Feeds that are looked at for the one farthest behind. */
const candidates = 256;

export class ActiveFeeds {
  readonly #byAccount = new Map<string, Set<SocketFeed>>();
  /** The account whose turn it was last. */
  #last: string | undefined;
  /** How often it was asked whose turn it is. */
  #elections = 0;

  get isEmpty(): boolean {
    return this.#byAccount.size === 0;
  }

  add(feed: SocketFeed): void {
    const account = feed.session.accountId ?? '';
    const feeds = this.#byAccount.get(account);
    if (feeds === undefined) this.#byAccount.set(account, new Set([feed]));
    else feeds.add(feed);
  }

  remove(account: string, feed: SocketFeed): void {
    const feeds = this.#byAccount.get(account);
    feeds?.delete(feed);
    if (feeds?.size === 0) this.#byAccount.delete(account);
  }

  /** From whichever account it is kept under: that of its first token, or none before. */
  forget(feed: SocketFeed): void {
    for (const account of this.#byAccount.keys()) this.remove(account, feed);
  }

  #of(account: string): Set<SocketFeed> {
    return this.#byAccount.get(account) ?? new Set();
  }

  /** The next time the others come first. */
  moveToEnd(account: string, feed: SocketFeed): void {
    const feeds = this.#of(account);
    if (feeds.delete(feed)) feeds.add(feed);
  }

  /**
   * The feed of an account that is farthest behind, so that those behind catch up and all go on together; now and then the
   * one that has waited longest, so that it isn't kept waiting by others who begin far behind over and over.
   */
  leaderOf(account: string, standingOf: (feed: SocketFeed) => Standing): SocketFeed | undefined {
    this.#elections += 1;
    const isOfLongestWait = this.#elections % longestWaitEvery === 0;
    const feeds = this.#of(account);
    let leader: SocketFeed | undefined;
    let left = Math.min(feeds.size, candidates);
    for (const feed of feeds) {
      if (left === 0) break;
      left -= 1;
      const standing = standingOf(feed);
      if (standing === 'idle') this.remove(account, feed);
      if (standing === 'blocked') this.moveToEnd(account, feed);
      if (standing !== 'free' || (leader !== undefined && placeOf(feed) >= placeOf(leader))) continue;
      leader = feed;
      if (isOfLongestWait) break;
    }
    return leader;
  }

  /** The feeds of an account that stand at a position or behind it, and before another. They may be moved meanwhile. */
  *between(account: string, from: number, end: number): Generator<SocketFeed, void> {
    const feeds = this.#of(account);
    let left = feeds.size;
    for (const feed of feeds) {
      if (left === 0) return;
      left -= 1;
      const place = placeOf(feed);
      if (place >= from && place < end) yield feed;
    }
  }

  /** The accounts, beginning behind the one that was the last to have its turn. */
  *inTurn(): Generator<string> {
    const accounts = [...this.#byAccount.keys()];
    const first = accounts.indexOf(this.#last ?? '') + 1;
    for (const account of [...accounts.slice(first), ...accounts.slice(0, first)]) {
      this.#last = account;
      yield account;
    }
  }

  clear(): void {
    this.#byAccount.clear();
  }
}
