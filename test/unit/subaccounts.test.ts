/** Subscriptions to an account and all below it: whose events they bring, to whom, and when no longer. */
import { describe, expect, test } from 'vitest';
import { Accounts, AccountTree } from '../../src/auth/accounts.ts';
import type { Binding, BusEvent } from '../../src/families/family.ts';
import type { KeptEvent } from '../../src/history/ring.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import { isOf, WatchedAccounts } from '../../src/replay/watched-accounts.ts';
import type { Interest, Subscription } from '../../src/session/subscription.ts';
import { type AccountEntry, type AccountsFile, useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient, type Reply, type SubscribeOptions } from '../support/client.ts';
import { type EmbeddedBridge as Server, startBridge } from '../support/embedded.ts';
import { callEvent, documentEvent, presenceDialog, publish } from '../support/events.ts';
import { eventsOf, everything } from '../support/every-family.ts';
import { allDelivered, withoutFences } from '../support/fence.ts';
import { until } from '../support/until.ts';

/** The top account and five levels below it. */
const levels = ['0', '1', '2', '3', '4', '5'].map((level) => `${'a'.repeat(31)}${level}`);
const [top, one, two, , , five] = levels as [string, string, string, string, string, string];
const neighbour = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb0';
const below = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb1';
const realmOf = (account: string) => `r${account.slice(-2)}.example.com`;

const chain: AccountEntry[] = levels.map((id, level) => ({
  id,
  realm: realmOf(id),
  ...(level > 0 && { parent_id: levels[level - 1] as string }),
}));
const tree: readonly AccountEntry[] = [
  ...chain,
  { id: neighbour, realm: realmOf(neighbour) },
  { id: below, realm: realmOf(below), parent_id: neighbour },
];
const everybody = [...levels, neighbour, below];

async function startWith(
  list: readonly AccountEntry[] = tree,
  settings = {},
): Promise<{ bridge: Server; accounts: AccountsFile }> {
  const accounts = await useAccountsFile(list);
  return { bridge: await startBridge({ ACCOUNTS_FILE: accounts.path, ...settings }), accounts };
}

async function reloaded(bridge: Server, accounts: AccountsFile, list: readonly AccountEntry[]): Promise<void> {
  const before = bridge.logLines.length;
  await accounts.rewrite(list);
  await until(() => bridge.logLines.slice(before).some(({ message }) => message === 'the account tree was reloaded'));
}

async function open(bridge: Server, account: string, dialect = 'classic', more = '', claims = {}): Promise<Client> {
  return openClient(bridge, { token: await tokenFor(account, claims), path: `/?dialect=${dialect}${more}` });
}

const withBelow: SubscribeOptions = { include_subaccounts: true };

async function watch(client: Client, bindings: string | string[] = 'call.*.*', more = {}): Promise<Reply> {
  const reply = await client.subscribe(bindings, { ...withBelow, ...more });
  expect(reply).toMatchObject({ status: 'success' });
  return reply;
}

async function call(bridge: Server, ...accounts: string[]): Promise<void> {
  for (const account of accounts) await publish(bridge.broker, callEvent(account));
}

/** Whose events came, as the frames say. */
const owners = (client: Client): unknown[] => withoutFences(client).map(({ account_id }) => account_id);

const move = (list: readonly AccountEntry[], id: string, parent?: string): AccountEntry[] =>
  list.map(({ parent_id, ...entry }) => {
    if (entry.id !== id) return parent_id === undefined ? entry : { ...entry, parent_id };
    return parent === undefined ? entry : { ...entry, parent_id: parent };
  });

