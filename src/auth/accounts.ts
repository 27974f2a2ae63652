/**
 * The account tree: who is below whom, whose realm it is, who is a superduper admin. Read from ACCOUNTS_FILE, and again
 * when that changes; without a file every account stands alone.
 */
import { readFileSync, statSync } from 'node:fs';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
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

type Account = z.output<typeof accountSchema>;

/** What the rest of the server asks of the account tree. */
export interface AccountDirectory extends RealmDirectory {
  /** Whether an account is another one, or below it. */
  isWithin(accountId: string, ancestorId: string): boolean;
  isSuperduperAdmin(accountId: string): boolean;
}

/** An immutable tree. */
export class AccountTree implements AccountDirectory {
  readonly #byId = new Map<string, Account>();
  readonly #byRealm = new Map<string, string>();

  /** @throws Error naming the account, where ids or realms repeat, a parent is unknown, or there is a cycle */
  constructor(accounts: readonly Account[]) {
    for (const account of accounts) {
      if (this.#byId.has(account.id)) throw new Error(`account ${account.id} is listed twice`);
      this.#byId.set(account.id, account);
      if (account.realm == null) continue;
      const realm = account.realm.toLowerCase();
      const other = this.#byRealm.get(realm);
      if (other !== undefined) throw new Error(`realm ${realm} belongs to both ${other} and ${account.id}`);
      this.#byRealm.set(realm, account.id);
    }
    for (const account of accounts) this.#checkAncestors(account);
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

  isSuperduperAdmin(accountId: string): boolean {
    return this.#byId.get(accountId)?.superduper_admin === true;
  }

  accountOfRealm(realm: string): string | undefined {
    return this.#byRealm.get(realm.toLowerCase());
  }

  realmOf(accountId: string): string | undefined {
    return this.#byId.get(accountId)?.realm ?? undefined;
  }
}

/** @throws Error that says what is wrong, and where */
export function parseAccounts(text: string): AccountTree {
  const result = z.array(accountSchema).safeParse(JSON.parse(text));
  if (result.success) return new AccountTree(result.data);
  const [issue] = result.error.issues;
  throw new Error(`${issue?.path.join('.') || 'the file'}: ${issue?.message}`);
}

/** The tree in force, which a changed file replaces. A file that can't be used leaves the old tree where it is. */
export class Accounts implements AccountDirectory {
  #tree: AccountTree;
  #version: string;

  private constructor(
    private readonly path: string | undefined,
    tree: AccountTree,
    version: string,
  ) {
    this.#tree = tree;
    this.#version = version;
  }

  /** Accounts that all stand alone. */
  static none(): Accounts {
    return new Accounts(undefined, new AccountTree([]), '');
  }

  static of(tree: AccountTree): Accounts {
    return new Accounts(undefined, tree, '');
  }

  /** @throws Error when the file can't be used */
  static fromFile(path: string): Accounts {
    // Looked at before it is read: what is written in between is found by the next refresh.
    const version = versionOf(path);
    return new Accounts(path, parseAccounts(readFileSync(path, 'utf8')), version);
  }

  /**
   * Looks whether the file changed, and reads it if so.
   * @returns `unchanged`, `reloaded`, or why the new file is refused
   */
  refresh(): 'unchanged' | 'reloaded' | { readonly refused: string } {
    if (this.path === undefined) return 'unchanged';
    const version = versionOf(this.path);
    if (version === this.#version) return 'unchanged';
    this.#version = version;
    try {
      this.#tree = parseAccounts(readFileSync(this.path, 'utf8'));
      return 'reloaded';
    } catch (error) {
      return { refused: messageOf(error) };
    }
  }

  isWithin(accountId: string, ancestorId: string): boolean {
    return this.#tree.isWithin(accountId, ancestorId);
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
}

/** Changes whenever the file was written or replaced. */
function versionOf(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
  return stat === undefined ? 'missing' : `${stat.ino} ${stat.mtimeNs} ${stat.size}`;
}
