/** Whose events subscriptions may bring, and where the next one of those stands in the history. */
import type { AccountTree } from '../auth/accounts.ts';
import { everyAccount } from '../families/family.ts';
import type { History } from '../history/history.ts';
import type { KeptEvent } from '../history/ring.ts';
import type { Subscription } from '../session/subscription.ts';

/** The next events of so many accounts are compared; where there are more, all events are walked over. */
const mostCompared = 16;
/** Others' events that are walked over at once. */
const mostPassed = 64;

/** Undefined: all accounts, and events that belong to none. */
type Accounts = AccountSet | undefined;

/**
 * Accounts, and others with all below them. There may be ten thousand of those, and every step of a replay asks anew: they
 * are found upwards from an event's account, and never copied.
 */
class AccountSet {
  /** All of them; undefined: there are more than are compared. */
  readonly few: ReadonlySet<string> | undefined;

  constructor(
    private readonly single: ReadonlySet<string>,
    private readonly withBelow: ReadonlySet<string>,
    private readonly tree: Pick<AccountTree, 'parentOf' | 'within'>,
  ) {
    const below = tree.within(withBelow, mostCompared);
    const all = below === undefined || single.size > mostCompared ? undefined : new Set([...single, ...below]);
    this.few = all === undefined || all.size > mostCompared ? undefined : all;
  }

  has(account: string): boolean {
    if (this.few !== undefined) return this.few.has(account);
    if (this.single.has(account)) return true;
    if (this.withBelow.size === 0) return false;
    for (let id: string | undefined = account; id !== undefined; id = this.tree.parentOf(id)) {
      if (this.withBelow.has(id)) return true;
    }
    return false;
  }
}

export class WatchedAccounts {
  /** The one in force when it was last told that it is another. */
  #tree: AccountTree;

  constructor(
    private readonly history: Pick<History, 'next'>,
    private readonly accounts: { readonly tree: AccountTree },
  ) {
    this.#tree = accounts.tree;
  }

  /**
   * The account tree is another.
   * @returns the accounts that others are below now that were not
   */
  renew(): ReadonlySet<string> {
    const before = this.#tree;
    this.#tree = this.accounts.tree;
    return this.#tree.grownSince(before);
  }

  /** Whose events these subscriptions may bring, by the tree in force now: not to be kept. */
  of(subscriptions: Iterable<Subscription>): Accounts {
    const single = new Set<string>();
    const withBelow = new Set<string>();
    for (const { interest } of subscriptions) {
      const { account, isShared, includesSubaccounts } = interest;
      if (isShared || account === everyAccount) return undefined;
      (includesSubaccounts ? withBelow : single).add(account);
    }
    return new AccountSet(single, withBelow, this.accounts.tree);
  }

  /**
   * The event behind a position that may be one of theirs: where there are many accounts, it may be another's, and those
   * between are none of theirs.
   */
  next(position: number, accounts: Accounts): KeptEvent | undefined {
    if (accounts === undefined) return this.history.next(position);
    if (accounts.few === undefined) return this.#walk(position, accounts);
    let first: KeptEvent | undefined;
    for (const account of accounts.few) {
      const kept = this.history.next(position, account);
      if (kept !== undefined && (first === undefined || kept.position < first.position)) first = kept;
    }
    return first;
  }

  #walk(position: number, accounts: AccountSet): KeptEvent | undefined {
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
