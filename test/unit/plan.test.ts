import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { FamilyName, Pattern } from '../../src/families/family.ts';
import { calmMs, Plan, patternKey } from '../../src/registry/plan.ts';

const names = ['call', 'object', 'registration'] as const satisfies FamilyName[];
type Name = (typeof names)[number];

/** As in the real catalogue: one coarse pattern, but registrations, which come on two exchanges, have two. */
const coarse: Record<Name, Pattern[]> = {
  call: [{ exchange: 'callevt', routingPattern: 'call.*.*' }],
  object: [{ exchange: 'configuration', routingPattern: '*.*.*.*' }],
  registration: [
    { exchange: 'registrar', routingPattern: 'registration.success.*.*' },
    { exchange: 'callmgr', routingPattern: 'registration.success.*.*' },
  ],
};

/** The n-th fine patterns of a family: as many as it has coarse ones, so two for a registration. */
const fine = (family: Name, n: number): Pattern[] =>
  coarse[family].map(({ exchange }) => ({ exchange, routingPattern: `${family}.${n}.*` }));

const newPlan = (maxPatterns: number): Plan =>
  new Plan(
    names.map((name) => ({ name, coarse: coarse[name] })),
    maxPatterns,
  );

const target = (plan: Plan, family: Name): string[] => [...plan.target(family)].map(([key]) => key).sort();
const keysOf = (patterns: readonly Pattern[]): string[] => patterns.map(patternKey).sort();
const isCoarse = (plan: Plan, family: Name): boolean =>
  coarse[family].every((pattern) => plan.wants(family, patternKey(pattern)));

/** What was asked for, counted by the simplest means there is. */
class Wanted {
  readonly #held = new Map<Name, Pattern[][]>(names.map((name) => [name, []]));

  add(family: Name, patterns: Pattern[]): void {
    this.#of(family).push(patterns);
  }

  /** Takes out one of them. @returns its patterns; undefined where there is none */
  take(family: Name, index: number): Pattern[] | undefined {
    const held = this.#of(family);
    return held.splice(index % Math.max(1, held.length), 1)[0];
  }

  keys(family: Name): Set<string> {
    return new Set(this.#of(family).flat().map(patternKey));
  }

  #of(family: Name): Pattern[][] {
    return this.#held.get(family) ?? [];
  }
}

interface Step {
  readonly does: 'add' | 'remove' | 'wait';
  readonly family: Name;
  /** Which patterns, which of the holders, how many seconds. */
  readonly n: number;
}

const steps = (does: Step['does'], most: number): fc.Arbitrary<Step> =>
  fc.record({ does: fc.constant(does), family: fc.constantFrom(...names), n: fc.nat(most) });
const adding = steps('add', 14);
const removing = steps('remove', 100);
const waiting = steps('wait', 40);
const step = fc.oneof({ weight: 2, arbitrary: adding }, removing, waiting);

/** Plays the steps on a plan of so many patterns at most; `afterStep` looks at each outcome. */
function play(
  maxPatterns: number,
  steps: readonly Step[],
  afterStep: (plan: Plan, wanted: Wanted, outcome: Outcome) => void,
): void {
  const plan = newPlan(maxPatterns);
  const wanted = new Wanted();
  let now = 0;
  for (const { does, family, n } of steps) {
    const before = snapshot(plan);
    let changed: Set<FamilyName> | undefined = new Set();
    let refined: FamilyName[] = [];
    if (does === 'wait') {
      now += n * 1000;
      refined = plan.refine(now);
    } else if (does === 'remove') {
      const patterns = wanted.take(family, n);
      if (patterns !== undefined) plan.remove(family, patterns);
    } else {
      changed = plan.add(family, fine(family, n));
      if (changed !== undefined) wanted.add(family, fine(family, n));
    }
    afterStep(plan, wanted, { does, family, n, changed, refined, before, now });
  }
}

interface Outcome extends Step {
  /** What `add` gave back; empty for the other steps. */
  readonly changed: Set<FamilyName> | undefined;
  readonly refined: readonly FamilyName[];
  readonly before: Record<Name, string[]>;
  readonly now: number;
}

const snapshot = (plan: Plan): Record<Name, string[]> => ({
  call: target(plan, 'call'),
  object: target(plan, 'object'),
  registration: target(plan, 'registration'),
});

const limits = fc.oneof(fc.integer({ min: 1, max: 5 }), fc.integer({ min: 1, max: 24 }));
const sequences = fc.array(step, { maxLength: 120, size: 'max' });

