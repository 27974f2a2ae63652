import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fields } from '../../src/filters/fields.ts';
import { type AskedFilter, holds } from '../../src/filters/filter.ts';
import { filterSchema } from '../../src/filters/filter-schema.ts';
import { normalize } from '../../src/protocol/normalized.ts';

type Json = Record<string, unknown>;

const path = 'Custom-Channel-Vars.Authorizing-ID';

function filterOf(source: unknown): AskedFilter {
  return filterSchema.parse(source);
}

function isHeld(source: unknown, payload: object): boolean {
  return holds(filterOf(source), new Fields(payload));
}

/** Where a filter is wrong, and how. */
function faultOf(source: unknown): string | undefined {
  const issue = filterSchema.safeParse(source).error?.issues[0];
  return issue && `${issue.path.join('.')}: ${issue.message}`;
}

/** As it comes from a client: members called `__proto__` are members. */
const parsed = (text: string): Json => JSON.parse(text);

describe('paths', () => {
  const payload = {
    'Call-ID': 'c1',
    'Custom-Channel-Vars': { 'Authorizing-ID': 'u1' },
    Channels: [{ switch_url: 's0' }, { switch_url: 's1' }],
    Grid: [['a'], ['b', 'c']],
    list: ['x'],
    '0': 'zero',
    text: 'abc',
    gaps: [null, 'x'],
  };
  test.each([
    ['Call-ID', 'c1'],
    ['call_id', 'c1'],
    ['CALL_ID', 'c1'],
    ['Custom-Channel-Vars.Authorizing-ID', 'u1'],
    ['custom_channel_vars.authorizing_id', 'u1'],
    ['Channels[0].switch_url', 's0'],
    ['Channels[1].switch-url', 's1'],
    ['channels[01].switch_url', 's1'],
    ['Grid[1][1]', 'c'],
    ['0', 'zero'],
  ])('%s leads to %s', (at, value) => {
    expect(isHeld({ [at]: value }, payload)).toBe(true);
    expect(isHeld({ [at]: `${value}!` }, payload)).toBe(false);
  });

  test.each([
    'Channels[2].switch_url',
    'Channels.switch_url',
    'Channels.length',
    'list.0',
    'gaps[0]',
    'Custom-Channel-Vars[0]',
    'Call-ID.length',
    'text[0]',
    'constructor',
    'constructor.name',
    '__proto__',
    '__proto__.constructor',
    'toString',
    'list.constructor',
  ])('%s leads nowhere', (at) => {
    expect(isHeld({ [at]: { exists: false } }, payload)).toBe(true);
    expect(isHeld({ [at]: { exists: true } }, payload)).toBe(false);
  });

  test('__proto__ and constructor are names like any other', () => {
    const own = parsed('{"__proto__": {"a": "p"}, "constructor": {"name": "n"}}');
    expect(isHeld(parsed('{"__proto__.a": "p"}'), own)).toBe(true);
    expect(isHeld(parsed('{"__proto__": {"exists": true}}'), own)).toBe(true);
    expect(isHeld(parsed('{"__proto__": "p"}'), own)).toBe(false);
    expect(isHeld({ 'constructor.name': 'n' }, own)).toBe(true);
    expect(isHeld({ 'constructor.name': 'Object' }, own)).toBe(false);
  });

  test.each(['', '.', 'a.', '.a', 'a..b', '[0]', 'a[', 'a]', 'a[]', 'a[x]', 'a[-1]', 'a[1]b', 'a.[0]', 'a[12345]'])(
    '%j is none',
    (at) => {
      expect(faultOf({ 'Call-ID': 'x', [at]: 'x' })).toMatch(`${at}: must be a path in the payload`);
    },
  );
});

