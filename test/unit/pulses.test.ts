import { expect, test } from 'vitest';
import { Pulses } from '../../src/workers/pulses.ts';

/** Seconds of workers' lives: each second those that live say so, and then it is looked who does. */
function createWorld() {
  const pulses = new Pulses();
  let now = 1000;
  return {
    pulses,
    start: (...workers: number[]) => workers.forEach((worker) => void pulses.expect(worker, now)),
    /** @returns what was found in the last second */
    pass(seconds: number, ...living: number[]) {
      let found = pulses.check(now);
      for (let second = 0; second < seconds; second += 1) {
        now += 1000;
        for (const worker of living) pulses.beat(worker, now);
        found = pulses.check(now);
      }
      return found;
    },
    /** Time in which nobody here did anything. */
    sleep: (seconds: number) => {
      now += seconds * 1000;
    },
  };
}

test('who goes on to say that it lives is neither silent nor hung', () => {
  const { start, pass } = createWorld();
  start(1, 2);
  expect(pass(600, 1, 2)).toEqual({ silent: [], hung: [] });
});

test('who stops is silent after three seconds, and hung after ten', () => {
  const { start, pass } = createWorld();
  start(1, 2);
  pass(5, 1, 2);
  expect(pass(2, 1)).toEqual({ silent: [], hung: [] });
  expect(pass(1, 1)).toEqual({ silent: [2], hung: [] });
  expect(pass(6, 1)).toEqual({ silent: [2], hung: [] });
  expect(pass(1, 1)).toEqual({ silent: [2], hung: [2] });
});

test('who is late only is not silent any more', () => {
  const { start, pass } = createWorld();
  start(1);
  pass(1, 1);
  expect(pass(9)).toEqual({ silent: [1], hung: [] });
  expect(pass(1, 1)).toEqual({ silent: [], hung: [] });
});

test('a worker that starts has a minute for its first word', () => {
  const { start, pass } = createWorld();
  start(1);
  expect(pass(59)).toEqual({ silent: [], hung: [] });
  expect(pass(8)).toEqual({ silent: [1], hung: [1] });
});

test('who has ended is not expected any more', () => {
  const { pulses, start, pass } = createWorld();
  start(1);
  pass(1, 1);
  pulses.forget(1);
  pulses.beat(1, 3000);
  expect(pass(100)).toEqual({ silent: [], hung: [] });
});

test('a primary that was held up itself blames nobody for it', () => {
  const { start, pass, sleep } = createWorld();
  start(1, 2);
  pass(5, 1, 2);
  sleep(3600);
  expect(pass(2, 1)).toEqual({ silent: [], hung: [] });
  expect(pass(8, 1)).toEqual({ silent: [2], hung: [2] });
});
