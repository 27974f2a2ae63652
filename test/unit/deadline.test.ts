import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { late, withDeadline } from '../../src/deadline.ts';

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
