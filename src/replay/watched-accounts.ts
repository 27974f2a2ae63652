/** Whose events subscriptions may bring, and where the next one of those stands in the history. */
import type { AccountListing } from '../auth/accounts.ts';
import { everyAccount } from '../families/family.ts';
import type { History } from '../history/history.ts';
import type { KeptEvent } from '../history/ring.ts';
import type { Subscription } from '../session/subscription.ts';

/** The next events of so many accounts are compared; where there are more, all events are walked over. */
const mostCompared = 16;
/** Others' events that are walked over at once. */
const mostPassed = 64;

/** Undefined: all accounts, and events that belong to none. */
export type Accounts = ReadonlySet<string> | undefined;

export class WatchedAccounts {
  /** Accounts with all below them, of the tree in force. */
  readonly #trees = new Map<string, ReadonlySet<string>>();

  constructor(
    private readonly history: Pick<History, 'next'>,
    private readonly listing: Pick<AccountListing, 'descendantsOf'>,
  ) {}

  /**
   * The account tree is another.
   * @returns those asked for before that more accounts are below than were
   */
  renew(): ReadonlySet<string> {
    const before = [...this.#trees];
    this.#trees.clear();
    const grown = before.filter(([account, known]) => [...this.#within(account)].some((id) => !known.has(id)));
    return new Set(grown.map(([account]) => account));
  }

  of(subscriptions: Iterable<Subscription>): Accounts {
    const single = new Set<string>();
    const trees = new Set<string>();
    for (const { interest } of subscriptions) {
      const { account, isShared, includesSubaccounts } = interest;
      if (isShared || account === everyAccount) return undefined;
      (includesSubaccounts ? trees : single).add(account);
    }
    if (trees.size === 0) return single;
    const [first = '', ...others] = trees;
    // The usual one, and not worth a copy: there may be thousands.
    if (others.length === 0 && single.size === 0) return this.#within(first);
    return new Set([...single, ...[first, ...others].flatMap((account) => [...this.#within(account)])]);
  }

  #within(account: string): ReadonlySet<string> {
    let accounts = this.#trees.get(account);
    if (accounts === undefined) {
      accounts = new Set([account, ...this.listing.descendantsOf(account).map(({ id }) => id)]);
      this.#trees.set(account, accounts);
    }
    return accounts;
  }

  /**
   * The event behind a position that may be one of theirs: where there are many accounts, it may be another's, and those
   * between are none of theirs.
   */
  next(position: number, accounts: Accounts): KeptEvent | undefined {
    if (accounts === undefined) return this.history.next(position);
    if (accounts.size > mostCompared) return this.#walk(position, accounts);
    let first: KeptEvent | undefined;
    for (const account of accounts) {
      const kept = this.history.next(position, account);
      if (kept !== undefined && (first === undefined || kept.position < first.position)) first = kept;
    }
    return first;
  }

  #walk(position: number, accounts: ReadonlySet<string>): KeptEvent | undefined {
    let kept = this.history.next(position);
    for (let passed = 0; kept !== undefined && passed < mostPassed && !isOf(kept, accounts); passed += 1) {
      kept = this.history.next(kept.position);
    }
    return kept;
  }
}

/** Whether an event may be one of theirs. */
export function isOf({ account }: KeptEvent, accounts: Accounts): boolean {
  return accounts === undefined || (account !== undefined && accounts.has(account));
}
