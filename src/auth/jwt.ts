/**
 * JWTs: HS256/384/512 with shared secrets, RS256/ES256/EdDSA with a public key or the keys of a JWKS document. The kind of
 * key decides which algorithms it may check, so that a public key is never taken for a shared secret.
 */
import { type KeyObject, webcrypto } from 'node:crypto';
import {
  type CryptoKey,
  createRemoteJWKSet,
  customFetch,
  decodeProtectedHeader,
  errors,
  type JWTPayload,
  type JWTVerifyGetKey,
  type JWTVerifyOptions,
  jwtVerify,
} from 'jose';
import { ActionError, messageOf } from '../errors.ts';
import { TokenBucket } from '../token-bucket.ts';
import { boundedText } from './bounded-text.ts';
import { type Authenticator, claimsSchema, identityOf } from './identity.ts';

const hashOfSharedAlgorithm: Readonly<Record<string, string>> = {
  HS256: 'SHA-256',
  HS384: 'SHA-384',
  HS512: 'SHA-512',
};
const sharedAlgorithms = Object.keys(hashOfSharedAlgorithm);
const algorithmOfKeyType: Readonly<Record<string, string>> = { rsa: 'RS256', ec: 'ES256', ed25519: 'EdDSA' };
const publicAlgorithms = Object.values(algorithmOfKeyType);

export interface JwtSettings {
  /** Shared secrets, the current one first. */
  readonly secrets: readonly string[];
  readonly publicKey?: KeyObject | undefined;
  readonly jwksUrl?: string | undefined;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
}

/** A token that no configured key signed: not ours, maybe another authority's. */
export class ForeignTokenError extends ActionError {
  constructor(reason: string) {
    super('token_invalid', `failed to authenticate token: ${reason}`);
  }
}

/** A key and the algorithms that it may be used with. */
interface Key {
  readonly key: KeyObject | JWTVerifyGetKey;
  readonly algorithms: readonly string[];
}

export function createJwtAuthenticator(settings: JwtSettings): Authenticator {
  const keys = keysOf(settings);
  const options: JWTVerifyOptions = {
    requiredClaims: ['exp', 'account_id'],
    ...(settings.issuer !== undefined && { issuer: settings.issuer }),
    ...(settings.audience !== undefined && { audience: settings.audience }),
  };

  return {
    async identify(token) {
      const algorithm = algorithmOf(token);
      const fitting = keys.filter((key) => key.algorithms.includes(algorithm));
      if (fitting.length === 0) throw new ForeignTokenError('its algorithm is not accepted');
      const claims = claimsSchema.safeParse(await verify(token, fitting, options));
      if (claims.success) return identityOf(claims.data, token);
      const [issue] = claims.error.issues;
      throw new ActionError(
        'token_invalid',
        `failed to authenticate token: ${issue?.path.join('.')} ${issue?.message}`,
      );
    },
  };
}

function keysOf(settings: JwtSettings): Key[] {
  const keys: Key[] = settings.secrets.map((secret) => ({
    key: sharedKey(secret),
    algorithms: sharedAlgorithms,
  }));
  const type = settings.publicKey?.asymmetricKeyType;
  const algorithm = type === undefined ? undefined : algorithmOfKeyType[type];
  if (settings.publicKey !== undefined && algorithm !== undefined) {
    keys.push({ key: settings.publicKey, algorithms: [algorithm] });
  }
  if (settings.jwksUrl !== undefined) keys.push({ key: remoteKeys(settings.jwksUrl), algorithms: publicAlgorithms });
  return keys;
}

/**
 * A secret as Web Crypto wants it: a key for each algorithm, made when the first token needs it. Given the secret itself,
 * jose would make a key for every token, a third of what a token costs when 10,000 come at once.
 */
function sharedKey(secret: string): JWTVerifyGetKey {
  const keys = new Map<string, Promise<CryptoKey>>();
  return ({ alg = '' }) => {
    let key = keys.get(alg);
    if (key === undefined) {
      const algorithm = { name: 'HMAC', hash: hashOfSharedAlgorithm[alg] as string };
      key = webcrypto.subtle.importKey('raw', Buffer.from(secret), algorithm, false, ['verify']);
      keys.set(alg, key);
    }
    return key;
  };
}

function algorithmOf(token: string): string {
  try {
    return String(decodeProtectedHeader(token).alg);
  } catch (error) {
    if (error instanceof TypeError || error instanceof errors.JOSEError) throw new ForeignTokenError('it is no JWT');
    throw error;
  }
}

