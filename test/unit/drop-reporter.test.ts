import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Delivery } from '../../src/bus.ts';
import { DropReporter } from '../../src/intake.ts';
import { silentLog } from '../support/silent-log.ts';

const delivery: Delivery = {
  exchange: 'callevt',
  routingKey: 'call.CHANNEL_CREATE.x',
  body: Buffer.from('a secret of somebody'),
  contentEncoding: undefined,
};

function createReporter() {
  const lines: { level: string; fields: Record<string, unknown> }[] = [];
  const write =
    (level: string) =>
    (fields: unknown): void =>
      void lines.push({ level, fields: { ...(fields as object) } });
  const reporter = new DropReporter({ ...silentLog, warn: write('warn'), error: write('error') });
  return { reporter, lines };
}

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

test('what is dropped is logged once a minute at most for each reason, with how many were not', () => {
  const { reporter, lines } = createReporter();
  for (let second = 0; second < 120; second += 1) {
    reporter.report('not_json', delivery, undefined);
    vi.advanceTimersByTime(1000);
  }
  reporter.report('not_json', delivery, undefined);
  expect(lines.map(({ fields }) => fields.alsoSinceLastReport)).toEqual([0, 59, 59]);
  reporter.report('not_utf8', delivery, undefined);
  expect(lines.at(-1)).toMatchObject({ level: 'warn', fields: { reason: 'not_utf8', exchange: 'callevt' } });
});

test('a line says where a message came from, and nothing of what was in it', () => {
  const { reporter, lines } = createReporter();
  reporter.report('failed', delivery, new Error('a fault'));
  expect(lines).toHaveLength(1);
  expect(lines[0]).toMatchObject({ level: 'error', fields: { routingKey: delivery.routingKey } });
  expect(JSON.stringify(lines)).not.toContain('secret');
});

test('what shares an exchange without being an event is not worth a line', () => {
  const { reporter, lines } = createReporter();
  reporter.report('foreign', delivery, undefined);
  expect(lines).toEqual([]);
});
