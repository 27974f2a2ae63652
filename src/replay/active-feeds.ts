/** Feeds that may go on, by account: accounts take turns, however many sockets each of them has. */
import type { SocketFeed } from './socket-feed.ts';

export class ActiveFeeds {
  readonly #byAccount = new Map<string, Set<SocketFeed>>();
  /** The account whose turn it was last. */
  #last: string | undefined;

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

  of(account: string): Set<SocketFeed> {
    return this.#byAccount.get(account) ?? new Set();
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
