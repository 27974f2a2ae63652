import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { late, whileItMoves, withDeadline } from '../../src/deadline.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('what is in time settles as it does, and leaves no timer behind', async () => {
  expect(await withDeadline(100, Promise.resolve('done'))).toBe('done');
  await expect(withDeadline(100, Promise.reject(new Error('refused')))).rejects.toThrow('refused');
  expect(vi.getTimerCount()).toBe(0);
});

test('what is late is not waited for, and what it fails with later ends nothing', async () => {
  let fail = (_: Error): void => undefined;
  const operation = new Promise<never>((_, reject) => {
    fail = reject;
  });
  const outcome = withDeadline(100, operation);
  vi.advanceTimersByTime(100);
  expect(await outcome).toBe(late);
  fail(new Error('late as well'));
  await Promise.resolve();
});

test('what moves is waited for, until it stands still or the whole takes too long', async () => {
  const never = new Promise<never>(() => undefined);
  const patience = { stillMs: 100, totalMs: 1000 };
  let progress = 0;
  const ends: string[] = [];
  void whileItMoves(patience, () => progress, never).then((outcome) => ends.push(`moved ${String(outcome)}`));
  void whileItMoves(patience, () => 0, never).then((outcome) => ends.push(`stood ${String(outcome)}`));
  for (let tenth = 0; tenth < 9; tenth += 1) {
    progress += 1;
    await vi.advanceTimersByTimeAsync(100);
  }
  expect(ends).toEqual(['stood Symbol(late)']);
  progress += 1;
  await vi.advanceTimersByTimeAsync(100);
  expect(ends).toEqual(['stood Symbol(late)', 'moved Symbol(late)']);
  expect(await whileItMoves(patience, () => 0, Promise.resolve('done'))).toBe('done');
  expect(vi.getTimerCount()).toBe(0);
});
