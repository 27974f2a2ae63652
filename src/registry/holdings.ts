/** Who holds what in whose account: how many bindings an account has, and which sockets watch one that is not their own. */
import { everyAccount } from '../families/family.ts';
import { Session } from '../session/session.ts';
import type { Subscription } from '../session/subscription.ts';

export class Holdings {
  /** By the account that is watched: how many subscriptions each socket of another account has in it. */
  readonly #watchers = new Map<string, Map<Session, number>>();

  /** By the account that the holder belongs to. */
  readonly #bindings = new Map<string, number>();

  /** To be told of every subscription once, when it begins. */
  add({ subscriber, interest: { account } }: Subscription): void {
    this.#count(subscriber.accountId, 1);
    if (!(subscriber instanceof Session) || account === everyAccount || subscriber.accountId === account) return;
    let watchers = this.#watchers.get(account);
    if (watchers === undefined) {
      watchers = new Map();
      this.#watchers.set(account, watchers);
    }
    watchers.set(subscriber, (watchers.get(subscriber) ?? 0) + 1);
  }

  /** And once when it has ended. */
  remove({ subscriber, interest: { account } }: Subscription): void {
    this.#count(subscriber.accountId, -1);
    const watchers = this.#watchers.get(account);
    if (watchers === undefined || !(subscriber instanceof Session)) return;
    const count = watchers.get(subscriber);
    if (count !== undefined && count > 1) watchers.set(subscriber, count - 1);
    else watchers.delete(subscriber);
    if (watchers.size === 0) this.#watchers.delete(account);
  }

  /** Bindings that the sockets of an account hold, in whatever account. */
  bindingsOf(account: string): number {
    return this.#bindings.get(account) ?? 0;
  }

  /** Counts bindings that are on their way. @returns what takes them off again; calling it again does nothing */
  reserve(account: string, bindings: number): () => void {
    let reserved = bindings;
    this.#count(account, reserved);
    return () => {
      this.#count(account, -reserved);
      reserved = 0;
    };
  }

  #count(account: string | undefined, change: number): void {
    if (account === undefined) return;
    const count = (this.#bindings.get(account) ?? 0) + change;
    if (count === 0) this.#bindings.delete(account);
    else this.#bindings.set(account, count);
  }

  /** Sockets of accounts above that hold subscriptions in this one. Those to all accounts (`*`) don't count. */
  watchersOf(account: string): Iterable<Session> {
    return this.#watchers.get(account)?.keys() ?? [];
  }

  isWatching(session: Session, account: string): boolean {
    return this.#watchers.get(account)?.has(session) === true;
  }
}
