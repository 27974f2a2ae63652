/** What the history costs, measured: in a process that has nothing else to keep or to free. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { Ring } from '../../src/history/ring.ts';

test('it counts what it costs: within a fifth of what the process grows by', () => {
  const ring = new Ring(1_000_000_000);
  const body = Buffer.alloc(1000, 'x');
  const before = used();
  for (let position = 0; position < 60_000; position += 1) {
    const account = `account${position % 1000}`.padEnd(32, '0');
    const routingKey = Buffer.from(`call.CHANNEL_CREATE.${position}%2Dabcdef@host`).toString();
    ring.append({ position, account, exchange: 'callevt', routingKey, contentEncoding: undefined, body });
  }
  const grown = used() - before;
  expect(ring.length).toBe(60_000);
  expect(grown).toBeGreaterThan(ring.bytes * 0.8);
  expect(grown).toBeLessThan(ring.bytes * 1.2);
});

setFlagsFromString('--expose_gc');
const collectGarbage = runInNewContext('gc') as () => void;

function used(): number {
  collectGarbage();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}
