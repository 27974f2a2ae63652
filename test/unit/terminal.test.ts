import { describe, expect, test } from 'vitest';
import { cut, paintFor, printable, printableJson, shown, spanOf, tableOf } from '../../src/cli/terminal.ts';
import { countOf, cursorOf, jsonObjectOf, spanMs } from '../../src/cli/values.ts';

const plain = paintFor(false, {});
const esc = '\u001B';

describe('colours', () => {
  test('are there at a terminal alone, and not where somebody wants none', () => {
    expect(paintFor(true, {}).red('x')).toBe(`${esc}[31mx${esc}[0m`);
    for (const paint of [plain, paintFor(true, { NO_COLOR: '1' }), paintFor(true, { TERM: 'dumb' })]) {
      expect(paint.red('x')).toBe('x');
    }
    // An empty one counts as unset, as the convention has it.
    expect(paintFor(true, { NO_COLOR: '' }).red('x')).not.toBe('x');
  });
});

describe('a text of a stranger', () => {
  test.each([
    [`${esc}]0;title\u0007`, '\\u{1b}]0;title\\u{7}'],
    ['two\nlines\r', 'two\\u{a}lines\\u{d}'],
    ['\u009B31m', '\\u{9b}31m'],
    ['abc\u202Ecba', 'abc\\u{202e}cba'],
    ['line\u2028', 'line\\u{2028}'],
    ['Zoë 山田 🙂', 'Zoë 山田 🙂'],
  ])('%j steers no terminal', (text, expected) => {
    expect(printable(text)).toBe(expected);
  });

  test('is the same text in JSON, and steers none there either', () => {
    const value = { name: `\u009B31m\u007F${esc}[2J\u202E\u2028"\\ Zoë 山田 🙂` };
    const text = printableJson(JSON.stringify(value));
    expect(JSON.parse(text)).toEqual(value);
    expect(text).not.toMatch(/[\p{Cc}\p{Zl}\u202E]/u);
    expect(text).toContain('Zoë 山田 🙂');
  });

  test('that is no text is shown as JSON', () => {
    expect([undefined, null, 7, true, { a: [1] }].map(shown)).toEqual(['', '', '7', 'true', '{"a":[1]}']);
  });
});

describe('a table', () => {
  const columns = [{ head: 'FOR', isNumber: true }, { head: 'NAME' }, { head: 'ID' }] as const;

  test('has columns as wide as what is in them', () => {
    const rows = [
      ['0:07', 'Ana', '1'],
      ['12:03', 'José Núñez', '22'],
    ];
    expect(tableOf(columns, rows, plain)).toEqual([
      '  FOR  NAME        ID',
      ' 0:07  Ana         1',
      '12:03  José Núñez  22',
    ]);
  });

  test('is cut where there is no more room, before it is painted', () => {
    const paint = paintFor(true, {});
    const red = { head: 'NAME', paint: (cell: string) => paint.red(cell) };
    expect(tableOf([{ head: 'A' }, red], [['1', 'a long name']], plain, 8)[1]).toBe(`1  ${esc}[31ma lo…${esc}[0m`);
    const narrow = tableOf([{ head: 'LONG' }, { head: 'B' }, { head: 'C' }], [['1', '2', '3']], plain, 5);
    expect(narrow.filter((line) => line.length > 5)).toEqual([]);
    expect([3, 2, 0, -1].map((places) => cut('abc', places))).toEqual(['abc', 'a…', '', '']);
  });
});

test.each([
  [0, '0:00'],
  [67.9, '1:07'],
  [3723, '1:02:03'],
  [-1, '0:00'],
])('%d s is %s', (seconds, text) => {
  expect(spanOf(seconds)).toBe(text);
});

describe('values of options', () => {
  test('are understood', () => {
    expect(['500ms', '30s', '5m', '1h'].map((text) => spanMs('--for', text))).toEqual([
      500, 30_000, 300_000, 3_600_000,
    ]);
    expect(countOf('--count', '12')).toBe(12);
    expect(jsonObjectOf('--filter', '{"a":1}')).toEqual({ a: 1 });
  });

  test.each([
    () => spanMs('--for', '30'),
    () => spanMs('--for', '0s'),
    () => spanMs('--for', '999d'),
    () => countOf('--count', '0'),
    () => countOf('--count', '1.5'),
    () => jsonObjectOf('--filter', '[1]'),
    () => jsonObjectOf('--filter', '{'),
    () => jsonObjectOf('--filter', 'null'),
  ])('or are bad usage, with the name of the option', (read) => {
    expect(read).toThrow(expect.objectContaining({ kind: 'badUsage', message: expect.stringMatching(/^--\w+: /) }));
  });
});

test('a cursor has a form of its own: anything else is bad usage before anybody is asked', () => {
  expect(cursorOf('--since', 'AbCdEfGhIjKlMnOpQr_-12')).toBe('AbCdEfGhIjKlMnOpQr_-12');
  for (const text of ['bad', '', 'AbCdEfGhIjKlMnOpQr_-123']) {
    expect(() => cursorOf('--since', text)).toThrow(expect.objectContaining({ kind: 'badUsage' }));
  }
});
