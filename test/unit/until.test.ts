import { expect, test } from 'vitest';
import { showWhenWaitFails, until, within } from '../support/until.ts';

test('a wait that fails says what it waited for and what it saw, before the test’s own time is over', {
  timeout: 800,
}, async () => {
  let looks = 0;
  showWhenWaitFails(() => `something that was asked ${looks > 1 ? 'again and again' : 'once'}`);
  const never = () => {
    looks += 1;
    return false;
  };
  await expect(until(never, 'the impossible')).rejects.toThrow(
    'waited in vain for: the impossible\nseen:\n- something that was asked again and again',
  );
});

test('without words of its own it shows the condition', { timeout: 500 }, async () => {
  const list: number[] = [];
  await expect(until(() => list.length === 3)).rejects.toThrow(/waited in vain for: .*list\.length === 3/);
});

test('what is to be told and never comes fails the same way', { timeout: 500 }, async () => {
  showWhenWaitFails(() => Promise.reject(new Error('gone')));
  await expect(within(new Promise(() => undefined), 'word')).rejects.toThrow(
    "waited in vain for: word\nseen:\n- (can't be described: Error: gone)",
  );
});

test('a question that is never answered ends the wait as well, and so does one who can not be described', {
  timeout: 2000,
}, async () => {
  showWhenWaitFails(() => new Promise(() => undefined));
  await expect(until(() => new Promise(() => undefined), 'an answer')).rejects.toThrow(
    'waited in vain for: an answer\nseen:\n- (says nothing of itself)',
  );
});

test('what comes in time is handed on', async () => {
  expect(await within(Promise.resolve(7), 'a number')).toBe(7);
  const looks: number[] = [];
  await until(() => looks.push(0) === 3);
  expect(looks).toHaveLength(3);
});
