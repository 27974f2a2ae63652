/** Accounts with all below them, where a broker routes: what is bound for them, and cursors from node to node. */
import { expect, test } from 'vitest';
import { type AccountEntry, useAccountsFile } from '../support/accounts-file.ts';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { eventsOf, everything } from '../support/every-family.ts';
import { allDelivered } from '../support/fence.ts';
import { until } from '../support/until.ts';

const levels = ['0', '1', '2', '3', '4', '5'].map((level) => `${'a'.repeat(31)}${level}`);
const [top, , , , , leaf] = levels as [string, string, string, string, string, string];
const stranger = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb0';
const realmOf = (account: string) => `r${account.slice(-2)}.example.com`;
const tree: readonly AccountEntry[] = [
  ...levels.map((id, level) => ({
    id,
    realm: realmOf(id),
    ...(level > 0 && { parent_id: levels[level - 1] as string }),
  })),
  { id: stranger, realm: realmOf(stranger) },
];

async function open(bridge: Bridge, account: string, path = '/?dialect=classic'): Promise<Client> {
  return openClient(bridge, { token: await tokenFor(account), path });
}

test.each([
  ['fine', '1000'],
  ['coarse', '8'],
])('events of every family, five levels down, and of nobody else: %s patterns', async (_plan, MAX_PATTERNS) => {
  const broker = await useBroker();
  const accounts = await useAccountsFile(tree);
  const bridge = await startBridge({ ACCOUNTS_FILE: accounts.path, MAX_PATTERNS }, broker);
  const [above, own] = [await open(bridge, top), await open(bridge, leaf)];
  expect(await above.subscribe(everything, { include_subaccounts: true })).toMatchObject({ status: 'success' });
  await own.subscribe(everything);
  await publish(broker, ...eventsOf(leaf, realmOf(leaf)), ...eventsOf(stranger, realmOf(stranger)));
  await allDelivered(bridge, above, own);
  const bodies = ({ events }: Client) => events.map(({ args }) => JSON.stringify(args)).toSorted();
  expect(own.events).toHaveLength(eventsOf(leaf, realmOf(leaf)).length);
  expect(bodies(above)).toEqual(bodies(own));
  expect(new Set(above.events.map(({ account_id }) => account_id))).toEqual(new Set([leaf]));
  expect(new Set(own.events.map(({ account_id }) => account_id))).toEqual(new Set([undefined]));
});

test('a cursor is good on another node, and an account that has left there brings nothing', async () => {
  const broker = await useBroker();
  const settings = { HISTORY: 'stream', HISTORY_STREAM: 'history' };
  const [before, after] = [await useAccountsFile(tree), await useAccountsFile(tree)];
  const north = await startBridge({ ...settings, NODE_NAME: 'north', ACCOUNTS_FILE: before.path }, broker);
  const south = await startBridge({ ...settings, NODE_NAME: 'south', ACCOUNTS_FILE: after.path }, broker);
  const path = '/?dialect=classic&resume=on';
  const options = { include_subaccounts: true, filter: { 'Event-Name': 'CHANNEL_CREATE' } };
  const first = await open(north, top, path);
  await first.subscribe('call.*.*', options);
  await publish(broker, callEvent(leaf, 'CHANNEL_CREATE', 'c1'));
  const [{ cursor } = {}] = await first.untilEvents(1);
  const moved = levels[1] as string;
  const left = levels[2] as string;
  await publish(
    broker,
    ...[leaf, stranger, moved].map((account) => callEvent(account, 'CHANNEL_CREATE', 'c2')),
    callEvent(leaf, 'CHANNEL_ANSWER', 'c2'),
    callEvent(top, 'CHANNEL_CREATE', 'c3'),
  );
  await first.untilEvents(4);
  await after.rewrite(tree.map((entry) => (entry.id === left ? { ...entry, parent_id: stranger } : entry)));
  await until(
    () => south.logLines.some(({ message }) => message === 'the account tree was reloaded'),
    'the other tree',
  );
  const second = await open(south, top, path);
  const reply = await second.subscribe('call.*.*', { ...options, since: cursor, request_id: 'mine' });
  expect(reply.data.recovered).toBe(true);
  expect(await second.notice('live')).toMatchObject({ replayed: 2 });
  expect(second.events.map(({ account_id }) => account_id)).toEqual([moved, top]);
});
