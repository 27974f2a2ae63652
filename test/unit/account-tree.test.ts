/** The account tree changes while sockets are open, and takes rights away. */
import { expect, test } from 'vitest';
import { type AccountEntry, type AccountsFile, useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient, type Reply } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { callEvent, documentEvent, presenceDialog, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { until } from '../support/until.ts';

const top = '0000000000000000000000000000000a';
const child = '0000000000000000000000000000000b';

async function startWith(list: readonly AccountEntry[]): Promise<{ bridge: EmbeddedBridge; accounts: AccountsFile }> {
  const accounts = await useAccountsFile(list);
  return { bridge: await startBridge({ ACCOUNTS_FILE: accounts.path }), accounts };
}

const logged = (bridge: EmbeddedBridge, level: string, text: RegExp): boolean =>
  bridge.logLines.some((line) => line.level === level && text.test(line.message));

async function reloaded(bridge: EmbeddedBridge, accounts: AccountsFile, list: readonly AccountEntry[]): Promise<void> {
  const before = bridge.logLines.length;
  await accounts.rewrite(list);
  await until(() => bridge.logLines.slice(before).some(({ message }) => message === 'the account tree was reloaded'));
}

function errorsOf(client: Client): Reply['data'][] {
  return client.replies.filter(({ status }) => status === 'error').map(({ data }) => data);
}

test('an account that is moved away: the former parent’s subscriptions to it end, and no others', async () => {
  const { bridge, accounts } = await startWith([{ id: top }, { id: child, parent_id: top }]);
  const parent = await openClient(bridge, { token: await tokenFor(top) });
  const own = await openClient(bridge, { token: await tokenFor(child) });
  await parent.subscribe(['call.*.*', 'doc_edited.*.user.*'], { account_id: child });
  await parent.subscribe('call.*.*');
  await own.subscribe('call.*.*');
  await reloaded(bridge, accounts, [{ id: top }, { id: child }]);
  await publish(bridge.broker, callEvent(child), documentEvent(child), callEvent(top));
  await allDelivered(bridge, parent, own);
  expect(parent.events.map(({ args }) => args)).toEqual([callEvent(top).body]);
  expect(own.events).toHaveLength(1);
  const texts = errorsOf(parent).flatMap(({ errors = [] }) => errors);
  expect(errorsOf(parent)[0]).toMatchObject({ code: 'account_unauthorized' });
  expect(texts[0]).toMatch(/^unauthorized account id/);
  for (const binding of ['call.*.*', 'doc_edited.*.user.*'])
    expect(texts.join(), 'it is said which').toContain(binding);
  expect(errorsOf(own)).toEqual([]);
  expect((await parent.unsubscribe('nothing')).data.subscriptions).toEqual(['call.*.*']);
  expect((await parent.subscribe('call.*.*', { account_id: child })).data.code).toBe('account_unauthorized');
});

test('an account that is listed no more: the same', async () => {
  const { bridge, accounts } = await startWith([{ id: top }, { id: child, parent_id: top }]);
  const parent = await openClient(bridge, { token: await tokenFor(top) });
  await parent.subscribe('call.*.*', { account_id: child });
  await reloaded(bridge, accounts, [{ id: top }]);
  await publish(bridge.broker, callEvent(child));
  await allDelivered(bridge, parent);
  expect(parent.events).toEqual([]);
  expect(errorsOf(parent)).toHaveLength(1);
});

test('a superduper admin of the file who is none any more loses "*"', async () => {
  const { bridge, accounts } = await startWith([{ id: top, superduper_admin: true }]);
  const byFile = await openClient(bridge, { token: await tokenFor(top) });
  const byToken = await openClient(bridge, { token: await tokenFor(top, { superduper_admin: true }) });
  for (const client of [byFile, byToken]) {
    expect(await client.subscribe('call.*.*', { account_id: '*' })).toMatchObject({ status: 'success' });
  }
  await reloaded(bridge, accounts, [{ id: top }]);
  await publish(bridge.broker, callEvent('anybody'));
  await allDelivered(bridge, byFile, byToken);
  expect(byFile.events).toEqual([]);
  expect(errorsOf(byFile)).toMatchObject([{ code: 'account_unauthorized' }]);
  expect(byToken.events, 'the token says it itself').toHaveLength(1);
});

test('rights that are given count at once', async () => {
  const { bridge, accounts } = await startWith([{ id: top }]);
  const client = await openClient(bridge, { token: await tokenFor(top) });
  expect((await client.subscribe('call.*.*', { account_id: child })).data.code).toBe('account_unauthorized');
  await reloaded(bridge, accounts, [{ id: top }, { id: child, parent_id: top }]);
  expect(await client.subscribe('call.*.*', { account_id: child })).toMatchObject({ status: 'success' });
});

test('a realm that moves takes its presence along', async () => {
  const realm = 'moving.example.com';
  const { bridge, accounts } = await startWith([
    { id: top, realm },
    { id: child, realm: 'other.example.com' },
  ]);
  const before = await openClient(bridge, { token: await tokenFor(top) });
  const after = await openClient(bridge, { token: await tokenFor(child) });
  for (const client of [before, after]) {
    expect(await client.subscribe('presence.dialog.*')).toMatchObject({ status: 'success' });
  }
  await reloaded(bridge, accounts, [
    { id: top, realm: 'third.example.com' },
    { id: child, realm },
  ]);
  await publish(bridge.broker, presenceDialog(realm));
  await allDelivered(bridge, before, after);
  expect(before.events).toEqual([]);
  expect(after.events).toHaveLength(1);
});

test('a realm that is taken away ends what hangs on it', async () => {
  const realm = 'gone.example.com';
  const { bridge, accounts } = await startWith([{ id: top, realm }]);
  const client = await openClient(bridge, { token: await tokenFor(top) });
  await client.subscribe(['presence.dialog.*', 'call.*.*']);
  await reloaded(bridge, accounts, [{ id: top }]);
  await publish(bridge.broker, presenceDialog(realm), callEvent(top));
  await allDelivered(bridge, client);
  expect(client.events.map(({ name }) => name)).toEqual(['CHANNEL_CREATE']);
  expect(errorsOf(client)).toMatchObject([{ code: 'binding_unsupported' }]);
  expect((await client.unsubscribe('nothing')).data.subscriptions).toEqual(['call.*.*']);
});

test.each([
  [
    'a cycle',
    [
      { id: top, parent_id: child },
      { id: child, parent_id: top },
    ],
  ],
  ['an unknown parent', [{ id: top }, { id: child, parent_id: 'unknown' }]],
  [
    'a realm twice',
    [
      { id: top, realm: 'x.example.com' },
      { id: child, realm: 'X.example.com' },
    ],
  ],
])('a file with %s is refused: the old one stays in force, logged', async (_name, bad) => {
  const { bridge, accounts } = await startWith([{ id: top }, { id: child, parent_id: top }]);
  const client = await openClient(bridge, { token: await tokenFor(top) });
  await client.subscribe('call.*.*', { account_id: child });
  await accounts.rewrite(bad);
  await until(() => logged(bridge, 'error', /ACCOUNTS_FILE is refused/));
  await publish(bridge.broker, callEvent(child));
  await client.untilEvents(1);
  expect(errorsOf(client)).toEqual([]);
});
