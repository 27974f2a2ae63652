/** A binder over a fake broker, with documents of accounts to want and forget. For tests with fake timers. */
import { vi } from 'vitest';
import type { FamilyName, Pattern } from '../../src/families/family.ts';
import { Binder } from '../../src/registry/binder.ts';
import { Plan } from '../../src/registry/plan.ts';
import { FakeBus } from './fake-bus.ts';

const object = (account: string): Pattern => ({ exchange: 'configuration', routingPattern: `*.${account}.*.*` });
const coarseObject: Pattern = { exchange: 'configuration', routingPattern: '*.*.*.*' };
export const call: Pattern = { exchange: 'callevt', routingPattern: 'call.CHANNEL_CREATE.*' };
const families = [
  { name: 'call', coarse: [{ exchange: 'callevt', routingPattern: 'call.*.*' }] },
  { name: 'object', coarse: [coarseObject] },
] as const satisfies { name: FamilyName; coarse: Pattern[] }[];

/** A binder over a broker whose every answer the test gives. */
export function createWorld(maxPatterns = 4) {
  const bus = new FakeBus();
  const lines: string[] = [];
  const write = (_fields: unknown, message?: string): void => void lines.push(message ?? '');
  const binder = new Binder(
    bus,
    new Plan(families, maxPatterns),
    families.map(({ name }) => name),
    { trace: write, debug: write, info: write, warn: write, error: write, fatal: write },
  );
  return {
    bus,
    binder,
    lines,
    want: (...accounts: string[]) => binder.want('object', accounts.map(object)),
    forget: (...accounts: string[]) => binder.forget('object', accounts.map(object)),
    confirmed: (...accounts: string[]) => observe(binder.confirmed('object', accounts.map(object))),
    bound: () => [...bus.bound].sort(),
    /** What is asked from now on. */
    asked: () => bus.asked.splice(0),
    /** The broker does everything that it is asked, and whatever comes of it. */
    async answer() {
      while (bus.pending.length > 0) {
        bus.endAll();
        await settled();
      }
    },
    async seconds(count: number) {
      for (let second = 0; second < count; second += 1) {
        await vi.advanceTimersByTimeAsync(1000);
        binder.tick(performance.now());
        await settled();
      }
    },
  };
}

/** Everything that follows from what has happened has happened. */
export const settled = (): Promise<unknown> => vi.advanceTimersByTimeAsync(0);
/** The pattern of an account's documents, as the broker is asked for it. */
export const key = (account: string): string => `configuration *.${account}.*.*`;
export const coarseKey = 'configuration *.*.*.*';

/** How a promise stands: `open`, `resolved`, or the code of its error. */
export function observe(promise: Promise<void>): { state: string } {
  const outcome = { state: 'open' };
  promise.then(
    () => {
      outcome.state = 'resolved';
    },
    (error: unknown) => {
      outcome.state = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    },
  );
  return outcome;
}