describe('conditions', () => {
  test.each([
    ['equal', 'u1', ['u1'], ['u2', 'u', 'u11', null, undefined, '', {}, ['u1']]],
    ['a number equals its text', 1001, [1001, '1001'], ['01001', 1002, true]],
    ['and a text its number', '1001', [1001, '1001'], [10010]],
    ['a fraction', 1.5, [1.5, '1.5'], [1, '1.50']],
    ['a number that JSON’s readers round has no text', '9007199254740992', ['9007199254740992'], [2 ** 53, 1e300]],
    ['the largest that they do not', 2 ** 53 - 1, [2 ** 53 - 1, '9007199254740991'], [2 ** 53]],
    ['true', true, [true, 'true'], [false, 1, 'True', null]],
    ['an empty text', '', [''], [null, undefined, 0, false, {}, []]],
    ['what null is called is no null', 'null', ['null'], [null, undefined]],
    ['what undefined is called', 'undefined', ['undefined'], [null, undefined]],
    ['what an object would be called', '[object Object]', ['[object Object]'], [{}]],
    ['one of', ['u1', 2, false], ['u1', 2, '2', false, 'false'], ['u2', 'u1,2', null, undefined, ['u1']]],
    ['prefix', { prefix: '+49' }, ['+49', '+4930'], ['49', ' +49', null, undefined, { '+49': 1 }, ['+49']]],
    ['a number has a prefix', { prefix: '10' }, [10, 1001, '10'], [1, 210]],
    ['any text has the empty prefix', { prefix: '' }, ['', 'a', 1, false], [null, undefined, {}, []]],
    ['not', { not: 'u1' }, ['u2', '', null, undefined, {}, ['u1']], ['u1']],
    ['not a number', { not: 1 }, [2, '11', null], [1, '1']],
    ['none of', { not: ['u1', 2] }, ['u2', null, undefined, 3], ['u1', 2, '2']],
    ['exists', { exists: true }, ['', 0, false, {}, []], [null, undefined]],
    ['exists not', { exists: false }, [null, undefined], ['', 0, false, {}, []]],
  ])('%s', (_name, condition, good, bad) => {
    const payloadWith = (value: unknown): Json => ({
      'Custom-Channel-Vars': value === undefined ? {} : { 'Authorizing-ID': value },
    });
    for (const value of good) expect([value, isHeld({ [path]: condition }, payloadWith(value))]).toEqual([value, true]);
    for (const value of bad) expect([value, isHeld({ [path]: condition }, payloadWith(value))]).toEqual([value, false]);
  });

  test('all of them must hold', () => {
    const filter = { a: '1', b: { not: '2' } };
    expect(isHeld(filter, { a: 1, b: 3 })).toBe(true);
    expect(isHeld(filter, { a: 1, b: 2 })).toBe(false);
    expect(isHeld(filter, { a: 2, b: 3 })).toBe(false);
  });

  test('of members that only differ in spelling the last one that is not null counts, as in kazoo4', () => {
    const payload = { 'Call-ID': 'first', 'call-id': 'last', call_id: null };
    expect(normalize(payload)).toEqual({ call_id: 'last' });
    expect(isHeld({ 'Call-ID': 'last' }, payload)).toBe(true);
    expect(isHeld({ 'Call-ID': 'first' }, payload)).toBe(false);
  });

  test.each([
    [null, 'must be a text, a number, a boolean, or a list'],
    [{}, 'exactly one of prefix, not, exists'],
    [{ prefix: 'a', not: 'b' }, 'exactly one of prefix, not, exists'],
    [{ equals: 'a' }, 'exactly one of prefix, not, exists'],
    [parsed('{"__proto__": "a"}'), 'exactly one of prefix, not, exists'],
    [2 ** 53, 'hold exactly'],
    [Infinity, 'hold exactly'],
    [[], 'must have 1 to 100 values'],
    [Array.from({ length: 101 }, (_, index) => index), 'must have 1 to 100 values'],
  ])('%j is none', (condition, message) => {
    const fault = faultOf({ 'Call-ID': 'x', [path]: condition });
    expect(fault).toMatch(new RegExp(`^${path}: .*${message}`));
  });

  test.each([
    [{ prefix: 1 }, 'prefix: must be a text'],
    [{ prefix: null }, 'prefix: must be a text'],
    [{ prefix: ['a'] }, 'prefix: must be a text'],
    [{ exists: 'yes' }, 'exists: must be true or false'],
    [{ not: null }, 'not: must be a text, a number, a boolean, or a list'],
    [{ not: { prefix: 'a' } }, 'not: must be a text, a number, a boolean, or a list'],
    [{ not: [] }, 'not: must have 1 to 100 values'],
    [{ not: ['a', null] }, 'not.1: must be a text, a number or a boolean'],
    [['a', ['b']], '1: must be a text, a number or a boolean'],
    [['a', {}], '1: must be a text, a number or a boolean'],
  ])('a fault within %j has its place', (condition, message) => {
    expect(faultOf({ [path]: condition })).toMatch(`${path}.${message}`);
  });

  test('lists have up to 100 values', () => {
    const list = Array.from({ length: 100 }, (_, index) => index);
    expect(isHeld({ a: list }, { a: 99 })).toBe(true);
    expect(isHeld({ a: { not: list } }, { a: 99 })).toBe(false);
  });
});