/** Tries each key in turn; only a wrong signature or a missing key asks for the next one. */
async function verify(token: string, keys: readonly Key[], options: JWTVerifyOptions): Promise<JWTPayload> {
  let reason = 'no key fits';
  for (const { key, algorithms } of keys) {
    try {
      return await verifyWith(key, token, { ...options, algorithms: [...algorithms] });
    } catch (error) {
      if (!isWrongKey(error)) throw refusal(error);
      reason = messageOf(error);
    }
  }
  throw new ForeignTokenError(reason);
}

async function verifyWith(key: Key['key'], token: string, options: JWTVerifyOptions): Promise<JWTPayload> {
  if (typeof key !== 'function') return (await jwtVerify(token, key, options)).payload;
  try {
    return (await jwtVerify(token, key, options)).payload;
  } catch (error) {
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) throw error;
    return verifyWithAny(error, token, options);
  }
}

/** A token without a `kid` may be signed with any key of its kind. */
async function verifyWithAny(
  keys: AsyncIterable<CryptoKey>,
  token: string,
  options: JWTVerifyOptions,
): Promise<JWTPayload> {
  for await (const key of keys) {
    try {
      return (await jwtVerify(token, key, options)).payload;
    } catch (error) {
      if (!isWrongKey(error)) throw error;
    }
  }
  throw new errors.JWKSNoMatchingKey();
}

function isWrongKey(error: unknown): boolean {
  return error instanceof errors.JWSSignatureVerificationFailed || error instanceof errors.JWKSNoMatchingKey;
}

function refusal(error: unknown): ActionError {
  if (error instanceof errors.JWTExpired) return new ActionError('token_expired');
  const isOurs =
    error instanceof errors.JWTInvalid ||
    error instanceof errors.JWTClaimValidationFailed ||
    error instanceof errors.JWSInvalid;
  if (isOurs) return new ActionError('token_invalid', `failed to authenticate token: ${error.message}`);
  if (error instanceof errors.JOSENotSupported || error instanceof errors.JOSEAlgNotAllowed)
    return new ForeignTokenError(error.message);
  return new ActionError('source_unavailable', 'the token keys can not be fetched now; try again', { cause: error });
}

/** How long fetched keys are trusted. ms */
const keysAgeMs = 600_000;
const maxKeysBytes = 1_048_576;
/** Fetches of a document. */
const fetchRate = { perSecond: 0.2, burst: 10 };

/**
 * The keys of a JWKS document: cached ten minutes, fetched anew at once for an unknown `kid`. Anybody can invent a
 * `kid`, so fetches have a budget: ten at once, then one every five seconds. Once it is spent, what was fetched last
 * holds: a key that wasn't in it is no key.
 *
 * jose ages its keys by the wall clock. One that is set back would have it keep them, and refuse a new one, for as long
 * as it was set back by; so both are watched here with a clock that is never set.
 */
function remoteKeys(url: string): JWTVerifyGetKey {
  const budget = new TokenBucket(fetchRate);
  let fetchedAt = performance.now();
  let isAnswered = false;
  const keys = createRemoteJWKSet(new URL(url), {
    cacheMaxAge: keysAgeMs,
    cooldownDuration: 0,
    timeoutDuration: 5000,
    [customFetch]: async (address, init) => {
      const now = performance.now();
      if (!budget.take(now)) {
        if (isAnswered && keys.fresh) throw new errors.JWKSNoMatchingKey();
        throw new Error('JWKS document fetched too often');
      }
      isAnswered = false;
      const response = await fetch(address, init);
      const text = await boundedText(response, maxKeysBytes);
      if (text === undefined) throw new Error(`JWKS document longer than ${maxKeysBytes} bytes`);
      isAnswered = response.ok;
      if (response.ok) fetchedAt = now;
      return new Response(text, { status: response.status, headers: response.headers });
    },
  });
  return async (header, token) => {
    if (keys.fresh && performance.now() - fetchedAt >= keysAgeMs) await keys.reload();
    try {
      return await keys(header, token);
    } catch (error) {
      // Without a cooldown it cools down only where its last fetch lies in the future.
      if (!(error instanceof errors.JWKSNoMatchingKey && keys.coolingDown)) throw error;
      await keys.reload();
      return keys(header, token);
    }
  };
}
