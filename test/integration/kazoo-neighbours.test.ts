/** The nodes' conversation, held with a Kazoo cluster: its own messages as they were captured. */
import { describe, expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { type FakeNode, type NodeMessage, startFakeNode } from '../support/fake-node.ts';
import { kazooMessage } from '../support/kazoo-messages.ts';
import { type Answer, rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

/** The account that Crossbar's captured questions are about. */
const account = '4b31dd1d32ce6d249897c06332375d65';
const parent = '0000000000000000000000000000000a';

type SocketData = Readonly<Record<string, unknown>>;

async function openSocket(bridge: Bridge, of = account): Promise<Client> {
  const token = await tokenFor(of);
  const client = await openClient(bridge, { token, headers: { 'x-auth-token': token } });
  await client.subscribe('call.*.*', { name: 'pop' });
  return client;
}

async function list(bridge: Bridge, of = account, query = ''): Promise<Answer> {
  return rest(bridge, `/v2/accounts/${of}/websockets${query}`, { token: await tokenFor(of) });
}

/** Asks as Crossbar does. @returns what is answered as `Data` */
async function ask(crossbar: FakeNode, question: NodeMessage): Promise<unknown> {
  const id = await crossbar.ask('websockets.get', { 'Event-Name': 'get_req', ...question });
  return (await crossbar.untilAnswers(id, 1))[0]?.Data;
}

/** Resolves when the bridge has heard what was said before: it answers a question behind it. */
async function heard(broker: Broker): Promise<void> {
  await ask(await startFakeNode(broker), { 'Account-ID': 'nobody' });
}

test.each([
  ['north', 'event-horizon@north'],
  ['north@example.com', 'north@example.com'],
])('the node %s is %s on the bus, and keeps its name in REST bodies', async (name, onBus) => {
  const broker = await useBroker();
  const watcher = await startFakeNode(broker);
  const bridge = await startBridge({ NODE_NAME: name }, broker);
  await openSocket(bridge);
  await until(() => watcher.messagesNamed('advertise').length > 0);
  const id = await watcher.ask('websockets.get', { 'Event-Name': 'get_req', 'Account-ID': account });
  const [answer] = await watcher.untilAnswers(id, 1);
  for (const message of [watcher.messagesNamed('advertise')[0], answer]) expect(message?.Node).toBe(onBus);
  const { body } = await list(bridge, account, '?dialect=kazoo4');
  expect(body.node).toBe(name);
  expect((body.data as SocketData[])[0]?.destination).toBe(name);
});

describe('Crossbar’s own questions', () => {
  test('for an account’s sockets: the list, without their account and token', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    await openSocket(bridge);
    await openSocket(bridge, 'another');
    const crossbar = await startFakeNode(broker);
    const { 'Server-ID': _, 'Msg-ID': __, ...question } = kazooMessage('question.websockets_get.account');
    const data = (await ask(crossbar, question)) as SocketData[];
    expect(data).toEqual([
      {
        websocket_session_id: expect.any(String),
        bindings: ['call.*.*'],
        options: [null],
        timestamp: expect.any(Number),
        source: '127.0.0.1',
        destination: 'test-node',
        name: 'pop',
      },
    ]);
  });

  test('for one socket: found by its id alone, as Blackhole does, without account and token', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    await openSocket(bridge, 'another');
    const [id] = (await list(bridge, 'another')).body.data as string[];
    const crossbar = await startFakeNode(broker);
    const { 'Server-ID': _, 'Msg-ID': __, ...question } = kazooMessage('question.websockets_get.socket');
    expect(await ask(crossbar, question)).toEqual([]);
    const found = (await ask(crossbar, { ...question, 'Socket-ID': id })) as SocketData;
    expect(found).toMatchObject({ websocket_session_id: id, bindings: ['call.*.*'] });
    expect(Object.keys(found)).not.toEqual(expect.arrayContaining(['account_id']));
    expect(JSON.stringify(found)).not.toMatch(/account_id|auth_token|sha256/);
  });

  test('with the account of who asks: the sockets of either, each once', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    await openSocket(bridge);
    await openSocket(bridge, parent);
    const ids = [
      ...((await list(bridge)).body.data as string[]),
      ...((await list(bridge, parent)).body.data as string[]),
    ];
    const crossbar = await startFakeNode(broker);
    const listed = async (question: NodeMessage): Promise<unknown[]> =>
      ((await ask(crossbar, question)) as SocketData[]).map((record) => record.websocket_session_id).sort();
    expect(await listed({ 'Account-ID': account, 'Auth-Account-ID': parent })).toEqual(ids.sort());
    expect(await listed({ 'Account-ID': account, 'Auth-Account-ID': account })).toHaveLength(1);
  });

  test('with a request id of any length that its client chose', async () => {
    const broker = await useBroker();
    await startBridge({}, broker);
    const crossbar = await startFakeNode(broker);
    const question = { ...kazooMessage('question.websockets_get.account'), 'Server-ID': crossbar.address };
    await broker.publish('sysconf', 'websockets.get', { ...question, 'Msg-ID': 'x'.repeat(1000) });
    expect(await crossbar.untilAnswers('x'.repeat(1000), 1)).toHaveLength(1);
  });
});

