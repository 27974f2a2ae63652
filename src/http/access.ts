/** Who may: one hook for all routes of an account. A route says in its `config` which scope a token needs. */
import type { FastifyRequest } from 'fastify';
import type { AccountDirectory } from '../auth/accounts.ts';
import { checkScope, checkUnfiltered } from '../auth/authorization.ts';
import type { Authenticator, Identity, Scope } from '../auth/identity.ts';
import { ActionError } from '../errors.ts';
import type { Http } from './http-server.ts';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What a token must allow. Every route of an account has one; its token is of that account, or of one above it. */
    scope?: Scope;
    /** What it shows of events is filtered as the token is. A token with a filter has no business at any other route. */
    isFiltered?: true;
  }
  interface FastifyRequest {
    /** Who asks: set on routes with a scope, before it is looked at whether they may. Handlers run where they may. */
    identity: Identity | undefined;
  }
}

export interface AccessServices {
  readonly accounts: AccountDirectory;
  readonly authenticator: Authenticator;
  /** The token that a request's headers carry. */
  tokenOf(headers: FastifyRequest['headers']): string | undefined;
}

const accountPath = /^\/v2\/accounts\/:account(?:\/|$)/;

/**
 * To be called before routes are added.
 * @throws Error when a route of an account is added that says nothing of its scope
 */
export function checkAccess(http: Http, services: AccessServices): void {
  http.decorateRequest('identity', undefined);
  http.addHook('onRoute', ({ url, method, config }) => {
    if (method === 'OPTIONS' || !accountPath.test(url) || config?.scope !== undefined) return;
    throw new Error(`the route ${String(method)} ${url} does not say which scope a token needs`);
  });
  http.addHook('preHandler', async (request) => {
    const { scope, isFiltered } = request.routeOptions.config;
    if (scope === undefined) return;
    const token = services.tokenOf(request.headers);
    if (token === undefined) throw new ActionError('token_required');
    const identity = await services.authenticator.identify(token);
    request.identity = identity;
    if (!services.accounts.isWithin(accountOf(request), identity.accountId))
      throw new ActionError('account_unauthorized');
    checkScope(identity, scope);
    if (isFiltered !== true) checkUnfiltered(identity);
  });
}

/** Who asks, as long as the token lasts: it may end while others think. @throws ActionError token_required, token_expired */
export function validIdentity({ identity }: Pick<FastifyRequest, 'identity'>): Identity {
  if (identity === undefined) throw new ActionError('token_required');
  if (identity.expiresAt <= Date.now()) throw new ActionError('token_expired');
  return identity;
}

/** Checked by the route's schema before. */
function accountOf({ params }: FastifyRequest): string {
  return (params as { readonly account: string }).account;
}
