/** The page's own rules, without a browser. */
import { expect, test } from 'vitest';
import { closeReasons } from '../../src/errors.ts';

interface ConnectionModule {
  pauseAfterClose(code: number, reason: string, tries: number, random?: () => number): number | undefined;
}

interface WordsModule {
  closeWords(code: number, reason: string, wasOpen: boolean): string;
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

const { pauseAfterClose } = await load<ConnectionModule>('connection.js');
const { closeWords, errorWords } = await load<WordsModule>('words.js');
const { readFrame } = await load<FramesModule>('frames.js');
const { readToken } = await load<TokenModule>('token.js');

test.for([4500, 4700, 4999])('close code %i tells the page to stay away', (code) => {
  expect(pauseAfterClose(code, '', 0)).toBeUndefined();
});

test.for([1000, 1006, 1009, 1012, 4000, 4001, 4008, 4499])('close code %i invites the page to come back', (code) => {
  expect(pauseAfterClose(code, '', 0, () => 1)).toBe(500);
});

test('after 1012 the page comes back when it was told to, not at a moment of its own', () => {
  expect(pauseAfterClose(1012, '{"reconnect":7300}', 3, () => 1)).toBe(7300);
  expect(pauseAfterClose(1012, '{"reconnect":0}', 3, () => 1)).toBe(0);
});

test.for(['', 'restart', '{"reconnect":-1}', '{"reconnect":"soon"}', '{"reconnect":1e12}', 'null', '[]'])(
  'a 1012 whose reason is %s is a close as any other',
  (reason) => {
    expect(pauseAfterClose(1012, reason, 1, () => 1)).toBe(1000);
  },
);

test('the pause is any moment of a window that doubles from 500 ms to 20 s', () => {
  const longest = Array.from({ length: 9 }, (_, tries) => pauseAfterClose(1006, '', tries, () => 1));
  expect(longest).toEqual([500, 1000, 2000, 4000, 8000, 16_000, 20_000, 20_000, 20_000]);
  expect(pauseAfterClose(1006, '', 4, () => 0)).toBe(0);
  expect(pauseAfterClose(1006, '', 4, () => 0.5)).toBe(4000);
  expect(pauseAfterClose(1006, '', 5000, () => 1)).toBe(20_000);
});

test('a refused binding is told with what to do about it, where the list has the answer', () => {
  const unsupported = 'no available subscriptions to requested binding';
  expect(errorWords('binding_unsupported', unsupported)).toMatch(/requested binding\. The list shows/);
  const presence = 'presence is told by realm, and account a has none in the account directory';
  expect(errorWords('binding_unsupported', presence)).toBe(`${presence.replace('p', 'P')}.`);
});

test('close codes are told in words', () => {
  expect(closeWords(1006, '', true)).toBe('the connection was lost (1006)');
  expect(closeWords(1006, '', false)).toBe('no connection could be made (1006)');
  expect(closeWords(1012, '{"reconnect":900}', true)).toBe('the server is restarting (1012)');
  expect(closeWords(1008, 'too many pings or pongs', true)).toBe('too many pings or pongs (1008)');
  expect(closeWords(4001, 'not authenticated', true)).toBe('not authenticated in time (4001)');
  expect(closeWords(4008, '', true)).toBe('this page was too slow for its events (4008)');
  expect(closeWords(4500, '', true)).toBe('closed by an administrator (4500)');
  expect(closeWords(4321, 'over quota', true)).toBe('over quota (4321)');
  expect(closeWords(4321, '', true)).toBe('closed by the server (4321)');
});

test('every close of the server is told in words, its own or the page’s', () => {
  for (const { code, text } of Object.values(closeReasons)) {
    expect(closeWords(code, text, true)).toMatch(new RegExp(`^[^{]{8,} \\(${code}\\)$`));
  }
});

test('an event is read the same in both dialects', () => {
  const call = {
    'Event-Category': 'call_event',
    'Caller-ID-Name': 'Ana Sousa',
    'Caller-ID-Number': '1001',
    'Callee-ID-Number': '1002',
    'Channel-Call-State': 'RINGING',
    'Custom-Channel-Vars': { 'Account-ID': 'a1' },
  };
  const normalized = {
    event_category: 'call_event',
    caller_id_name: 'Ana Sousa',
    caller_id_number: '1001',
    callee_id_number: '1002',
    channel_call_state: 'RINGING',
    custom_channel_vars: { account_id: 'a1' },
  };
  const expected = {
    name: 'CHANNEL_CREATE',
    family: 'call',
    account: 'a1',
    what: 'Ana Sousa 1001 → 1002',
    state: 'ringing',
  };
  expect(readFrame({ name: 'CHANNEL_CREATE', args: call })).toMatchObject(expected);
  expect(readFrame({ action: 'event', name: 'CHANNEL_CREATE', data: normalized })).toMatchObject(expected);
});

test.for([{}, { name: 5 }, { name: 'x', args: null }, { name: 'x', args: 'text' }, { name: 'x', args: [1] }])(
  'a frame that is not what it should be does not stop the page: %j',
  (message) => {
    expect(readFrame(message)).toMatchObject({ family: 'other', what: '', state: '' });
  },
);

test('an event of another bus is of the family whose binding brought it, where the frame tells that', () => {
  const frame = { action: 'event', subscribed_key: 'orders.paid.*', name: 'order_paid', data: { id: '7' } };
  expect(readFrame(frame)).toMatchObject({ name: 'order_paid', family: 'orders', what: '7' });
  expect(readFrame({ name: 'order_paid', args: { ID: '7' } })).toMatchObject({ family: 'other', what: '7' });
});

test('fields that are no texts are not shown', () => {
  const payload = { 'Event-Category': ['call_event'], 'Caller-ID-Name': { a: 1 }, 'Call-ID': true };
  expect(readFrame({ name: 'x', args: payload })).toMatchObject({ family: 'other', what: '' });
});

test('a token is read without its key, and one that is none has no account', () => {
  const claims = Buffer.from(JSON.stringify({ account_id: 'kontó', exp: 1_800_000_000 })).toString('base64url');
  expect(readToken(`x.${claims}.y`)).toEqual({ accountId: 'kontó', expiresAt: 1_800_000_000_000 });
  for (const token of ['', 'opaque', 'a.b.c', '..']) {
    expect(readToken(token)).toEqual({ accountId: '', expiresAt: undefined });
  }
});
