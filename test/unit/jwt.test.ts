import { createHmac, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { exportJWK, type JWTPayload, SignJWT } from 'jose';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { createJwtAuthenticator, type JwtSettings } from '../../src/auth/jwt.ts';
import { makeToken } from '../../src/auth/token.ts';
import { ActionError } from '../../src/errors.ts';
import { filterSchema } from '../../src/filters/filter-schema.ts';
import { answerJson, type Neighbour, startNeighbour } from '../support/rest.ts';

const secret = 'a secret that is long enough for every one of the three';
const now = () => Math.floor(Date.now() / 1000);

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const ed = generateKeyPairSync('ed25519');
const asymmetric = [
  ['RS256', rsa],
  ['ES256', ec],
  ['EdDSA', ed],
] as const;

/** Those of every token here, changed; `exp: undefined` leaves it out. */
type Claims = Omit<JWTPayload, 'exp'> & { readonly exp?: number | undefined };

function sign(alg: string, key: KeyObject | Uint8Array, claims: Claims = {}, kid?: string): Promise<string> {
  const payload = Object.entries({ account_id: 'acme', exp: now() + 600, ...claims });
  return new SignJWT(Object.fromEntries(payload.filter(([, value]) => value !== undefined)))
    .setProtectedHeader({ alg, ...(kid !== undefined && { kid }) })
    .sign(key);
}

const bytes = (text: string) => Buffer.from(text);
const signShared = (claims: Claims = {}) => sign('HS256', bytes(secret), claims);

/** @returns the account, or the code and text of the refusal */
async function outcome(settings: Partial<JwtSettings> | ReturnType<typeof createJwtAuthenticator>, token: string) {
  const authenticator = 'identify' in settings ? settings : createJwtAuthenticator({ secrets: [], ...settings });
  return authenticator.identify(token).then(
    ({ accountId }) => accountId,
    (error: unknown) => {
      if (!(error instanceof ActionError)) throw error;
      if (token.length > 20) expect(error.message).not.toContain(token);
      return `${error.code}: ${error.message}`;
    },
  );
}

const shared = { secrets: [secret] };
const invalid = /^token_invalid: failed to authenticate token/;

describe('AUTH_JWT_SECRET', () => {
  test.each(['HS256', 'HS384', 'HS512'])('%s is accepted', async (alg) => {
    expect(await outcome(shared, await sign(alg, bytes(secret)))).toBe('acme');
    expect(await outcome(shared, await sign(alg, bytes(`not ${secret}`)))).toMatch(invalid);
  });

  test('a short one serves as well', async () => {
    expect(await outcome({ secrets: ['short'] }, await makeToken('short', { account_id: 'acme' }, 60))).toBe('acme');
  });

  test('AUTH_JWT_PREVIOUS_SECRET is accepted beside it, a third one is not', async () => {
    const both = { secrets: ['the new one', secret] };
    expect(await outcome(both, await signShared())).toBe('acme');
    expect(await outcome(both, await sign('HS256', bytes('the new one')))).toBe('acme');
    expect(await outcome(both, await sign('HS256', bytes('another one')))).toMatch(invalid);
  });
});

describe('AUTH_JWT_PUBLIC_KEY', () => {
  test.each(asymmetric)('%s is accepted from its own key alone', async (alg, pair) => {
    expect(await outcome({ publicKey: pair.publicKey }, await sign(alg, pair.privateKey))).toBe('acme');
    const stranger =
      alg === 'RS256'
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : alg === 'ES256'
          ? generateKeyPairSync('ec', { namedCurve: 'P-256' })
          : generateKeyPairSync('ed25519');
    expect(await outcome({ publicKey: pair.publicKey }, await sign(alg, stranger.privateKey))).toMatch(invalid);
  });

  test('serves beside a secret', async () => {
    const both = { ...shared, publicKey: ec.publicKey };
    expect(await outcome(both, await signShared())).toBe('acme');
    expect(await outcome(both, await sign('ES256', ec.privateKey))).toBe('acme');
  });

  test('is never taken for a shared secret', async () => {
    const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
    for (const key of [pem, pem.trim(), rsa.publicKey.export({ type: 'spki', format: 'der' })]) {
      const head = Buffer.from(JSON.stringify({ alg: 'HS256' })).toString('base64url');
      const body = Buffer.from(JSON.stringify({ account_id: 'acme', exp: now() + 60 })).toString('base64url');
      const signature = createHmac('sha256', key).update(`${head}.${body}`).digest('base64url');
      const forged = `${head}.${body}.${signature}`;
      expect(await outcome({ publicKey: rsa.publicKey }, forged)).toMatch(invalid);
      expect(await outcome({ ...shared, publicKey: createPublicKey(pem) }, forged)).toMatch(invalid);
    }
  });
});

describe('what is no token of ours', () => {
  test.each(['', 'x', 'a.b.c', '..', 'eyJhbGciOiJIUzI1NiJ9.e30', '\u0000'])('%j', async (text) => {
    expect(await outcome(shared, text)).toMatch(invalid);
  });

  test('alg: none, with and without a signature', async () => {
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
    const head = part({ alg: 'none' });
    const body = part({ account_id: 'acme', exp: now() + 60 });
    for (const token of [`${head}.${body}.`, `${head}.${body}.AAAA`, `${part({ alg: 'None' })}.${body}.`]) {
      expect(await outcome({ ...shared, publicKey: rsa.publicKey }, token)).toMatch(invalid);
    }
  });

  test('claims that were changed after it was signed', async () => {
    const [head, , signature] = (await signShared()).split('.');
    const body = Buffer.from(JSON.stringify({ account_id: 'other', exp: now() + 60 })).toString('base64url');
    expect(await outcome(shared, `${head}.${body}.${signature}`)).toMatch(invalid);
  });
});

describe('claims', () => {
  test('account_id and exp are required', async () => {
    expect(await outcome(shared, await signShared({ exp: undefined }))).toMatch(/^token_invalid: .*"exp"/);
    expect(await outcome(shared, await signShared({ account_id: undefined }))).toMatch(
      /^token_invalid: .*"account_id"/,
    );
  });

  test.each<[JWTPayload, string]>([
    [{ account_id: 5 }, 'account_id'],
    [{ account_id: 'a.b' }, 'account_id'],
    [{ account_id: '*' }, 'account_id'],
    [{ superduper_admin: 'true' }, 'superduper_admin'],
    [{ families: 'call' }, 'families'],
    [{ scope: ['events'] }, 'scope'],
  ])('%o is refused, naming the claim', async (claims, name) => {
    const refusal = await outcome(shared, await signShared(claims));
    expect(refusal).toMatch(invalid);
    expect(refusal).toContain(name);
  });

  test('one that has expired is told apart: failed to authenticate token, with a code of its own', async () => {
    const token = await signShared({ exp: now() - 1 });
    expect(await outcome(shared, token)).toMatch(/^token_expired: failed to authenticate token/);
  });

  test('one that expired and that somebody else signed is invalid, not expired', async () => {
    expect(await outcome(shared, await sign('HS256', bytes('another'), { exp: now() - 1 }))).toMatch(invalid);
  });

  test('one that is not good yet is refused', async () => {
    expect(await outcome(shared, await signShared({ nbf: now() + 600 }))).toMatch(invalid);
  });

  test('the others narrow the identity', async () => {
    const exp = now() + 60;
    const claims = { exp, owner_id: 'me', superduper_admin: true, families: ['call'], scope: 'events sockets:read' };
    expect(await createJwtAuthenticator(shared).identify(await signShared(claims))).toMatchObject({
      accountId: 'acme',
      ownerId: 'me',
      expiresAt: exp * 1000,
      superduperAdmin: true,
      families: new Set(['call']),
      scopes: new Set(['events', 'sockets:read']),
    });
  });

  describe('filter', () => {
    const filter = { 'Custom-Channel-Vars.Authorizing-ID': 'u1' };

    test.each([
      [undefined, ['events']],
      ['events sockets:read sockets:close commands', ['events']],
      ['commands  events', ['events']],
      ['sockets:read commands', []],
      ['', []],
    ])('with the scope %j it may do %j and nothing else', async (scope, scopes) => {
      const identity = await createJwtAuthenticator(shared).identify(await signShared({ filter, scope }));
      expect([...identity.scopes]).toEqual(scopes);
      expect(identity.filter).toEqual(filterSchema.parse(filter));
    });

    test.each([
      [null, 'filter must be an object'],
      ['Call-ID', 'filter must be an object'],
      [[], 'filter must be an object'],
      [{}, 'filter must have 1 to 10 paths'],
      [{ 'a..b': 'x' }, 'filter.a..b must be a path'],
      [{ a: null }, 'filter.a must be a text'],
      [{ a: {} }, 'filter.a must be a text'],
      [{ a: { contains: 'x' } }, 'filter.a must be a text'],
      [{ a: [] }, 'filter.a must have 1 to 100 values'],
      [{ a: { not: [null] } }, 'filter.a.not.0 must be a text'],
      [{ a: 'x'.repeat(8192) }, 'filter must be at most 8192 bytes'],
    ])('%j can not be understood', async (claim, message) => {
      const said = await outcome(shared, await signShared({ filter: claim }));
      expect(said).toMatch(`token_invalid: failed to authenticate token: ${message}`);
    });
  });

  test('AUTH_JWT_ISSUER and AUTH_JWT_AUDIENCE are checked where they are set', async () => {
    const token = await signShared({ iss: 'login', aud: ['pbx', 'horizon'] });
    expect(await outcome(shared, token)).toBe('acme');
    expect(await outcome({ ...shared, issuer: 'login', audience: 'horizon' }, token)).toBe('acme');
    expect(await outcome({ ...shared, issuer: 'another' }, token)).toMatch(invalid);
    expect(await outcome({ ...shared, audience: 'another' }, token)).toMatch(invalid);
    expect(await outcome({ ...shared, issuer: 'login' }, await signShared())).toMatch(/^token_invalid: .*"iss"/);
    expect(await outcome({ ...shared, audience: 'horizon' }, await signShared())).toMatch(/^token_invalid: .*"aud"/);
  });
});

describe('AUTH_JWKS_URL', () => {
  interface Jwks extends Neighbour {
    keys: object[];
    fetches: number;
    /** What it answers with, as long as it is no 200. */
    status: number;
  }

  async function startJwks(...keys: (readonly [kid: string, key: KeyObject])[]): Promise<Jwks> {
    const jwks = {
      keys: await Promise.all(keys.map(([kid, key]) => asJwk(kid, key))),
      fetches: 0,
      status: 200,
    };
    const neighbour = await startNeighbour((_request, _body, response) => {
      jwks.fetches += 1;
      answerJson(response, jwks.status, { keys: jwks.keys });
    });
    return Object.assign(jwks, neighbour);
  }

  const asJwk = async (kid: string, key: KeyObject) => ({ ...(await exportJWK(key)), kid });
  const fromJwks = ({ address }: Jwks) => createJwtAuthenticator({ secrets: [], jwksUrl: `${address}/keys` });

  test('its keys sign tokens of all three kinds, and it is fetched once', async () => {
    const jwks = await startJwks(['r', rsa.publicKey], ['e', ec.publicKey], ['d', ed.publicKey]);
    const authenticator = fromJwks(jwks);
    for (const [index, [alg, pair]] of asymmetric.entries()) {
      const kid = ['r', 'e', 'd'][index];
      expect(await outcome(authenticator, await sign(alg, pair.privateKey, {}, kid))).toBe('acme');
      expect(await outcome(authenticator, await sign(alg, pair.privateKey, { jti: 'another' }, kid))).toBe('acme');
    }
    expect(jwks.fetches).toBe(1);
  });

  test('it is fetched again for an unknown kid', async () => {
    const jwks = await startJwks(['old', ec.publicKey]);
    const authenticator = fromJwks(jwks);
    expect(await outcome(authenticator, await sign('ES256', ec.privateKey, {}, 'old'))).toBe('acme');
    jwks.keys = [await asJwk('new', ed.publicKey)];
    expect(await outcome(authenticator, await sign('EdDSA', ed.privateKey, {}, 'new'))).toBe('acme');
    expect(jwks.fetches).toBe(2);
    expect(await outcome(authenticator, await sign('ES256', ec.privateKey, {}, 'old'))).toMatch(invalid);
  });

  test('a kid that nobody knows is an invalid token, and inventing more of them does not make it be fetched at will', async () => {
    const jwks = await startJwks(['one', ec.publicKey]);
    const authenticator = fromJwks(jwks);
    const known = await sign('ES256', ec.privateKey, {}, 'one');
    expect(await outcome(authenticator, known)).toBe('acme');
    const forged = await Promise.all(
      Array.from({ length: 50 }, (_, index) => sign('ES256', ec.privateKey, {}, `invented-${index}`)),
    );
    expect(await outcome(authenticator, forged[0] ?? '')).toMatch(invalid);
    // What was fetched last holds when it is not fetched anew: it says that there is no such key.
    for (const token of forged) expect(await outcome(authenticator, token)).toMatch(invalid);
    expect(jwks.fetches).toBeLessThanOrEqual(15);
    expect(await outcome(authenticator, known)).toBe('acme');
  });

  test('a server that is down says nothing about the token: source_unavailable, and it is asked again', async () => {
    const jwks = await startJwks(['one', ec.publicKey]);
    const authenticator = fromJwks(jwks);
    const token = await sign('ES256', ec.privateKey, {}, 'one');
    jwks.status = 500;
    expect(await outcome(authenticator, token)).toMatch(/^source_unavailable: /);
    jwks.status = 200;
    expect(await outcome(authenticator, token)).toBe('acme');
    await jwks.stop();
    expect(await outcome(authenticator, token)).toBe('acme');
    expect(await outcome(authenticator, await sign('ES256', ec.privateKey, {}, 'two'))).toMatch(
      /^source_unavailable: /,
    );
  });

  test('a document that has no end is not read to it', async () => {
    const jwks = await startJwks(['one', ec.publicKey]);
    jwks.keys.push({ padding: 'x'.repeat(2 ** 20) });
    const authenticator = fromJwks(jwks);
    const token = await sign('ES256', ec.privateKey, {}, 'one');
    expect(await outcome(authenticator, token)).toMatch(/^source_unavailable: /);
    jwks.keys.pop();
    expect(await outcome(authenticator, token)).toBe('acme');
  });

  test('a server that has gone down says nothing about new keys either, however often it is asked', async () => {
    const jwks = await startJwks(['one', ec.publicKey]);
    const authenticator = fromJwks(jwks);
    expect(await outcome(authenticator, await sign('ES256', ec.privateKey, {}, 'one'))).toBe('acme');
    jwks.status = 500;
    const token = await sign('ES256', ec.privateKey, {}, 'two');
    for (let times = 0; times < 20; times += 1) {
      expect(await outcome(authenticator, token)).toMatch(/^source_unavailable: /);
    }
    expect(jwks.fetches).toBeLessThanOrEqual(15);
  });

  test('what is kept is fetched anew after ten minutes', async () => {
    vi.useFakeTimers({ toFake: ['Date'] });
    onTestFinished(() => void vi.useRealTimers());
    const jwks = await startJwks(['one', ec.publicKey]);
    const authenticator = fromJwks(jwks);
    const token = await sign('ES256', ec.privateKey, { exp: now() + 86_400 }, 'one');
    expect(await outcome(authenticator, token)).toBe('acme');
    vi.setSystemTime(Date.now() + 599_000);
    expect(await outcome(authenticator, token)).toBe('acme');
    expect(jwks.fetches).toBe(1);
    vi.setSystemTime(Date.now() + 2000);
    expect(await outcome(authenticator, token)).toBe('acme');
    expect(jwks.fetches).toBe(2);
  });

  test('a token without a kid is tried with every key of its kind', async () => {
    const others = [generateKeyPairSync('ec', { namedCurve: 'P-256' }), generateKeyPairSync('ed25519')] as const;
    const jwks = await startJwks(['a', others[0].publicKey], ['b', ec.publicKey], ['c', others[1].publicKey]);
    const authenticator = fromJwks(jwks);
    expect(await outcome(authenticator, await sign('ES256', ec.privateKey))).toBe('acme');
    expect(await outcome(authenticator, await sign('ES256', ec.privateKey, { exp: 1 }))).toMatch(/^token_expired/);
    expect(await outcome(authenticator, await sign('EdDSA', ed.privateKey))).toMatch(invalid);
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    expect(await outcome(authenticator, await sign('ES256', stranger.privateKey))).toMatch(invalid);
    expect(jwks.fetches).toBe(1);
  });

  test('a shared key in it checks nothing', async () => {
    const jwks = await startJwks();
    jwks.keys = [{ kty: 'oct', kid: 'one', k: bytes(secret).toString('base64url'), alg: 'HS256' }];
    expect(await outcome(fromJwks(jwks), await sign('HS256', bytes(secret), {}, 'one'))).toMatch(invalid);
  });
});
