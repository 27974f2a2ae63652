import { describe, expect, test } from 'vitest';
import { Accounts } from '../../src/auth/accounts.ts';
import { CrossbarAccounts, treeOf } from '../../src/auth/crossbar-accounts.ts';
import {
  type Credentials,
  CrossbarListing,
  type Listing,
  type ListingLimits,
} from '../../src/auth/crossbar-listing.ts';
import { apiKey, type FakeAccount, type FakeCrossbar, startFakeCrossbar, user } from '../support/fake-crossbar.ts';
import { answerJson } from '../support/rest.ts';
import { silentLog } from '../support/silent-log.ts';
import { until } from '../support/until.ts';

const child = (id: string, ...tree: string[]): FakeAccount => ({
  id,
  name: `name of ${id}`,
  realm: `${id}.example.com`,
  tree: ['master', 'top', ...tree],
});
const family = [child('shop'), child('till', 'shop'), child('office')];

function listingOf(crossbar: FakeCrossbar, credentials: Credentials = { apiKey }, limits: Partial<ListingLimits> = {}) {
  return new CrossbarListing(`${crossbar.address}/`, credentials, limits);
}

const idsOf = (listing: Listing): string[] => listing.map(({ id }) => id).sort();

describe('the accounts of a Crossbar', () => {
  test.each<[string, Credentials]>([
    ['an API key', { apiKey }],
    ['a user of a realm', user],
    ['a user of a named account', { ...user, account: 'top' }],
  ])('are the topmost and its descendants, for %s', async (_name, credentials) => {
    const crossbar = await startFakeCrossbar(family);
    crossbar.top = { ...crossbar.top, superduper_admin: true };
    const [top, ...below] = await listingOf(crossbar, credentials).read();
    expect(top).toEqual({ id: 'top', name: 'top', realm: 'top.example.com', tree: [], superduperAdmin: true });
    expect(below).toHaveLength(3);
    expect(below).toContainEqual({
      id: 'till',
      name: 'name of till',
      realm: 'till.example.com',
      tree: ['master', 'top', 'shop'],
      superduperAdmin: false,
    });
  });

  test('come page by page, each once, whatever they are called', async () => {
    const many = Array.from({ length: 101 }, (_, index) => ({
      ...child(`a${index}`),
      name: `Müller & Söhne #${index >> 2}`,
    }));
    const crossbar = await startFakeCrossbar(many);
    const listing = await listingOf(crossbar, { apiKey }, { pageSize: 10 }).read();
    expect(idsOf(listing)).toEqual(['top', ...many.map(({ id }) => id)].sort());
    const pages = crossbar.asked.filter((line) => line.includes('/descendants'));
    expect(pages.length).toBeGreaterThan(10);
    expect(pages.every((line) => line.includes('page_size=10'))).toBe(true);
  });

  test('one login does for as long as the token is good; a refused token is replaced, in the middle of the pages too', async () => {
    const crossbar = await startFakeCrossbar(family);
    const listing = listingOf(crossbar, { apiKey }, { pageSize: 1 });
    await listing.read();
    await listing.read();
    const logins = () => crossbar.asked.filter((line) => line.startsWith('PUT')).length;
    expect(logins()).toBe(1);
    let pages = 0;
    crossbar.instead = (path) => {
      if (path.includes('/descendants') && ++pages === 2) crossbar.tokens.clear();
      return false;
    };
    expect(idsOf(await listing.read())).toEqual(['office', 'shop', 'till', 'top']);
    expect(logins()).toBe(2);
  });

  type Instead = FakeCrossbar['instead'];
  const answering =
    (part: string, status: number, body: unknown): Instead =>
    (path, response) => {
      if (!path.includes(part)) return false;
      if (typeof body === 'string') response.writeHead(status, { 'content-type': 'text/html' }).end(body);
      else answerJson(response, status, body);
      return true;
    };

  test.each<[string, Instead, string]>([
    ['does not answer in time', (path) => path.includes('/descendants'), 'no answer within 1000 ms'],
    [
      'begins an answer and never ends it',
      (_path, response) => response.writeHead(200).write('{'),
      'no answer within 1000 ms',
    ],
    ['breaks off', (_path, response) => Boolean(response.destroy()), 'it can not be reached'],
    ['has a fault', answering('/descendants', 500, {}), 'it answers 500 to /accounts/top/descendants'],
    ['forbids it', answering('/descendants', 403, {}), 'it answers 403 to /accounts/top/descendants'],
    ['is none', answering('', 200, '<html>hello</html>'), 'its answer to /api_auth is none of Crossbar'],
    [
      'names no account',
      answering('/api_auth', 201, { status: 'success', auth_token: 'x', data: {} }),
      'data.account_id',
    ],
    [
      'gives a token that no header can carry',
      answering('/api_auth', 201, { status: 'success', auth_token: 'se\ncret', data: { account_id: 'top' } }),
      'auth_token: is no token',
    ],
    ['says error', answering('/descendants', 200, { status: 'error', data: [] }), 'status: '],
    ['lists no list', answering('/descendants', 200, { status: 'success', data: {} }), 'data: '],
    [
      'lists an id that is none',
      answering('/descendants', 200, { status: 'success', data: [{ id: 'a.b', tree: [] }] }),
      'data.0.id: ',
    ],
    [
      'answers with another account',
      answering('/accounts/top', 200, { status: 'success', data: { id: 'other' } }),
      'another one',
    ],
    [
      'repeats a page for ever',
      answering('/descendants', 200, { status: 'success', data: [], next_start_key: 'x' }),
      'its pages do not end',
    ],
    [
      'leads elsewhere',
      (_path, response) => Boolean(response.writeHead(307, { location: 'http://127.0.0.1:1/' }).end()),
      'it can not be reached',
    ],
    [
      'answers without end',
      answering('/descendants', 200, 'x'.repeat(70_000)),
      'its answer to /accounts/top/descendants is too long',
    ],
  ])('nothing comes of a Crossbar that %s', async (_name, instead, reason) => {
    const crossbar = await startFakeCrossbar(family);
    crossbar.instead = instead;
    const listing = listingOf(crossbar, { apiKey }, { timeoutMs: 1000, maxAnswerBytes: 65_536 });
    await expect(listing.read()).rejects.toThrow(reason);
    crossbar.instead = undefined;
    expect(idsOf(await listing.read()), 'and the next time it does').toHaveLength(4);
  });

  test.each<[string, Credentials]>([
    ['an API key', { apiKey: 'e'.repeat(64) }],
    ['a password', { ...user, password: 'wrong' }],
  ])('are told to nobody with %s that is wrong', async (_name, credentials) => {
    const crossbar = await startFakeCrossbar(family);
    await expect(listingOf(crossbar, credentials).read()).rejects.toThrow('it refuses the credentials (401)');
  });

  test('are not listed without end', async () => {
    const crossbar = await startFakeCrossbar(family);
    await expect(listingOf(crossbar, { apiKey }, { maxAccounts: 3 }).read()).rejects.toThrow('more than 3 accounts');
  });
});

