/** Who is here: sessions by id, and by the account of their token once they have shown one. */
import type { Session } from '../session/session.ts';

export class Sessions {
  readonly #byId = new Map<string, Session>();
  readonly #byAccount = new Map<string, Set<Session>>();

  add(session: Session): void {
    this.#byId.set(session.id, session);
    this.note(session);
  }

  /** A session belongs to one account for good, and is listed there from its first token on. */
  note(session: Session): void {
    const account = session.identity?.accountId;
    if (account === undefined) return;
    const sessions = this.#byAccount.get(account);
    if (sessions === undefined) this.#byAccount.set(account, new Set([session]));
    else sessions.add(session);
  }

  remove(session: Session): void {
    this.#byId.delete(session.id);
    const account = session.identity?.accountId;
    if (account === undefined) return;
    const sessions = this.#byAccount.get(account);
    sessions?.delete(session);
    if (sessions?.size === 0) this.#byAccount.delete(account);
  }

  all(): Iterable<Session> {
    return this.#byId.values();
  }

  ofAccount(account: string): Iterable<Session> {
    return this.#byAccount.get(account) ?? [];
  }

  countOf(account: string): number {
    return this.#byAccount.get(account)?.size ?? 0;
  }

  /** @param account undefined: whichever it belongs to, but one that has shown a token */
  find(id: string, account: string | undefined): Session | undefined {
    const session = this.#byId.get(id);
    const owner = session?.identity?.accountId;
    return owner !== undefined && (account === undefined || owner === account) ? session : undefined;
  }
}
