import { describe, expect, test } from 'vitest';
import type { SocketRecord } from '../../src/cluster/messages.ts';
import { type Listed, maxPageBytes, mergePages, type Page, type PageRequest, pageOf } from '../../src/cluster/pages.ts';

const all: PageRequest = { startKey: undefined, limit: undefined, idsOnly: false };

function listed(ids: readonly string[], bindings: readonly string[] = ['call.*.*']): Listed[] {
  return ids.map((id) => ({
    id,
    record: (): SocketRecord => ({ websocket_session_id: id, bindings: [...bindings], options: [] }),
  }));
}

const idsOf = ({ records }: Page): string[] => records.map((record) => record.websocket_session_id);

test('a list that nobody wants in pages, and that fits on one, is in the order in which the sockets came', () => {
  const pages = [pageOf(listed(['d', 'a']), all), pageOf(listed(['c', 'b']), all)];
  expect(idsOf(mergePages(pages, all))).toEqual(['d', 'a', 'c', 'b']);
  expect(idsOf(mergePages(pages, { ...all, limit: 100 }))).toEqual(['a', 'b', 'c', 'd']);
});

describe('a page', () => {
  test('is in the order of ids, from the key that is asked for, and says where the next begins', () => {
    const sockets = listed(['d', 'a', 'c', 'b', 'e']);
    const first = pageOf(sockets, { ...all, limit: 2 });
    expect([idsOf(first), first.nextStartKey]).toEqual([['a', 'b'], 'c']);
    const second = pageOf(sockets, { ...all, limit: 2, startKey: 'c' });
    expect([idsOf(second), second.nextStartKey]).toEqual([['c', 'd'], 'e']);
    const last = pageOf(sockets, { ...all, limit: 2, startKey: 'e' });
    expect([idsOf(last), last.nextStartKey]).toEqual([['e'], undefined]);
    expect(pageOf(sockets, { ...all, startKey: 'f' })).toEqual({ records: [], nextStartKey: undefined, bytes: 0 });
  });

  test('has a bound in bytes, and one record at least', () => {
    const heavy = Array.from({ length: 250 }, (_, index) => `call.CHANNEL_CREATE.${'x'.repeat(200)}${index}`);
    const sockets = listed(
      Array.from({ length: 200 }, (_, index) => `socket-${index}`),
      heavy,
    );
    const page = pageOf(sockets, all);
    expect(page.records.length).toBeGreaterThan(1);
    expect(JSON.stringify(page.records).length).toBeLessThan(maxPageBytes + 100_000);
    expect(page.nextStartKey).toBeDefined();
    expect(pageOf(sockets, all, 1).records).toHaveLength(1);
  });

  test('of ids has nothing else, and makes no record of any socket', () => {
    const sockets = ['b', 'a'].map((id) => ({
      id,
      record: (): SocketRecord => {
        throw new Error('not asked for');
      },
    }));
    expect(pageOf(sockets, { ...all, idsOnly: true }).records).toEqual([
      { websocket_session_id: 'b', bindings: [], options: [] },
      { websocket_session_id: 'a', bindings: [], options: [] },
    ]);
  });
});

describe('pages of several nodes', () => {
  /** Goes through all pages as a client does. */
  function walk(nodes: readonly (readonly string[])[], limit: number, bytes?: number): string[] {
    const seen: string[] = [];
    for (let startKey: string | undefined = '', turns = 0; startKey !== undefined && turns < 200; turns += 1) {
      const request: PageRequest = { ...all, limit, startKey };
      const page: Page = mergePages(
        nodes.map((ids) => pageOf(listed(ids), request, bytes)),
        request,
      );
      seen.push(...idsOf(page));
      startKey = page.nextStartKey;
    }
    return seen;
  }

  test.each([1, 2, 3, 7, 100])('%i at a time, they have each socket once', (limit) => {
    const ids = Array.from({ length: 60 }, (_, index) => String(index).padStart(3, '0'));
    const nodes = [ids.filter((_, index) => index % 3 === 0), ids.filter((_, index) => index % 3 !== 0), []];
    expect(walk(nodes, limit)).toEqual(ids);
    // Pages that end early, each somewhere else, for they were full of bytes.
    expect(walk(nodes, limit, 150)).toEqual(ids);
  });

  test('one that knows no pages sends all that it has: what belongs on another page is left for that', () => {
    const request: PageRequest = { ...all, limit: 2, startKey: 'b' };
    const theirs: Page = {
      records: listed(['a', 'b', 'c', 'd']).map(({ record }) => record()),
      nextStartKey: undefined,
      bytes: 0,
    };
    const page = mergePages([pageOf(listed([]), request), theirs], request);
    expect([idsOf(page), page.nextStartKey]).toEqual([['b', 'c'], 'd']);
  });
});
