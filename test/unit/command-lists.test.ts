import { describe, expect, test } from 'vitest';
import { callsOf } from '../../src/cli/calls.ts';
import { lists } from '../../src/cli/lists.ts';
import { Server } from '../../src/cli/server.ts';
import { screenOf } from '../../src/cli/show.ts';
import { paintFor } from '../../src/cli/terminal.ts';

const leg = (uuid: string, more: object = {}) => ({
  uuid,
  direction: 'inbound',
  answered: true,
  elapsed_s: 5,
  ...more,
});
const device = { authorizing_type: 'device' };
const carrier = { authorizing_type: 'resource' };
const plain = paintFor(false, {});

describe('the legs of calls', () => {
  test('become one row a call, named by the leg that began it, the longest call first', () => {
    const calls = callsOf([
      leg('b', { direction: 'outbound', other_leg: 'a', ...carrier }),
      leg('a', {
        other_leg_call_id: 'b',
        caller_id_number: '1001',
        caller_id_name: 'Ana',
        callee_id_number: '+1',
        ...device,
      }),
      leg('c', { elapsed_s: 60, caller_id_number: '7', caller_id_name: '7', destination: '7001' }),
    ]);
    expect(calls).toEqual([
      { id: 'c', state: 'talking', direction: undefined, from: '7', to: '7001', seconds: 60 },
      { id: 'a', state: 'talking', direction: 'outbound', from: '1001 Ana', to: '+1', seconds: 5 },
    ]);
  });

  test.each([
    ['ringing', leg('a', { other_leg: 'b' }), leg('b', { direction: 'outbound', answered: false })],
    ['held', leg('a', { other_leg: 'b' }), leg('b', { direction: 'outbound', is_on_hold: true })],
    ['talking', leg('a', { other_leg: 'b' }), leg('b', { direction: 'outbound' })],
  ])('are %s together', (state, ...legs) => {
    expect(callsOf(legs)).toMatchObject([{ id: 'a', state }]);
  });

  test.each([
    ['inbound', carrier, device],
    ['outbound', device, carrier],
    ['internal', device, device],
    [undefined, {}, {}],
  ])('tell that a call is %s', (direction, one, other) => {
    const legs = [leg('a', { other_leg: 'b', ...one }), leg('b', { direction: 'outbound', ...other })];
    expect(callsOf(legs)).toMatchObject([{ direction }]);
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