describe.each(['classic', 'kazoo4'])('%s', (dialect) => {
  test('the account and all below it, five levels deep, and nobody else; frames say whose', async () => {
    const { bridge } = await startWith();
    const [client, inside] = [await open(bridge, top, dialect), await open(bridge, top, dialect)];
    await watch(client, 'call.*.*', { request_id: 'mine' });
    await watch(inside, 'call.*.*', { account_id: two });
    await call(bridge, ...everybody);
    await allDelivered(bridge, client, inside);
    expect(owners(client)).toEqual(levels);
    expect(owners(inside)).toEqual(levels.slice(2));
    const members =
      dialect === 'classic'
        ? ['name', 'args', 'account_id', 'request_id']
        : ['action', 'subscribed_key', 'subscription_key', 'name', 'routing_key', 'account_id', 'data', 'request_id'];
    for (const event of client.events) expect(Object.keys(event)).toEqual(members);
  });

  test('events of every family', async () => {
    const { bridge } = await startWith();
    const client = await open(bridge, top, dialect);
    const plain = await open(bridge, two, dialect);
    await watch(client, everything);
    await plain.subscribe(everything);
    await publish(bridge.broker, ...eventsOf(two, realmOf(two)));
    await allDelivered(bridge, client, plain);
    expect(plain.events.length).toBeGreaterThanOrEqual(16);
    expect(withoutFences(client).map(({ args, data }) => args ?? data)).toEqual(
      plain.events.map(({ args, data }) => args ?? data),
    );
    expect(new Set(owners(client))).toEqual(new Set([two]));
    await publish(bridge.broker, ...eventsOf(neighbour, realmOf(neighbour)), ...eventsOf(below, realmOf(below)));
    const before = client.events.length;
    await allDelivered(bridge, client);
    expect(client.events).toHaveLength(before);
  });

  test('beside a plain subscription: kazoo4 a frame for each, classic one for the oldest', async () => {
    const { bridge } = await startWith();
    const client = await open(bridge, top, dialect);
    await client.subscribe('call.*.*', { request_id: 'plain' });
    await watch(client, 'call.*.*', { request_id: 'tree' });
    await call(bridge, top, five);
    await allDelivered(bridge, client);
    const frames = client.events.map(({ account_id, request_id }) => [account_id, request_id]);
    expect(frames.toSorted()).toEqual(
      dialect === 'classic'
        ? [
            [undefined, 'plain'],
            [five, 'tree'],
          ].toSorted()
        : [
            [top, undefined],
            [top, 'tree'],
            [five, 'tree'],
          ].toSorted(),
    );
  });

  test('a socket that asks for one account sees no difference when another one asks for those below, too', async () => {
    const { bridge } = await startWith();
    const clients: Client[] = [];
    for (const options of [{}, withBelow, {}, withBelow]) {
      const client = await open(bridge, top, dialect);
      await client.subscribe('call.*.*', { ...options, request_id: 'mine' });
      clients.push(client);
    }
    await call(bridge, top);
    await allDelivered(bridge, ...clients);
    const [plain, asked] = dialect === 'classic' ? [undefined, top] : [top, top];
    expect(clients.map(owners)).toEqual([[plain], [asked], [plain], [asked]]);
  });

  test('what was missed and what is replayed, with cursors in their place', async () => {
    const { bridge } = await startWith(tree, { HISTORY: 'stream' });
    const before = await open(bridge, top, dialect, '&resume=on');
    const { data } = await watch(before, 'call.*.*');
    await call(bridge, ...everybody, ...everybody);
    await allDelivered(bridge, before);
    expect(owners(before)).toEqual([...levels, ...levels]);
    const client = await open(bridge, top, dialect, '&resume=on');
    const since = data.cursor as string;
    await client.subscribe('fax.status.*', { account_id: one });
    await watch(client, ['call.*.*', 'call.CHANNEL_CREATE.*'], { since, request_id: 'again' });
    const live = await client.notice('live', 'again');
    expect(live.replayed).toBe(2 * levels.length);
    const perSubscription = dialect === 'kazoo4' ? 2 : 1;
    const expected = [...levels, ...levels].flatMap((id) => Array(perSubscription).fill(id));
    expect(owners(client)).toEqual(expected);
    const others = Object.keys(client.events[0] ?? {});
    expect(others[others.indexOf('account_id') + 1]).toBe('cursor');
    if (dialect === 'classic') expect(others).toEqual(['name', 'args', 'account_id', 'cursor', 'request_id']);
    await call(bridge, five);
    await allDelivered(bridge, client);
    expect(owners(client).slice(expected.length)).toEqual(Array(perSubscription).fill(five));
  });
});

