import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Fields } from '../../src/filters/fields.ts';
import { both, type Filter, holds } from '../../src/filters/filter.ts';
import { FilterIndex } from '../../src/filters/filter-index.ts';
import { FilterPlaces, maxTried, maxValues, type Place } from '../../src/filters/filter-places.ts';
import { filterSchema } from '../../src/filters/filter-schema.ts';

const user = 'Custom-Channel-Vars.Authorizing-ID';

function filterOf(source: unknown): Filter {
  return filterSchema.parse(source);
}

/** How many of these filters an account may have, one after the other. */
function countOf(places: FilterPlaces, many: number, source: (index: number) => unknown): number {
  for (let index = 0; index < many; index += 1) {
    if (places.hold(filterOf(source(index))) === undefined) return index;
  }
  return many;
}

/** What an event would have to try at worst, counted anew. */
function worstOf(places: Iterable<Place>): number {
  const paths = new Map<string, Map<string, number>>();
  let tried = 0;
  for (const { lookup, isDecided } of places) {
    if (lookup?.test.kind !== 'any') tried += 1;
    else if (!isDecided) {
      const values = paths.get(lookup.path.text) ?? new Map<string, number>();
      paths.set(lookup.path.text, values);
      for (const value of lookup.test.of) values.set(value, (values.get(value) ?? 0) + 1);
    }
  }
  return [...paths.values()].reduce((sum, values) => sum + Math.max(...values.values()), tried);
}

