import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createWorld, key, type observe, settled } from '../support/binder-world.ts';

/** As many as `call.*.*` stands for. */
const nine = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i'];
const operationMs = 50;

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

type World = ReturnType<typeof createWorld>;

/** A distant broker: one operation at a time, 50 ms each. */
async function pass(world: World, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += operationMs) {
    await vi.advanceTimersByTimeAsync(operationMs);
    world.bus.end(0);
    await settled();
  }
}

function subscribe(world: World, accounts: readonly string[]): ReturnType<typeof observe> {
  world.want(...accounts);
  return world.confirmed(...accounts);
}

describe('subscribes that overlap at a slow broker', () => {
  test('do not wait for each other: each has its answer when each of its patterns was confirmed', async () => {
    const world = createWorld(20);
    const outcomes = [];
    // Three a second: never are all nine confirmed at once.
    for (let times = 0; times < 18; times += 1) {
      outcomes.push(subscribe(world, nine));
      await pass(world, 350);
    }
    // Each pattern's turn comes at least twice within this.
    await pass(world, 1000);
    expect(outcomes.map(({ state }) => state)).toEqual(Array(18).fill('resolved'));
  });

  test('each notices for itself that an exchange was deleted before it', async () => {
    const world = createWorld();
    const first = subscribe(world, ['a', 'b']);
    world.bus.end(0);
    await settled();
    world.bus.deleteExchange('configuration');
    const second = subscribe(world, ['a']);
    expect(second.state).toBe('open');
    await world.answer();
    expect([first.state, second.state]).toEqual(['resolved', 'resolved']);
    expect(world.bound()).toEqual([key('a'), key('b')]);
  });

  test('what was confirmed and then refused is waited for again', async () => {
    const world = createWorld();
    const first = subscribe(world, ['a', 'b']);
    world.bus.end(0);
    await settled();
    subscribe(world, ['a']);
    world.bus.end(1, 'refused');
    world.bus.end(0);
    await settled();
    expect(first.state).toBe('open');
    await world.seconds(2);
    await world.answer();
    expect(first.state).toBe('resolved');
  });
});
