import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { ActionError } from '../../src/errors.ts';
import type { FamilyName, Pattern } from '../../src/families/family.ts';
import { Binder } from '../../src/registry/binder.ts';
import { Plan, patternKey } from '../../src/registry/plan.ts';
import { type Ending, FakeBus } from '../support/fake-bus.ts';
import { silentLog } from '../support/silent-log.ts';

const maxPatterns = 5;

const call = (routingPattern: string): Pattern => ({ exchange: 'callevt', routingPattern });
const registration = (realm: string): Pattern[] =>
  ['registrar', 'callmgr'].map((exchange) => ({ exchange, routingPattern: `registration.success.${realm}.*` }));

const families = [
  { name: 'call', coarse: [call('call.*.*')] },
  { name: 'registration', coarse: registration('*') },
] as const satisfies { name: FamilyName; coarse: Pattern[] }[];

interface Interest {
  readonly family: FamilyName;
  readonly patterns: readonly Pattern[];
}

/** Some share patterns, one needs several, and one is its family's coarse pattern. */
const interests: readonly Interest[] = [
  ...['A', 'B', 'C', 'D'].map((event) => ({ family: 'call' as const, patterns: [call(`call.${event}.*`)] })),
  { family: 'call', patterns: [call('call.A.*'), call('call.B.*'), call('call.E.*')] },
  { family: 'call', patterns: [call('call.*.*')] },
  ...['x', 'y', 'z'].map((realm) => ({ family: 'registration' as const, patterns: registration(realm) })),
];

/** One holder's claim on an interest, as a subscription has it. */
interface Hold extends Interest {
  /** Its subscribe was answered: from here on nothing may be missed, as long as the broker is there. */
  isRelied: boolean;
  isForgotten: boolean;
}

/** A binder over a fake broker, and what is known to be owed to its users. */
class World {
  readonly bus = new FakeBus();
  readonly plan = new Plan(families, maxPatterns);
  readonly binder = new Binder(
    this.bus,
    this.plan,
    families.map(({ name }) => name),
    silentLog,
  );
  readonly holds: Hold[] = [];
  readonly faults: string[] = [];

  want(interest: Interest): void {
    try {
      this.binder.want(interest.family, interest.patterns);
    } catch (error) {
      if (!(error instanceof ActionError) || error.code !== 'too_many_bindings') throw error;
      return;
    }
    const hold: Hold = { ...interest, isRelied: false, isForgotten: false };
    this.holds.push(hold);
    this.binder.confirmed(hold.family, hold.patterns).then(
      () => {
        if (hold.isForgotten) return;
        if (!this.isCovered(hold)) this.faults.push(`confirmed without its patterns: ${describeHold(hold)}`);
        hold.isRelied = this.bus.isUp;
      },
      () => this.forget(hold),
    );
  }

  forget(hold: Hold | undefined): void {
    if (hold === undefined || hold.isForgotten) return;
    hold.isForgotten = true;
    this.holds.splice(this.holds.indexOf(hold), 1);
    this.binder.forget(hold.family, hold.patterns);
  }

  lose(): void {
    if (!this.bus.isUp) return;
    this.bus.drop();
    for (const hold of this.holds) hold.isRelied = false;
    this.binder.onDown();
  }

  recover(): void {
    if (this.bus.isUp) return;
    this.bus.isUp = true;
    this.binder.onUp();
  }

  async wait(seconds: number): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      await vi.advanceTimersByTimeAsync(1000);
      this.binder.tick(performance.now());
    }
  }

  isCovered({ family, patterns }: Interest): boolean {
    const isBound = (pattern: Pattern): boolean => this.bus.bound.has(patternKey(pattern));
    return patterns.every(isBound) || [...this.plan.coarsePatterns(family).values()].every(isBound);
  }

  get planned(): string[] {
    return families.flatMap(({ name }) => [...this.plan.target(name)].map(([key]) => key)).sort();
  }

  get bound(): string[] {
    return [...this.bus.bound].sort();
  }

  /** Everything that is owed now. */
  check(): void {
    expect(this.faults).toEqual([]);
    for (const hold of this.holds) {
      if (hold.isRelied && !this.isCovered(hold)) this.faults.push(`lost its patterns: ${describeHold(hold)}`);
    }
    expect(this.faults).toEqual([]);
  }

  /** Lets everything come to rest: the broker is there, and does what it is asked. */
  async settle(): Promise<void> {
    this.recover();
    for (let round = 0; round < 8; round += 1) {
      this.bus.arriveAll();
      while (this.bus.pending.length > 0) {
        this.bus.endAll();
        await vi.advanceTimersByTimeAsync(0);
        this.check();
      }
      await this.wait(1);
    }
    this.bus.endAll();
    await vi.advanceTimersByTimeAsync(0);
  }
}

