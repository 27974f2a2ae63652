/** Making tokens: for `npm run token` and the demo. The server itself only checks them. */
import { decodeJwt, errors, SignJWT } from 'jose';
import type { FilterSource } from '../filters/filter.ts';

/** The claims of a token, as they stand in it. */
export interface TokenClaims {
  readonly account_id: string;
  readonly owner_id?: string;
  readonly superduper_admin?: true;
  readonly families?: readonly string[];
  readonly scope?: string;
  readonly filter?: FilterSource;
}

/** @returns an HS256 token that ends so many seconds from now */
export async function makeToken(secret: string, claims: TokenClaims, seconds: number): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({ ...claims })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setIssuedAt(now)
    .setExpirationTime(now + seconds)
    .sign(Buffer.from(secret, 'utf8'));
}

/** The account that a token says it is of: read, and not checked. Undefined where it is no JWT, or one without. */
export function claimedAccount(token: string): string | undefined {
  try {
    const { account_id: account } = decodeJwt(token);
    return typeof account === 'string' ? account : undefined;
  } catch (error) {
    if (error instanceof errors.JWTInvalid) return undefined;
    throw error;
  }
}
