/** Who may see what, as an attacker would try it. */
import { expect, test } from 'vitest';
import { type AccountEntry, useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import {
  type BusMessage,
  callEvent,
  conferenceEvent,
  notification,
  presenceDialog,
  publish,
  registration,
  withFields,
} from '../support/events.ts';
import { eventsOf, everything } from '../support/every-family.ts';
import { allDelivered, withoutFences } from '../support/fence.ts';

const top = '0000000000000000000000000000000a';
const child = '0000000000000000000000000000000b';
const grandchild = '0000000000000000000000000000000c';
const stranger = '0000000000000000000000000000000d';

const tree: readonly AccountEntry[] = [
  { id: top, realm: 'top.example.com' },
  { id: child, realm: 'child.example.com', parent_id: top },
  { id: grandchild, realm: 'grandchild.example.com', parent_id: child },
  { id: stranger, realm: 'stranger.example.com' },
];

/** @param patterns what the node may hold at the broker; with 8, each family's coarse ones */
async function startWithTree(patterns = 1000): Promise<EmbeddedBridge> {
  const accounts = await useAccountsFile(tree);
  return startBridge({ ACCOUNTS_FILE: accounts.path, MAX_PATTERNS: String(patterns) });
}

async function watching(
  bridge: EmbeddedBridge,
  token: string,
  account_id: string,
  dialect = 'classic',
): Promise<Client> {
  const client = await openClient(bridge, { token, path: `/?dialect=${dialect}` });
  expect(await client.subscribe(everything, { account_id })).toMatchObject({ status: 'success' });
  return client;
}

const bodiesOf = (client: Client): unknown[] => withoutFences(client).map(({ args }) => args);

test.each([
  ['fine', 1000],
  ['coarse', 8],
])(
  'an event reaches a subscription only if its account is the subscription’s: %s patterns',
  async (_plan, patterns) => {
    const bridge = await startWithTree(patterns);
    const accounts = [top, child, grandchild, stranger];
    const clients: Client[] = [];
    for (const account of accounts) clients.push(await watching(bridge, await tokenFor(account), account));
    const expected: unknown[][] = [];
    for (const [index, account] of accounts.entries()) {
      const events = eventsOf(account, tree[index]?.realm ?? '');
      await publish(bridge.broker, ...events);
      expected.push(events.map(({ body }) => body));
    }
    await allDelivered(bridge, ...clients);
    for (const [index, client] of clients.entries()) expect(bodiesOf(client)).toEqual(expected[index]);
  },
);

test('two accounts on the same binding: each gets its own call', async () => {
  const bridge = await startWithTree();
  const one = await openClient(bridge, { token: await tokenFor(top) });
  const two = await openClient(bridge, { token: await tokenFor(stranger) });
  const both = ['call.CHANNEL_CREATE.*', 'call.CHANNEL_CREATE.same-id'];
  for (const client of [one, two]) await client.subscribe(both);
  const [mine, theirs] = [top, stranger].map((account) => callEvent(account, 'CHANNEL_CREATE', 'same-id'));
  await publish(bridge.broker, mine as BusMessage, theirs as BusMessage);
  await allDelivered(bridge, one, two);
  expect(bodiesOf(one)).toEqual([mine?.body]);
  expect(bodiesOf(two)).toEqual([theirs?.body]);
});

test('a parent watches the accounts below it, each by a subscription of its own', async () => {
  const bridge = await startWithTree();
  const token = await tokenFor(top);
  const clients = [];
  for (const account of [child, grandchild]) clients.push(await watching(bridge, token, account));
  const own = await watching(bridge, token, top);
  const events = eventsOf(grandchild, 'grandchild.example.com');
  await publish(bridge.broker, ...events);
  await allDelivered(bridge, own, ...clients);
  expect(bodiesOf(own), 'not through its own').toEqual([]);
  expect(clients.map((client) => bodiesOf(client).length)).toEqual([0, events.length]);
});

test.each([
  ['its parent', child, top],
  ['its parent’s parent', grandchild, top],
  ['an account beside it', child, stranger],
  ['an account that nobody knows', child, 'unknown'],
])('an account that asks for %s is refused', async (_name, account, asked) => {
  const bridge = await startWithTree();
  const client = await openClient(bridge, { token: await tokenFor(account) });
  for (const binding of everything) {
    const reply = await client.subscribe(binding, { account_id: asked });
    expect(reply.data, binding).toEqual({ code: 'account_unauthorized', errors: ['unauthorized account id'] });
  }
  await publish(bridge.broker, ...eventsOf(asked, 'top.example.com'));
  await allDelivered(bridge, client);
  expect(client.events).toEqual([]);
});

test('without an accounts file every account stands alone', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(top) });
  expect((await client.subscribe('call.*.*', { account_id: child })).data.code).toBe('account_unauthorized');
  expect(await client.subscribe('call.*.*', { account_id: top })).toMatchObject({ status: 'success' });
});