/** A rush, most of which leaves again, and then a quiet while with a few who come and go. */
const rushes = fc
  .tuple(
    fc.array(adding, { minLength: 30, maxLength: 60 }),
    fc.array(removing, { minLength: 30, maxLength: 80 }),
    fc.array(fc.oneof(step, { weight: 4, arbitrary: waiting }), { minLength: 20, maxLength: 60 }),
  )
  .map((phases) => phases.flat());

describe('whatever is added and removed', () => {
  test('the plan never exceeds MAX_PATTERNS, and knows its size', () => {
    fc.assert(
      fc.property(limits, sequences, (max, steps) => {
        play(max, steps, (plan) => {
          const size = names.reduce((sum, name) => sum + target(plan, name).length, 0);
          expect(plan.size).toBe(size);
          expect(size).toBeLessThanOrEqual(max);
        });
      }),
    );
  });

  test('each family is planned either finely, each wanted pattern once and nothing else, or coarsely', () => {
    fc.assert(
      fc.property(limits, sequences, (max, steps) => {
        play(max, steps, (plan, wanted) => {
          for (const name of names) {
            const keys = wanted.keys(name);
            const planned = target(plan, name);
            if (isCoarse(plan, name)) {
              expect(planned).toEqual(keysOf(coarse[name]));
              // What nobody wants is not planned coarsely either.
              expect(keys.size).toBeGreaterThan(0);
            } else {
              expect(planned).toEqual([...keys].sort());
            }
            for (const key of keys) expect(plan.wants(name, key)).toBe(!isCoarse(plan, name));
          }
        });
      }),
    );
  });

  test('a family gives way only when there is need, the one with the most patterns first', () => {
    fc.assert(
      fc.property(limits, sequences, (max, steps) => {
        play(max, steps, (_plan, wanted, { changed, before }) => {
          if (changed === undefined || changed.size === 0) return;
          const sizes = new Map(names.map((name) => [name, sizeBefore(name, before, wanted)]));
          for (const name of changed as Set<Name>) {
            const total = [...sizes.values()].reduce((sum, size) => sum + size, 0);
            expect(total).toBeGreaterThan(max);
            const stillFine = names.filter((other) => sizes.get(other) !== coarse[other].length);
            expect(sizes.get(name)).toBe(Math.max(...stillFine.map((other) => sizes.get(other) ?? 0)));
            sizes.set(name, coarse[name].length);
          }
        });
      }),
    );
  });

  test('what can not be had within the limit changes nothing', () => {
    let refusals = 0;
    fc.assert(
      fc.property(limits, sequences, (max, steps) => {
        play(max, steps, (plan, wanted, { changed, before, family, n }) => {
          if (changed !== undefined) return;
          refusals += 1;
          expect(snapshot(plan)).toEqual(before);
          // And it could not be had: everything coarse that gains by it is still too much.
          const asked = new Set([...wanted.keys(family), ...keysOf(fine(family, n))]);
          const least = names.map((name) => {
            if (isCoarse(plan, name)) return coarse[name].length;
            return Math.min(coarse[name].length, (name === family ? asked : wanted.keys(name)).size);
          });
          expect(least.reduce((sum, size) => sum + size, 0)).toBeGreaterThan(max);
        });
      }),
    );
    expect(refusals).toBeGreaterThan(0);
  });

  test('a family goes fine again only below half of the limit, and when that was so for a minute', () => {
    let refinements = 0;
    fc.assert(
      fc.property(limits, fc.oneof(rushes, sequences), (max, steps) => {
        /** When each family was first seen with room, at a look at the clock. */
        const roomSince = new Map<FamilyName, number>();
        play(max, steps, (plan, wanted, { does, refined, before, now }) => {
          for (const name of refined as Name[]) {
            refinements += 1;
            expect(before[name]).toEqual(keysOf(coarse[name]));
            expect(plan.size * 2).toBeLessThan(max);
            expect(now - (roomSince.get(name) ?? now)).toBeGreaterThanOrEqual(calmMs);
          }
          for (const name of names) {
            const sizeIfFine = plan.size - target(plan, name).length + wanted.keys(name).size;
            const hasRoom = isCoarse(plan, name) && sizeIfFine * 2 < max;
            if (!isCoarse(plan, name)) roomSince.delete(name);
            else if (does === 'wait' && !hasRoom) roomSince.delete(name);
            else if (does === 'wait' && !roomSince.has(name)) roomSince.set(name, now);
          }
        });
      }),
      { numRuns: 200 },
    );
    expect(refinements).toBeGreaterThan(0);
  });
});