describe('the tree changes', () => {
  test('accounts that come later bring their events, those that leave no more', async () => {
    const { bridge, accounts } = await startWith(tree.filter(({ id }) => id !== five));
    const client = await open(bridge, top);
    await watch(client, ['call.*.*', 'presence.dialog.*', 'doc_edited.*.user.*']);
    const all = (id: string) => [callEvent(id), presenceDialog(realmOf(id)), documentEvent(id)];
    await publish(bridge.broker, ...all(five));
    await allDelivered(bridge, client);
    expect(client.events).toEqual([]);
    await reloaded(bridge, accounts, tree);
    await publish(bridge.broker, ...all(five));
    await allDelivered(bridge, client);
    expect(owners(client)).toEqual([five, five, five]);
    await reloaded(bridge, accounts, move(tree, five, below));
    await publish(bridge.broker, ...all(five));
    await allDelivered(bridge, client);
    expect(owners(client)).toHaveLength(3);
    await reloaded(bridge, accounts, move(tree, one, neighbour));
    await call(bridge, ...levels);
    await allDelivered(bridge, client);
    expect(owners(client).slice(3)).toEqual([top]);
    await reloaded(bridge, accounts, []);
    await call(bridge, ...everybody);
    await allDelivered(bridge, client);
    expect(owners(client).slice(4)).toEqual([top]);
  });

  test('an account that leaves in the middle of a replay is not in the rest of it', async () => {
    const { bridge, accounts } = await startWith(tree, { HISTORY: 'stream' });
    const first = await open(bridge, top, 'classic', '&resume=on');
    const { data } = await watch(first);
    await call(bridge, top, five, neighbour, below);
    await first.untilEvents(2);
    await reloaded(bridge, accounts, move(tree, five, neighbour));
    const client = await open(bridge, top, 'classic', '&resume=on');
    const since = data.cursor as string;
    await watch(client, 'call.*.*', { since });
    await client.notice('live');
    expect(owners(client)).toEqual([top]);
    const other = await open(bridge, neighbour, 'kazoo4', '&resume=on');
    await watch(other, 'call.*.*', { since });
    await other.notice('live');
    expect(owners(other), 'whose it is now sees what it was told').toEqual([five, neighbour, below]);
  });

  test('what was before an account came is no secret to a replay: nobody was sent it', async () => {
    const { bridge, accounts } = await startWith(
      tree.filter(({ id }) => id !== five),
      { HISTORY: 'stream' },
    );
    const client = await open(bridge, top, 'classic', '&resume=on');
    const { data } = await watch(client, 'call.*.*', { request_id: 'tree' });
    await call(bridge, top, five);
    await reloaded(bridge, accounts, tree);
    await call(bridge, five);
    await allDelivered(bridge, client);
    expect(owners(client)).toEqual([top, five]);
    const since = data.cursor as string;
    await client.subscribe('call.CHANNEL_CREATE.*', { account_id: five, since, request_id: 'five' });
    expect(await client.notice('live', 'five')).toMatchObject({ replayed: 1 });
    expect(client.events.map(({ request_id }) => request_id)).toEqual(['tree', 'tree', 'five']);
  });

  test('a subscribed account that leaves the token’s tree ends the subscription, and it is told', async () => {
    const { bridge, accounts } = await startWith();
    const client = await open(bridge, top);
    await watch(client, 'call.*.*', { account_id: two });
    await watch(client, 'fax.status.*');
    await reloaded(bridge, accounts, move(tree, one));
    await call(bridge, two, five);
    await allDelivered(bridge, client);
    expect(client.events).toEqual([]);
    const errors = client.replies.filter(({ status }) => status === 'error').map(({ data }) => data);
    expect(errors).toMatchObject([{ code: 'account_unauthorized', errors: [expect.stringContaining('call.*.*')] }]);
    expect((await client.unsubscribe('none')).data.subscriptions).toEqual(['fax.status.*']);
  });
});

