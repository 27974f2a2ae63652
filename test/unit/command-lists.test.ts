import { describe, expect, test } from 'vitest';
import { callRows } from '../../src/cli/calls.ts';
import { lists } from '../../src/cli/lists.ts';
import { Server } from '../../src/cli/server.ts';
import { screenOf } from '../../src/cli/show.ts';
import { paintFor } from '../../src/cli/terminal.ts';
import { gregorianSeconds } from '../../src/gregorian.ts';

const now = Date.now();

/** With the time of its beginning, as the media nodes tell it. */
const leg = (uuid: string, more: object = {}, seconds = 5) => ({
  uuid,
  direction: 'inbound',
  answered: true,
  elapsed_s: seconds,
  timestamp: gregorianSeconds(now) - seconds,
  ...more,
});
const device = { authorizing_type: 'device' };
const carrier = { authorizing_type: 'resource' };
const plain = paintFor(false, {});

describe('the legs of calls', () => {
  const rows = (...legs: object[]): string[][] => callRows(legs, now);

  test('become one row a call, named by the leg that began it, the longest call first', () => {
    const ana = {
      caller_id_number: '1001',
      caller_id_name: 'Ana',
      callee_id_number: '+1',
      callee_id_name: '+1',
      call_direction: 'inbound',
    };
    const found = rows(
      leg('b', {
        direction: 'outbound',
        call_direction: 'outbound',
        other_leg: 'a',
        callee_id_number: '+1',
        ...carrier,
      }),
      leg('a', { other_leg: 'b', ...ana, ...device }),
      leg(
        'c',
        {
          call_direction: 'inbound',
          caller_id_number: '7',
          caller_id_name: '7',
          destination: '7001',
        },
        60,
      ),
    );
    expect(found).toEqual([
      ['1:00', 'talking', 'internal', '7', '7001', 'c'],
      ['0:05', 'talking', 'outbound', '1001 Ana', '+1', 'a'],
    ]);
  });

  test.each([
    ['ringing', { answered: false }, { answered: false }],
    ['held', {}, { is_onhold: true }],
    ['talking', {}, {}],
  ])('are %s together', (state, one, other) => {
    const legs = [leg('a', { other_leg: 'b', ...one }), leg('b', { direction: 'outbound', other_leg: 'a', ...other })];
    expect(rows(...legs).map((row) => row[1])).toEqual([state]);
  });

  test('say no direction where only the short list told of them', () => {
    expect(rows(leg('a'))).toEqual([['0:05', 'talking', '', '', '', 'a']]);
  });
});

describe('the screen of --watch', () => {
  const server = { url: new URL('http://127.0.0.1:5555/') };
  const at = new Date(2026, 0, 1, 12, 3, 4);
  const found = { data: Array.from({ length: 30 }, (_, index) => leg(String(index))) };

  test('has no more lines and letters than the terminal, and says what it leaves out', () => {
    const lines = screenOf(lists.calls, server, { found, at }, undefined, plain, { columns: 40, rows: 10 });
    expect(lines.length).toBeLessThanOrEqual(10);
    expect(lines.every((line) => line.length <= 40)).toBe(true);
    expect(lines.at(-1)).toBe('… and 24 more');
    expect(lines[0]).toContain('30 calls');
  });

  test('says since when it is out of date, and why', () => {
    const [, note] = screenOf(lists.calls, server, { found, at }, 'it is gone', plain, { columns: 80, rows: 10 });
    expect(note).toContain('out of date since');
    expect(note).toContain('it is gone');
  });
});

describe('the server that is meant', () => {
  const of = (options: object, environment: Record<string, string> = {}) => new Server(options, environment);

  test('is that of --url, of EVENT_HORIZON_URL, or the one on this machine', () => {
    expect(of({ url: 'wss://a.example.com/x' }, { EVENT_HORIZON_URL: 'http://b/' }).url.href).toBe(
      'https://a.example.com/x/',
    );
    expect(of({}, { EVENT_HORIZON_URL: 'ws://b:1?x=1' }).url.href).toBe('http://b:1/');
    expect(of({}, { EVENT_HORIZON_URL: '' }).url.href).toBe('http://127.0.0.1:5555/');
    expect(of({ url: 'https://a.example.com' }).socketUrl).toBe('wss://a.example.com/');
  });

  test.each(['a.example.com', 'ftp://a/', 'http://user:password@a/'])('is not %s', (url) => {
    expect(() => of({ url })).toThrow(expect.objectContaining({ kind: 'badUsage' }));
  });

  test('is told the token that was given, and a demo that is elsewhere is asked for none', async () => {
    expect(await of({ token: 'x' }, { EVENT_HORIZON_TOKEN: 'y' }).token()).toBe('x');
    expect(await of({}, { EVENT_HORIZON_TOKEN: 'y' }).token()).toBe('y');
    for (const url of ['http://192.0.2.1/', 'https://127.0.0.1/', 'http://localhost.example.com/']) {
      await expect(of({ url }).token()).rejects.toMatchObject({
        kind: 'refused',
        message: expect.stringContaining('--token-file'),
      });
    }
    expect(() => of({ token: 'x', 'token-file': 'y' })).toThrow(/use one of them/);
    await expect(of({ 'token-file': '/nowhere/token' }).token()).rejects.toMatchObject({ kind: 'badUsage' });
  });
});
