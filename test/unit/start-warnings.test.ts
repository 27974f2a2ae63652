import { expect, test } from 'vitest';
import { readConfig } from '../../src/config.ts';
import { startWarnings } from '../../src/start-warnings.ts';

const texts = (settings: Record<string, string>, handles?: number): string[] =>
  startWarnings(readConfig({ AMQP_URL: 'amqp://broker', ...settings }), handles).map(({ message }) => message);

const good = 's'.repeat(32);

test('a start with good settings warns of nothing', () => {
  expect(texts({ AUTH_JWT_SECRET: good })).toEqual([]);
  expect(texts({ AUTH_JWT_SECRET: good, MAX_CONNECTIONS: '1000' }, 1200)).toEqual([]);
  expect(texts({ AUTH_CROSSBAR_URL: 'http://crossbar' }), 'no secret at all').toEqual([]);
});

test('a secret of under 32 bytes is named, and not shown; bytes count, and not letters', () => {
  const warnings = texts({ AUTH_JWT_SECRET: 'hunter2', AUTH_JWT_PREVIOUS_SECRET: 'ü'.repeat(16) });
  expect(warnings).toEqual([expect.stringMatching(/^AUTH_JWT_SECRET has under 32 bytes/)]);
  expect(warnings.join()).not.toContain('hunter2');
  expect(texts({ AUTH_JWT_SECRET: good, AUTH_JWT_PREVIOUS_SECRET: 'short' })).toEqual([
    expect.stringMatching(/^AUTH_JWT_PREVIOUS_SECRET has under 32 bytes/),
  ]);
});

test('too few file handles are told with what there is, and what is needed', () => {
  expect(texts({ AUTH_JWT_SECRET: good, MAX_CONNECTIONS: '1000' }, 1199)).toEqual([
    expect.stringMatching(/^too few file handles .* may open 1199 files, and 1000 sockets need 1200\. Raise/),
  ]);
});

test('a history in a stream without a broker is said to be the demo’s, in memory', () => {
  const demo = startWarnings(readConfig({ HISTORY: 'stream' }), undefined);
  expect(demo.map(({ message }) => message)).toEqual([expect.stringMatching(/AMQP_URL is not set.*in memory/)]);
  expect(startWarnings(readConfig({}), undefined)).toEqual([]);
  expect(texts({ AUTH_JWT_SECRET: good, HISTORY: 'stream' })).toEqual([]);
});