describe('their tree', () => {
  const listed = (id: string, tree: string[] = [], realm?: string) => ({
    id,
    name: `name of ${id}`,
    realm,
    tree,
    superduperAdmin: false,
  });
  const parents = (listing: Listing) =>
    Object.fromEntries(treeOf(listing).accounts.map(({ id, parent_id }) => [id, parent_id]));

  test('an account is below the last of its `tree` that is listed, in any case below the topmost', () => {
    const listing: Listing = [
      listed('top'),
      listed('a', ['master', 'top']),
      listed('b', ['master', 'top', 'a']),
      listed('c', ['master', 'top', 'a', 'deleted']),
      listed('d', ['master', 'top', 'deleted']),
      listed('e'),
      listed('f', ['top', 'f']),
    ];
    expect(parents(listing)).toEqual({ top: undefined, a: 'top', b: 'a', c: 'a', d: 'top', e: 'top', f: 'top' });
  });

  test('a realm that several have is none of theirs', () => {
    const { accounts, sharedRealms } = treeOf([
      listed('top', [], 'one.example.com'),
      listed('a', ['top'], 'Two.example.com'),
      listed('b', ['top'], 'two.example.com'),
    ]);
    expect(sharedRealms).toEqual(['two.example.com']);
    expect(accounts.map(({ name }) => name)).toEqual(['name of top', 'name of a', 'name of b']);
    expect(accounts.map(({ realm }) => realm)).toEqual(['one.example.com', undefined, undefined]);
  });
});

