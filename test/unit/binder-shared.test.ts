/** Families that share an exchange may need the same pattern; the broker holds it once, for all of them. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Pattern } from '../../src/families/family.ts';
import { createWorld } from '../support/binder-world.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const shared: Pattern = { exchange: 'shop', routingPattern: 'order.*.*' };
const sharedKey = 'shop order.*.*';

test('who leaves takes nothing from the other; the last to leave removes it', async () => {
  const { binder, answer, bound, asked } = createWorld();
  binder.want('call', [shared]);
  binder.want('object', [shared]);
  await answer();
  expect(bound()).toEqual([sharedKey]);
  asked();
  binder.forget('call', [shared]);
  await answer();
  expect(bound()).toEqual([sharedKey]);
  expect(asked()).toEqual([]);
  binder.want('call', [shared]);
  binder.forget('object', [shared]);
  await answer();
  expect(bound()).toEqual([sharedKey]);
  binder.forget('call', [shared]);
  await answer();
  expect(bound()).toEqual([]);
});

test('it is bound again for both after an outage', async () => {
  const { binder, bus, answer, bound } = createWorld();
  binder.want('call', [shared]);
  binder.want('object', [shared]);
  await answer();
  bus.drop();
  binder.onDown();
  binder.forget('call', [shared]);
  bus.isUp = true;
  binder.onUp();
  await answer();
  expect(bound()).toEqual([sharedKey]);
});
