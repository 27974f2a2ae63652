/** Events of the past are judged again when they are read: whose they were, and whose they are by now. */
import { expect, test } from 'vitest';
import { Accounts, AccountTree } from '../../src/auth/accounts.ts';
import { createCatalogue } from '../../src/families/catalogue.ts';
import { newCursorKey } from '../../src/history/cursor.ts';
import { History } from '../../src/history/history.ts';
import type { KeptEvent } from '../../src/history/ring.ts';
import { PastEvents } from '../../src/replay/past-events.ts';
import { type BusMessage, callEvent, conferenceEvent, messageWaiting } from '../support/events.ts';

const [one, other] = ['a'.repeat(32), 'b'.repeat(32)];
const realm = 'one.example.com';
const treeWith = (owner: string): AccountTree =>
  new AccountTree([one, other].map((id) => ({ id, realm: id === owner ? realm : `${id}.example.com` })));

function past() {
  const accounts = new Accounts(treeWith(one));
  const settings = { callEvents: ['CHANNEL_CREATE'], documentTypes: ['user'], notifications: [] };
  const history = new History({ ringBytes: 1_000_000, maxAgeMs: 60_000 });
  history.name({ id: 'epoch', key: newCursorKey() });
  return { accounts, events: new PastEvents(createCatalogue(settings, accounts), history) };
}

const kept = ({ exchange, routingKey, body }: BusMessage, account: string | undefined, position = 1): KeptEvent => ({
  ...{ position, account, exchange, routingKey, contentEncoding: undefined },
  body: Buffer.from(JSON.stringify(body)),
});

test('an event of a realm that has changed hands since it was taken is given to nobody', () => {
  const { accounts, events } = past();
  const event = kept(messageWaiting(realm), one);
  expect(events.read(event)?.event.account).toBe(one);
  accounts.replace(treeWith(other));
  events.forget();
  expect(events.read(event)).toBeUndefined();
  // What was taken since is the new owner’s.
  expect(events.read(kept(messageWaiting(realm), other, 2))?.event.account).toBe(other);
});

test('an event that names its account stays that one’s, and a conference’s that of those who were heard to be in it', () => {
  const { accounts, events } = past();
  accounts.replace(treeWith(other));
  expect(events.read(kept(callEvent(one), one))?.event.account).toBe(one);
  expect(events.read(kept(conferenceEvent(one), other, 2))?.event.account).toBe(other);
});

test('thousands of events are read, and only the last of them kept ready', () => {
  const { events } = past();
  const first = events.read(kept(callEvent(one), one, 1));
  expect(events.read(kept(callEvent(one), one, 1))).toBe(first);
  for (let position = 2; position <= 10_000; position += 1) events.read(kept(callEvent(one), one, position));
  expect(events.read(kept(callEvent(one), one, 10_000))).toBe(events.read(kept(callEvent(one), one, 10_000)));
  expect(events.read(kept(callEvent(one), one, 1))).not.toBe(first);
});
