/**
 * Keeps sessions within what their tokens allow, after the door as well: a fresh token may allow less, tokens expire or
 * are revoked, and the account tree changes.
 */
import type { AccountDirectory } from '../auth/accounts.ts';
import { checkAccount, checkFamily, checkScope } from '../auth/authorization.ts';
import type { Identity } from '../auth/identity.ts';
import { Renewals } from '../auth/renewals.ts';
import { ActionError } from '../errors.ts';
import type { Catalogue } from '../families/catalogue.ts';
import type { Log } from '../log.ts';
import { errorReply } from '../protocol/reply.ts';
import { RareLog } from '../rare-log.ts';
import type { Registry } from '../registry/registry.ts';
import type { Session } from '../session/session.ts';
import type { Subscription } from '../session/subscription.ts';

/** How often an authority that can revoke tokens is asked again. */
const renewMs = 300_000;
/** Sooner by up to so much, so that sockets which came together are not all due together. */
const renewSpreadMs = 30_000;
/** And when it can't be reached. */
const renewRetryMs = 30_000;

export interface GuardLimits {
  /** How long a socket may be without a valid token. */
  readonly authTimeoutMs: number;
  readonly maxSocketsPerAccount: number;
}

export class SessionGuard {
  readonly #renewing = new Set<Session>();
  readonly #renewals = new Renewals();
  readonly #log: RareLog<'unchecked'>;

  constructor(
    private readonly registry: Registry,
    private readonly catalogue: Catalogue,
    private readonly accounts: AccountDirectory,
    private readonly limits: GuardLimits,
    log: Log,
  ) {
    this.#log = new RareLog(log);
  }

  /**
   * Whether one more socket of this account may be.
   * @throws ActionError too_many_sockets
   */
  checkRoom({ accountId }: Identity): void {
    const { maxSocketsPerAccount } = this.limits;
    if (this.registry.sessions.countOf(accountId) < maxSocketsPerAccount) return;
    throw new ActionError(
      'too_many_sockets',
      `too many sockets: the account has ${maxSocketsPerAccount} on this node, the limit`,
    );
  }

  /**
   * Gives a session its identity, or a fresh one of the same account, claims and all. What was suspended is back then,
   * less what the fresh one does not allow; which that is, the client is told.
   */
  accept(session: Session, identity: Identity): void {
    const isFirst = session.identity === undefined;
    session.authenticateAs(identity);
    if (isFirst) this.registry.sessions.note(session);
    else this.#enforce(session);
  }

  /** The account tree changed: what it allows no more ends, and what hangs on realms is planned anew. */
  onAccountsChanged(): void {
    for (const session of this.registry.sessions.all()) this.#enforce(session);
    // Behind that, since what has ended makes room.
    const unplanned = this.registry.replan(({ text, account, includesSubaccounts }) =>
      this.catalogue.parse(text, account, includesSubaccounts),
    );
    if (unplanned.size === 0) return;
    for (const session of this.registry.sessions.all())
      this.#endThose(session, ({ interest }) => unplanned.get(interest.topic));
  }

  /**
   * Once a second.
   * @param date Unix time, ms: what a token's `exp` is compared with. All else goes by a clock that is never set.
   */
  tick(date: number): void {
    const now = performance.now();
    for (const session of this.registry.sessions.all()) {
      if (session.deliverUntil > date) this.#renewIfDue(session, now);
      else if (session.deliverUntil > 0) this.#suspend(session, new ActionError('token_expired'));
      else if (now - session.unauthenticatedSince >= this.limits.authTimeoutMs)
        session.transport.close('unauthenticated');
    }
  }

