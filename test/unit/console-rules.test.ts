/** The console's own rules, without a browser: what it makes of events, of tokens, of errors. */
import { expect, test } from 'vitest';
import { describe, person } from '../../src/console/describe.ts';
import type { Call, CallState } from '../../src/console/library.ts';
import { mostUrgent } from '../../src/console/state/most-urgent.ts';
import { browserScript, curlLine, listenLine, subscribeData, type Wanted } from '../../src/console/state/snippets.ts';
import { duration, unixMs } from '../../src/console/times.ts';
import { hasScope, mayCommand, readToken } from '../../src/console/token.ts';
import { causeWords, errorWords } from '../../src/console/words.ts';
import { tokenFor } from '../support/bridge.ts';

test.each([
  [
    'call',
    'CHANNEL_CREATE',
    { caller_id_name: 'Ana', caller_id_number: '1001', request: '1002@office', call_id: 'a' },
    { what: 'Ana (1001) → 1002', state: 'new', callId: 'a' },
  ],
  ['call', 'CHANNEL_DESTROY', { caller_id_number: '1001', hangup_cause: 'USER_BUSY' }, { what: '1001', state: 'busy' }],
  ['call', 'PARK_PARKED', { parking_slot: '703' }, { state: 'Parked in 703' }],
  [
    'conference',
    'event',
    { event: 'mute-member', conference_id: '7001', caller_id_name: 'Ana', call_id: 'a' },
    { what: 'Ana is muted in room 7001', callId: 'a' },
  ],
  [
    'object',
    'doc_edited',
    { type: 'user', doc: { first_name: 'Ana', last_name: 'Sousa' } },
    { what: 'user: Ana Sousa', state: 'edited' },
  ],
  ['presence', 'mwi_update', { to: 'sip:1001@office', messages_new: 2 }, { what: '1001', state: '2 new, 0 saved' }],
  ['orders', 'order_paid', { id: '7' }, { what: '7', callId: '' }],
] as const)('an event of %s, %s, is told in a few words', (family, name, data, told) => {
  expect(describe(family, name, data)).toMatchObject(told);
});

test('members that are no texts are not shown, and nobody’s prototype is', () => {
  const odd = JSON.parse('{"caller_id_name":{"a":1},"call_id":["x"],"__proto__":{"caller_id_number":"7"}}');
  expect(describe('call', 'CHANNEL_CREATE', odd)).toEqual({ what: '', state: 'new', callId: '' });
});

test('a name that turns the direction of writing swaps nothing beside it', () => {
  const swapped = describe('call', 'CHANNEL_CREATE', {
    caller_id_name: 'evil\u202E\u2069',
    caller_id_number: '1001',
    request: '1002@office',
  });
  expect(swapped.what).toBe('evil (1001) → 1002');
  expect(person('דנה', '1001')).toBe('\u2068דנה\u2069 (1001)');
  expect(person('دانا\u2069\u202E', undefined)).toBe('\u2068دانا\u2069');
  expect(person('Zoë 山田 🙂', '7')).toBe('Zoë 山田 🙂 (7)');
});

test('of too many calls those that ring or wait are listed, and the newest, in their order', () => {
  const states: readonly CallState[] = ['talking', 'held', 'talking', 'ended', 'parked', 'talking', 'ringing'];
  const all = states.map((state, since) => ({ id: `${since}`, state, since }) as Call);
  const listed = (most: number): string => mostUrgent(all, most).reduce((ids, { id }) => ids + id, '');
  expect([listed(9), listed(6), listed(4), listed(1)]).toEqual(['012456', '012456', '1456', '6']);
});

test('a token is read without its key; commands are for those that name them, and calls', async () => {
  const plain = readToken(await tokenFor('acme', {}, 60));
  expect(plain.account).toBe('acme');
  expect(plain.expiresAt).toBeGreaterThan(Date.now());
  expect(mayCommand(plain)).toBe(false);
  expect(hasScope(plain, 'sockets:read')).toBe(true);
  const scoped = readToken(await tokenFor('acme', { scope: 'events commands', families: ['call'] }));
  expect(mayCommand(scoped)).toBe(true);
  expect(hasScope(scoped, 'sockets:read')).toBe(false);
  expect(mayCommand(readToken(await tokenFor('acme', { scope: 'commands', families: ['fax'] })))).toBe(false);
  for (const opaque of ['', 'opaque', 'a.b.c']) expect(readToken(opaque)).toMatchObject({ account: undefined });
});

test('a refusal is the server’s own words, and what to do about it', () => {
  const unsupported = 'no available subscriptions to requested binding';
  expect(errorWords('binding_unsupported', unsupported)).toMatch(/^No available.*requested binding\. The list shows/);
  const presence = 'presence is told by realm, and account a has none in the account directory';
  expect(errorWords('binding_unsupported', presence)).toBe(`${presence.replace('p', 'P')}.`);
  expect(causeWords('ORIGINATOR_CANCEL')).toBe('caller gave up');
  expect(causeWords('SOME_NEW_CAUSE')).toBe('some new cause');
});

test('durations and times are Kazoo’s in a person’s form', () => {
  expect([0, 7_400, 754_000, 3_723_000].map(duration)).toEqual(['0:00', '0:07', '12:34', '1:02:03']);
  expect(unixMs(63_962_898_475)).toBe((63_962_898_475 - 62_167_219_200) * 1000);
  expect(unixMs('no time')).toBeUndefined();
});

test('what a developer takes along is one word of a shell wherever it has to be', () => {
  const wanted: Wanted = {
    origin: 'https://events.example.com',
    dialect: 'classic',
    binding: 'call.*.*',
    account: 'acme',
    filter: { 'Caller-ID-Name': "O'Neil" },
    below: true,
    once: true,
    token: 'TOKEN',
  };
  expect(subscribeData(wanted)).toEqual({
    binding: 'call.*.*',
    account_id: 'acme',
    filter: { 'Caller-ID-Name': "O'Neil" },
    include_subaccounts: true,
    once: true,
  });
  expect(listenLine(wanted)).toBe(
    `npx event-horizon listen 'call.*.*' --url https://events.example.com --token TOKEN --account acme --filter '{"Caller-ID-Name":"O'\\''Neil"}' --subaccounts --count 1`,
  );
  expect(curlLine(wanted)).toContain(
    "'https://events.example.com/v2/accounts/acme/events?binding=call.*.*&dialect=classic",
  );
  expect(browserScript(wanted)).toContain('wss://events.example.com/?dialect=classic');
});
