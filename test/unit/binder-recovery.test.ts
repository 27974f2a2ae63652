import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { coarseKey, createWorld, key, settled } from '../support/binder-world.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('an exchange that somebody deletes takes its bindings with it', () => {
  test('a subscribe to what was bound just before binds it again, and waits for that', async () => {
    const { bus, want, confirmed, answer, bound } = createWorld();
    want('a');
    await answer();
    bus.deleteExchange('configuration');
    want('a');
    const outcome = confirmed('a');
    await settled();
    expect(outcome.state).toBe('open');
    await answer();
    expect(outcome.state).toBe('resolved');
    expect(bound()).toEqual([key('a')]);
  });

  test('the same where the coarse pattern serves it', async () => {
    const { bus, want, confirmed, answer, bound } = createWorld();
    want('a', 'b', 'c', 'd', 'e');
    await answer();
    bus.deleteExchange('configuration');
    want('f');
    const outcome = confirmed('f');
    await settled();
    expect(outcome.state).toBe('open');
    await answer();
    expect(outcome.state).toBe('resolved');
    expect(bound()).toEqual([coarseKey]);
  });

  test('a storm of subscribes binds it a hundred times a second at most, and trusts it for two seconds', async () => {
    const { want, confirmed, answer, asked, seconds } = createWorld();
    for (let times = 0; times < 1000; times += 1) {
      want('a');
      const outcome = confirmed('a');
      await answer();
      await settled();
      expect(outcome.state).toBe('resolved');
    }
    expect(asked()).toHaveLength(101);
    await seconds(3);
    want('a');
    const outcome = confirmed('a');
    expect(outcome.state).toBe('open');
    await answer();
    expect(asked()).toEqual([`bind ${key('a')}`]);
  });

  test('what is only held is bound again within ten seconds or so', async () => {
    const { bus, want, seconds, answer, bound, asked } = createWorld();
    want('a');
    await answer();
    await seconds(1);
    bus.deleteExchange('configuration');
    asked();
    await seconds(8);
    expect(asked()).toEqual([]);
    await seconds(2);
    await answer();
    expect(bound()).toEqual([key('a')]);
  });
});

describe('a lost connection', () => {
  test('a subscribe under way is confirmed by the next one', async () => {
    const { bus, binder, want, confirmed, answer } = createWorld();
    want('a', 'b');
    const outcome = confirmed('a', 'b');
    bus.end(0);
    await settled();
    bus.drop();
    binder.onDown();
    bus.isUp = true;
    binder.onUp();
    bus.end(0);
    await settled();
    expect(outcome.state).toBe('open');
    await answer();
    expect(outcome.state).toBe('resolved');
  });

  test('the whole plan is made again at once, though what was under way fails only now', async () => {
    const { bus, binder, want, forget, asked, answer, bound } = createWorld();
    want('a', 'b', 'c');
    bus.end(0);
    bus.end(0);
    await settled();
    forget('b');
    forget('a');
    want('a');
    bus.drop();
    binder.onDown();
    expect(binder.boundCount).toBe(0);
    bus.isUp = true;
    binder.onUp();
    asked();
    await answer();
    expect(asked().sort()).toEqual([`bind ${key('a')}`, `bind ${key('c')}`]);
    expect(bound()).toEqual([key('a'), key('c')]);
    expect(binder.boundCount).toBe(2);
  });

  test('what was refused before is not waited for after it', async () => {
    const { bus, binder, want, answer, bound } = createWorld();
    want('a');
    bus.endAll('refused');
    await settled();
    bus.drop();
    binder.onDown();
    bus.isUp = true;
    binder.onUp();
    await answer();
    expect(bound()).toEqual([key('a')]);
  });

  test('what was forgotten meanwhile is not bound', async () => {
    const { bus, binder, want, forget, answer, bound, asked } = createWorld();
    want('a', 'b');
    await answer();
    bus.drop();
    binder.onDown();
    forget('a');
    asked();
    bus.isUp = true;
    binder.onUp();
    await answer();
    expect(asked()).toEqual([`bind ${key('b')}`]);
    expect(bound()).toEqual([key('b')]);
  });
});
