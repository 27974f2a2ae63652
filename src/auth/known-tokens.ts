/**
 * Tokens whose signature was checked a while ago, so that a reconnect, a second tab or a REST request doesn't pay for it
 * again: a check goes through the thread pool, and costs more than all the rest of opening a socket. Kept by digest, the
 * tokens themselves are not; never beyond their `exp`, nor longer than the keys of a JWKS document are trusted.
 */
import { type Authenticator, digestOf, type Identity } from './identity.ts';

const trustMs = 600_000;
/** Oldest first out. A few hundred bytes each. */
const maxTokens = 10_000;

interface Known {
  readonly identity: Identity;
  /** Of `performance.now()`: a wall clock that is set back would have a revoked key trusted for as long. ms */
  readonly trustedUntil: number;
}

export function rememberTokens(authenticator: Authenticator, limit = maxTokens): Authenticator {
  const known = new Map<string, Known>();

  function remember(digest: string, identity: Identity): void {
    known.set(digest, { identity, trustedUntil: performance.now() + trustMs });
    if (known.size <= limit) return;
    const [oldest] = known.keys();
    if (oldest !== undefined) known.delete(oldest);
  }

  return {
    async identify(token) {
      const digest = digestOf(token);
      const found = known.get(digest);
      if (found !== undefined && isGood(found)) return found.identity;
      known.delete(digest);
      const identity = await authenticator.identify(token);
      remember(digest, identity);
      return identity;
    },
  };
}

function isGood({ identity, trustedUntil }: Known): boolean {
  return trustedUntil > performance.now() && identity.expiresAt > Date.now();
}
