/** Who may watch what: the one place that decides it, for new subscriptions and for those that a change may have ended. */
import { ActionError } from '../errors.ts';
import { everyAccount, type FamilyName } from '../families/family.ts';
import type { AccountDirectory } from './accounts.ts';
import { hasScope, type Identity, mayWatchEverything, mayWatchFamily, type Scope } from './identity.ts';

/**
 * The account must be the token's own or below it; `*` is for superduper admins.
 * @throws ActionError account_unauthorized
 */
export function checkAccount(identity: Identity, account: string, accounts: AccountDirectory): void {
  if (account === everyAccount) {
    if (mayWatchEverything(identity, accounts)) return;
    throw new ActionError('account_unauthorized', 'unauthorized wildcard account id');
  }
  if (!accounts.isWithin(account, identity.accountId)) throw new ActionError('account_unauthorized');
}

/** @throws ActionError scope_missing */
export function checkScope(identity: Identity, scope: Scope): void {
  if (!hasScope(identity, scope)) throw new ActionError('scope_missing', `the token does not have the scope ${scope}`);
}

/**
 * Whether it may know of more than the events that are for it.
 * @throws ActionError scope_missing
 */
export function checkUnfiltered(identity: Identity): void {
  if (identity.filter === undefined) return;
  throw new ActionError('scope_missing', 'the token has a filter: it is given the events of that, and nothing else');
}

/** @throws ActionError scope_missing */
export function checkFamily(identity: Identity, family: FamilyName): void {
  if (mayWatchFamily(identity, family)) return;
  throw new ActionError('scope_missing', `the token may not subscribe to ${family} events`);
}