test('a node of our own kind is told whose socket it is', async () => {
  const broker = await useBroker();
  const bridge = await startBridge({}, broker);
  await openSocket(bridge);
  const node = await startFakeNode(broker, 'event-horizon@south');
  const [record] = (await ask(node, { 'App-Name': 'event-horizon', 'Account-ID': account })) as SocketData[];
  expect(record).toMatchObject({ account_id: account, auth_token: expect.stringMatching(/^sha256:[0-9a-f]{12}$/) });
});

describe('Kazoo’s own advertisements', () => {
  test('of a node with Blackhole, and of one without: the one is asked, the other not', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    await broker.publish('nodes', '', { ...kazooMessage('nodes.advertise.ecallmgr') });
    await heard(broker);
    expect((await list(bridge)).body).not.toHaveProperty('partial');
    await broker.publish('nodes', '', { ...kazooMessage('nodes.advertise.kazoo_apps') });
    await heard(broker);
    expect((await list(bridge)).body.partial).toBe(true);
  });

  test.each([
    ['a list of its applications', ['crossbar', 'blackhole'], true],
    ['a list without it', ['crossbar'], undefined],
    ['something else', 7, undefined],
  ])('with %s', async (_title, WhApps, partial) => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    await broker.publish('nodes', '', { ...kazooMessage('nodes.advertise.kazoo_apps'), WhApps });
    await heard(broker);
    expect((await list(bridge)).body.partial).toBe(partial);
  });
});

describe('Blackhole’s own answers', () => {
  /** A node that says of itself what Kazoo's says, and answers with these bodies. */
  async function startBlackhole(broker: Broker, ofAccount: string, ofSocket: string, changes = {}): Promise<void> {
    const { Node, ...advertisement } = kazooMessage('nodes.advertise.kazoo_apps');
    const node = await startFakeNode(broker, String(Node), async (self, question) => {
      const answer = kazooMessage(question['Socket-ID'] === undefined ? ofAccount : ofSocket);
      const Data = Array.isArray(answer.Data) ? answer.Data.map((socket) => ({ ...socket, ...changes })) : answer.Data;
      await self.answer(question, { ...answer, Data, 'Msg-ID': question['Msg-ID'] });
    });
    await node.advertise(60_000, advertisement);
    await heard(broker);
  }

  const theirs = 'f0e1d2c3b4a59687';
  /** A Blackhole knows of no options, so its bindings have none. */
  const withoutOptions = (socket: SocketData = {}): SocketData => ({
    ...socket,
    options: (socket.bindings as string[]).map(() => null),
  });

  test('are listed, and shown one by one', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    await startBlackhole(broker, 'answer.websockets_get_resp.account', 'answer.websockets_get_resp.socket');
    const listed = await list(bridge, account, '?dialect=kazoo4');
    expect(listed.body).not.toHaveProperty('partial');
    const [known] = kazooMessage('answer.websockets_get_resp.account').Data as SocketData[];
    expect(listed.body.data).toEqual([withoutOptions(known)]);
    const token = await tokenFor(account);
    const one = await rest(bridge, `/v2/accounts/${account}/websockets/${theirs}?dialect=kazoo4`, { token });
    const [shown] = [kazooMessage('answer.websockets_get_resp.socket').Data].flat() as SocketData[];
    expect(one.body.data).toEqual(withoutOptions(shown));
  });

  test('that there is none', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    await startBlackhole(broker, 'answer.websockets_get_resp.none', 'answer.websockets_get_resp.none');
    const listed = await list(bridge);
    expect(listed.body).toMatchObject({ data: [] });
    expect(listed.body).not.toHaveProperty('partial');
  });

  test('about a socket of another account: it looks for the id alone, so its list is asked, too', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    await startBlackhole(broker, 'answer.websockets_get_resp.none', 'answer.websockets_get_resp.socket');
    const token = await tokenFor(account);
    const { status } = await rest(bridge, `/v2/accounts/${account}/websockets/${theirs}`, { token });
    expect(status).toBe(404);
  });

  test('with members that are not what they should be: the rest is listed all the same', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    const odd = { bindings: null, source: { ip: 1 }, destination: 7, timestamp: null, name: [] };
    await startBlackhole(broker, 'answer.websockets_get_resp.account', 'answer.websockets_get_resp.socket', odd);
    const listed = await list(bridge, account, '?dialect=kazoo4');
    expect(listed.body).not.toHaveProperty('partial');
    expect(listed.body.data).toEqual([{ websocket_session_id: theirs, bindings: [], options: [] }]);
  });
});