const nobodys: readonly (readonly [string, BusMessage])[] = [
  ['a call without an account', withFields(callEvent('x'), { 'Custom-Channel-Vars': undefined })],
  ['a call whose account is empty', withFields(callEvent('x'), { 'Custom-Channel-Vars': { 'Account-ID': '' } })],
  ['a call whose account is null', withFields(callEvent('x'), { 'Account-ID': null, 'Custom-Channel-Vars': null })],
  ['a call whose account is a list', withFields(callEvent('x'), { 'Custom-Channel-Vars': { 'Account-ID': [top] } })],
  ['a call whose account is an object', withFields(callEvent('x'), { 'Custom-Channel-Vars': { 'Account-ID': {} } })],
  ['a call whose account is *', callEvent('*')],
  ['a call whose account is #', callEvent('#')],
  ['a call with the account in another case', callEvent(top.toUpperCase())],
  [
    'a call with the account at the wrong place',
    withFields(callEvent('x'), {
      'Custom-Channel-Vars': {},
      account_id: top,
      'Custom-SIP-Headers': { 'Account-ID': top },
    }),
  ],
  ['a notification without an account', withFields(notification('x'), { 'Account-ID': undefined })],
  [
    'an older conference event without an account',
    withFields({ ...conferenceEvent('x'), routingKey: 'conference.event.7001' }, { 'Account-ID': undefined }),
  ],
  [
    'a conference command without an account',
    { exchange: 'conference', routingKey: 'conference.command.7001', body: { 'Event-Name': 'command' } },
  ],
  ['presence of a realm that nobody has', presenceDialog('unknown.example.com')],
  ['a registration at a realm that nobody has', registration(undefined, 'unknown.example.com')],
];

test.each(nobodys)('an event whose account can’t be told reaches "*" subscriptions alone: %s', async (_name, event) => {
  const bridge = await startWithTree();
  const clients: Client[] = [];
  for (const { id } of tree) clients.push(await watching(bridge, await tokenFor(id), id));
  const admin = await tokenFor(stranger, { superduper_admin: true });
  const all = await watching(bridge, admin, '*');
  const allKazoo4 = await watching(bridge, admin, '*', 'kazoo4');
  await publish(bridge.broker, event);
  await allDelivered(bridge, all, allKazoo4, ...clients);
  expect(clients.map(({ events }) => events)).toEqual([[], [], [], []]);
  expect(bodiesOf(all)).toEqual([event.body]);
  const keys = withoutFences(allKazoo4).map(({ subscribed_key }) => subscribed_key);
  expect(keys.length).toBeGreaterThan(0);
  expect(new Set(keys).size, 'a frame for each binding, and no two for one').toBe(keys.length);
});

test('"*" gets the events of every account, in every family', async () => {
  const bridge = await startWithTree();
  const all = await watching(bridge, await tokenFor(stranger, { superduper_admin: true }), '*');
  const events = tree.flatMap(({ id, realm = '' }) => eventsOf(id, realm));
  await publish(bridge.broker, ...events);
  await allDelivered(bridge, all);
  expect(bodiesOf(all)).toEqual(events.map(({ body }) => body));
});
