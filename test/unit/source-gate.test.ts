/** Where a node takes all events from a history, a subscribe waits for nothing but the source. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { SourceGate } from '../../src/registry/source-gate.ts';

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

test('a subscribe is confirmed when the source is there, and at once from then on', async () => {
  const gate = new SourceGate(7);
  let isConfirmed = false;
  const confirmed = gate.confirmed().then(() => {
    isConfirmed = true;
  });
  await vi.advanceTimersByTimeAsync(4900);
  expect(isConfirmed).toBe(false);
  gate.onUp();
  await confirmed;
  await gate.confirmed();
  expect(vi.getTimerCount()).toBe(0);
  expect(gate.boundCount).toBe(7);
});

test('and refused where it stays away for 5 s', async () => {
  const gate = new SourceGate(7);
  gate.onUp();
  gate.onDown();
  const refused = expect(gate.confirmed()).rejects.toMatchObject({ code: 'source_unavailable' });
  await vi.advanceTimersByTimeAsync(5000);
  await refused;
});