describe('who may', () => {
  test('a token sees its own account and what is below, whatever it asks for', async () => {
    const { bridge } = await startWith();
    const child = await open(bridge, two);
    for (const account_id of [top, one, neighbour, below, 'unknown']) {
      const { data } = await child.subscribe('call.*.*', { account_id, ...withBelow });
      expect(data.code, account_id).toBe('account_unauthorized');
    }
    await watch(child);
    const leaf = await open(bridge, five);
    await watch(leaf);
    const stranger = await open(bridge, 'stranger');
    await watch(stranger);
    const beside = await open(bridge, neighbour);
    await watch(beside, everything);
    await call(bridge, ...levels);
    await publish(bridge.broker, ...eventsOf(top, realmOf(top)), ...eventsOf(five, realmOf(five)));
    await allDelivered(bridge, child, leaf, stranger, beside);
    expect(new Set(owners(child))).toEqual(new Set(levels.slice(2)));
    expect(new Set(owners(leaf))).toEqual(new Set([five]));
    expect(stranger.events).toEqual([]);
    expect(withoutFences(beside)).toEqual([]);
  });

  test('not together with every account, for superduper admins neither', async () => {
    const { bridge } = await startWith();
    const client = await open(bridge, top, 'classic', '', { superduper_admin: true });
    const { data } = await client.subscribe('call.*.*', { account_id: '*', ...withBelow });
    expect(data).toMatchObject({
      code: 'invalid_message',
      errors: [expect.stringContaining('data.include_subaccounts')],
    });
  });

  test('a family that the token lacks, and a fresh token that lacks it', async () => {
    const { bridge } = await startWith();
    const client = await open(bridge, top, 'classic', '', { families: ['fax', 'call'] });
    const { data } = await client.subscribe('presence.dialog.*', withBelow);
    expect(data.code).toBe('scope_missing');
    await watch(client, 'call.*.*');
    await client.request({ action: 'ping', auth_token: await tokenFor(top, { families: ['fax'] }) });
    await call(bridge, five);
    await allDelivered(bridge, client);
    expect(client.events).toEqual([]);
  });

  test('nothing after the token’s end; and nothing of an account that left before the fresh one', async () => {
    const { bridge, accounts } = await startWith();
    const client = await open(bridge, top);
    await client.subscribe('call.*.*', { ...withBelow, auth_token: await tokenFor(top, {}, 2) });
    await until(() => client.replies.some(({ data }) => data.code === 'token_expired'), 'the end of the token');
    await call(bridge, five);
    await reloaded(bridge, accounts, move(tree, five, neighbour));
    await client.request({ action: 'ping', auth_token: await tokenFor(top) });
    await call(bridge, five, two);
    await allDelivered(bridge, client);
    expect(owners(client)).toEqual([two]);
  });

  test('on a socket that can resume a fresh token goes on where the old one ended, with those who are still below', async () => {
    const { bridge, accounts } = await startWith(tree, { HISTORY: 'stream' });
    const client = await open(bridge, top, 'classic', '&resume=on');
    await client.subscribe('call.*.*', { ...withBelow, auth_token: await tokenFor(top, {}, 2) });
    await until(() => client.replies.some(({ data }) => data.code === 'token_expired'), 'the end of the token');
    await call(bridge, ...everybody);
    await reloaded(bridge, accounts, move(tree, two, neighbour));
    await client.request({ action: 'ping', auth_token: await tokenFor(top) });
    await call(bridge, ...everybody);
    await client.untilEvents(4);
    await allDelivered(bridge, client);
    expect(owners(client)).toEqual([top, one, top, one]);
  });

  test('one that ended by itself brings nothing of anybody', async () => {
    const { bridge } = await startWith();
    const client = await open(bridge, top);
    await watch(client, 'call.*.*', { expires: 1 });
    await watch(client, 'fax.status.*', { once: true });
    await client.notice('subscription_ended');
    await call(bridge, ...levels);
    await allDelivered(bridge, client);
    expect(client.events).toEqual([]);
  });
});

