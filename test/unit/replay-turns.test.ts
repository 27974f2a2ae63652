/** What asks for the past holds up nobody: all replays, and all pages, share a few milliseconds of each turn of the event loop. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
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
import type { Session } from '../../src/session/session.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
const eventCount = 50;
/** Reading an event takes so long that twenty fill a turn. */
const readMs = 0.2;
const mostReadInTurn = 90;

/** A history whose events take their time, and how many of them were looked at. */
function slowHistory(): { readonly history: History; readonly looks: () => number } {
  let looks = 0;
  const next = (position: number): KeptEvent | undefined => {
    if (position >= eventCount) return undefined;
    looks += 1;
    const until = performance.now() + readMs;
    while (performance.now() < until);
    const nobodys = { exchange: 'none', routingKey: 'none', contentEncoding: undefined, body: Buffer.from('no JSON') };
    return { position: position + 1, account, ...nobodys };
  };
  const judge = () => ({ recovered: true, position: 0 });
  const others = { epoch: { id: 'epoch', key: '' }, head: eventCount, floor: 0, marksBetween: () => [] };
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

test('the replays of one account’s sockets share a turn, and all come to their end', async () => {
  const { history, looks } = slowHistory();
  const past = { read: () => undefined } as unknown as PastEvents;
  const counters = { framesSent: 0, replayed: () => undefined };
  const replayer = new Replayer(history, past, new Subscriptions(), counters, () => true);
  const owner: FeedOwner = { hasHistory: true, head: 0, activate: (feed) => replayer.activate(feed) };
  const feeds = Array.from({ length: 12 }, () => {
    const transport = { owedBytes: 0, sendText: () => undefined };
    const subscriptions = [{ interest: { account, isShared: false } }];
    const session = { accountId: account, isEnded: false, hasValidToken: () => true, transport, subscriptions };
    return new SocketFeed(session as unknown as Session, owner);
  });
  for (const feed of feeds) feed.hold();
  const most = await mostInTurn(looks, () => feeds.every(({ isLive }) => isLive));
  expect(most).toBeLessThan(mostReadInTurn);
  expect(looks()).toBe(feeds.length * eventCount);
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
  since: 'since',
  limit: 1,
  dialect: dialectNamed('classic'),
  isWanted: () => true,
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
