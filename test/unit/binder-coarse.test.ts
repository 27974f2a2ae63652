import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { calmMs } from '../../src/registry/plan.ts';
import { coarseKey, createWorld, key, settled } from '../support/binder-world.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('from fine to coarse', () => {
  test('make before break: the fine ones go when the coarse one is bound', async () => {
    const { bus, want, confirmed, answer, asked, bound, lines } = createWorld();
    want('a', 'b', 'c', 'd');
    await answer();
    asked();
    want('e');
    const outcome = confirmed('e');
    expect(lines).toEqual(['a family switched to coarse patterns']);
    expect(asked()).toEqual([`bind ${coarseKey}`]);
    bus.end(0);
    await settled();
    expect(outcome.state).toBe('resolved');
    expect(asked()).toEqual(['a', 'b', 'c', 'd'].map((account) => `unbind ${key(account)}`));
    expect(bound()).toHaveLength(5);
    await answer();
    expect(bound()).toEqual([coarseKey]);
  });

  test('a fine one whose bind was under way goes as well', async () => {
    const { bus, want, answer, bound } = createWorld();
    want('a', 'b', 'c', 'd');
    want('e');
    bus.end(4);
    await settled();
    await answer();
    expect(bound()).toEqual([coarseKey]);
  });
});

describe('from coarse to fine', () => {
  /** Documents of five accounts, coarse; four of them have left, so there is room. */
  async function createRoomyWorld() {
    const world = createWorld();
    world.want('a', 'b', 'c', 'd', 'e');
    await world.answer();
    expect(world.bound()).toEqual([coarseKey]);
    world.forget('b', 'c', 'd', 'e');
    world.asked();
    return world;
  }

  test('after a minute below half of the limit, and not before', async () => {
    const world = await createRoomyWorld();
    for (let second = 0; second < 60; second += 1) {
      await world.seconds(1);
      await world.answer();
      expect(world.bound()).toEqual([coarseKey]);
    }
    await world.seconds(1);
    await world.answer();
    expect(world.bound()).toEqual([key('a')]);
    expect(world.lines).toEqual(['a family switched to coarse patterns', 'a family switched to fine patterns']);
  });

  test('make before break: the coarse one goes when the fine ones are bound', async () => {
    const world = await createRoomyWorld();
    await world.seconds(calmMs / 1000);
    await world.answer();
    world.asked();
    await world.seconds(1);
    world.want('b');
    const outcome = world.confirmed('b');
    expect(world.asked()).toEqual([`bind ${key('a')}`, `bind ${key('b')}`]);
    world.bus.end(0);
    await settled();
    expect(world.bound()).toEqual([coarseKey, key('a')]);
    world.bus.end(0);
    await settled();
    expect(outcome.state).toBe('resolved');
    expect(world.asked()).toEqual([`unbind ${coarseKey}`]);
    await world.answer();
    expect(world.bound()).toEqual([key('a'), key('b')]);
  });

  test('a coarse pattern on its way out confirms nothing', async () => {
    const world = await createRoomyWorld();
    world.forget('a');
    expect(world.asked()).toEqual([`unbind ${coarseKey}`]);
    world.want('b');
    const outcome = world.confirmed('b');
    world.bus.end(0);
    await settled();
    expect(outcome.state).toBe('open');
    await world.answer();
    expect(outcome.state).toBe('resolved');
  });
});
