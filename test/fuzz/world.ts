/** Who there is: two accounts whose canaries must stay unharmed, tenants who attack, and all kinds of tokens. */
import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { makeToken } from '../../src/auth/token.ts';
import type { Json } from './mutate.ts';

export const secret = 'a secret of the fuzzer, long enough for everybody but those who attack it';

/** Whose events nobody else may see, each with words that stand in all of them. */
export const canaries = [
  { account: 'ca0a0000000000000000000000000001', mark: 'canary-mark-of-the-first' },
  { account: 'ca0a0000000000000000000000000002', mark: 'canary-mark-of-the-second' },
] as const;

export const parent = 'f0220000000000000000000000000000';
export const tenants = ['f0220000000000000000000000000001', 'f0220000000000000000000000000002'] as const;

/** For ACCOUNTS_FILE. */
export const accounts = [
  { id: parent, realm: 'parent.fuzz.example' },
  ...tenants.map((id, index) => ({ id, realm: `tenant${index}.fuzz.example`, parent_id: parent })),
  ...canaries.map(({ account }, index) => ({ id: account, realm: `canary${index}.fuzz.example` })),
];

export interface World {
  /** What stands where a field has this name: right, wrong, and of others. */
  readonly words: Readonly<Record<string, readonly Json[]>>;
  readonly tokens: Tokens;
}

export interface Tokens {
  readonly good: readonly string[];
  /** Of a superduper admin: who has it may see the canaries. */
  readonly admin: string;
  /** With a filter. */
  readonly filtered: string;
  readonly narrow: string;
  readonly expired: string;
  /** Signed by a key that only a server can vouch for which is not there. */
  readonly unknown: string;
  readonly bad: readonly string[];
}

/** @param bindings what the server offers */
export async function createWorld(bindings: readonly string[]): Promise<World> {
  const tokens = await createTokens();
  const own = bindings.map((binding) => binding.replace(/\{\w+\}/g, '*'));
  const words = {
    binding: [
      ...own,
      ...own.map((binding) => `${binding}.x`),
      'call.*',
      'call.#',
      'nonsense',
      '',
      'call.NOTHING.*',
      `call.*.${'x'.repeat(300)}`,
    ],
    account_id: [parent, ...tenants, ...tenants, ...canaries.map(({ account }) => account), '*', 'nobody', 'a.b', ''],
    filter: [...filters, ...filters, {}, [], 'x', { 'a..b': 1 }, { a: {} }, { a: { prefix: 1 } }, { a: [[]] }],
    auth_token: [
      ...tokens.good,
      ...tokens.good,
      tokens.filtered,
      tokens.narrow,
      tokens.expired,
      tokens.unknown,
      ...tokens.bad,
    ],
  };
  return { tokens, words };
}

/** Some hold for every call, some for a few, some for none. */
const filters: readonly Json[] = [
  { 'Event-Category': 'call_event' },
  { event_name: { prefix: 'CHANNEL' }, 'Custom-Channel-Vars.Account-ID': { exists: true } },
  { 'Custom-Channel-Vars.Account-ID': [...tenants, ...canaries.map(({ account }) => account)] },
  { 'Custom-Channel-Vars.Authorizing-ID': 'x', 'Channels[0].__proto__': { not: [1, true, 'x'] } },
  { 'constructor.name': { exists: false }, '__proto__.a': 'b' },
];

async function createTokens(): Promise<Tokens> {
  const hour = 3600;
  const good = await Promise.all([parent, ...tenants].map((account_id) => makeToken(secret, { account_id }, hour)));
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const unknown = await new SignJWT({ account_id: tenants[0] })
    .setProtectedHeader({ alg: 'ES256', kid: 'nobody knows it' })
    .setExpirationTime('1h')
    .sign(privateKey);
  const [first = ''] = good;
  return {
    good,
    admin: await makeToken(secret, { account_id: tenants[0], superduper_admin: true }, hour),
    filtered: await makeToken(secret, { account_id: tenants[0], filter: { 'Event-Category': 'call_event' } }, hour),
    narrow: await makeToken(secret, { account_id: tenants[0], families: ['call'], scope: 'sockets:read' }, hour),
    expired: await makeToken(secret, { account_id: tenants[0] }, -10),
    unknown,
    bad: [
      'x',
      'a.b.c',
      '',
      `${first}x`,
      first.slice(0, -5),
      await makeToken(`${secret}!`, { account_id: tenants[0] }, hour),
    ],
  };
}

/** Everything that must never stand in an answer or in a log. */
export function secretsOf({ tokens }: World): string[] {
  return [secret, ...[...tokens.good, tokens.admin, tokens.narrow].map((token) => token.split('.')[2] ?? token)];
}
