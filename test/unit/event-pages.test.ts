/** Pages of events: what they find, where they end, and what becomes of them when the history changes under them. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Accounts } from '../../src/auth/accounts.ts';
import { dialectNamed } from '../../src/dialects/dialects.ts';
import { ActionError } from '../../src/errors.ts';
import { type Catalogue, createCatalogue } from '../../src/families/catalogue.ts';
import { newCursorKey } from '../../src/history/cursor.ts';
import { History } from '../../src/history/history.ts';
import { type EventPage, type EventPageRequest, EventPages } from '../../src/replay/event-pages.ts';
import { type BusMessage, callEvent, notification } from '../support/events.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

function createWorld(ringBytes = 256_000_000) {
  const settings = { callEvents: ['CHANNEL_CREATE', 'CHANNEL_DESTROY'], documentTypes: [], notifications: [] };
  const own = createCatalogue(settings, new Accounts());
  let reads = 0;
  const catalogue: Catalogue = {
    ...own,
    read(...message) {
      reads += 1;
      return own.read(...message);
    },
  };
  const history = new History({ ringBytes, maxAgeMs: 60_000 });
  history.begin(0);
  history.name({ id: 'an epoch', key: newCursorKey() });
  const pages = new EventPages(history, catalogue);
  return {
    history,
    pages,
    reads: () => reads,
    publish({ exchange, routingKey, body }: BusMessage, of: string | undefined = account) {
      const bytes = Buffer.from(JSON.stringify(body));
      const position = history.head + 1;
      history.append({ position, account: of, exchange, routingKey, contentEncoding: undefined, body: bytes });
    },
    async ask(binding: string, more: Partial<EventPageRequest> = {}): Promise<EventPage | undefined> {
      const bindings = new Map([[binding, catalogue.parse(binding, account)]]);
      const dialect = dialectNamed('classic');
      const isWanted = () => true;
      const asked = { account, asker: account, bindings, filter: undefined, since: undefined };
      const request = { ...asked, limit: 1000, dialect, isWanted, check: () => undefined };
      return pages.read({ ...request, ...more });
    },
  };
}

type World = ReturnType<typeof createWorld>;

function call(world: World, id: number | string, filler = 0, event = 'CHANNEL_CREATE'): void {
  world.publish(callEvent(account, event, `${id}`, filler > 0 ? { Filler: 'x'.repeat(filler) } : {}));
}

const ids = (page: EventPage | undefined): unknown[] =>
  (page?.events ?? []).map((text) => (JSON.parse(text) as { args: Record<string, unknown> }).args['Call-ID']);

test('the latest are the latest, as many as there is room for, and only so many are read', async () => {
  const world = createWorld();
  for (let n = 0; n < 2000; n += 1) call(world, n, 20_000);
  const page = await world.ask('call.*.*');
  const { length } = page?.events ?? [];
  expect(length).toBeGreaterThan(200);
  expect(length).toBeLessThan(210);
  expect(ids(page)).toEqual(Array.from({ length }, (_, n) => `${2000 - length + n}`));
  expect(page).toMatchObject({ more: false, recovered: true, cursor: world.history.cursorAt(2000) });
  expect(world.reads()).toBeLessThanOrEqual(length + 1);
});

test('a page that has looked at enough ends, and says where to go on', async () => {
  const world = createWorld();
  call(world, 'rare', 0, 'CHANNEL_DESTROY');
  for (let n = 0; n < 15_000; n += 1) call(world, n);
  call(world, 'late', 0, 'CHANNEL_DESTROY');
  const rare = 'call.CHANNEL_DESTROY.*';
  const first = await world.ask(rare, { since: world.history.cursorAt(0) });
  expect([ids(first), first?.more]).toEqual([['rare'], true]);
  expect(world.reads()).toBe(10_000);
  const second = await world.ask(rare, { since: first?.cursor ?? '' });
  expect([ids(second), second?.more]).toEqual([['late'], false]);
  const latest = await world.ask(rare);
  expect([ids(latest), latest?.more]).toEqual([['late'], false]);
});

test('events of exchanges that nobody asks for are not read', async () => {
  const world = createWorld();
  world.publish(notification(account));
  for (let n = 0; n < 15_000; n += 1) call(world, n);
  expect((await world.ask('fax.status.*'))?.events).toEqual([]);
  expect(world.reads()).toBe(0);
});

test('what was read for one page is ready for the next, until the account tree is another', async () => {
  const world = createWorld();
  for (let n = 0; n < 100; n += 1) call(world, n);
  await Promise.all([world.ask('call.*.*'), world.ask('call.*.*')]);
  await world.ask('call.CHANNEL_CREATE.*');
  expect(world.reads()).toBe(100);
  world.pages.onAccountsChanged();
  await world.ask('call.*.*');
  expect(world.reads()).toBe(200);
});

test('a page that the ring overtakes ends where it was: what is gone is not passed over', async () => {
  const world = createWorld();
  for (let n = 0; n < 5000; n += 1) call(world, n, 500);
  const reading = world.ask('call.*.*', { since: world.history.cursorAt(0), limit: 10_000 });
  while (world.reads() === 0) await nextTurn();
  world.history.lose(5000);
  for (let n = 0; n < 10; n += 1) call(world, 'after');
  const page = await reading;
  expect(page?.more).toBe(true);
  expect(ids(page)).not.toContain('after');
  expect(await world.ask('call.*.*', { since: page?.cursor ?? '' })).toMatchObject({ reason: 'too_old' });
});

test('a page ends where the history did when its turn came: a gap behind that is told by the next one', async () => {
  const world = createWorld();
  for (let n = 0; n < 2000; n += 1) call(world, n, 500);
  const reading = world.ask('call.*.*', { since: world.history.cursorAt(0), limit: 10_000 });
  while (world.reads() === 0) await nextTurn();
  world.history.mark({ position: 2001, families: ['call'] });
  call(world, 'after');
  const page = await reading;
  expect(page).toMatchObject({ recovered: true, cursor: world.history.cursorAt(2000) });
  expect(ids(page)).not.toContain('after');
  expect(await world.ask('call.*.*', { since: page?.cursor ?? '' })).toMatchObject({ recovered: false, reason: 'gap' });
});

test('where the history begins anew, or nobody waits any more, there is no page', async () => {
  const world = createWorld();
  for (let n = 0; n < 5000; n += 1) call(world, n, 500);
  const reading = world.ask('call.*.*', { since: world.history.cursorAt(0) });
  while (world.reads() === 0) await nextTurn();
  world.history.begin(5000);
  expect(await reading).toBeUndefined();
  world.history.name({ id: 'another', key: newCursorKey() });
  const before = world.reads();
  call(world, 'new');
  expect(await world.ask('call.*.*', { isWanted: () => false })).toBeUndefined();
  expect(world.reads()).toBe(before);
  expect(ids(await world.ask('call.*.*'))).toEqual(['new']);
});

test('whoever may not have it any more when its turn has come, or while it is read, gets no page', async () => {
  const world = createWorld();
  for (let n = 0; n < 9000; n += 1) call(world, n, 500);
  const since = world.history.cursorAt(0);
  const refused = new ActionError('account_unauthorized');
  let isAllowed = true;
  const check = () => {
    if (!isAllowed) throw refused;
  };
  // Nothing is found, so all are looked at: more than fits into a turn.
  const underWay = world.ask('call.*.nothing', { since, check });
  const waiting = world.ask('call.*.*', { since, check });
  while (world.reads() === 0) await nextTurn();
  isAllowed = false;
  const readBefore = world.reads();
  await expect(underWay).rejects.toBe(refused);
  await expect(waiting).rejects.toBe(refused);
  expect(world.reads()).toBe(readBefore);
  expect((await world.ask('call.*.*', { since }))?.events).toHaveLength(1000);
});
