import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { call, createWorld, key, observe, settled } from '../support/binder-world.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('a pattern', () => {
  test('is bound once, whether one wants it or fifty; the last to leave removes it', async () => {
    const { bus, want, forget, asked, answer, bound } = createWorld();
    for (let times = 0; times < 50; times += 1) want('a');
    await answer();
    expect(asked()).toEqual([`bind ${key('a')}`]);
    for (let times = 0; times < 49; times += 1) forget('a');
    expect(bus.pending).toEqual([]);
    forget('a');
    await answer();
    expect(asked()).toEqual([`unbind ${key('a')}`]);
    expect(bound()).toEqual([]);
  });

  test('is confirmed when the broker has bound it, and not before', async () => {
    const { bus, want, confirmed } = createWorld();
    want('a', 'b');
    const outcome = confirmed('a', 'b');
    bus.end(1);
    await settled();
    expect(outcome.state).toBe('open');
    bus.end(0);
    await settled();
    expect(outcome.state).toBe('resolved');
  });

  test('wanted again while it is unbound is confirmed only when it is bound again', async () => {
    const { bus, want, forget, confirmed, answer } = createWorld();
    want('a');
    await answer();
    forget('a');
    want('a');
    const outcome = confirmed('a');
    bus.end(0);
    await settled();
    expect(outcome.state).toBe('open');
    await answer();
    expect(outcome.state).toBe('resolved');
  });

  test('forgotten and wanted again while it is bound stays bound', async () => {
    const { want, forget, confirmed, asked, answer, bound } = createWorld();
    want('a');
    forget('a');
    want('a');
    const outcome = confirmed('a');
    await answer();
    expect(outcome.state).toBe('resolved');
    expect(asked()).toEqual([`bind ${key('a')}`]);
    expect(bound()).toEqual([key('a')]);
  });

  test('that nobody wants goes at once, though another of its family is not bound yet', async () => {
    const { want, forget, answer, asked } = createWorld();
    want('a');
    await answer();
    want('b');
    forget('a');
    expect(asked()).toEqual([`bind ${key('a')}`, `bind ${key('b')}`, `unbind ${key('a')}`]);
  });

  test('that the broker refuses is asked for again after a second, and its subscribe waits for it', async () => {
    const { bus, want, confirmed, asked, seconds, answer, lines } = createWorld();
    want('a');
    const outcome = confirmed('a');
    bus.endAll('refused');
    await settled();
    expect(lines).toEqual(['the broker refused']);
    expect(bus.pending).toEqual([]);
    await seconds(2);
    await answer();
    expect(outcome.state).toBe('resolved');
    expect(asked()).toEqual([`bind ${key('a')}`, `bind ${key('a')}`]);
  });

  test('whose bind the broker may have done without an answer is unbound when nobody wants it', async () => {
    const { bus, want, forget, confirmed, seconds, answer, bound } = createWorld();
    want('a');
    const outcome = confirmed('a');
    bus.endAll('late');
    await vi.advanceTimersByTimeAsync(5000);
    expect(outcome.state).toBe('source_unavailable');
    forget('a');
    bus.arriveAll();
    expect(bound()).toEqual([key('a')]);
    await seconds(2);
    await answer();
    expect(bound()).toEqual([]);
  });
});

test('source_unavailable after 5 s without an answer of the broker', async () => {
  const { want, confirmed } = createWorld();
  want('a');
  const outcome = confirmed('a');
  await vi.advanceTimersByTimeAsync(4999);
  expect(outcome.state).toBe('open');
  await vi.advanceTimersByTimeAsync(1);
  expect(outcome.state).toBe('source_unavailable');
});

test('too_many_bindings when even coarse patterns do not fit; the broker is asked for nothing', () => {
  const { binder, want, bus, asked } = createWorld(1);
  want('a');
  asked();
  expect(() => binder.want('call', [call])).toThrow(expect.objectContaining({ code: 'too_many_bindings' }));
  expect(asked()).toEqual([]);
  expect(bus.pending).toHaveLength(1);
});

describe('a stop', () => {
  test('unbinds everything, what is just being bound as well, and waits for it', async () => {
    const { bus, binder, want, answer, bound } = createWorld();
    want('a');
    await answer();
    want('b');
    const outcome = observe(binder.stop());
    await vi.advanceTimersByTimeAsync(1000);
    expect(outcome.state).toBe('open');
    while (bus.pending.length > 0) {
      await answer();
      await vi.advanceTimersByTimeAsync(10);
    }
    expect(outcome.state).toBe('resolved');
    expect(bound()).toEqual([]);
  });

  test('does not wait for a broker that is away, and not for ever for one that is silent', async () => {
    const { bus, binder, want, answer } = createWorld();
    want('a');
    await answer();
    const silent = observe(binder.stop());
    await vi.advanceTimersByTimeAsync(5100);
    expect(silent.state).toBe('resolved');
    bus.drop();
    binder.onDown();
    const away = observe(binder.stop());
    await settled();
    expect(away.state).toBe('resolved');
  });
});
