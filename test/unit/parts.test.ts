import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Part, Parts } from '../../src/parts.ts';
import { silentLog } from '../support/silent-log.ts';

beforeEach(() => void vi.useFakeTimers({ now: 0 }));
afterEach(() => void vi.useRealTimers());

function createWorld() {
  const told: string[] = [];
  const part = (name: string): Part => ({
    name,
    start: () => void told.push(`start ${name}`),
    tick: () => void told.push(`tick ${name}`),
    stop: async () => void told.push(`stop ${name}`),
  });
  return { told, part };
}

test('parts are started in their order and stopped in the order turned round', async () => {
  const { told, part } = createWorld();
  const parts = new Parts([part('bus'), { name: 'one that does nothing' }, part('sockets')], silentLog);
  await parts.start();
  await parts.stop();
  expect(told).toEqual(['start bus', 'start sockets', 'stop sockets', 'stop bus']);
});

test('every second each part is told the time, until its stop begins', async () => {
  const { told, part } = createWorld();
  const dates: number[] = [];
  let stopped = (): void => undefined;
  const slow: Part = { name: 'slow', tick: (date) => dates.push(date), stop: () => new Promise((r) => (stopped = r)) };
  const parts = new Parts([part('bus'), slow], silentLog);
  await parts.start();
  vi.advanceTimersByTime(2500);
  expect(dates).toEqual([1001, 2001]);
  const end = parts.stop();
  told.length = 0;
  vi.advanceTimersByTime(2000);
  expect(dates).toHaveLength(2);
  expect(told).toEqual(['tick bus', 'tick bus']);
  stopped();
  await end;
  vi.advanceTimersByTime(5000);
  expect(told).toEqual(['tick bus', 'tick bus', 'stop bus']);
});

test('a part that throws in a tick is logged, and the others go on', async () => {
  const { told, part } = createWorld();
  const lines: unknown[] = [];
  const broken: Part = {
    name: 'broken',
    tick() {
      throw new Error('no');
    },
  };
  const log = { ...silentLog, error: (fields: unknown) => void lines.push(fields) };
  const parts = new Parts([broken, part('bus')], log);
  await parts.start();
  vi.advanceTimersByTime(1500);
  expect(lines).toEqual([expect.objectContaining({ part: 'broken' })]);
  expect(told).toEqual(['start bus', 'tick bus']);
  await parts.stop();
});

test('a part that fails to stop keeps no other from it, and is told at the end', async () => {
  const { told, part } = createWorld();
  const broken: Part = { name: 'broken', stop: () => Promise.reject(new Error('it hangs')) };
  const parts = new Parts([part('bus'), broken, part('sockets')], silentLog);
  await parts.start();
  await expect(parts.stop()).rejects.toThrow('it hangs');
  expect(told.slice(2)).toEqual(['stop sockets', 'stop bus']);
});

test('a part that can’t start ends the start', async () => {
  const { told, part } = createWorld();
  const broken: Part = { name: 'broken', start: () => Promise.reject(new Error('in use')) };
  const parts = new Parts([part('bus'), broken, part('sockets')], silentLog);
  await expect(parts.start()).rejects.toThrow('in use');
  expect(told).toEqual(['start bus']);
});
