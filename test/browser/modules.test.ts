/** The page's own rules, without a browser. */
import { expect, test } from 'vitest';

interface WordsModule {
  errorWords(code: string, text: string): string;
}

interface FramesModule {
  readFrame(message: object): { name: string; family: string; account: string; what: string; state: string };
}

interface TokenModule {
  readToken(token: string): { accountId: string; expiresAt: number | undefined };
}

/** They are plain JavaScript, which the compiler of the tests doesn't read. */
const load = async <T>(file: string): Promise<T> => import(new URL(`../../public/${file}`, import.meta.url).href);

const { errorWords } = await load<WordsModule>('words.js');
const { readFrame } = await load<FramesModule>('frames.js');
const { readToken } = await load<TokenModule>('token.js');

test('a refused binding is told with what to do about it, where the list has the answer', () => {
  const unsupported = 'no available subscriptions to requested binding';
  expect(errorWords('binding_unsupported', unsupported)).toMatch(/requested binding\. The list shows/);
  const presence = 'presence is told by realm, and account a has none in the account directory';
  expect(errorWords('binding_unsupported', presence)).toBe(`${presence.replace('p', 'P')}.`);
});

const event = { name: 'CHANNEL_CREATE', family: 'call', account: 'a1', data: {} };

test('an event is read, whose it is from its own payload, be that the account of a channel', () => {
  const data = {
    event_category: 'call_event',
    caller_id_name: 'Ana Sousa',
    caller_id_number: '1001',
    callee_id_number: '1002',
    channel_call_state: 'RINGING',
    custom_channel_vars: { account_id: 'a2' },
  };
  expect(readFrame({ ...event, data })).toMatchObject({
    name: 'CHANNEL_CREATE',
    family: 'call',
    account: 'a2',
    what: 'Ana Sousa 1001 → 1002',
    state: 'ringing',
  });
});

test('an event of another bus is of the family whose binding brought it', () => {
  const order = { ...event, family: 'orders', name: 'order_paid', data: { id: '7' } };
  expect(readFrame(order)).toMatchObject({ name: 'order_paid', family: 'orders', account: 'a1', what: '7' });
});

test('fields that are no texts are not shown', () => {
  const data = { event_category: ['call_event'], caller_id_name: { a: 1 }, call_id: true };
  expect(readFrame({ ...event, data })).toMatchObject({ family: 'call', account: 'a1', what: '' });
});

test('a token is read without its key, and one that is none has no account', () => {
  const claims = Buffer.from(JSON.stringify({ account_id: 'kontó', exp: 1_800_000_000 })).toString('base64url');
  expect(readToken(`x.${claims}.y`)).toEqual({ accountId: 'kontó', expiresAt: 1_800_000_000_000 });
  for (const token of ['', 'opaque', 'a.b.c', '..']) {
    expect(readToken(token)).toEqual({ accountId: '', expiresAt: undefined });
  }
});
