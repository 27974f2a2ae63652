import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Accounts, AccountTree, parseAccounts } from '../../src/auth/accounts.ts';
import { AccountsFile } from '../../src/auth/accounts-file.ts';
import { checkAccount, checkFamily, checkScope } from '../../src/auth/authorization.ts';
import { identityOf } from '../../src/auth/identity.ts';
import { ActionError } from '../../src/errors.ts';
import { silentLog } from '../support/silent-log.ts';

const family = [
  { id: 'reseller', realm: 'Reseller.example.com' },
  { id: 'shop', parent_id: 'reseller', realm: 'shop.example.com' },
  { id: 'till', parent_id: 'shop' },
  { id: 'other', parent_id: null, superduper_admin: true },
];

describe('the account tree', () => {
  const tree = new AccountTree(family);

  test.each([
    ['reseller', 'reseller', true],
    ['shop', 'reseller', true],
    ['till', 'reseller', true],
    ['reseller', 'shop', false],
    ['shop', 'till', false],
    ['other', 'reseller', false],
    ['unknown', 'reseller', false],
    ['unknown', 'unknown', true],
  ])('%s is within %s: %s', (account, ancestor, is) => expect(tree.isWithin(account, ancestor)).toBe(is));

  test('knows realms in both directions, without regard to case', () => {
    expect(tree.accountOfRealm('SHOP.example.com')).toBe('shop');
    expect(tree.accountOfRealm('reseller.example.com')).toBe('reseller');
    expect(tree.accountOfRealm('elsewhere.example.com')).toBeUndefined();
    expect(tree.realmOf('shop')).toBe('shop.example.com');
    expect(tree.realmOf('till')).toBeUndefined();
  });

  test('takes null for a member that is not there, as other programs write it', () => {
    const bare = { id: 'bare', name: null, realm: null, parent_id: null, superduper_admin: null };
    const accounts = parseAccounts(JSON.stringify([bare, { ...bare, id: 'another' }]));
    expect(accounts.realmOf('bare')).toBeUndefined();
    expect(accounts.isSuperduperAdmin('bare')).toBe(false);
  });

  test('knows who is a superduper admin: nobody by being above, nobody unknown', () => {
    expect(family.map(({ id }) => tree.isSuperduperAdmin(id))).toEqual([false, false, false, true]);
    expect(tree.isSuperduperAdmin('unknown')).toBe(false);
  });

  test('an account is within exactly itself and those on its way up, whatever the tree', () => {
    const parents = fc.array(fc.nat(), { minLength: 1, maxLength: 30 });
    fc.assert(
      fc.property(parents, (draws) => {
        // Each one's parent is an earlier one, or nobody: that makes any tree, and no cycle.
        const accounts = draws.map((draw, index) => {
          const parent = draw % (index + 1);
          return { id: `a${index}`, parent_id: parent === index ? null : `a${parent}` };
        });
        const any = new AccountTree(accounts);
        for (const { id } of accounts) {
          const up = new Set<string>();
          for (let at: string | null = id; at !== null; ) {
            up.add(at);
            const here: string = at;
            at = accounts.find((account) => account.id === here)?.parent_id ?? null;
          }
          for (const other of accounts) expect(any.isWithin(id, other.id)).toBe(up.has(other.id));
        }
      }),
    );
  });

  const drawnTree = fc.array(fc.nat(), { minLength: 1, maxLength: 12 }).map((draws) =>
    draws.map((draw, index) => {
      const parent = draw % (index + 1);
      return { id: `a${index}`, parent_id: parent === index ? null : `a${parent}` };
    }),
  );

  test('of two trees it is known who has others below that were not, whoever came, left and moved', () => {
    fc.assert(
      fc.property(drawnTree, drawnTree, fc.nat(3), (earlier, later, left) => {
        const [before, after] = [new AccountTree(earlier.slice(0, -left || undefined)), new AccountTree(later)];
        const idsBelow = (tree: AccountTree, id: string) => tree.descendantsOf(id).map((account) => account.id);
        const grown = later
          .map(({ id }) => id)
          .filter((id) => idsBelow(after, id).some((below) => !idsBelow(before, id).includes(below)));
        expect([...after.grownSince(before)].sort()).toEqual(grown.sort());
        expect(after.grownSince(after).size).toBe(0);
      }),
    );
  });

  test('accounts with all below them are found as long as they are few', () => {
    fc.assert(
      fc.property(drawnTree, fc.nat(14), fc.nat(), fc.nat(), (accounts, atMost, one, other) => {
        const any = new AccountTree(accounts);
        const asked = [one, other].map((draw) => `a${draw % (accounts.length + 1)}`);
        const all = new Set(asked.flatMap((id) => [id, ...any.descendantsOf(id).map((below) => below.id)]));
        expect(any.within(new Set(asked), atMost)).toEqual(all.size > atMost ? undefined : all);
      }),
    );
  });
});

