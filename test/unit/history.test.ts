import fc from 'fast-check';
import { expect, test } from 'vitest';
import { newCursorKey } from '../../src/history/cursor.ts';
import { History } from '../../src/history/history.ts';

const epoch = { id: 'an epoch', key: newCursorKey() };
const body = Buffer.alloc(100);

function startHistory(position = 0, limits = {}): History {
  const history = new History({ ringBytes: 1_000_000, maxAgeMs: 60_000, ...limits });
  history.begin(position);
  history.name(epoch);
  return history;
}

function take(history: History, ...positions: number[]): void {
  for (const position of positions) {
    history.append({ position, account: 'a', exchange: 'callevt', routingKey: 'k', contentEncoding: undefined, body });
  }
}

const positions = (history: History, after: number): number[] => [...history.behind(after)].map((e) => e.position);

test('a cursor is good while everything behind it is kept', () => {
  const history = startHistory(10);
  take(history, 11, 12, 14);
  for (const position of [10, 11, 13, 14]) {
    expect(history.judge(history.cursorAt(position), ['call'])).toEqual({ recovered: true, position });
  }
  expect(history.judge(history.cursorAt(9), ['call'])).toEqual({ recovered: false, reason: 'too_old' });
  expect(positions(history, 11)).toEqual([12, 14]);
});

test('a position that another node has reached and this one has not is good', () => {
  const history = startHistory();
  expect(history.judge(history.cursorAt(1_000_000), ['call'])).toEqual({ recovered: true, position: 1_000_000 });
});

test('what is no cursor, or one of another epoch, is unknown', () => {
  const history = startHistory();
  const other = startHistory();
  other.name({ id: 'another', key: newCursorKey() });
  for (const text of ['', 'x', '../..', 'A'.repeat(22), other.cursorAt(3)]) {
    expect(history.judge(text, ['call'])).toEqual({ recovered: false, reason: 'unknown' });
  }
});

test('a history that begins anew knows no cursor of before, though the positions are the same', () => {
  const history = startHistory();
  take(history, 1, 2);
  const before = history.cursorAt(2);
  history.begin(0);
  expect(history.judge(before, ['call'])).toEqual({ recovered: false, reason: 'unknown' });
  history.name({ id: 'another', key: newCursorKey() });
  expect(history.judge(before, ['call'])).toEqual({ recovered: false, reason: 'unknown' });
  expect(positions(history, -1)).toEqual([]);
});

test('a mark is a gap for its families, and for cursors before it', () => {
  const history = startHistory();
  take(history, 1);
  history.mark({ position: 2, families: ['call', 'fax'] });
  take(history, 3);
  expect(history.judge(history.cursorAt(1), ['call'])).toEqual({ recovered: false, reason: 'gap' });
  expect(history.judge(history.cursorAt(1), ['object', 'fax'])).toEqual({ recovered: false, reason: 'gap' });
  expect(history.judge(history.cursorAt(1), ['object'])).toEqual({ recovered: true, position: 1 });
  expect(history.judge(history.cursorAt(2), ['call'])).toEqual({ recovered: true, position: 2 });
  history.mark({ position: 4, families: undefined });
  expect(history.judge(history.cursorAt(3), ['object'])).toEqual({ recovered: false, reason: 'gap' });
  expect([...history.marksBetween(1, 3)].map(({ position }) => position)).toEqual([2]);
  expect([...history.marksBetween(2, 9)].map(({ position }) => position)).toEqual([4]);
});

test('what this node did not see is gone, with all before it', () => {
  const history = startHistory();
  take(history, 1, 2);
  history.lose(50);
  take(history, 51);
  expect(history.judge(history.cursorAt(2), ['call'])).toEqual({ recovered: false, reason: 'too_old' });
  expect(history.judge(history.cursorAt(50), ['call'])).toEqual({ recovered: true, position: 50 });
  expect(positions(history, 0)).toEqual([51]);
});

test('nothing is older than it may be, also where nothing happens', () => {
  const history = startHistory(0, { maxAgeMs: 1000 });
  history.passAt(1, 10_000);
  take(history, 2);
  history.passAt(3, 10_500);
  take(history, 4);
  history.expire(11_000);
  expect(positions(history, 0)).toEqual([2, 4]);
  expect(history.ageSeconds(11_000)).toBe(1);
  history.expire(11_501);
  expect(positions(history, 0)).toEqual([4]);
  expect(history.judge(history.cursorAt(2), ['call'])).toEqual({ recovered: false, reason: 'too_old' });
  expect(history.judge(history.cursorAt(3), ['call'])).toEqual({ recovered: true, position: 3 });
});

test('moments are remembered as long as the events between them, and of a quiet time only its ends', () => {
  const history = startHistory(0, { ringBytes: 20_000, maxAgeMs: 31_536_000_000 });
  for (let second = 1; second <= 1000; second += 1) {
    take(history, second * 2);
    history.passAt(second * 2 + 1, second * 1000);
  }
  const kept = positions(history, -1);
  expect(history.moments).toBeLessThanOrEqual(kept.length + 2);
  // The moment before the oldest one says how old it is at most.
  expect(history.ageSeconds(1_000_000)).toBe(1000 - ((kept[0] ?? 0) / 2 - 1));
  for (let second = 1001; second <= 2000; second += 1) history.passAt(second * 2 + 1, second * 1000);
  expect(history.moments).toBeLessThanOrEqual(kept.length + 3);
});

test('events of before a quiet time get too old all the same', () => {
  const history = startHistory(0, { maxAgeMs: 10_000 });
  take(history, 1);
  for (let second = 1; second <= 60; second += 1) {
    history.passAt(second + 1, second * 1000);
    history.expire(second * 1000);
    expect(positions(history, 0)).toEqual(second <= 11 ? [1] : []);
  }
});

test('whatever is taken, marked, lost and forgotten: a cursor that is good gives everything behind it, or a mark says so', () => {
  const step = fc.oneof(
    { weight: 8, arbitrary: fc.record({ kind: fc.constant('event' as const), bytes: fc.nat({ max: 900 }) }) },
    fc.record({ kind: fc.constantFrom('mark' as const, 'lose' as const, 'moment' as const, 'expire' as const) }),
  );
  fc.assert(
    fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
      const history = startHistory(0, { ringBytes: 20_000, maxAgeMs: 20 });
      const taken: number[] = [];
      const holes: number[] = [];
      let position = 0;
      for (const [now, { kind }] of steps.entries()) {
        position += 1;
        if (kind === 'event') {
          take(history, position);
          taken.push(position);
        } else if (kind === 'mark') history.mark({ position, families: ['call'] });
        else if (kind === 'moment') history.passAt(position, now);
        else if (kind === 'lose') history.lose(position);
        else history.expire(now);
        if (kind === 'mark' || kind === 'lose') holes.push(position);
        for (let since = Math.max(0, position - 60); since <= position; since += 7) {
          const verdict = history.judge(history.cursorAt(since), ['call']);
          if (!verdict.recovered) continue;
          expect(positions(history, since)).toEqual(taken.filter((at) => at > since));
          expect(holes.some((hole) => hole > since)).toBe(false);
        }
      }
      expect(history.bytes).toBeLessThanOrEqual(25_000);
    }),
    { numRuns: 60 },
  );
});
