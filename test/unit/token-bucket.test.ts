import { expect, test } from 'vitest';
import { TokenBucket } from '../../src/token-bucket.ts';

/** How many of so many tries at one moment get a token. */
function taken(bucket: TokenBucket, now: number, tries: number): number {
  return Array.from({ length: tries }, () => bucket.take(now)).filter(Boolean).length;
}

test('a bucket begins full, whatever the clock says', () => {
  for (const now of [0, 1, 1e9]) expect(taken(new TokenBucket({ perSecond: 10, burst: 5 }), now, 20)).toBe(5);
});

test('so many tokens a second come back, and never more than the bucket holds', () => {
  const bucket = new TokenBucket({ perSecond: 10, burst: 5 });
  taken(bucket, 0, 5);
  expect(taken(bucket, 99, 5)).toBe(0);
  expect(taken(bucket, 300, 5)).toBe(3);
  expect(taken(bucket, 60_000, 20)).toBe(5);
});
