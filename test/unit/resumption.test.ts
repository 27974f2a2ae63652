/** What is counted when the source comes and goes. */
import { expect, test } from 'vitest';
import { Accounts, AccountTree } from '../../src/auth/accounts.ts';
import { createCatalogue } from '../../src/families/catalogue.ts';
import { History } from '../../src/history/history.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import { Resumption } from '../../src/replay/resumption.ts';

/** With a history or without, and how many gaps it has counted. */
function resuming(history?: History): { readonly resumption: Resumption; readonly gaps: () => number } {
  let gaps = 0;
  const counters = {
    framesSent: 0,
    replayed: () => undefined,
    resumed: () => undefined,
    gap() {
      gaps += 1;
    },
  };
  const catalogue = createCatalogue(
    { callEvents: ['CHANNEL_CREATE'], documentTypes: ['user'], notifications: [] },
    new Accounts(),
  );
  return {
    resumption: new Resumption(history, catalogue, new Subscriptions(), new AccountTree([]), counters),
    gaps: () => gaps,
  };
}

test('without a history a start is no gap, and a reconnect is one', () => {
  const { resumption, gaps } = resuming();
  resumption.onSourceUp();
  expect(gaps()).toBe(0);
  resumption.onSourceDown();
  resumption.onSourceUp();
  expect(gaps()).toBe(1);
});

test('marks that a start meets are of no gap here; those on the way back after a loss are, and those that are met live', () => {
  const { resumption, gaps } = resuming(new History({ ringBytes: 100_000, maxAgeMs: 60_000 }));
  const mark = (position: number): void => {
    resumption.onMark({ position, families: ['call'], isBegin: true });
    resumption.onMark({ position: position + 1, families: ['call'] });
  };
  resumption.onBegin(0);
  mark(1);
  resumption.onSourceUp();
  expect(gaps()).toBe(0);
  resumption.onSourceDown();
  mark(3);
  resumption.onSourceUp();
  expect(gaps()).toBe(1);
  mark(5);
  expect(gaps()).toBe(2);
  resumption.onLost(9);
  expect(gaps()).toBe(3);
});
