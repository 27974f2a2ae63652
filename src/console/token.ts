/** What a token says of itself, as far as a page can read it: what it is worth is the server's to say. */
import { claimsOf } from '../client/token-account.ts';

export interface TokenFacts {
  readonly account: string | undefined;
  /** Unix time, ms. */
  readonly expiresAt: number | undefined;
  /** undefined: it doesn't say. */
  readonly scopes: readonly string[] | undefined;
  readonly families: readonly string[] | undefined;
  /** It sees some events alone, and may ask for nothing. */
  readonly isNarrow: boolean;
}

/** @returns of an opaque token that it says nothing */
export function readToken(token: string): TokenFacts {
  const { account_id: account, exp, scope, families, filter } = claimsOf(token) ?? {};
  return {
    account: typeof account === 'string' ? account : undefined,
    expiresAt: typeof exp === 'number' ? exp * 1000 : undefined,
    scopes: typeof scope === 'string' ? scope.split(' ') : undefined,
    families: Array.isArray(families) ? families.map(String) : undefined,
    isNarrow: filter !== undefined,
  };
}

/** Whether the token names what commanding calls needs. */
export function mayCommand({ scopes, families }: TokenFacts): boolean {
  return scopes?.includes('commands') === true && (families === undefined || families.includes('call'));
}

/** Whether it has a scope that a token has unless it names others. */
export function hasScope({ scopes, isNarrow }: TokenFacts, scope: string): boolean {
  return !isNarrow && (scopes === undefined || scopes.includes(scope));
}
