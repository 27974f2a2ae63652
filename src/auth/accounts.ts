/**
 * The account tree: who is below whom, whose realm it is, who is a superduper admin. Where it comes from is an
 * `AccountSource`'s affair; without one every account stands alone.
 */
import { z } from 'zod';
import { firstFault } from '../errors.ts';
import type { RealmDirectory } from '../families/family.ts';

/** An account's id: any text without a dot (it is one word of a routing key) and not the wildcard. */
export const accountId = z
  .string()
  .regex(/^[^.*#\s]{1,128}$/, 'must be 1 to 128 characters without dots, spaces, "*" and "#"');

const accountSchema = z.object({
  id: accountId,
  name: z.string().nullish(),
  realm: z.string().min(1).max(253).nullish(),
  parent_id: accountId.nullish(),
  superduper_admin: z.boolean().nullish(),
});

export type Account = z.output<typeof accountSchema>;

/** An account below another one; what its source doesn't say is null. */
export interface Descendant {
  readonly id: string;
  readonly name: string | null;
  readonly realm: string | null;
  readonly parent_id: string;
}

/** What the rest of the server asks of the account tree. */
export interface AccountDirectory extends RealmDirectory {
  /** Whether an account is another one, or below it. */
  isWithin(accountId: string, ancestorId: string): boolean;
  isSuperduperAdmin(accountId: string): boolean;
}

/** The accounts above and below one. */
export interface AccountListing {
  /** The one that it is right below, if any. */
  parentOf(accountId: string): string | undefined;
  /** All that are below it, at whatever depth, itself left out: each behind its parent. Empty for one that isn't known. */
  descendantsOf(accountId: string): readonly Descendant[];
}

/** Keeps the tree in force what its origin says. What can't be used leaves the tree read before in force, and is logged. */
export interface AccountSource {
  /** Why there is no tree yet, in words; undefined once one was read. Until then every account stands alone. */
  readonly missingBecause: string | undefined;
  /** Once a second: looks for another tree, when it is time to. Never throws. */
  tick(): void;
  /** Ends what is under way, where that takes time. */
  stop?(): void;
}

/** An immutable tree. */
export class AccountTree implements AccountDirectory, AccountListing {
  readonly #byId = new Map<string, Account>();
  readonly #children = new Map<string, Account[]>();
  readonly #byRealm = new Map<string, string>();

  /** @throws Error naming the account, where ids or realms repeat, a parent is unknown, or there is a cycle */
  constructor(accounts: readonly Account[]) {
    for (const account of accounts) {
      if (this.#byId.has(account.id)) throw new Error(`account ${account.id} is listed twice`);
      this.#byId.set(account.id, account);
      if (account.parent_id != null) this.#addChild(account.parent_id, account);
      if (account.realm == null) continue;
      const realm = account.realm.toLowerCase();
      const other = this.#byRealm.get(realm);
      if (other !== undefined) throw new Error(`realm ${realm} belongs to both ${other} and ${account.id}`);
      this.#byRealm.set(realm, account.id);
    }
    for (const account of accounts) this.#checkAncestors(account);
  }

  #addChild(parentId: string, account: Account): void {
    const siblings = this.#children.get(parentId);
    if (siblings === undefined) this.#children.set(parentId, [account]);
    else siblings.push(account);
  }

  #checkAncestors(account: Account): void {
    const seen = new Set([account.id]);
    for (let parent = account.parent_id; parent != null; parent = this.#byId.get(parent)?.parent_id) {
      if (!this.#byId.has(parent)) throw new Error(`account ${account.id} has an unknown ancestor ${parent}`);
      if (seen.has(parent)) throw new Error(`account ${account.id} is its own ancestor`);
      seen.add(parent);
    }
  }

  isWithin(accountId: string, ancestorId: string): boolean {
    for (let id: string | null | undefined = accountId; id != null; id = this.#byId.get(id)?.parent_id) {
      if (id === ancestorId) return true;
    }
    return false;
  }

  parentOf(accountId: string): string | undefined {
    return this.#byId.get(accountId)?.parent_id ?? undefined;
  }

  isSuperduperAdmin(accountId: string): boolean {
    return this.#byId.get(accountId)?.superduper_admin === true;
  }

  accountOfRealm(realm: string): string | undefined {
    return this.#byRealm.get(realm.toLowerCase());
  }

  realmOf(accountId: string): string | undefined {
    return this.#byId.get(accountId)?.realm ?? undefined;
  }

  descendantsOf(accountId: string): readonly Descendant[] {
    const found: Descendant[] = [];
    const parents = [accountId];
    for (const parentId of parents) {
      for (const { id, name = null, realm = null } of this.#children.get(parentId) ?? []) {
        found.push({ id, name, realm, parent_id: parentId });
        parents.push(id);
      }
    }
    return found;
  }

  /** Accounts with all below them. @returns undefined where that is more than so many: no more of the tree is looked at */
  within(accountIds: ReadonlySet<string>, atMost: number): ReadonlySet<string> | undefined {
    if (accountIds.size > atMost) return undefined;
    const found = new Set(accountIds);
    for (const parentId of found) {
      for (const { id } of this.#children.get(parentId) ?? []) {
        found.add(id);
        if (found.size > atMost) return undefined;
      }
    }
    return found;
  }

  /** @returns the accounts that have another one below them that was not below them in the tree of before */
  grownSince(before: AccountTree): ReadonlySet<string> {
    const grown = new Set<string>();
    // Who is below another one newly came along with one whose parent is new: only those are looked at.
    for (const { id, parent_id } of this.#byId.values()) {
      if (parent_id == null || parent_id === before.parentOf(id)) continue;
      const known = new Set(before.#ancestorsOf(id));
      for (const ancestor of this.#ancestorsOf(id)) if (!known.has(ancestor)) grown.add(ancestor);
    }
    return grown;
  }

  *#ancestorsOf(accountId: string): Iterable<string> {
    for (let id = this.parentOf(accountId); id !== undefined; id = this.parentOf(id)) yield id;
  }
}

/** @throws Error that says what is wrong, and where */
export function parseAccounts(text: string): AccountTree {
  const result = z.array(accountSchema).safeParse(JSON.parse(text));
  if (result.success) return new AccountTree(result.data);
  throw new Error(firstFault(result.error, 'the file'));
}

/** The tree in force, which a source replaces when it has read another one. */
export class Accounts implements AccountDirectory, AccountListing {
  #tree: AccountTree;

  /** @param tree without one every account stands alone, without a realm */
  constructor(tree: AccountTree = new AccountTree([])) {
    this.#tree = tree;
  }

  /** The one in force: another one is another object. */
  get tree(): AccountTree {
    return this.#tree;
  }

  /** What hangs on the tree before (subscriptions, patterns) is the caller's to put right. */
  replace(tree: AccountTree): void {
    this.#tree = tree;
  }

  isWithin(accountId: string, ancestorId: string): boolean {
    return this.#tree.isWithin(accountId, ancestorId);
  }

  parentOf(accountId: string): string | undefined {
    return this.#tree.parentOf(accountId);
  }

  isSuperduperAdmin(accountId: string): boolean {
    return this.#tree.isSuperduperAdmin(accountId);
  }

  accountOfRealm(realm: string): string | undefined {
    return this.#tree.accountOfRealm(realm);
  }

  realmOf(accountId: string): string | undefined {
    return this.#tree.realmOf(accountId);
  }

  descendantsOf(accountId: string): readonly Descendant[] {
    return this.#tree.descendantsOf(accountId);
  }
}