describe('what an account may have', () => {
  test('any number that are looked up, also by one of several conditions, whichever comes first', () => {
    const places = new FilterPlaces();
    expect(countOf(places, 5000, (index) => ({ [user]: `u${index}` }))).toBe(5000);
    expect(places.worst).toBe(0);
    expect(countOf(places, 5000, (index) => ({ [user]: [`a${index}`, `b${index}`, 'all'] }))).toBe(5000);
    expect(places.worst).toBe(0);
    for (const common of [{ 'Event-Category': 'call_event' }, { 'Call-Direction': ['inbound', 'outbound'] }]) {
      const several = new FilterPlaces();
      expect(countOf(several, 2500, (index) => ({ ...common, [user]: `u${index}` }))).toBe(2500);
      expect(countOf(several, 2500, (index) => ({ [user]: `v${index}`, ...common }))).toBe(2500);
      expect(several.worst).toBeLessThanOrEqual(2);
    }
  });

  test.each<[string, (index: number) => unknown]>([
    ['prefixes', (index) => ({ [user]: { prefix: `u${index}` } })],
    ['what is not', (index) => ({ [user]: { not: `u${index}` } })],
    ['what exists', (index) => ({ [`p${index}`]: { exists: index % 2 === 0 } })],
    [
      'an equality that every event has',
      (index) => ({ 'Event-Category': 'call_event', [user]: { prefix: `u${index}` } }),
    ],
    [
      'in either spelling',
      (index) => ({ [index % 2 ? 'Event-Category' : 'event_category']: 'call_event', [user]: { not: index } }),
    ],
    ['or two of them', (index) => ({ 'Event-Category': 'call_event', 'App-Name': 'ecallmgr', [user]: { not: index } })],
    ['or one of many', (index) => ({ 'Event-Name': ['A', 'B', 'C', index], [user]: { prefix: `u${index}` } })],
    ['one after the other', (index) => ({ [['a', 'b', 'c', 'd'][index % 4] as string]: 'x', [user]: { not: index } })],
  ])('1,000 that one event would have to try: %s', (_name, source) => {
    const places = new FilterPlaces();
    expect(countOf(places, 1500, source)).toBe(maxTried);
    expect(places.worst).toBe(maxTried);
    expect(places.hold(filterOf(source(0))), 'one that there is already').toBeDefined();
    expect(places.hold(filterOf({ [user]: 'u1' })), 'one that is looked up').toBeDefined();
  });

  test('10,000 that hold for one event without being tried', () => {
    const places = new FilterPlaces();
    expect(countOf(places, 12_000, (index) => ({ 'Event-Category': ['call_event', `${index}`] }))).toBe(
      10_000 + maxTried,
    );
    expect(places.hold(filterOf({ 'Event-Category': 'another' })), 'one of another value').toBeDefined();
    expect(
      places.hold(filterOf({ [user]: 'u1' })),
      'one at another path, which the same event may have',
    ).toBeUndefined();
  });

  test('paths beyond the hundredth are no look-up', () => {
    const places = new FilterPlaces();
    expect(countOf(places, 5000, (index) => ({ [`p${index}`]: 'x' }))).toBe(100 + maxTried);
  });

  test('16 MiB of them', () => {
    const places = new FilterPlaces();
    const long = 'x'.repeat(8000);
    const count = countOf(places, 3000, (index) => ({ [user]: `${index}${long}` }));
    expect(count * 8000).toBeLessThan(2 ** 24);
    expect(count * 8200).toBeGreaterThan(2 ** 24);
  });

  test('half a million values that are looked up, of each binding that is narrowed to them', () => {
    const places = new FilterPlaces();
    const filter = filterOf({ [user]: Array.from({ length: 100 }, (_, index) => index) });
    const held = Array.from({ length: maxValues / 100 }, () => places.hold(filter));
    expect(held).not.toContain(undefined);
    expect(places.hold(filter)).toBeUndefined();
    places.release(held[0] as Place);
    expect(places.hold(filter)).toBeDefined();
  });

  test('a quarter more for what tokens are narrowed to: clients that take all leave tokens room', () => {
    const tried = (index: number) => ({ [user]: { prefix: `u${index}` } });
    const places = new FilterPlaces();
    expect(countOf(places, 1500, tried)).toBe(maxTried);
    const long = new FilterPlaces();
    countOf(long, 3000, (index) => ({ [user]: `${index}${'x'.repeat(8000)}` }));
    for (let index = 0; index < maxTried / 4; index += 1) {
      expect(places.hold(filterOf({ a: { not: index } }), true)).toBeDefined();
      expect(long.hold(filterOf({ a: index }), true)).toBeDefined();
    }
    expect(places.hold(filterOf({ a: { not: 'more' } }), true)).toBeUndefined();
  });

  test('what is given back makes room', () => {
    const places = new FilterPlaces();
    const filter = filterOf({ [user]: { prefix: 'u' } });
    const [one, other] = [places.hold(filter), places.hold(filter)] as [Place, Place];
    expect(other).toBe(one);
    expect(countOf(places, 1500, (index) => ({ [user]: { not: index } }))).toBe(maxTried - 1);
    places.release(one);
    expect(places.hold(filterOf({ a: { exists: true } }))).toBeUndefined();
    places.release(other);
    expect(places.hold(filterOf({ a: { exists: true } }))).toBeDefined();
  });
});