describe('a file is refused', () => {
  test.each([
    [
      'with a cycle',
      [
        { id: 'a', parent_id: 'b' },
        { id: 'b', parent_id: 'a' },
      ],
      'is its own ancestor',
    ],
    ['with an account that is its own parent', [{ id: 'a', parent_id: 'a' }], 'account a is its own ancestor'],
    ['with an unknown parent', [{ id: 'a', parent_id: 'b' }], 'account a has an unknown ancestor b'],
    [
      'with a realm twice',
      [
        { id: 'a', realm: 'x' },
        { id: 'b', realm: 'X' },
      ],
      'realm x belongs to both a and b',
    ],
    ['with an account twice', [{ id: 'a' }, { id: 'a' }], 'account a is listed twice'],
    ['with an id that no routing key could carry', [{ id: 'a.b' }], '0.id: must be 1 to 128 characters without dots'],
    ['with a wildcard for an id', [{ id: '*' }], '0.id: '],
    ['without an id', [{ name: 'a' }], '0.id: '],
    ['that is no array', { id: 'a' }, 'the file: '],
    ['with a right that is no boolean', [{ id: 'a', superduper_admin: 'yes' }], '0.superduper_admin: '],
  ])('%s', (_title, content, problem) => expect(() => parseAccounts(JSON.stringify(content))).toThrow(problem));

  test('that is no JSON', () => expect(() => parseAccounts('[')).toThrow());
});

