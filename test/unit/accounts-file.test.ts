import { describe, expect, test } from 'vitest';
import { type AccountEntry, useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

const tree: readonly AccountEntry[] = [
  { id: 'reseller', realm: 'reseller.example.com' },
  { id: 'shop', parent_id: 'reseller', realm: 'shop.example.com' },
  { id: 'stranger' },
];

async function startWith(accounts: readonly AccountEntry[]) {
  const file = await useAccountsFile(accounts);
  const bridge = await startBridge({ ACCOUNTS_FILE: file.path });
  return { ...file, bridge };
}

/** The HTTP status of a look at an account's sockets with another one's token. */
async function statusOf(bridge: EmbeddedBridge, account: string, tokenAccount: string): Promise<number> {
  const { status } = await rest(bridge, `/v2/accounts/${account}/websockets`, { token: await tokenFor(tokenAccount) });
  return status;
}

describe('ACCOUNTS_FILE', () => {
  test('makes the tree: an account may look below itself, and nowhere else', async () => {
    const { bridge } = await startWith(tree);
    expect(await statusOf(bridge, 'shop', 'reseller')).toBe(200);
    expect(await statusOf(bridge, 'reseller', 'shop')).toBe(403);
    expect(await statusOf(bridge, 'shop', 'stranger')).toBe(403);
  });

  test('is reloaded when it changes', async () => {
    const { bridge, rewrite } = await startWith(tree);
    const token = await tokenFor('stranger');
    const client = await openClient(bridge, { token });
    expect(await client.subscribe('call.*.*', { account_id: 'shop' })).toMatchObject({ status: 'error' });
    await rewrite([{ id: 'reseller' }, { id: 'stranger' }, { id: 'shop', parent_id: 'stranger' }]);
    await until(async () => (await statusOf(bridge, 'shop', 'stranger')) === 200);
    expect(await statusOf(bridge, 'shop', 'reseller')).toBe(403);
    expect(await client.subscribe('call.*.*', { account_id: 'shop' })).toMatchObject({ status: 'success' });
    expect(bridge.logLines.filter(({ message }) => message === 'the account tree was reloaded')).toHaveLength(1);
  });

  test('a reload can make a superduper admin, and give a realm', async () => {
    const { bridge, rewrite } = await startWith(tree);
    const client = await openClient(bridge, { token: await tokenFor('stranger') });
    expect(await client.subscribe('call.*.*', { account_id: '*' })).toMatchObject({ status: 'error' });
    expect(await client.subscribe('presence.dialog.*')).toMatchObject({ data: { code: 'binding_unsupported' } });
    await rewrite([{ id: 'stranger', superduper_admin: true, realm: 'stranger.example.com' }]);
    await until(() => bridge.logLines.some(({ message }) => message === 'the account tree was reloaded'));
    expect(await client.subscribe('call.*.*', { account_id: '*' })).toMatchObject({ status: 'success' });
    expect(await client.subscribe('presence.dialog.*')).toMatchObject({ status: 'success' });
  });

  test.each<[string, readonly AccountEntry[], string]>([
    [
      'a cycle',
      [
        { id: 'shop', parent_id: 'reseller' },
        { id: 'reseller', parent_id: 'shop' },
      ],
      'its own ancestor',
    ],
    ['an unknown parent', [{ id: 'shop', parent_id: 'nobody' }], 'unknown ancestor nobody'],
    [
      'a realm twice',
      [
        { id: 'shop', realm: 'a.example.com' },
        { id: 'b', realm: 'A.example.com' },
      ],
      'both shop and b',
    ],
  ])('at a reload with %s the old one stays in force, and it is logged', async (_title, accounts, reason) => {
    const { bridge, rewrite } = await startWith(tree);
    const refused = () =>
      bridge.logLines.find(({ level, fields }) => level === 'error' && String(fields.reason).includes(reason));
    await rewrite(accounts);
    await until(() => refused() !== undefined);
    expect(refused()?.message).toContain('ACCOUNTS_FILE');
    expect(await statusOf(bridge, 'shop', 'reseller')).toBe(200);
    await rewrite([{ id: 'shop' }, { id: 'reseller' }]);
    await until(async () => (await statusOf(bridge, 'shop', 'reseller')) === 403);
  });

  test('without the file every account stands alone, without a realm', async () => {
    const bridge = await startBridge();
    expect(await statusOf(bridge, 'shop', 'shop')).toBe(200);
    expect(await statusOf(bridge, 'shop', 'reseller')).toBe(403);
    const client = await openClient(bridge, { token: await tokenFor('shop') });
    expect(await client.subscribe('presence.dialog.*')).toMatchObject({ data: { code: 'binding_unsupported' } });
  });
});