describe('the whole', () => {
  const paths = (count: number): Json =>
    Object.fromEntries(Array.from({ length: count }, (_, index) => [`p${index}`, 'x']));

  test.each([[null], [[]], ['a'], [5], [true]])('%j is no filter', (source) => {
    expect(faultOf(source)).toBe(': must be an object of paths and conditions');
  });

  test('1 to 10 paths', () => {
    expect(faultOf({})).toBe(': must have 1 to 10 paths');
    expect(faultOf(paths(11))).toBe(': must have 1 to 10 paths');
    expect(isHeld(paths(10), paths(11))).toBe(true);
    expect(isHeld(paths(10), paths(9))).toBe(false);
  });

  test('at most 8 KiB of JSON', () => {
    const room = 8192 - JSON.stringify({ a: '' }).length;
    expect(faultOf({ a: 'x'.repeat(room) })).toBeUndefined();
    expect(faultOf({ a: 'x'.repeat(room + 1) })).toBe(': must be at most 8192 bytes of JSON');
    expect(faultOf({ a: 'é'.repeat(room / 2 + 1) })).toBe(': must be at most 8192 bytes of JSON');
    expect(faultOf({ a: parsed('['.repeat(200_000) + ']'.repeat(200_000)) })).toBe(
      ': must be at most 8192 bytes of JSON',
    );
  });

  test('two that are equal as JSON have one key, in whichever order their members stand', () => {
    const { key } = filterOf({ 'Call-ID': 'x', b: ['1', '2'] });
    expect(filterOf({ b: ['1', '2'], 'Call-ID': 'x' }).key).toBe(key);
    for (const other of [
      { 'Call-ID': 'x' },
      { call_id: 'x', b: ['1', '2'] },
      { 'Call-ID': 'x', b: ['2', '1'] },
      { 'Call-ID': 'x', b: [1, '2'] },
      { 'Call-ID': 'x', b: { not: ['1', '2'] } },
    ]) {
      expect(filterOf(other).key).not.toBe(key);
    }
    expect(filterOf({ 1: 'a', 0: 'b' }).key).toBe(filterOf({ 0: 'b', 1: 'a' }).key);
  });

  test('it is kept to the letter', () => {
    const source = parsed('{"b":[1,"1",true],"Call-ID":{"prefix":"x"},"__proto__":"y"}');
    expect(JSON.stringify(filterOf(source).source)).toBe(JSON.stringify(source));
  });
});

