import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { inspect } from 'node:util';
import { exportJWK, SignJWT } from 'jose';
import { describe, expect, test } from 'vitest';
import { secret, startBridge, tokenFor } from '../support/bridge.ts';
import { openClient, refusedUpgrade } from '../support/client.ts';
import { useFolder } from '../support/process.ts';
import { answerJson, rest, startNeighbour } from '../support/rest.ts';

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const pem = key.publicKey.export({ type: 'spki', format: 'pem' }).toString();

function sign(privateKey: KeyObject, kid?: string): Promise<string> {
  return new SignJWT({ account_id: 'acme' })
    .setProtectedHeader({ alg: 'ES256', ...(kid !== undefined && { kid }) })
    .setExpirationTime('1h')
    .sign(privateKey);
}

/** One authenticator and none besides. */
const only = (settings: Record<string, string>) => startBridge({ AUTH_JWT_SECRET: '', ...settings });

test('AUTH_JWT_PUBLIC_KEY: a PEM, or a path to one', async () => {
  const write = await useFolder();
  for (const AUTH_JWT_PUBLIC_KEY of [pem, await write('key.pem', pem)]) {
    const bridge = await only({ AUTH_JWT_PUBLIC_KEY });
    const client = await openClient(bridge, { token: await sign(key.privateKey) });
    expect(await client.subscribe('call.*.*')).toMatchObject({ status: 'success' });
    const refusal = await refusedUpgrade(bridge, { headers: { 'x-auth-token': await tokenFor('acme') } });
    expect(refusal.status).toBe(401);
  }
});

test('AUTH_JWT_PREVIOUS_SECRET: tokens made with either', async () => {
  const bridge = await startBridge({ AUTH_JWT_SECRET: 'the new secret', AUTH_JWT_PREVIOUS_SECRET: secret });
  const client = await openClient(bridge, { token: await tokenFor('acme') });
  expect(await client.subscribe('call.*.*')).toMatchObject({ status: 'success' });
});

test('AUTH_JWT_ISSUER and AUTH_JWT_AUDIENCE are checked where they are set', async () => {
  const bridge = await startBridge({ AUTH_JWT_ISSUER: 'login', AUTH_JWT_AUDIENCE: 'horizon' });
  const client = await openClient(bridge, { token: await tokenFor('acme') });
  expect(await client.subscribe('call.*.*')).toMatchObject({ data: { code: 'token_invalid' } });
});

describe('AUTH_JWKS_URL', () => {
  async function startKeys() {
    const keys = [{ ...(await exportJWK(key.publicKey)), kid: 'first' }];
    return startNeighbour((_request, _body, response) => answerJson(response, 200, { keys }));
  }

  test('accepts tokens signed with the keys of the document', async () => {
    const keys = await startKeys();
    const bridge = await only({ AUTH_JWKS_URL: keys.address });
    const client = await openClient(bridge, { token: await sign(key.privateKey, 'first') });
    expect(await client.subscribe('call.*.*')).toMatchObject({ status: 'success' });
  });

  test('while it is down a token is not called invalid: the source is not available', async () => {
    const keys = await startKeys();
    const bridge = await only({ AUTH_JWKS_URL: keys.address });
    await keys.stop();
    const token = await sign(key.privateKey, 'first');
    const client = await openClient(bridge, { token });
    expect(await client.subscribe('call.*.*')).toMatchObject({ data: { code: 'source_unavailable' } });
    expect((await refusedUpgrade(bridge, { headers: { 'x-auth-token': token } })).status).toBe(503);
    expect((await rest(bridge, '/v2/accounts/acme/websockets', { token })).status).toBe(503);
  });
});

describe('AUTH_CROSSBAR_URL', () => {
  async function startCrossbar() {
    return startNeighbour((request, _body, response) => {
      const isKnown = request.headers['x-auth-token'] === 'a token of the Crossbar';
      answerJson(response, isKnown ? 200 : 401, isKnown ? { data: { account_id: 'acme' } } : {});
    });
  }

  test('is asked about tokens that are no JWT of ours', async () => {
    const crossbar = await startCrossbar();
    const bridge = await startBridge({ AUTH_CROSSBAR_URL: crossbar.address });
    const theirs = await openClient(bridge, { token: 'a token of the Crossbar' });
    const ours = await openClient(bridge, { token: await tokenFor('acme') });
    for (const client of [theirs, ours]) {
      expect(await client.subscribe('call.*.*')).toMatchObject({ status: 'success' });
    }
    const { body } = await rest(bridge, '/v2/accounts/acme/websockets', { token: 'a token of the Crossbar' });
    expect(body.data).toHaveLength(2);
    const nobody = await openClient(bridge, { token: 'a token of nobody' });
    expect(await nobody.subscribe('call.*.*')).toMatchObject({ data: { code: 'token_invalid' } });
  });

  test('a token that no header can carry is invalid, and in no log', async () => {
    const crossbar = await startCrossbar();
    const bridge = await startBridge({ AUTH_CROSSBAR_URL: crossbar.address });
    const client = await openClient(bridge);
    for (const token of ['hidden\nvalue', 'hidden\u0000value', 'hidden\u2028value']) {
      const reply = await client.request({ action: 'ping', auth_token: token });
      expect(reply).toMatchObject({ status: 'error', data: { code: 'token_invalid' } });
      expect(JSON.stringify(reply)).not.toContain('hidden');
    }
    expect(inspect(bridge.logLines, { depth: 10 })).not.toContain('hidden');
  });

  test('what fails for want of it is logged once a minute', async () => {
    const crossbar = await startCrossbar();
    const bridge = await startBridge({ AUTH_CROSSBAR_URL: crossbar.address });
    await crossbar.stop();
    const client = await openClient(bridge, { token: 'a token of the Crossbar' });
    for (let times = 0; times < 3; times += 1) {
      expect(await client.subscribe('call.*.*')).toMatchObject({ data: { code: 'source_unavailable' } });
    }
    expect(bridge.logLines.filter(({ message }) => message === 'a message could not be served')).toHaveLength(1);
  });

  test('while it is down a token is not called invalid: the source is not available', async () => {
    const crossbar = await startCrossbar();
    const bridge = await startBridge({ AUTH_CROSSBAR_URL: crossbar.address });
    await crossbar.stop();
    const client = await openClient(bridge, { token: 'a token of the Crossbar' });
    expect(await client.subscribe('call.*.*')).toMatchObject({ data: { code: 'source_unavailable' } });
    const ours = await openClient(bridge, { token: await tokenFor('acme') });
    expect(await ours.subscribe('call.*.*')).toMatchObject({ status: 'success' });
  });
});
