/** What an attacker may try with tokens, and what a token’s own claims exclude. */
import { createHmac, createSecretKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { type JWTPayload, SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { secret, tokenFor } from '../support/bridge.ts';
import { openClient, refusedUpgrade } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { callEvent, publish } from '../support/events.ts';

const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });
const inAnHour = (): number => Math.floor(Date.now() / 1000) + 3600;

function encoded(part: object): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function sign(claims: JWTPayload, key: KeyObject, alg: string): Promise<string> {
  return new SignJWT(claims).setProtectedHeader({ alg }).sign(key);
}

function signShared(claims: JWTPayload, text: string = secret, alg = 'HS256'): Promise<string> {
  return sign(claims, createSecretKey(text, 'utf8'), alg);
}

/** Expects the token to be refused in a message and at the door, without an echo of it. */
async function expectRefused(bridge: EmbeddedBridge, token: string, what?: string): Promise<void> {
  const client = await openClient(bridge);
  const reply = await client.subscribe('call.*.*', { auth_token: token });
  expect(reply, what).toMatchObject({ status: 'error', data: { code: 'token_invalid' } });
  expect(reply.data.errors?.[0], what).toMatch(/^failed to authenticate token/);
  expect(client.texts.join(), 'the token itself is never echoed').not.toContain(token);
  const [, claims] = token.split('.');
  if (claims !== undefined && claims !== '') expect(client.texts.join()).not.toContain(claims);
  const later = await client.subscribe('call.*.*');
  expect(later.data.code, what).toBe('token_required');
  expect((await refusedUpgrade(bridge, { headers: { 'x-auth-token': token } })).status, what).toBe(401);
  client.close();
}

test.each(['none', 'None', 'NONE', 'nOnE'])('alg %s', async (alg) => {
  const bridge = await startBridge();
  const claims = { account_id: 'alpha', exp: inAnHour() };
  const unsigned = `${encoded({ alg, typ: 'JWT' })}.${encoded(claims)}.`;
  const [, , signature] = (await tokenFor('alpha')).split('.');
  await expectRefused(bridge, unsigned);
  await expectRefused(bridge, `${unsigned}${signature}`);
});

test('an RSA public key used as an HMAC secret', async () => {
  const pem = rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const der = rsa.publicKey.export({ type: 'spki', format: 'der' });
  const bridge = await startBridge({ AUTH_JWT_SECRET: '', AUTH_JWT_PUBLIC_KEY: pem });
  const both = await startBridge({ AUTH_JWT_PUBLIC_KEY: pem });
  const claims = { account_id: 'alpha', exp: inAnHour() };
  for (const alg of ['HS256', 'HS384', 'HS512']) {
    const signed = `${encoded({ alg })}.${encoded(claims)}`;
    for (const key of [pem, pem.trim(), der]) {
      const signature = createHmac(alg.replace('HS', 'sha'), key).update(signed).digest('base64url');
      for (const target of [bridge, both]) await expectRefused(target, `${signed}.${signature}`, alg);
    }
  }
  const good = await sign(claims, rsa.privateKey, 'RS256');
  for (const target of [bridge, both]) {
    const client = await openClient(target);
    expect(await client.subscribe('call.*.*', { auth_token: good })).toMatchObject({ status: 'success' });
  }
});

test('a good token whose claims, header or signature were changed', async () => {
  const bridge = await startBridge();
  const [head = '', claims = '', signature = ''] = (await tokenFor('alpha')).split('.');
  const raised = encoded({ account_id: 'alpha', exp: inAnHour(), superduper_admin: true });
  await expectRefused(bridge, `${head}.${raised}.${signature}`);
  await expectRefused(bridge, `${encoded({ alg: 'HS512' })}.${claims}.${signature}`);
  await expectRefused(bridge, `${head}.${claims}.${Buffer.alloc(32).toString('base64url')}`);
  await expectRefused(bridge, `${head}.${claims}.`);
  await expectRefused(bridge, `${head}.${claims}`);
  await expectRefused(bridge, `${head}..${signature}`);
});

test.each(['x', '..', 'a.b.c', '☎.☎.☎', `${'a'.repeat(16_000)}.b.c`])(
  'a text that is no token: %.20s',
  async (text) => {
    const bridge = await startBridge();
    const client = await openClient(bridge);
    const reply = await client.subscribe('call.*.*', { auth_token: text });
    expect(reply).toMatchObject({ status: 'error', data: { code: 'token_invalid' } });
    expect(reply.data.errors?.[0]).toMatch(/^failed to authenticate token/);
  },
);