describe('compared with an oracle that knows nothing of how it is done', () => {
  // So few names and values that they often meet.
  const name = fc.constantFrom('A-b', 'a_b', 'C', 'c', '__proto__', 'constructor', '0');
  const scalar = fc.constantFrom<unknown>('x', 'xy', '1', 1, true, 'true', '', null, 0);
  const { value } = fc.letrec((tie) => ({
    value: fc.oneof({ maxDepth: 3 }, scalar, fc.array(tie('value'), { maxLength: 3 }), tie('object')),
    object: fc.array(fc.tuple(name, tie('value')), { maxLength: 4 }).map((members) => Object.fromEntries(members)),
  }));
  const payload = fc
    .array(fc.tuple(name, value), { maxLength: 5 })
    .map((members) => Object.fromEntries(members) as Json);
  const part = fc.tuple(name, fc.constantFrom('', '', '[0]', '[1]', '[0][1]')).map(([text, place]) => text + place);
  const anyPath = fc.array(part, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.'));
  const operand = fc.constantFrom<string | number | boolean>('x', 'xy', '1', 1, true, '', 0);
  const list = fc.oneof(operand, fc.array(operand, { minLength: 1, maxLength: 3 }));
  const condition = fc.oneof(
    list,
    fc.record({ prefix: fc.constantFrom('', 'x', '1', 't') }),
    fc.record({ not: list }),
    fc.record({ exists: fc.boolean() }),
  );
  const source = fc
    .array(fc.tuple(anyPath, condition), { minLength: 1, maxLength: 3 })
    .map((members) => Object.fromEntries(members) as Json);

  /** As kazoo4's clients see the payload, and as they would look for it. */
  function naive(asked: Json, event: Json): boolean {
    const seen = normalize(event);
    return Object.entries(asked).every(([at, wish]) => {
      const steps =
        at
          .toLowerCase()
          .replaceAll('-', '_')
          .match(/\[\d+\]|[^.[\]]+/g) ?? [];
      const found = steps.reduce<unknown>((within, step) => {
        const isPlace = step.startsWith('[');
        if (typeof within !== 'object' || within === null || Array.isArray(within) !== isPlace) return null;
        return Object.entries(within).find(([own]) => own === (isPlace ? step.slice(1, -1) : step))?.[1] ?? null;
      }, seen);
      const isText = found !== null && typeof found !== 'object';
      const texts = (wanted: unknown): string[] => [wanted].flat().map((each) => `${each}`);
      if (typeof wish !== 'object' || Array.isArray(wish)) return isText && texts(wish).includes(`${found}`);
      const { prefix, not, exists } = wish as Json;
      if (exists !== undefined) return exists === (found !== null);
      if (not !== undefined) return !(isText && texts(not).includes(`${found}`));
      return isText && `${found}`.startsWith(String(prefix));
    });
  }

  test('it says the same of every filter and every payload', () => {
    let held = 0;
    fc.assert(
      fc.property(source, payload, (asked, event) => {
        const expected = naive(asked, event);
        if (expected) held += 1;
        expect(isHeld(asked, event)).toBe(expected);
        // What was looked up often is looked up in another way.
        const fields = new Fields(event);
        for (let look = 0; look < 10; look += 1) holds(filterOf({ [`C.look${look}`]: 1 }), fields);
        expect(holds(filterOf(asked), fields)).toBe(expected);
        expect(holds(filterOf(asked), fields)).toBe(expected);
      }),
      { numRuns: 5000 },
    );
    expect(held).toBeGreaterThan(100);
  });

  test('keys are equal where the JSON is, and nowhere else', () => {
    const sorted = (json: Json): unknown => Object.entries(json).sort(([one], [other]) => (one < other ? -1 : 1));
    fc.assert(
      fc.property(source, source, (one, other) => {
        const isSame = JSON.stringify(sorted(one)) === JSON.stringify(sorted(other));
        expect(filterOf(one).key === filterOf(other).key).toBe(isSame);
        const turned = Object.fromEntries(Object.entries(one).reverse());
        expect(filterOf(turned).key).toBe(filterOf(one).key);
      }),
    );
  });
});
