/** What asks for the past holds up nobody: all replays, and all pages, share a few milliseconds of each turn of the event loop. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { Accounts } from '../../src/auth/accounts.ts';
import { dialectNamed } from '../../src/dialects/dialects.ts';
import type { Catalogue } from '../../src/families/catalogue.ts';
import type { Binding } from '../../src/families/family.ts';
import type { History } from '../../src/history/history.ts';
import type { KeptEvent } from '../../src/history/ring.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import { EventPages } from '../../src/replay/event-pages.ts';
import type { PastEvents } from '../../src/replay/past-events.ts';
import { Replayer } from '../../src/replay/replayer.ts';
import { type FeedOwner, SocketFeed } from '../../src/replay/socket-feed.ts';
import { WatchedAccounts } from '../../src/replay/watched-accounts.ts';
import type { Session } from '../../src/session/session.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
const eventCount = 50;
/** Reading an event takes so long that twenty fill a turn. */
const readMs = 0.2;
const mostReadInTurn = 90;
/** Two hundred fill a turn. */
const quickMs = 0.02;

/** A history whose events take their time, and how many of them were looked at. */
function slowHistory(
  events = eventCount,
  eachMs = readMs,
): { readonly history: History; readonly looks: () => number } {
  let looks = 0;
  const next = (position: number): KeptEvent | undefined => {
    if (position >= events) return undefined;
    looks += 1;
    const until = performance.now() + eachMs;
    while (performance.now() < until);
    const nobodys = { exchange: 'none', routingKey: 'none', contentEncoding: undefined, body: Buffer.from('no JSON') };
    return { position: position + 1, account, ...nobodys };
  };
  const judge = () => ({ recovered: true, position: 0 });
  const others = { epoch: { id: 'epoch', key: '' }, head: events, floor: 0, marksBetween: () => [] };
  const history = { ...others, next, judge, cursorAt: String } as unknown as History;
  return { history, looks: () => looks };
}

/** How many events were looked at in the busiest turn of the event loop, until something is done. */
async function mostInTurn(looks: () => number, isDone: () => boolean): Promise<number> {
  let most = 0;
  for (let before = looks(); !isDone(); before = looks()) {
    await nextTurn();
    most = Math.max(most, looks() - before);
  }
  return most;
}

/** Sockets of one account that take whatever they are sent. */
function replaying(history: History, past: PastEvents, count: number): SocketFeed[] {
  const counters = { framesSent: 0, replayed: () => undefined };
  const watched = new WatchedAccounts(history, new Accounts());
  const replayer = new Replayer(history, past, watched, new Subscriptions(), counters, () => true);
  const owner: FeedOwner = { hasHistory: true, head: 0, activate: (feed) => replayer.activate(feed) };
  return Array.from({ length: count }, () => {
    const transport = { owedBytes: 0, sendText: () => undefined };
    const subscriptions = [{ interest: { account, isShared: false } }];
    const session = { accountId: account, isEnded: false, hasValidToken: () => true, transport, subscriptions };
    return new SocketFeed(session as unknown as Session, owner);
  });
}

test('the replays of one account’s sockets share a turn, and all come to their end', async () => {
  const { history, looks } = slowHistory();
  const feeds = replaying(history, { read: () => undefined } as unknown as PastEvents, 12);
  for (const feed of feeds) feed.hold();
  const most = await mostInTurn(looks, () => feeds.every(({ isLive }) => isLive));
  expect(most).toBeLessThan(mostReadInTurn);
  expect(looks()).toBe(feeds.length * eventCount);
});

test('sockets that begin one after the other come together: what they are owed is read a few times, and not for each', async () => {
  const events = 2000;
  const { history } = slowHistory(events, quickMs);
  // As many as one step of a feed looks at are ready; what is older has to be read again.
  const ready: number[] = [];
  let reads = 0;
  const read = ({ position }: KeptEvent): undefined => {
    if (ready.includes(position)) return;
    reads += 1;
    ready.push(position);
    if (ready.length > 64) ready.shift();
  };
  const feeds = replaying(history, { read } as unknown as PastEvents, 10);
  for (const feed of feeds) {
    feed.hold();
    for (let turn = 0; turn < 3; turn += 1) await nextTurn();
  }
  while (!feeds.every(({ isLive }) => isLive)) await nextTurn();
  expect(reads).toBeLessThan(5 * events);
});

test('who has come far is not kept waiting by others who begin over and over', async () => {
  const { history } = slowHistory(1000, quickMs);
  const [first, ...others] = replaying(history, { read: () => undefined } as unknown as PastEvents, 3);
  first?.hold();
  for (let turn = 0; turn < 3; turn += 1) await nextTurn();
  for (const other of others) other.hold();
  let turns = 0;
  for (; first?.isLive === false && turns < 500; turns += 1) {
    await nextTurn();
    for (const other of others) other.position = Math.min(other.position, turns % 100);
  }
  expect(turns).toBeLessThan(500);
});

const catalogue = { families: [], familyOn: () => 'none' } as unknown as Catalogue;
const binding: Binding = {
  family: 'none',
  eventFamily: 'none',
  wordings: [['*']],
  patterns: [{ exchange: 'none', routingPattern: '*' }],
  subscriptionKey: () => '',
};
const anything = {
  account,
  bindings: new Map([['*', binding]]),
  filter: undefined,
  since: 'since',
  limit: 1,
  dialect: dialectNamed('classic'),
  isWanted: () => true,
  check: () => undefined,
};

test('the pages of all accounts share a turn, those of one account are read one after the other', async () => {
  const { history, looks } = slowHistory();
  const pages = new EventPages(history, catalogue);
  const ended: string[] = [];
  const read = async (asker: string): Promise<void> => {
    await pages.read({ ...anything, asker });
    ended.push(asker);
  };
  const all = [...Array<string>(11).fill('many'), 'one'].map(read);
  const most = await mostInTurn(looks, () => ended.length === all.length);
  expect(most).toBeLessThan(mostReadInTurn);
  expect(ended.indexOf('one')).toBeLessThan(2);
  await Promise.all(all);
});

test('an account waits for twenty pages at most, and others are none the worse for it; all wait for sixty', async () => {
  const { history } = slowHistory();
  const pages = new EventPages(history, catalogue);
  const waiting = Array.from({ length: 20 }, () => pages.read({ ...anything, asker: 'many' }));
  expect([pages.fullFor('many'), pages.fullFor('one')]).toEqual(['account', undefined]);
  for (const asker of ['two', 'three']) {
    for (let n = 0; n < 20; n += 1) waiting.push(pages.read({ ...anything, asker }));
  }
  expect(pages.fullFor('one')).toBe('all');
  await Promise.all(waiting);
  expect(pages.fullFor('many')).toBeUndefined();
});