test('an account without a realm may ask for the presence of those below', async () => {
  const list = tree.map((entry) => (entry.id === top ? { id: top } : entry));
  const { bridge, accounts } = await startWith(list);
  const client = await open(bridge, top);
  expect((await client.subscribe('presence.dialog.*')).data.code).toBe('binding_unsupported');
  await watch(client, 'presence.dialog.*');
  await publish(bridge.broker, presenceDialog(realmOf(five)), presenceDialog(realmOf(below)));
  await allDelivered(bridge, client);
  expect(owners(client)).toEqual([five]);
  await client.request({ action: 'ping', auth_token: await tokenFor(top, {}, 1800) });
  await reloaded(
    bridge,
    accounts,
    list.filter(({ id }) => id !== below),
  );
  await publish(bridge.broker, presenceDialog(realmOf(five)));
  await allDelivered(bridge, client);
  expect(owners(client), 'nor does a fresh token or another tree end it').toEqual([five, five]);
});

test('the broker is asked for what all accounts need, and for nothing when it has ended', async () => {
  const { bridge } = await startWith();
  const client = await open(bridge, top);
  await watch(client, ['object.*.user', 'fax.status.*', 'conference.event.*.*.*']);
  const patterns = await bridge.broker.patterns();
  expect(patterns).toEqual(expect.arrayContaining(['configuration *.*.user.*', 'faxes fax.status.*.*']));
  expect(patterns.join()).not.toContain(top);
  await client.unsubscribe();
  expect(await bridge.broker.patterns()).toEqual([]);
});

test('a binding that names the account’s own database contradicts itself', async () => {
  const { bridge } = await startWith();
  const client = await open(bridge, top);
  const named = documentEvent(top).routingKey.replace(/[^.]+$/, '*');
  expect(await client.subscribe(named)).toMatchObject({ status: 'success' });
  expect((await client.subscribe(named, withBelow)).data.code).toBe('binding_invalid');
});

test('the kazoo4 frame has the account asked for in its key, and whose event it is', async () => {
  const { bridge } = await startWith();
  const client = await open(bridge, top, 'kazoo4');
  await watch(client, ['call.CHANNEL_CREATE.*', 'doc_edited.*.user.*']);
  await publish(bridge.broker, callEvent(five), documentEvent(five));
  await allDelivered(bridge, client);
  const keys = client.events.map(({ subscription_key, account_id }) => [subscription_key, account_id]);
  expect(keys[0]).toEqual([`call.${top}.CHANNEL_CREATE.*`, five]);
  expect(keys[1]).toEqual([expect.stringMatching(/^doc_edited\.account%2Faa%2Faa%2Fa{27}5\.user\.\*$/), five]);
});

