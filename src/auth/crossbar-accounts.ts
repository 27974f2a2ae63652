/** ACCOUNTS_URL: the account tree of a Kazoo, read from its Crossbar every minute. */
import { createHash } from 'node:crypto';
import { performance } from 'node:perf_hooks';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type Account, type AccountSource, type Accounts, AccountTree } from './accounts.ts';
import { type Listing, ListingFailed } from './crossbar-listing.ts';

const readEveryMs = 60_000;
/** After one that failed. Crossbar notes each login that it refuses, and only lets so many pass. */
const retryMs = 10_000;

export class CrossbarAccounts implements AccountSource {
  #missingBecause: string | undefined = 'no answer yet';
  /** Of the accounts in force. */
  #fingerprint: string | undefined;
  /** Of `performance.now()`, ms; undefined while a read is under way. */
  #dueAt: number | undefined = 0;
  #isFailing = false;
  #isStopped = false;

  constructor(
    private readonly listing: { read(): Promise<Listing>; stop(): void },
    private readonly accounts: Accounts,
    private readonly onChanged: () => void,
    private readonly log: Log,
  ) {}

  get missingBecause(): string | undefined {
    if (this.#missingBecause === undefined) return undefined;
    return `the account tree was not read from ACCOUNTS_URL yet (${this.#missingBecause})`;
  }

  tick(now = performance.now()): void {
    if (this.#dueAt === undefined || now < this.#dueAt) return;
    this.#dueAt = undefined;
    void this.#refresh();
  }

  stop(): void {
    this.#isStopped = true;
    this.listing.stop();
  }

  /** Never rejects. */
  async #refresh(): Promise<void> {
    try {
      const listing = await this.listing.read();
      if (this.#isStopped) return;
      this.#adopt(listing);
      if (this.#isFailing) this.log.info('the account tree can be read from ACCOUNTS_URL again');
      this.#isFailing = false;
      this.#dueAt = performance.now() + readEveryMs;
    } catch (error) {
      if (this.#isStopped) return;
      if (error instanceof ListingFailed) this.#onFailed(error.message);
      else this.log.error({ err: error }, 'fault while taking the account tree from ACCOUNTS_URL');
      this.#dueAt = performance.now() + retryMs;
    }
  }

  /** @throws ListingFailed where the accounts make no tree; the one before stays in force then */
  #adopt(listing: Listing): void {
    const { accounts, sharedRealms } = treeOf(listing);
    const fingerprint = fingerprintOf(accounts);
    if (fingerprint === this.#fingerprint) return;
    this.accounts.replace(asTree(accounts));
    this.#fingerprint = fingerprint;
    this.#missingBecause = undefined;
    if (sharedRealms.length > 0) {
      this.log.warn(
        { realms: sharedRealms.slice(0, 10) },
        'several accounts have the same realm: it is none of theirs',
      );
    }
    this.log.info({ accounts: accounts.length }, 'the account tree was reloaded');
    this.onChanged();
  }

  #onFailed(reason: string): void {
    if (this.#missingBecause !== undefined) this.#missingBecause = reason;
    if (this.#isFailing) return;
    this.#isFailing = true;
    this.log.error(
      { reason },
      'the account tree can not be read from ACCOUNTS_URL; the one read before stays in force',
    );
  }
}

/**
 * The accounts of a listing, as a tree takes them. An account whose parent isn't listed (it was deleted, or made while
 * the pages were read) is below the nearest one that is, in any case below the topmost. A realm that several accounts
 * have says nothing of an event's account, so none of them keeps it.
 */
export function treeOf([top, ...below]: Listing): { accounts: Account[]; sharedRealms: string[] } {
  const known = new Set([top, ...below].map(({ id }) => id));
  const owners = new Map<string, number>();
  for (const { realm } of [top, ...below]) {
    if (realm !== undefined) owners.set(realm.toLowerCase(), (owners.get(realm.toLowerCase()) ?? 0) + 1);
  }
  const sharedRealms = [...owners].filter(([, count]) => count > 1).map(([realm]) => realm);
  const shared = new Set(sharedRealms);
  const ownRealm = (realm: string | undefined) =>
    realm === undefined || shared.has(realm.toLowerCase()) ? undefined : realm;
  const accounts = [
    { id: top.id, name: top.name, realm: ownRealm(top.realm), superduper_admin: top.superduperAdmin },
    ...below.map(({ id, name, realm, tree }) => ({
      id,
      name,
      realm: ownRealm(realm),
      parent_id: tree.findLast((ancestor) => ancestor !== id && known.has(ancestor)) ?? top.id,
    })),
  ];
  return { accounts, sharedRealms };
}

function asTree(accounts: readonly Account[]): AccountTree {
  try {
    return new AccountTree(accounts);
  } catch (error) {
    throw new ListingFailed(`its accounts make no tree: ${messageOf(error)}`, { cause: error });
  }
}

/** The same for the same accounts, in whatever order they are listed. */
function fingerprintOf(accounts: readonly Account[]): string {
  const hash = createHash('sha256');
  const lines = accounts.map(({ id, name, realm, parent_id, superduper_admin }) =>
    JSON.stringify([id, name, realm, parent_id, superduper_admin]),
  );
  for (const line of lines.sort()) hash.update(line);
  return hash.digest('base64');
}
