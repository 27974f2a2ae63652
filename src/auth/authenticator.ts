/** Joins the configured authorities: our own keys first, then the Crossbar for what they didn't sign. */
import type { Config } from '../config.ts';
import { createCrossbarAuthenticator } from './crossbar.ts';
import type { Authenticator } from './identity.ts';
import { createJwtAuthenticator, ForeignTokenError } from './jwt.ts';
import { rememberTokens } from './known-tokens.ts';

/** Longer ones are refused unread: hashing and decoding them would be work for nothing. */
const maxTokenBytes = 16_384;
/** What a header can carry. HTTP clients quote the rest, token and all, in the error that they throw. */
const printable = /^[\x20-\x7e]+$/;

export function createAuthenticator(config: Config): Authenticator {
  const secrets = [config.AUTH_JWT_SECRET, config.AUTH_JWT_PREVIOUS_SECRET].filter((secret) => secret !== undefined);
  const own = createJwtAuthenticator({
    secrets,
    publicKey: config.AUTH_JWT_PUBLIC_KEY,
    jwksUrl: config.AUTH_JWKS_URL,
    issuer: config.AUTH_JWT_ISSUER,
    audience: config.AUTH_JWT_AUDIENCE,
  });
  // Not the Crossbar's answers: it can revoke a token at any time.
  const jwt = rememberTokens(own);
  const crossbar =
    config.AUTH_CROSSBAR_URL === undefined ? undefined : createCrossbarAuthenticator(config.AUTH_CROSSBAR_URL);
  return {
    async identify(token) {
      if (token.length > maxTokenBytes) throw new ForeignTokenError('it is too long');
      if (!printable.test(token)) throw new ForeignTokenError('it has characters that no token has');
      try {
        return await jwt.identify(token);
      } catch (error) {
        if (crossbar === undefined || !(error instanceof ForeignTokenError)) throw error;
        return crossbar.identify(token);
      }
    },
  };
}