describe('a socket that watches an account from above', () => {
  async function startFamily(): Promise<{ bridges: Bridge[]; client: Client }> {
    const broker = await useBroker();
    const { path } = await useAccountsFile([{ id: parent }, { id: account, parent_id: parent }]);
    const bridges = [await startBridge({ ACCOUNTS_FILE: path }, broker)];
    bridges.push(await startBridge({ ACCOUNTS_FILE: path, NODE_NAME: 'other' }, broker));
    const client = await openSocket(bridges[0] as Bridge, parent);
    await client.subscribe(['call.*.*', 'fax.status.*'], { account_id: account });
    return { bridges, client };
  }

  const watchers = async (bridge: Bridge): Promise<SocketData[]> =>
    (await list(bridge, account, '?dialect=kazoo4')).body.data as SocketData[];

  test('is in that account’s list, marked, with what it holds there and nothing else of it; on every node', async () => {
    const { bridges } = await startFamily();
    for (const bridge of bridges) {
      await until(async () => (await watchers(bridge)).length > 0);
      const [record] = await watchers(bridge);
      expect(record).toEqual({
        websocket_session_id: expect.any(String),
        bindings: ['call.*.*', 'fax.status.*'],
        options: [null, null],
        timestamp: expect.any(Number),
        source: '127.0.0.1',
        destination: 'test-node',
        watching: true,
      });
      const path = `/v2/accounts/${account}/websockets/${record?.websocket_session_id}`;
      const token = await tokenFor(account);
      const one = await rest(bridge, `${path}?dialect=kazoo4`, { token });
      expect(one.body.data).toEqual(record);
      const classic = await rest(bridge, path, { token });
      expect(classic.body.data).toEqual([{ ...record, account_id: parent, auth_token: expect.any(String) }]);
    }
  });

  test('can’t be closed from below, and is listed no more when it has stopped watching', async () => {
    const { bridges, client } = await startFamily();
    const [bridge] = bridges as [Bridge];
    const [record] = await watchers(bridge);
    const path = `/v2/accounts/${account}/websockets/${record?.websocket_session_id}`;
    const { status } = await rest(bridge, path, { method: 'DELETE', token: await tokenFor(account) });
    expect(status).toBe(404);
    await client.unsubscribe('call.*.*', { account_id: account });
    expect((await watchers(bridge))[0]?.bindings).toEqual(['fax.status.*']);
    await client.unsubscribe('fax.status.*', { account_id: account });
    expect(await watchers(bridge)).toEqual([]);
    await client.subscribe('call.*.*', { account_id: account });
    client.close();
    await until(async () => (await watchers(bridge)).length === 0);
  });

  test('its own account’s list has it once, unmarked, with all that it holds', async () => {
    const { bridges } = await startFamily();
    const { body } = await list(bridges[0] as Bridge, parent, '?dialect=kazoo4');
    expect(body.data).toMatchObject([{ bindings: ['call.*.*', 'call.*.*', 'fax.status.*'] }]);
    expect((body.data as SocketData[])[0]).not.toHaveProperty('watching');
  });
});
