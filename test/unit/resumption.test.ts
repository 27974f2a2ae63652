/** What is counted when the source comes and goes. */
import { expect, test } from 'vitest';
import { Accounts } from '../../src/auth/accounts.ts';
import { createCatalogue } from '../../src/families/catalogue.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import { Resumption } from '../../src/replay/resumption.ts';

test('without a history a start is no gap, and a reconnect is one', () => {
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
  const resumption = new Resumption(undefined, catalogue, new Subscriptions(), counters);
  resumption.onSourceUp();
  expect(gaps).toBe(0);
  resumption.onSourceDown();
  resumption.onSourceUp();
  expect(gaps).toBe(1);
});