describe('compared with a walk over all filters', () => {
  const value = fc.constantFrom<string | number>('x', 'y', 'z', 1);
  const path = fc.constantFrom('a', 'A', 'b', 'c.d');
  const list = fc.oneof(value, fc.uniqueArray(value, { minLength: 1, maxLength: 3 }));
  const condition = fc.oneof(
    { weight: 3, arbitrary: list },
    { weight: 1, arbitrary: fc.record({ not: list }) },
    { weight: 1, arbitrary: fc.record({ prefix: fc.constantFrom('', 'x') }) },
  );
  const filter = fc.dictionary(path, condition, { minKeys: 1, maxKeys: 3 }).map(filterOf);
  const any = fc.oneof(
    { weight: 3, arbitrary: filter },
    fc.tuple(filter, filter).map(([one, other]) => both(one, other) as Filter),
  );
  const payload = fc.record({ a: value, b: fc.option(value), c: fc.record({ d: value }) });
  const step = fc.record({ filter: fc.option(any, { freq: 3 }), at: fc.nat(), payload });

  test('an event finds exactly the filters that hold for it, each once, whatever came and went before', () => {
    let found = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
        const places = new FilterPlaces();
        const indexes = [new FilterIndex<{ place: Place }>(), new FilterIndex<{ place: Place }>()] as const;
        const present: { place: Place; index: 0 | 1 }[] = [];
        for (const { filter: added, at, payload: event } of steps) {
          if (added !== null) {
            const entry = { place: places.hold(added) as Place, index: (at % 2) as 0 | 1 };
            present.push(entry);
            indexes[entry.index].add(entry);
          } else {
            const [gone] = present.splice(at % Math.max(1, present.length), 1);
            if (gone !== undefined) {
              indexes[gone.index].delete(gone);
              places.release(gone.place);
            }
          }
          expect(places.worst).toBe(worstOf(new Set(present.map(({ place }) => place))));
          const fields = new Fields(event);
          for (const index of [0, 1] as const) {
            const held: { place: Place }[] = [];
            indexes[index].collect(fields, held);
            const expected = present.filter((entry) => entry.index === index && holds(entry.place.filter, fields));
            expect(held).toHaveLength(expected.length);
            expect(new Set(held)).toEqual(new Set(expected));
            found += held.length;
          }
        }
        for (const { place } of present) places.release(place);
        expect([places.isEmpty, places.worst]).toEqual([true, 0]);
      }),
    );
    expect(found).toBeGreaterThan(1000);
  });

  test('an index that was emptied holds nothing', () => {
    fc.assert(
      fc.property(fc.array(any), (filters) => {
        const places = new FilterPlaces();
        const index = new FilterIndex<{ place: Place }>();
        const entries = filters.map((each) => ({ place: places.hold(each) as Place }));
        for (const entry of entries) index.add(entry);
        expect(index.isEmpty).toBe(entries.length === 0);
        for (const entry of entries) index.delete(entry);
        expect(index.isEmpty).toBe(true);
      }),
    );
  });
});

/** A filter that says how often it was tried. */
function counted(source: unknown, onTried: () => unknown): Filter {
  const { conditions, ...others } = filterOf(source);
  return Object.defineProperty({ ...others, conditions }, 'conditions', {
    get() {
      onTried();
      return conditions;
    },
  });
}

test('a filter in use for several bindings is tried once an event', () => {
  const places = new FilterPlaces();
  let looks = 0;
  const place = places.hold(counted({ a: { not: 'x' } }, () => looks++)) as Place;
  const indexes = [1, 2, 3].map(() => new FilterIndex<{ place: Place }>());
  for (const index of indexes) index.add({ place });
  const found: { place: Place }[] = [];
  for (const event of [{ a: 'y' }, { a: 'x' }, { a: 'z' }]) {
    const fields = new Fields(event);
    looks = 0;
    for (const index of indexes) index.collect(fields, found);
    expect(looks).toBe(1);
  }
  expect(found).toHaveLength(6);
});

test.each([
  ['alone', (id: string) => ({ [user]: id }), 0],
  ['beside what every event has', (id: string) => ({ 'Event-Category': 'call_event', [user]: id }), 2],
  ['one of several', (id: string) => ({ 'Event-Category': ['call_event'], [user]: [id, `${id}b`] }), 2],
])('of 5,000 filters on a value of their own (%s) an event tries its own', (_name, source, most) => {
  let tried = 0;
  const places = new FilterPlaces();
  const index = new FilterIndex<{ place: Place }>();
  for (let n = 0; n < 5000; n += 1) {
    index.add({ place: places.hold(counted(source(`u${n}`), () => tried++)) as Place });
  }
  for (let n = 0; n < 5000; n += 500) {
    tried = 0;
    const found: unknown[] = [];
    const event = { 'Event-Category': 'call_event', 'Custom-Channel-Vars': { 'Authorizing-ID': `u${n}` } };
    index.collect(new Fields(event), found);
    expect(found).toHaveLength(1);
    expect(tried).toBeLessThanOrEqual(most);
  }
});
