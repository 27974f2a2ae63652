/**
 * Tokens that a Kazoo Crossbar issued: it is asked (`/v2/auth/tokeninfo`) and asked again while a socket lives on the
 * token, since a token can be revoked there.
 */
import { decodeJwt, errors } from 'jose';
import { z } from 'zod';
import { ActionError } from '../errors.ts';
import { boundedText } from './bounded-text.ts';
import { type Authenticator, type Claims, claimsSchema, type Identity, identityOf } from './identity.ts';

const timeoutMs = 5000;
const maxAnswerBytes = 65_536;
/** A Crossbar that turned out to be an old one is asked in its way for so long: then it may be a newer one. */
const oldForMs = 3_600_000;

/** Answers about the asking, not about the token: no such resource, too slow, too often. */
const saysNothing = new Set([404, 408, 429]);

const answerSchema = z.object({ data: claimsSchema });

/** @param address the Crossbar's base address, `http://crossbar:8000` */
export function createCrossbarAuthenticator(address: string): Authenticator {
  const request = requestTo(`${address.replace(/\/+$/, '')}/v2/auth/tokeninfo`);

  async function identify(token: string): Promise<Identity> {
    const claims = await ask(request, token);
    const identity = identityOf({ ...claims, exp: claims.exp ?? expiryOf(token) }, token);
    if (identity.expiresAt <= Date.now()) throw new ActionError('token_expired');
    return { ...identity, renew: () => identify(token) };
  }

  return { identify };
}

async function ask(request: (token: string) => Promise<Response>, token: string): Promise<Claims> {
  const response = await request(token);
  if (saysNothing.has(response.status) || response.status >= 500) throw unavailable(`it answered ${response.status}`);
  if (!response.ok) throw new ActionError('token_invalid', 'failed to authenticate token: Crossbar does not know it');
  const answer = answerSchema.safeParse(await readJson(response));
  if (!answer.success)
    throw new ActionError('token_invalid', 'failed to authenticate token: Crossbar names no account for it');
  return answer.data.data;
}

/**
 * The token goes in the body. Older Crossbars only know the query: they, and no others, get it in the address, which
 * proxies log.
 */
function requestTo(endpoint: string): (token: string) => Promise<Response> {
  let isOldUntil = 0;

  async function send(token: string): Promise<Response> {
    const headers = { 'x-auth-token': token, 'content-type': 'application/json', accept: 'application/json' };
    const options = { headers, signal: AbortSignal.timeout(timeoutMs), redirect: 'error' } as const;
    if (performance.now() >= isOldUntil) {
      const body = JSON.stringify({ data: { token } });
      const response = await fetch(endpoint, { ...options, method: 'POST', body });
      if (response.status !== 404 && response.status !== 405) return response;
    }
    const response = await fetch(`${endpoint}?token=${encodeURIComponent(token)}`, options);
    if (response.ok && performance.now() >= isOldUntil) isOldUntil = performance.now() + oldForMs;
    return response;
  }

  return async (token) => {
    try {
      return await send(token);
    } catch (error) {
      throw unavailable('it can not be reached', error);
    }
  };
}

async function readJson(response: Response): Promise<unknown> {
  try {
    const text = await boundedText(response, maxAnswerBytes);
    return text === undefined ? undefined : JSON.parse(text);
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw unavailable('its answer broke off', error);
  }
}

function unavailable(reason: string, cause?: unknown): ActionError {
  return new ActionError('source_unavailable', `the token can not be checked at the Crossbar now: ${reason}`, {
    cause,
  });
}

/** Crossbar vouches for the token, and when it is a JWT it says itself when it ends. */
function expiryOf(token: string): number | undefined {
  try {
    return decodeJwt(token).exp;
  } catch (error) {
    if (error instanceof errors.JOSEError || error instanceof TypeError) return undefined;
    throw error;
  }
}