/** How many patterns a family would have after the step if it had not given way in it. */
function sizeBefore(name: Name, before: Record<Name, string[]>, wanted: Wanted): number {
  const wasCoarse = before[name].length > 0 && before[name].every((key) => keysOf(coarse[name]).includes(key));
  return wasCoarse ? coarse[name].length : wanted.keys(name).size;
}

/** A plan of ten patterns at most, in which the documents have just gone coarse. */
function coarsePlan(): Plan {
  const plan = newPlan(10);
  for (let n = 0; n <= 10; n += 1) plan.add('object', fine('object', n));
  expect(isCoarse(plan, 'object')).toBe(true);
  return plan;
}

describe('from coarse to fine', () => {
  test('half of the limit is not below half', () => {
    const plan = coarsePlan();
    for (let n = 5; n <= 10; n += 1) plan.remove('object', fine('object', n));
    for (let now = 0; now <= 10 * calmMs; now += 1000) expect(plan.refine(now)).toEqual([]);
  });

  test('it takes a minute, to the second', () => {
    const plan = coarsePlan();
    for (let n = 4; n <= 10; n += 1) plan.remove('object', fine('object', n));
    for (let now = 0; now < calmMs; now += 1000) expect(plan.refine(now)).toEqual([]);
    expect(plan.refine(calmMs)).toEqual(['object']);
    expect(target(plan, 'object')).toEqual(keysOf([0, 1, 2, 3].flatMap((n) => fine('object', n))));
  });

  test('a minute with an interruption is no minute', () => {
    const plan = coarsePlan();
    for (let n = 4; n <= 10; n += 1) plan.remove('object', fine('object', n));
    for (let now = 0; now < calmMs; now += 1000) plan.refine(now);
    plan.add('call', fine('call', 0));
    expect(plan.refine(calmMs)).toEqual([]);
    plan.remove('call', fine('call', 0));
    for (let now = calmMs + 1000; now < 2 * calmMs + 1000; now += 1000) expect(plan.refine(now)).toEqual([]);
    expect(plan.refine(2 * calmMs + 1000)).toEqual(['object']);
  });

  test('a minute of an earlier time as coarse counts for nothing', () => {
    const plan = coarsePlan();
    for (let n = 4; n <= 10; n += 1) plan.remove('object', fine('object', n));
    plan.refine(0);
    for (let n = 0; n < 4; n += 1) plan.remove('object', fine('object', n));
    expect(plan.size).toBe(0);
    for (let n = 0; n <= 10; n += 1) plan.add('object', fine('object', n));
    for (let n = 4; n <= 10; n += 1) plan.remove('object', fine('object', n));
    expect(isCoarse(plan, 'object')).toBe(true);
    expect(plan.refine(calmMs)).toEqual([]);
    expect(plan.refine(2 * calmMs)).toEqual(['object']);
  });

  test('the last to leave a coarse family takes the coarse pattern along', () => {
    const plan = coarsePlan();
    for (let n = 0; n < 10; n += 1) expect(plan.remove('object', fine('object', n))).toBe(false);
    expect(plan.remove('object', fine('object', 10))).toBe(true);
    expect(target(plan, 'object')).toEqual([]);
    plan.add('object', fine('object', 3));
    expect(target(plan, 'object')).toEqual(keysOf(fine('object', 3)));
  });
});

test('a pattern that several interests want is planned once, until the last of them is gone', () => {
  const plan = newPlan(10);
  for (let times = 0; times < 50; times += 1) plan.add('call', fine('call', 0));
  expect(target(plan, 'call')).toEqual(keysOf(fine('call', 0)));
  for (let times = 0; times < 49; times += 1) plan.remove('call', fine('call', 0));
  expect(target(plan, 'call')).toEqual(keysOf(fine('call', 0)));
  plan.remove('call', fine('call', 0));
  expect(plan.size).toBe(0);
});

test('exactly MAX_PATTERNS patterns are still fine, one more is not', () => {
  const plan = newPlan(10);
  for (let n = 0; n < 10; n += 1) expect(plan.add('object', fine('object', n))?.size).toBe(0);
  expect(plan.size).toBe(10);
  expect([...(plan.add('object', fine('object', 10)) ?? [])]).toEqual(['object']);
  expect(plan.size).toBe(1);
});

test('a family that would give way in vain does not', () => {
  const plan = newPlan(2);
  plan.add('object', fine('object', 0));
  plan.add('object', fine('object', 1));
  expect(plan.add('registration', fine('registration', 0))).toBeUndefined();
  expect(target(plan, 'object')).toEqual(keysOf([...fine('object', 0), ...fine('object', 1)]));
  expect(target(plan, 'registration')).toEqual([]);
});
