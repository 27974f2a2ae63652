import { expect, test } from 'vitest';
import { dialectNamed } from '../../src/dialects/dialects.ts';
import { Session, type Transport } from '../../src/session/session.ts';

const quiet = (): void => undefined;
const nowhere: Transport = {
  sendEvent: quiet,
  sendText: quiet,
  close: quiet,
  pauseReading: quiet,
  admit: quiet,
  owedBytes: 0,
};

function session(): Session {
  return new Session(nowhere, dialectNamed('classic'), '', { perSecond: 1, burst: 1 });
}

function malformed(of: Session, count: number, now: number): void {
  for (let index = 0; index < count; index += 1) of.countMalformed(now);
}

test('more than ten in a row are too many, however long they take', () => {
  const client = session();
  for (let index = 0; index < 10; index += 1) client.countMalformed(index * 60_000);
  expect(client.isTooMalformed).toBe(false);
  client.countMalformed(600_000);
  expect(client.isTooMalformed).toBe(true);
});

test('a message that is understood makes up for as many as seconds have passed', () => {
  const client = session();
  malformed(client, 10, 5000);
  client.countWellFormed(5999);
  client.countMalformed(5999);
  expect(client.isTooMalformed, 'one message alone makes up for none').toBe(true);
  client.countWellFormed(8500);
  expect(client.isTooMalformed).toBe(false);
  // Three of eleven are forgiven: eight are left, and half a second counts for the next.
  malformed(client, 2, 8500);
  expect(client.isTooMalformed).toBe(false);
  client.countWellFormed(9000);
  malformed(client, 2, 9000);
  expect(client.isTooMalformed).toBe(true);
});

test('a client that errs now and then is never closed', () => {
  const client = session();
  for (let second = 0; second < 1000; second += 2) {
    client.countMalformed(second * 1000);
    client.countWellFormed(second * 1000 + 1500);
    expect(client.isTooMalformed).toBe(false);
  }
});
