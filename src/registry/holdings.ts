/** Who holds what in whose account: which sockets watch an account that is not their own. */
import { everyAccount } from '../families/family.ts';
import { Session } from '../session/session.ts';
import type { Subscription } from '../session/subscription.ts';

export class Holdings {
  /** By the account that is watched: how many subscriptions each socket of another account has in it. */
  readonly #watchers = new Map<string, Map<Session, number>>();

  /** To be told of every subscription once, when it begins. */
  add({ subscriber, interest: { account } }: Subscription): void {
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
    const watchers = this.#watchers.get(account);
    if (watchers === undefined || !(subscriber instanceof Session)) return;
    const count = watchers.get(subscriber);
    if (count !== undefined && count > 1) watchers.set(subscriber, count - 1);
    else watchers.delete(subscriber);
    if (watchers.size === 0) this.#watchers.delete(account);
  }

  /** Sockets of accounts above that hold subscriptions in this one. Those to all accounts (`*`) don't count. */
  watchersOf(account: string): Iterable<Session> {
    return this.#watchers.get(account)?.keys() ?? [];
  }

  isWatching(session: Session, account: string): boolean {
    return this.#watchers.get(account)?.has(session) === true;
  }
}
