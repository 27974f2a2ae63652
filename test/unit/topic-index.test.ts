import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Indexed as Found, TopicIndex } from '../../src/registry/topic-index.ts';

type Indexed = Found & { readonly words: readonly string[] };

/** So few of each that they meet often. Names that objects have by nature are words like any other. */
const account = fc.constantFrom('a', 'b', '*', '__proto__');
const family = fc.constantFrom('call', 'object');
const word = fc.constantFrom('x', 'y', 'constructor', '', '*');
/** The words of the two families' bindings: always as many as the family has. */
const depths: Readonly<Record<string, number>> = { call: 2, object: 3 };
const wordsOf = (family: string, of: fc.Arbitrary<string>) =>
  fc.array(of, { minLength: depths[family] ?? 0, maxLength: depths[family] ?? 0 });

const entry: fc.Arbitrary<Indexed> = family.chain((eventFamily) =>
  fc.record({ account, eventFamily: fc.constant(eventFamily), words: wordsOf(eventFamily, word) }),
);
const event: fc.Arbitrary<Indexed> = family.chain((eventFamily) =>
  fc.record({
    account,
    eventFamily: fc.constant(eventFamily),
    words: wordsOf(
      eventFamily,
      word.filter((value) => value !== '*'),
    ),
  }),
);

/** The rule by the simplest means there is: the same account and family, and each word the same or `*`. */
function matches(binding: Indexed, { account, eventFamily, words }: Indexed): boolean {
  return (
    binding.account === account &&
    binding.eventFamily === eventFamily &&
    binding.words.length === words.length &&
    binding.words.every((word, place) => word === '*' || word === words[place])
  );
}

function collect(index: TopicIndex<Indexed>, { account, eventFamily, words }: Indexed): Indexed[] {
  const found: Indexed[] = [];
  index.collect(account, eventFamily, words, found);
  return found;
}

/** An entry goes in, or the one at this place of those that are in goes out; in either case an event is looked up. */
const step = fc.record({ entry: fc.option(entry, { freq: 3 }), place: fc.nat(), event });

describe('compared with a walk over all bindings', () => {
  test('an event finds exactly the bindings that match it, whatever came and went before', () => {
    let hits = 0;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
        const index = new TopicIndex<Indexed>();
        const present: Indexed[] = [];
        for (const { entry: added, place, event: looked } of steps) {
          if (added !== null) {
            index.add(added, added.words);
            present.push(added);
          } else {
            const [removed] = present.splice(place % Math.max(1, present.length), 1);
            if (removed !== undefined) index.delete(removed, removed.words);
          }
          const found = collect(index, looked);
          const expected = present.filter((binding) => matches(binding, looked));
          expect(new Set(found)).toEqual(new Set(expected));
          // Each of them once, though several may be alike.
          expect(found).toHaveLength(expected.length);
          for (const binding of expected) expect(found.filter((other) => other === binding)).toHaveLength(1);
          hits += expected.length;
        }
      }),
    );
    expect(hits).toBeGreaterThan(100);
  });

  test('the index is empty when everything that was added is deleted, in whichever order', () => {
    fc.assert(
      fc.property(
        fc.array(entry, { minLength: 1, maxLength: 40 }).chain((entries) =>
          fc.record({
            entries: fc.constant(entries),
            order: fc.shuffledSubarray(entries, { minLength: entries.length }),
          }),
        ),
        ({ entries, order }) => {
          const index = new TopicIndex<Indexed>();
          expect(index.isEmpty).toBe(true);
          for (const added of entries) index.add(added, added.words);
          for (const removed of order) {
            expect(index.isEmpty).toBe(false);
            index.delete(removed, removed.words);
          }
          expect(index.isEmpty).toBe(true);
        },
      ),
    );
  });

  test('deleting what is not there leaves everything else where it is', () => {
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 20, size: 'max' }), entry, event, (entries, stranger, looked) => {
        const index = new TopicIndex<Indexed>();
        for (const added of entries) index.add(added, added.words);
        const before = collect(index, looked);
        index.delete(stranger, stranger.words);
        expect(collect(index, looked)).toEqual(before);
      }),
    );
  });
});

describe('by example', () => {
  const bindings: Indexed[] = [
    { account: 'a', eventFamily: 'call', words: ['CHANNEL_CREATE', '*'] },
    { account: 'a', eventFamily: 'call', words: ['CHANNEL_CREATE', 'id'] },
    { account: 'a', eventFamily: 'call', words: ['*', '*'] },
    { account: 'b', eventFamily: 'call', words: ['*', '*'] },
    { account: 'a', eventFamily: 'object', words: ['*', '*', '*'] },
  ];
  const [created, byId, every] = bindings;
  const index = new TopicIndex<Indexed>();
  for (const binding of bindings) index.add(binding, binding.words);

  test.each([
    ['CHANNEL_CREATE', 'id', [created, byId, every]],
    ['CHANNEL_CREATE', 'other', [created, every]],
    ['CHANNEL_DESTROY', 'id', [every]],
  ])('%s of the call %s', (name, id, expected) => {
    expect(new Set(collect(index, { account: 'a', eventFamily: 'call', words: [name, id] }))).toEqual(
      new Set(expected),
    );
  });

  test('an account or a family that nobody asked for finds nothing', () => {
    expect(collect(index, { account: 'c', eventFamily: 'call', words: ['CHANNEL_CREATE', 'id'] })).toEqual([]);
    expect(collect(index, { account: 'a', eventFamily: 'fax', words: ['CHANNEL_CREATE', 'id'] })).toEqual([]);
  });

  test('what is found is appended to what was found before', () => {
    const found: Indexed[] = [];
    index.collect('a', 'call', ['CHANNEL_DESTROY', 'id'], found);
    index.collect('b', 'call', ['CHANNEL_DESTROY', 'id'], found);
    expect(found).toEqual([bindings[2], bindings[3]]);
  });
});

describe('a leaf with very many entries: a call id spelled in every way there is', () => {
  const words = ['*', 'x'];
  const many = Array.from({ length: 21_000 }, (): Indexed => ({ account: 'a', eventFamily: 'call', words }));
  const filled = (): TopicIndex<Indexed> => {
    const index = new TopicIndex<Indexed>();
    for (const added of many) index.add(added, words);
    return index;
  };

  test.each([
    ['oldest first', many],
    ['newest first', many.toReversed()],
  ])('gives each back in no time, the %s', (_order, order) => {
    const index = filled();
    const startedAt = performance.now();
    for (const removed of order) index.delete(removed, words);
    expect(index.isEmpty).toBe(true);
    // Some milliseconds; with a look at all the others it is ten seconds.
    expect(performance.now() - startedAt).toBeLessThan(2000);
  });

  test('has exactly those left that were not taken out, and takes others in', () => {
    const index = filled();
    const isOut = (_: Indexed, at: number): boolean => at % 3 !== 0;
    for (const removed of many.filter(isOut)) {
      index.delete(removed, words);
      index.delete(removed, words);
    }
    const late: Indexed = { account: 'a', eventFamily: 'call', words };
    index.add(late, words);
    const found = collect(index, { account: 'a', eventFamily: 'call', words: ['e', 'x'] });
    expect(found).toHaveLength(7001);
    expect(new Set(found)).toEqual(new Set([...many.filter((each, at) => !isOut(each, at)), late]));
  });
});
