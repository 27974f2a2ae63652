/** ACCOUNTS_FILE: read at the start, and again whenever it changes. */
import { readFileSync, statSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { type AccountSource, type Accounts, parseAccounts } from './accounts.ts';

/** A file that couldn't be read may be readable later without having changed: no file handle was free (EMFILE), say. */
const retryMs = 3000;

export class AccountsFile implements AccountSource {
  readonly missingBecause = undefined;
  #version: string;
  /** When a file that couldn't be read is tried again: of `performance.now()`, ms. */
  #retryAt: number | undefined;
  /** Why the file as it is isn't in force; said once. */
  #refusedFor: string | undefined;

  /** @throws Error when the file can't be used; at the start there is no tree before to fall back on */
  constructor(
    private readonly path: string,
    private readonly accounts: Accounts,
    private readonly onChanged: () => void,
    private readonly log: Log,
    private readonly read = (file: string): string => readFileSync(file, 'utf8'),
  ) {
    // Looked at before it is read: what is written in between is found by the next tick.
    this.#version = versionOf(path);
    accounts.replace(parseAccounts(read(path)));
  }

  tick(now = performance.now()): void {
    const version = versionOf(this.path);
    const isChanged = version !== this.#version;
    if (!isChanged && (this.#retryAt === undefined || now < this.#retryAt)) return;
    this.#version = version;
    this.#retryAt = undefined;
    const text = this.#readText(now);
    if (text !== undefined) this.#adopt(text);
  }

  #readText(now: number): string | undefined {
    try {
      return this.read(this.path);
    } catch (error) {
      this.#retryAt = now + retryMs;
      this.#refuse(messageOf(error), 'ACCOUNTS_FILE can not be read now; the tree read before stays in force');
      return undefined;
    }
  }

  #adopt(text: string): void {
    try {
      this.accounts.replace(parseAccounts(text));
    } catch (error) {
      const message = 'the changed ACCOUNTS_FILE is refused; the tree read before stays in force';
      this.#refuse(messageOf(error), message);
      return;
    }
    this.#refusedFor = undefined;
    this.log.info('the account tree was reloaded');
    this.onChanged();
  }

  #refuse(reason: string, message: string): void {
    if (this.#refusedFor === reason) return;
    this.#refusedFor = reason;
    this.log.error({ reason }, message);
  }
}

/** Changes whenever the file was written or replaced, or can be looked at again. */
function versionOf(path: string): string {
  try {
    const stat = statSync(path, { throwIfNoEntry: false, bigint: true });
    return stat === undefined ? 'missing' : `${stat.ino} ${stat.mtimeNs} ${stat.size}`;
  } catch (error) {
    return `out of reach: ${messageOf(error)}`;
  }
}