describe('the cost', () => {
  const event: BusEvent = {
    family: 'call',
    account: five,
    words: ['CHANNEL_CREATE', 'c1'],
    name: 'CHANNEL_CREATE',
    eventName: 'CHANNEL_CREATE',
    routingKey: '',
  };
  const binding: Binding = {
    family: 'call',
    eventFamily: 'call',
    wordings: [['*', '*']],
    patterns: [],
    subscriptionKey: () => '',
  };

  test('an event looks up its ancestors only where somebody has such a subscription', () => {
    const accounts = new Accounts(new AccountTree([...tree]));
    let looks = 0;
    const subscriptions = new Subscriptions({
      get tree() {
        return accounts.tree;
      },
      parentOf(account) {
        looks += 1;
        return accounts.parentOf(account);
      },
    });
    const found: Interest[] = [];
    subscriptions.hold(top, 'call.*.*', () => binding);
    subscriptions.match(event, {}, found);
    expect([found.length, looks]).toEqual([0, 0]);
    const narrowing = { filter: undefined, includesSubaccounts: true, key: '+' };
    const interest = subscriptions.hold(top, 'call.*.*', () => binding, narrowing);
    subscriptions.match(event, {}, found);
    expect(found).toEqual([interest]);
    expect(looks).toBe(levels.length);
    subscriptions.match(event, {}, found);
    expect([found.length, looks], 'and once for each account').toEqual([2, levels.length]);
    accounts.replace(new AccountTree(move(tree, five, neighbour)));
    subscriptions.match(event, {}, found);
    expect([found.length, looks], 'of a tree').toEqual([2, levels.length + 2]);
    const another = subscriptions.hold(neighbour, 'call.*.*', () => binding, narrowing);
    subscriptions.match(event, {}, found);
    expect(found).toEqual([interest, interest, another]);
    subscriptions.release(another);
    subscriptions.release(interest);
    const before = looks;
    subscriptions.match(event, {}, found);
    expect([found.length, looks]).toEqual([3, before]);
  });

  const to = (account: string, includesSubaccounts: boolean) =>
    ({ interest: { account, includesSubaccounts, isShared: false } }) as Subscription;

  test('the events of many accounts are found in the history among all others', () => {
    const list = Array.from({ length: 40 }, (_, index) => `account${index}`);
    const accounts = new AccountTree([
      { id: 'root' },
      ...list.map((id) => ({ id, parent_id: 'root' })),
      { id: 'other' },
    ]);
    const owner = (position: number) => (position % 7 === 0 ? (list[position % 40] as string) : 'other');
    const kept = Array.from({ length: 1000 }, (_, position) => ({ position, account: owner(position) }) as KeptEvent);
    const next = (position: number, account?: string) =>
      kept.find((one) => one.position > position && (account === undefined || one.account === account));
    const watched = new WatchedAccounts({ next }, new Accounts(accounts));
    const all = (account: string, includesSubaccounts: boolean, also: readonly Subscription[] = []): number[] => {
      const of = watched.of([to(account, includesSubaccounts), ...also]);
      const found: number[] = [];
      for (let one = watched.next(-1, of); one !== undefined; one = watched.next(one.position, of)) {
        if (isOf(one, of)) found.push(one.position);
      }
      return found;
    };
    const positions = (isTheirs: (one: KeptEvent) => boolean) => kept.filter(isTheirs).map(({ position }) => position);
    expect(all('root', true)).toEqual(positions(({ account }) => account !== 'other'));
    expect(all('account7', true)).toEqual(positions(({ account }) => account === 'account7'));
    expect(all('other', false)).toEqual(positions(({ account }) => account === 'other'));
    expect(all('root', false)).toEqual([]);
    expect(all('root', true, [to('account7', false)])).toEqual(positions(({ account }) => account !== 'other'));
    expect(all('root', true, [to('other', false)])).toEqual(positions(() => true));
    const few = ['account7', 'account14'];
    const theirs = positions(({ account }) => few.includes(account as string));
    expect(all('account7', true, [to('account14', false)])).toEqual(theirs);
  });

  /** A reseller of resellers, and so on, and thousands below the last of them. */
  const deep = 300;
  const many = 5000;
  const chain = Array.from({ length: deep }, (_, at) => ({ id: `r${at}`, parent_id: at === 0 ? null : `r${at - 1}` }));
  const leaves = Array.from({ length: many }, (_, at) => ({ id: `c${at}`, parent_id: `r${deep - 1}` }));

  test('whose events a socket is owed is asked at every step: thousands of accounts below cost it nothing', () => {
    const watched = new WatchedAccounts(
      { next: () => undefined },
      new Accounts(new AccountTree([...chain, ...leaves])),
    );
    const subscriptions = [to('r0', false), to('r0', true), to('r1', true), to('elsewhere', false)];
    const began = performance.now();
    for (let step = 0; step < 1000; step += 1) watched.of(subscriptions);
    // A thousand copies take seconds.
    expect(performance.now() - began).toBeLessThan(200);
    const of = watched.of(subscriptions);
    const has = ['r0', 'r1', 'c4999', 'elsewhere', 'nowhere'].map((account) => isOf({ account } as KeptEvent, of));
    expect(has).toEqual([true, true, true, true, false]);
  });

  test('another account tree costs the same, however many accounts were ever asked for with all below them', () => {
    const accounts = new Accounts(new AccountTree([...chain, ...leaves]));
    const watched = new WatchedAccounts({ next: () => undefined }, accounts);
    for (const { id } of chain) watched.of([to(id, true)]);
    accounts.replace(new AccountTree([...chain, ...leaves, { id: 'new', parent_id: 'r9' }]));
    const began = performance.now();
    const grown = watched.renew();
    // With each of these trees made anew it is over a second.
    expect(performance.now() - began).toBeLessThan(200);
    expect([...grown].sort()).toEqual(chain.slice(0, 10).map(({ id }) => id));
    expect(watched.renew().size).toBe(0);
  });
});