const describeHold = ({ patterns }: Hold): string => patterns.map(patternKey).join(', ');

const action = fc.oneof(
  { weight: 6, arbitrary: fc.record({ does: fc.constant('want' as const), n: fc.nat(interests.length - 1) }) },
  { weight: 5, arbitrary: fc.record({ does: fc.constant('forget' as const), n: fc.nat(100) }) },
  {
    weight: 12,
    arbitrary: fc.record({
      does: fc.constant('end' as const),
      n: fc.nat(100),
      ending: fc.oneof(
        { weight: 5, arbitrary: fc.constant<Ending>('done') },
        { weight: 1, arbitrary: fc.constantFrom<Ending>('refused', 'unheard', 'late') },
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ does: 'endAll' as const }) },
  { weight: 1, arbitrary: fc.constant({ does: 'lose' as const }) },
  { weight: 1, arbitrary: fc.constant({ does: 'recover' as const }) },
  { weight: 2, arbitrary: fc.record({ does: fc.constant('wait' as const), n: fc.constantFrom(0, 1, 3, 31, 61) }) },
);
type Action = typeof action extends fc.Arbitrary<infer T> ? T : never;

async function act(world: World, step: Action): Promise<void> {
  if (step.does === 'want') world.want(interests[step.n] as Interest);
  else if (step.does === 'forget') world.forget(world.holds[step.n % Math.max(1, world.holds.length)]);
  else if (step.does === 'end') world.bus.end(step.n % Math.max(1, world.bus.pending.length), step.ending);
  else if (step.does === 'endAll') world.bus.endAll();
  else if (step.does === 'lose') world.lose();
  else if (step.does === 'recover') world.recover();
  else await world.wait(step.n);
  await vi.advanceTimersByTimeAsync(0);
}

/** Plays the steps in a world of their own; what is owed is looked at after each. */
async function play(steps: readonly Action[]): Promise<World> {
  const world = new World();
  world.check();
  for (const step of steps) {
    await act(world, step);
    world.check();
  }
  return world;
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const storms = fc.array(action, { maxLength: 60, size: 'max' });

describe('whatever is wanted and forgotten, in whatever order the broker answers, refuses, or is lost', () => {
  test('nothing is confirmed without its patterns or loses them, and at rest the broker holds exactly the plan', async () => {
    await fc.assert(
      fc.asyncProperty(storms, async (steps) => {
        const world = await play(steps);
        await world.settle();
        world.check();
        expect(world.bound).toEqual(world.planned);
        expect(world.binder.boundCount).toBe(world.bound.length);
        for (const hold of world.holds) expect(hold.isRelied || world.isCovered(hold)).toBe(true);
      }),
      { numRuns: 400 },
    );
  });

  test('when everything is forgotten, the broker holds nothing', async () => {
    await fc.assert(
      fc.asyncProperty(storms, async (steps) => {
        const world = await play(steps);
        for (const hold of [...world.holds]) world.forget(hold);
        await world.settle();
        expect(world.bound).toEqual([]);
        expect(world.binder.boundCount).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test('a stop unbinds everything', async () => {
    await fc.assert(
      fc.asyncProperty(storms, async (steps) => {
        const world = await play(steps);
        world.recover();
        await vi.advanceTimersByTimeAsync(0);
        const stopped = world.binder.stop();
        for (let round = 0; round < 400; round += 1) {
          world.bus.arriveAll();
          world.bus.endAll();
          await vi.advanceTimersByTimeAsync(10);
        }
        await stopped;
        expect(world.bound).toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});