test('a secret that is not ours', async () => {
  const bridge = await startBridge();
  await expectRefused(bridge, await signShared({ account_id: 'alpha', exp: inAnHour() }, `${secret}!`));
});

test.each([
  ['without exp', { account_id: 'alpha' }],
  ['without account_id', { exp: inAnHour() }],
  ['exp that is a text', { account_id: 'alpha', exp: String(inAnHour()) }],
  ['exp that is null', { account_id: 'alpha', exp: null }],
  ['not valid yet', { account_id: 'alpha', exp: inAnHour(), nbf: inAnHour() }],
  ['account_id *', { account_id: '*', exp: inAnHour() }],
  ['account_id #', { account_id: '#', exp: inAnHour() }],
  ['account_id of two words', { account_id: 'alpha.beta', exp: inAnHour() }],
  ['account_id empty', { account_id: '', exp: inAnHour() }],
  ['account_id that is a list', { account_id: ['alpha'], exp: inAnHour() }],
  ['account_id null', { account_id: null, exp: inAnHour() }],
  ['superduper_admin that is a text', { account_id: 'alpha', exp: inAnHour(), superduper_admin: 'true' }],
  ['families that are no list', { account_id: 'alpha', exp: inAnHour(), families: 'call' }],
  ['a scope that is no text', { account_id: 'alpha', exp: inAnHour(), scope: ['events'] }],
])('our own signature under claims that can’t be: %s', async (_name, claims) => {
  const bridge = await startBridge();
  await expectRefused(bridge, await signShared(claims as unknown as JWTPayload));
});

test('a family that the token excludes', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha', { families: ['call', 'fax'] }) });
  for (const binding of ['call.*.*', 'fax.status.*', 'fax.object.*']) {
    expect(await client.subscribe(binding), binding).toMatchObject({ status: 'success' });
  }
  const excluded = [
    'conference.event.*.*',
    'conference.command.*',
    'object.*.*',
    'doc_created.*.fax.*',
    'registration.success.*',
    'notifications.*.*',
  ];
  for (const binding of excluded) {
    const reply = await client.subscribe(['call.CHANNEL_CREATE.*', binding]);
    expect(reply, binding).toMatchObject({ status: 'error', data: { code: 'scope_missing' } });
  }
  const held = await client.subscribe('call.*.*');
  expect(held.data.subscriptions).toEqual(['call.*.*', 'fax.status.*', 'fax.object.*']);
});

test('an empty list of families excludes all of them', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha', { families: [] }) });
  expect((await client.subscribe('call.*.*')).data.code).toBe('scope_missing');
});

test.each(['', 'sockets:read', 'commands sockets:close', 'event', 'EVENTS'])(
  'a scope without events: %j',
  async (scope) => {
    const bridge = await startBridge();
    const client = await openClient(bridge, { token: await tokenFor('alpha', { scope }) });
    const reply = await client.subscribe('call.*.*');
    expect(reply).toMatchObject({ status: 'error', data: { code: 'scope_missing' } });
    expect(reply.data.errors?.[0], 'what the token may not do').toContain('events');
    await client.ping();
  },
);

test('a scope with events, among others', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha', { scope: 'commands events' }) });
  expect(await client.subscribe('call.*.*')).toMatchObject({ status: 'success' });
});

test('account_id: "*" is for superduper admins, by token or by accounts file', async () => {
  const accounts = await useAccountsFile([
    { id: 'root', superduper_admin: true },
    { id: 'leaf', parent_id: 'root' },
  ]);
  const bridge = await startBridge({ ACCOUNTS_FILE: accounts.path });
  const admins = [
    await openClient(bridge, { token: await tokenFor('leaf', { superduper_admin: true }) }),
    await openClient(bridge, { token: await tokenFor('root') }),
  ];
  for (const admin of admins) {
    expect(await admin.subscribe('call.*.*', { account_id: '*' })).toMatchObject({ status: 'success' });
  }
  const plain = await openClient(bridge, { token: await tokenFor('leaf') });
  expect(await plain.subscribe('call.*.*', { account_id: '*' })).toMatchObject({
    status: 'error',
    data: { code: 'account_unauthorized', errors: ['unauthorized wildcard account id'] },
  });
  await publish(bridge.broker, callEvent('whoever'));
  for (const admin of admins) await admin.untilEvents(1);
});

test('a superduper admin’s right is to "*", not to the accounts of others by name', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha', { superduper_admin: true }) });
  const reply = await client.subscribe('call.*.*', { account_id: 'beta' });
  expect(reply.data).toEqual({ code: 'account_unauthorized', errors: ['unauthorized account id'] });
});
