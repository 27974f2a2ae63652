/** Some seconds of `npm run fuzz` with a fixed seed. What it does, and what it counts as a fault, stands in `test/fuzz`. */
import { expect, test } from 'vitest';
import { useBroker } from '../support/broker.ts';
import { startProcess } from '../support/process.ts';

/**
 * The machine runs other tests at the same time, and a process may wait a second for its turn. Every attack that this is to
 * find again held the server for ten seconds or more.
 */
const lateMs = '4000';

test('attackers of all kinds harm nobody else', async () => {
  const broker = await useBroker();
  const options = ['--seed', '1', '--seconds', '10', '--late-ms', lateMs, '--amqp', broker.url];
  const run = startProcess('npm', ['run', '-s', 'fuzz', '--', ...options]);
  const exit = await run.ended();
  expect(run.output, run.output).toContain('nobody else noticed');
  expect(exit.code, run.output).toBe(0);
}, 120_000);