describe('the tree in force', () => {
  /** Accounts that follow a Crossbar; `look` lets so many seconds pass and waits for what comes of it. */
  async function follow(crossbar: FakeCrossbar) {
    const accounts = new Accounts();
    const told: string[] = [];
    const tell = (fields: unknown, message?: string): void => void told.push(message ?? String(fields));
    const log = { ...silentLog, info: tell, warn: tell, error: tell };
    let begun = 0;
    let reads = 0;
    const listing = listingOf(crossbar, { apiKey }, { timeoutMs: 1000 });
    const counted = {
      read() {
        begun += 1;
        return listing.read().finally(() => {
          reads += 1;
        });
      },
      stop: () => listing.stop(),
    };
    const source = new CrossbarAccounts(counted, accounts, () => told.push('changed'), log);
    async function look(seconds: number): Promise<string[]> {
      const before = reads;
      source.tick(performance.now() + seconds * 1000);
      await until(() => reads > before);
      await new Promise((resolve) => setImmediate(resolve));
      return told.splice(0);
    }
    const looks = (seconds: number): boolean => {
      const before = begun;
      source.tick(performance.now() + seconds * 1000);
      return begun > before;
    };
    return { accounts, source, look, looks };
  }

  const taken = ['the account tree was reloaded', 'changed'];

  test('is there once it was read, and is looked for every minute', async () => {
    const crossbar = await startFakeCrossbar(family);
    const { accounts, source, look, looks } = await follow(crossbar);
    expect(source.missingBecause).toBe('the account tree was not read from ACCOUNTS_URL yet (no answer yet)');
    expect(accounts.isWithin('till', 'shop')).toBe(false);
    expect(await look(0)).toEqual(taken);
    expect(source.missingBecause).toBeUndefined();
    expect(accounts.isWithin('till', 'shop')).toBe(true);
    expect(accounts.isWithin('till', 'top')).toBe(true);
    expect(accounts.isWithin('shop', 'office')).toBe(false);
    expect(accounts.realmOf('shop')).toBe('shop.example.com');
    expect(looks(59)).toBe(false);
    expect(await look(61), 'the same again is no change').toEqual([]);
    crossbar.accounts = [child('shop'), child('till')];
    expect(await look(61)).toEqual(taken);
    expect(accounts.isWithin('till', 'shop')).toBe(false);
    expect(accounts.realmOf('office')).toBeUndefined();
  });

  test('stays while the Crossbar is away, slow or wrong; that is said once, and so is its end', async () => {
    const crossbar = await startFakeCrossbar(family);
    const { accounts, source, look, looks } = await follow(crossbar);
    await look(0);
    crossbar.instead = (_path, response) => {
      answerJson(response, 503, {});
      return true;
    };
    expect(await look(61)).toEqual([expect.stringContaining('can not be read')]);
    expect(looks(9)).toBe(false);
    crossbar.instead = () => true;
    expect(await look(11)).toEqual([]);
    crossbar.instead = (path, response) => {
      if (path.includes('descendants')) answerJson(response, 200, { status: 'success', data: [{ id: 7 }] });
      return path.includes('descendants');
    };
    expect(await look(11)).toEqual([]);
    expect(accounts.isWithin('till', 'shop')).toBe(true);
    expect(source.missingBecause).toBeUndefined();
    crossbar.instead = undefined;
    expect(await look(11)).toEqual([expect.stringContaining('again')]);
  });

  test('stays when the accounts listed would be above each other', async () => {
    const crossbar = await startFakeCrossbar(family);
    const { accounts, look } = await follow(crossbar);
    await look(0);
    crossbar.accounts = [child('shop', 'till'), child('till', 'shop')];
    expect(await look(61)).toEqual([expect.stringContaining('can not be read')]);
    expect(accounts.isWithin('office', 'top')).toBe(true);
    expect(accounts.isWithin('shop', 'till')).toBe(false);
  });

  test('is missing, with the reason, until the first that can be used', async () => {
    const crossbar = await startFakeCrossbar([child('shop', 'till'), child('till', 'shop')]);
    const { source, look } = await follow(crossbar);
    await look(0);
    expect(source.missingBecause).toContain('its accounts make no tree: account shop is its own ancestor');
    crossbar.instead = (_path, response) => Boolean(response.destroy());
    await look(11);
    expect(source.missingBecause).toContain('it can not be reached');
    crossbar.instead = undefined;
    crossbar.accounts = family;
    expect(await look(11)).toEqual([...taken, expect.stringContaining('again')]);
    expect(source.missingBecause).toBeUndefined();
  });

  test('nothing is taken or said after the stop', async () => {
    const crossbar = await startFakeCrossbar(family);
    const { accounts, source, look } = await follow(crossbar);
    crossbar.instead = (path) => path.includes('descendants');
    const looked = look(0);
    await until(() => crossbar.asked.length === 3);
    source.stop();
    expect(await looked).toEqual([]);
    expect(accounts.realmOf('top')).toBeUndefined();
  });
});
