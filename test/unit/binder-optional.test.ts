/** Patterns on exchanges that others declare: bound where they are, looked for now and then, waited for by nobody. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Pattern } from '../../src/families/family.ts';
import { createWorld, observe, settled } from '../support/binder-world.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const own: Pattern = { exchange: 'faxes', routingPattern: 'fax.status.a.*' };
const older: Pattern = { exchange: 'fax', routingPattern: 'fax.status.*.*', isOptional: true };
const patterns = [own, older];
const ownKey = 'faxes fax.status.a.*';
const olderKey = 'fax fax.status.*.*';

function createFaxes() {
  const world = createWorld();
  return {
    ...world,
    want: () => world.binder.want('object', patterns),
    forget: () => world.binder.forget('object', patterns),
    confirmed: () => observe(world.binder.confirmed('object', patterns)),
    /** Ends what is pending for a pattern. */
    end(key: string, ending: Parameters<typeof world.bus.end>[1]) {
      const index = world.bus.pending.findIndex((operation) => operation.key === key);
      expect(index, `${key} is asked for`).toBeGreaterThanOrEqual(0);
      world.bus.end(index, ending);
      return settled();
    },
    /** How often the exchange is looked for in so many seconds, in vain. */
    async looks(seconds: number) {
      let looks = 0;
      for (let second = 0; second < seconds; second += 1) {
        await world.seconds(1);
        for (;;) {
          const index = world.bus.pending.findIndex(({ key }) => key === olderKey);
          if (index < 0) break;
          looks += 1;
          world.bus.end(index, 'absent');
          await settled();
        }
        await world.answer();
      }
      return looks;
    },
  };
}

test('where it is there, a subscribe waits for it', async () => {
  const { want, confirmed, end, bound } = createFaxes();
  want();
  const outcome = confirmed();
  await end(ownKey, 'done');
  expect(outcome.state).toBe('open');
  await end(olderKey, 'done');
  expect(outcome.state).toBe('resolved');
  expect(bound()).toEqual([olderKey, ownKey].sort());
});

test('where it is missing, a subscribe does without it; its own patterns it still waits for', async () => {
  const { want, confirmed, end, lines, binder } = createFaxes();
  want();
  const outcome = confirmed();
  await end(olderKey, 'absent');
  expect(outcome.state).toBe('open');
  await end(ownKey, 'done');
  expect(outcome.state).toBe('resolved');
  expect(binder.boundCount).toBe(1);
  expect(lines).toEqual([]);
});

test('where it may not be read, likewise; that is logged', async () => {
  const { want, confirmed, end, lines } = createFaxes();
  want();
  const outcome = confirmed();
  await end(olderKey, 'refused');
  await end(ownKey, 'done');
  expect(outcome.state).toBe('resolved');
  expect(lines).toEqual(['the broker refused']);
});

test('it is looked for again, less and less often, and bound when it is there', async () => {
  const { want, end, answer, looks, seconds, bus, bound } = createFaxes();
  want();
  await end(olderKey, 'absent');
  await answer();
  expect(await looks(16)).toBeGreaterThanOrEqual(3);
  expect(await looks(600)).toBeLessThanOrEqual(15);
  await seconds(61);
  bus.endAll();
  await settled();
  expect(bound()).toContain(olderKey);
});

test('who subscribes later has it looked for at once', async () => {
  const { want, confirmed, end, answer, looks, bus } = createFaxes();
  want();
  await end(olderKey, 'absent');
  await answer();
  await looks(30);
  want();
  const outcome = confirmed();
  expect(bus.pending.map(({ key }) => key)).toContain(olderKey);
  await end(olderKey, 'done');
  await answer();
  expect(outcome.state).toBe('resolved');
});

test('who subscribes within two seconds of a look does not have it looked for again', async () => {
  const { want, confirmed, end, answer, asked } = createFaxes();
  want();
  await end(olderKey, 'absent');
  await answer();
  asked();
  want();
  const outcome = confirmed();
  await answer();
  expect(outcome.state).toBe('resolved');
  expect(asked().filter((line) => line.endsWith(olderKey))).toEqual([]);
});

test('forgotten, it is no longer looked for', async () => {
  const { want, forget, end, answer, seconds, asked, bus } = createFaxes();
  want();
  await end(olderKey, 'absent');
  await answer();
  forget();
  await answer();
  asked();
  await seconds(120);
  expect(asked()).toEqual([]);
  expect([...bus.bound]).toEqual([]);
});
