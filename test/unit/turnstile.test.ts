import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Turnstile } from '../../src/turnstile.ts';

test('so many enter in a turn, in the order in which they came, and none is forgotten', async () => {
  const turnstile = new Turnstile(3);
  const entered: number[] = [];
  for (let index = 0; index < 8; index += 1) turnstile.enter(() => entered.push(index));
  expect(entered).toEqual([]);
  const perTurn = [];
  for (let turn = 0; turn < 4; turn += 1) {
    await nextTurn();
    perTurn.push(entered.length);
  }
  expect(perTurn).toEqual([3, 6, 8, 8]);
  expect(entered).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  turnstile.enter(() => entered.push(8));
  await nextTurn();
  expect(entered).toHaveLength(9);
});

test('who comes while others enter waits for the next turn', async () => {
  const turnstile = new Turnstile(2);
  const entered: string[] = [];
  turnstile.enter(() => {
    entered.push('first');
    turnstile.enter(() => entered.push('second'));
  });
  await nextTurn();
  expect(entered).toEqual(['first']);
  await nextTurn();
  expect(entered).toEqual(['first', 'second']);
});
