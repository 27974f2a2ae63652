import { expect, test } from 'vitest';
import { Shared } from '../../src/shared.ts';

/** Work that the test ends, one at a time. */
function createWork() {
  const under: { resolve(value: number): void; reject(error: Error): void }[] = [];
  let started = 0;
  return {
    get started() {
      return started;
    },
    work: () => {
      started += 1;
      return new Promise<number>((resolve, reject) => under.push({ resolve, reject }));
    },
    end: (value: number) => under.shift()?.resolve(value),
    fail: () => under.shift()?.reject(new Error('failed')),
  };
}

test('a hundred that want the same at once cost two: the one under way, and the next for all who came meanwhile', async () => {
  const source = createWork();
  const shared = new Shared<number>();
  const first = shared.run('list', source.work);
  const others = Array.from({ length: 99 }, () => shared.run('list', source.work));
  source.end(1);
  expect(await first).toBe(1);
  await Promise.resolve();
  source.end(2);
  expect(await Promise.all(others)).toEqual(Array.from({ length: 99 }, () => 2));
  expect(source.started).toBe(2);
});

test('nobody gets a result that is older than the wish', async () => {
  const source = createWork();
  const shared = new Shared<number>();
  const seen: number[] = [];
  for (let value = 1; value <= 5; value += 1) {
    const wanted = shared.run('list', source.work);
    const meanwhile = shared.run('list', source.work);
    source.end(value);
    seen.push(await wanted);
    await Promise.resolve();
    source.end(-value);
    seen.push(await meanwhile);
  }
  expect(seen).toEqual([1, -1, 2, -2, 3, -3, 4, -4, 5, -5]);
  expect(source.started).toBe(10);
});

test('what differs is done each for itself; what failed is done again', async () => {
  const source = createWork();
  const shared = new Shared<number>();
  const one = shared.run('one', source.work);
  const other = shared.run('other', source.work);
  expect(source.started).toBe(2);
  const next = shared.run('one', source.work);
  source.fail();
  await expect(one).rejects.toThrow('failed');
  source.end(2);
  expect(await other).toBe(2);
  source.end(3);
  expect(await next).toBe(3);
});
