import { expect, test } from 'vitest';
import { retryMs } from '../../src/amqp/stream-bus.ts';

test('a lost broker is tried at least every 250 ms for 30 s, and every few seconds then', () => {
  let waited = 0;
  let attempt = 1;
  for (; waited < 29_750; attempt += 1) {
    expect(retryMs(attempt)).toBeLessThanOrEqual(250);
    waited += retryMs(attempt);
  }
  for (; attempt < 1000; attempt += 1) {
    expect(retryMs(attempt + 1)).toBeGreaterThan(1000);
    expect(retryMs(attempt + 1)).toBeLessThanOrEqual(5000);
  }
});