  /**
   * The token is worth nothing any more. The connection stays for a fresh one, and the subscriptions with it, suspended:
   * they get nothing, and a fresh token finds them where they were. The broker holds their patterns meanwhile, so that
   * bringing them back needs no confirmation that could fail; AUTH_TIMEOUT_SECONDS bounds for how long.
   */
  #suspend(session: Session, reason: ActionError): void {
    session.endToken();
    session.transport.sendText(errorReply(undefined, reason));
  }

  #renewIfDue(session: Session, now: number): void {
    const { identity } = session;
    if (identity?.renew === undefined || this.#renewing.has(session)) return;
    if (now - session.identifiedAt < renewAfterMs(identity)) return;
    this.#renewing.add(session);
    void this.#renew(session, identity, identity.renew).finally(() => this.#renewing.delete(session));
  }

  async #renew(session: Session, identity: Identity, renew: () => Promise<Identity>): Promise<void> {
    const outcome = await this.#renewals.renew(identity.tokenDigest, renew).catch((error: unknown) => error);
    // Meanwhile the client may have gone or shown a fresh token itself, or this one came to its end: it was told so then.
    if (session.isEnded || session.identity !== identity || !session.hasValidToken(Date.now())) return;
    if (!(outcome instanceof Error)) this.#acceptRenewed(session, identity, outcome as Identity);
    else if (outcome instanceof ActionError && outcome.code !== 'source_unavailable') this.#suspend(session, outcome);
    else {
      session.postponeCheck(performance.now() + renewRetryMs - renewAfterMs(identity));
      this.#logUnchecked(outcome);
    }
  }

  /** While the authority is away every socket that lives on it comes by here, again and again. */
  #logUnchecked(error: Error): void {
    this.#log.warn('unchecked', { err: error }, 'a token could not be checked again; it stays valid for now');
  }

  #acceptRenewed(session: Session, identity: Identity, renewed: Identity): void {
    if (renewed.accountId === identity.accountId) {
      this.accept(session, renewed);
      return;
    }
    // A session belongs to one account for good: it is listed there, and its subscriptions were allowed for that one.
    const reason = new ActionError('token_invalid', 'failed to authenticate token: it is of another account now');
    this.#suspend(session, reason);
  }

  /** Ends the subscriptions that are not allowed (any more); the others are filtered as the token is now. */
  #enforce(session: Session): void {
    this.#endThose(session, (subscription) => this.#objection(session, subscription));
  }

  /** Ends the subscriptions that there is an objection to, and says which they were: one reply for each reason. */
  #endThose(session: Session, objectionTo: (subscription: Subscription) => ActionError | undefined): void {
    const ended = new Map<string, { reason: ActionError; bindings: string[] }>();
    for (const subscription of [...session.subscriptions]) {
      const reason = objectionTo(subscription);
      if (reason === undefined) continue;
      this.registry.unsubscribe(subscription);
      const { text } = subscription.interest;
      const known = ended.get(reason.message);
      if (known === undefined) ended.set(reason.message, { reason, bindings: [text] });
      else known.bindings.push(text);
    }
    for (const { reason, bindings } of ended.values()) {
      const message = `${reason.message}: the subscription to ${bindings.join(', ')} ended`;
      session.transport.sendText(errorReply(undefined, new ActionError(reason.code, message)));
    }
  }

  #objection(session: Session, subscription: Subscription): ActionError | undefined {
    const { identity } = session;
    const { interest } = subscription;
    if (identity === undefined) return undefined;
    try {
      checkScope(identity, 'events');
      checkAccount(identity, interest.account, this.accounts);
      checkFamily(identity, interest.family);
      // Some bindings can only be understood with the account's realm.
      this.catalogue.parse(interest.text, interest.account, interest.includesSubaccounts);
      this.registry.refilter(subscription, identity.filter);
      return undefined;
    } catch (error) {
      if (error instanceof ActionError) return error;
      throw error;
    }
  }
}

/** The same for all sockets of a token, which are asked about together then. ms */
function renewAfterMs({ tokenDigest }: Identity): number {
  return renewMs - (Number.parseInt(tokenDigest.slice(0, 8), 16) % renewSpreadMs);
}
