/** What the console shows of before: the events that the server has kept. */
import { expect, test, vi } from 'vitest';
import { backlogOf } from '../../src/console/state/backlog.ts';

const answer = vi.hoisted(() => ({ data: { events: [] as object[] } }));
vi.mock('../../src/console/state/rest.ts', () => ({ accountPath: () => '', ask: async () => answer }));

test.each([
  ['call.CHANNEL_CREATE.*', 'call'],
  ['doc_edited.user.*', 'object'],
  ['fax.object.*', 'object'],
  ['fax.status.*', 'fax'],
])('an event of %s is of the family that it would be of if it came now: %s', async (binding, family) => {
  answer.data.events = [{ name: 'n', subscribed_key: binding, account_id: 'acme', cursor: 'c', data: {} }];
  expect(await backlogOf('acme', [binding], () => false)).toMatchObject([{ binding, family, replayed: true }]);
});