describe('the tree in force', () => {
  function useFile(content: object): { path: string; write: (content: object | string) => void } {
    const folder = mkdtempSync(join(tmpdir(), 'event-horizon-accounts-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'accounts.json');
    let count = 0;
    // Moved into place, so that every version has an inode of its own, however coarse the clock of the file system.
    const write = (text: object | string): void => {
      const next = join(folder, `next-${count++}`);
      writeFileSync(next, typeof text === 'string' ? text : JSON.stringify(text));
      renameSync(next, path);
    };
    write(content);
    return { path, write };
  }

  /** @param read in place of the file system's own */
  function start(content: object, read?: (path: string) => string) {
    const { path, write } = useFile(content);
    const accounts = new Accounts();
    const told: string[] = [];
    const tell = (fields: unknown, message?: string): void => {
      told.push(message === undefined ? String(fields) : `${message}: ${(fields as { reason: string }).reason}`);
    };
    const log = { ...silentLog, info: tell, error: tell };
    const file = new AccountsFile(path, accounts, () => told.push('changed'), log, read);
    /** What a look at the file comes to, so many seconds after the start. */
    const tick = (seconds: number): string[] => {
      file.tick(seconds * 1000);
      return told.splice(0);
    };
    return { path, write, accounts, tick };
  }

  const taken = ['the account tree was reloaded', 'changed'];

  test('follows the file', () => {
    const { write, accounts, tick } = start(family);
    expect(accounts.isWithin('till', 'reseller')).toBe(true);
    expect(tick(1)).toEqual([]);
    write([...family, { id: 'new', parent_id: 'till', realm: 'new.example.com', superduper_admin: true }]);
    expect(accounts.isWithin('new', 'reseller')).toBe(false);
    expect(tick(2)).toEqual(taken);
    expect(accounts.isWithin('new', 'reseller')).toBe(true);
    expect(accounts.accountOfRealm('new.example.com')).toBe('new');
    expect(accounts.realmOf('new')).toBe('new.example.com');
    expect(accounts.isSuperduperAdmin('new')).toBe(true);
    expect(tick(3)).toEqual([]);
  });

  test.each([
    ['a cycle', [{ id: 'shop', parent_id: 'shop' }], 'its own ancestor'],
    ['an unknown parent', [{ id: 'shop', parent_id: 'nobody' }], 'unknown ancestor'],
    ['half a file', '[{"id":', 'JSON'],
  ])('stays when the changed file has %s, and the refusal is told once', (_title, content, problem) => {
    const { write, accounts, tick } = start(family);
    write(content);
    expect(tick(1)).toEqual([expect.stringContaining(problem)]);
    expect(tick(60)).toEqual([]);
    expect(accounts.isWithin('till', 'reseller')).toBe(true);
    write(family.slice(0, 2));
    expect(tick(61)).toEqual(taken);
    expect(accounts.isWithin('till', 'reseller')).toBe(false);
  });

  test('stays when the file is gone, and follows it when it is back', () => {
    const { path, write, accounts, tick } = start(family);
    rmSync(path);
    expect(tick(1)).toEqual([expect.stringContaining('ENOENT')]);
    for (const seconds of [2, 30, 60]) expect(tick(seconds)).toEqual([]);
    expect(accounts.isWithin('till', 'reseller')).toBe(true);
    write(family.slice(0, 2));
    expect(tick(61)).toEqual(taken);
    expect(accounts.isWithin('till', 'reseller')).toBe(false);
  });

  test('a changed file that can not be read for now is tried again every few seconds, without another change', () => {
    let trouble: string | undefined;
    const tries: number[] = [];
    const { write, accounts, tick } = start(family, (path) => {
      tries.push(tries.length);
      if (trouble !== undefined) throw new Error(`${trouble}: open '${path}'`);
      return readFileSync(path, 'utf8');
    });
    trouble = 'EMFILE: too many open files';
    write(family.slice(0, 2));
    expect(tick(1)).toEqual([expect.stringContaining('EMFILE')]);
    tries.length = 0;
    // Told once, asked about every three seconds.
    for (let second = 2; second <= 10; second += 1) expect(tick(second)).toEqual([]);
    expect(tries).toHaveLength(3);
    expect(accounts.isWithin('till', 'reseller')).toBe(true);
    trouble = undefined;
    expect(tick(14)).toEqual(taken);
    expect(accounts.isWithin('till', 'reseller')).toBe(false);
    expect(tick(20)).toEqual([]);
  });

  test('without the file every account stands alone, without a realm', () => {
    const accounts = new Accounts();
    expect(accounts.isWithin('a', 'a')).toBe(true);
    expect(accounts.isWithin('a', 'b')).toBe(false);
    expect(accounts.realmOf('a')).toBeUndefined();
    expect(accounts.accountOfRealm('a.example.com')).toBeUndefined();
    expect(accounts.isSuperduperAdmin('a')).toBe(false);
  });

  test('a file that can not be read is refused at the start', () => {
    const load = () => new AccountsFile('/no/such/accounts.json', new Accounts(), () => undefined, silentLog);
    expect(load).toThrow('ENOENT');
  });
});

describe('who may watch what', () => {
  const accounts = new Accounts(new AccountTree(family));
  const identity = (claims: object) => identityOf({ account_id: 'shop', ...claims }, 'a token');
  const codeOf = (check: () => void): string => {
    try {
      check();
      return 'allowed';
    } catch (error) {
      if (error instanceof ActionError) return `${error.code}: ${error.message}`;
      throw error;
    }
  };

  test("the token's own account and those below it", () => {
    const attempts = ['shop', 'till', 'reseller', 'other', 'unknown', '*'];
    expect(attempts.map((account) => codeOf(() => checkAccount(identity({}), account, accounts)))).toEqual([
      'allowed',
      'allowed',
      'account_unauthorized: unauthorized account id',
      'account_unauthorized: unauthorized account id',
      'account_unauthorized: unauthorized account id',
      'account_unauthorized: unauthorized wildcard account id',
    ]);
  });

  test('everything for superduper admins, by claim or by the accounts file', () => {
    expect(codeOf(() => checkAccount(identity({ superduper_admin: true }), '*', accounts))).toBe('allowed');
    expect(codeOf(() => checkAccount(identity({ account_id: 'other' }), '*', accounts))).toBe('allowed');
    expect(codeOf(() => checkAccount(identity({ superduper_admin: false }), '*', accounts))).not.toBe('allowed');
  });

  test('only the families that the token names', () => {
    const narrow = identity({ families: ['call'] });
    expect(codeOf(() => checkFamily(narrow, 'call'))).toBe('allowed');
    expect(codeOf(() => checkFamily(narrow, 'object'))).toMatch(/^scope_missing: .*object/);
    expect(codeOf(() => checkFamily(identity({}), 'object'))).toBe('allowed');
    expect(codeOf(() => checkFamily(identity({ families: [] }), 'call'))).toMatch(/^scope_missing/);
  });

  test('a scope that is absent means all but commands', () => {
    const scopes = ['events', 'sockets:read', 'sockets:close', 'commands'] as const;
    const allowed = (claims: object) =>
      scopes.filter((scope) => codeOf(() => checkScope(identity(claims), scope)) === 'allowed');
    expect(allowed({})).toEqual(['events', 'sockets:read', 'sockets:close']);
    expect(allowed({ scope: '' })).toEqual([]);
    expect(allowed({ scope: ' events  commands ' })).toEqual(['events', 'commands']);
  });
});
