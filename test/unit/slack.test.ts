import { expect, test } from 'vitest';
import { withoutSlack } from '../../src/slack.ts';

test('a small piece of a large read is copied, and holds nothing but itself', () => {
  const read = Buffer.alloc(65_536, 'x');
  const piece = withoutSlack(read.subarray(100, 103));
  expect(piece.toString()).toBe('xxx');
  expect(piece.buffer.byteLength).toBe(3);
});

test('most of a read, and what has memory of its own, is kept as it is', () => {
  const read = Buffer.alloc(65_536);
  const most = read.subarray(10_000);
  expect(withoutSlack(most)).toBe(most);
  const own = Buffer.allocUnsafeSlow(1);
  expect(withoutSlack(own)).toBe(own);
});
