import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { type FakeNode, type FakeSocket, startFakeNode } from '../support/fake-node.ts';
import { type Answer, rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

const account = 'acme';

async function list(bridge: Bridge, query = ''): Promise<Answer> {
  return rest(bridge, `/v2/accounts/${account}/websockets${query}`, { token: await tokenFor(account) });
}

async function openSocket(bridge: Bridge): Promise<Client> {
  const token = await tokenFor(account);
  const client = await openClient(bridge, { token, headers: { 'x-auth-token': token } });
  await client.subscribe('call.CHANNEL_CREATE.*', { name: 'pop' });
  return client;
}

/** Resolves when the bridge has heard what the node said before: it answers a question behind it. */
async function heard(node: FakeNode): Promise<void> {
  const id = await node.ask('websockets.get', { 'Event-Name': 'get_req', 'Account-ID': 'nobody' });
  await node.untilAnswers(id, 1);
}

/** A Blackhole with these sockets, which the bridge knows. */
async function startBlackhole(broker: Broker, sockets: readonly FakeSocket[], name?: string): Promise<FakeNode> {
  const node = await startFakeNode(broker, name, async (self, question) => {
    if (question['Event-Name'] !== 'get_req') return;
    const found = sockets.filter(({ websocket_session_id: id }) => id === question['Socket-ID']);
    const Data = question['Socket-ID'] === undefined ? sockets : (found[0] ?? []);
    await self.answer(question, { 'Event-Name': 'get_resp', Data });
  });
  await node.advertise();
  await heard(node);
  return node;
}

describe('a node says that it lives', () => {
  test('by publishing to nodes what the neighbours expect, again and again', async () => {
    const broker = await useBroker();
    const watcher = await startFakeNode(broker);
    await startBridge({ NODE_NAME: 'north' }, broker);
    await until(() => watcher.messagesNamed('advertise').length >= 2);
    for (const message of watcher.messagesNamed('advertise')) {
      expect(message).toMatchObject({
        'App-Name': expect.any(String),
        'App-Version': '0.0.0',
        'Event-Category': 'nodes',
        'Event-Name': 'advertise',
        'Msg-ID': expect.any(String),
        Node: 'event-horizon@north',
        Expires: 5000,
        'Used-Memory': expect.any(Number),
        Version: '0.0.0',
        WhApps: { blackhole: { Startup: expect.any(Number) } },
      });
    }
    const ids = watcher.messagesNamed('advertise').map((message) => message['Msg-ID']);
    expect(new Set(ids).size).toBe(ids.length);
  });
});

describe('a Kazoo Crossbar asks', () => {
  test('for the sockets of an account', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({ NODE_NAME: 'north' }, broker);
    await openSocket(bridge);
    const crossbar = await startFakeNode(broker);
    const id = await crossbar.ask('websockets.get', { 'Event-Name': 'get_req', 'Account-ID': account });
    const [answer] = await crossbar.untilAnswers(id, 1);
    expect(answer).toMatchObject({
      'Event-Category': 'websockets',
      'Event-Name': 'get_resp',
      'Msg-ID': id,
      Node: 'event-horizon@north',
      Data: [
        {
          websocket_session_id: expect.any(String),
          bindings: ['call.CHANNEL_CREATE.*'],
          options: [null],
          timestamp: expect.any(Number),
          source: '127.0.0.1',
          destination: 'north',
          name: 'pop',
        },
      ],
    });
  });

  test('for one socket, whatever account it names; for what is not there it gets an empty list', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    await openSocket(bridge);
    const [socket] = (await list(bridge)).body.data as string[];
    const crossbar = await startFakeNode(broker);
    const ask = async (question: object): Promise<unknown> => {
      const id = await crossbar.ask('websockets.get', { 'Event-Name': 'get_req', ...question });
      return (await crossbar.untilAnswers(id, 1))[0]?.Data;
    };
    const one = { websocket_session_id: socket, bindings: ['call.CHANNEL_CREATE.*'] };
    expect(await ask({ 'Account-ID': account, 'Socket-ID': socket })).toMatchObject(one);
    expect(await ask({ 'Socket-ID': socket })).toMatchObject(one);
    expect(await ask({ 'Auth-Account-ID': account })).toMatchObject([one]);
    expect(await ask({ 'Account-ID': 'another', 'Socket-ID': socket })).toMatchObject(one);
    expect(await ask({ 'Account-ID': account, 'Socket-ID': 'unknown' })).toEqual([]);
    expect(await ask({ 'Account-ID': 'another' })).toEqual([]);
    expect(await ask({})).toEqual([]);
  });

  test('that a socket be closed: close_req on websockets.close is answered by close_resp', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    const client = await openSocket(bridge);
    const [socket] = (await list(bridge)).body.data as string[];
    const crossbar = await startFakeNode(broker);
    const close = async (question: object): Promise<unknown> => {
      const id = await crossbar.ask('websockets.close', { 'Event-Name': 'close_req', ...question });
      const [answer] = await crossbar.untilAnswers(id, 1);
      expect(answer).toMatchObject({ 'Event-Category': 'websockets', 'Event-Name': 'close_resp', 'Msg-ID': id });
      return answer?.Closed;
    };
    expect(await close({ 'Account-ID': 'another', 'Socket-ID': socket })).toBe(false);
    await client.ping();
    expect(await close({ 'Account-ID': account, 'Socket-ID': socket })).toBe(true);
    expect((await client.untilClosed()).code).toBe(4500);
    expect(await close({ 'Account-ID': account, 'Socket-ID': socket })).toBe(false);
  });

  test('gzipped, and is understood', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    await openSocket(bridge);
    const crossbar = await startFakeNode(broker);
    const question = {
      ...crossbar.headers,
      'Event-Category': 'websockets',
      'Event-Name': 'get_req',
      'Msg-ID': 'gzipped',
      'Server-ID': crossbar.address,
      'Account-ID': account,
    };
    await broker.publish('sysconf', 'websockets.get', gzipSync(JSON.stringify(question)), { contentEncoding: 'gzip' });
    const [answer] = await crossbar.untilAnswers('gzipped', 1);
    expect(answer?.Data).toHaveLength(1);
  });

  test('nonsense, and harms nobody', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    const client = await openSocket(bridge);
    const crossbar = await startFakeNode(broker);
    const ask = { 'Event-Category': 'websockets', 'Event-Name': 'get_req', 'Server-ID': crossbar.address };
    for (const body of [
      Buffer.from('no JSON'),
      Buffer.from([0xff, 0xfe]),
      [],
      {},
      { ...ask, 'Server-ID': 7 },
      { ...ask, 'Server-ID': 'x'.repeat(300) },
      { ...ask, 'Account-ID': { $ne: 1 } },
      { ...ask, 'Event-Name': 'other' },
    ]) {
      await broker.publish('sysconf', 'websockets.get', body);
      await broker.publish('sysconf', 'websockets.close', body);
      await broker.publish('nodes', '', body);
    }
    await heard(crossbar);
    await client.ping();
    expect((await list(bridge)).body.data).toHaveLength(1);
  });
});

describe('the asker waits for exactly the nodes that live', () => {
  test('a Blackhole’s sockets are listed with our own, less what the dialect does not show', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({ NODE_NAME: 'north' }, broker);
    await openSocket(bridge);
    const theirs = { websocket_session_id: 'theirs', bindings: ['call.*.*'], timestamp: 1, source: '192.0.2.1' };
    await startBlackhole(broker, [
      { ...theirs, destination: 'blackhole@kazoo', auth_token: 'secret' },
      { ...theirs, websocket_session_id: 'another’s', account_id: 'another' },
    ]);
    // Who knows of no options tells none.
    const shown = { ...theirs, options: [null], destination: 'blackhole@kazoo' };
    const classic = await list(bridge);
    expect(classic.body).not.toHaveProperty('partial');
    expect(classic.body.data).toEqual([expect.any(String), 'theirs']);
    const kazoo4 = await list(bridge, '?dialect=kazoo4');
    expect((kazoo4.body.data as unknown[])[1]).toEqual(shown);
    const one = await rest(bridge, `/v2/accounts/${account}/websockets/theirs?dialect=kazoo4`, {
      token: await tokenFor(account),
    });
    expect(one.body.data).toEqual(shown);
  });

  test('an answer of megabytes is listed', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    const sockets = Array.from({ length: 8000 }, (_, index) => ({
      websocket_session_id: `theirs-${index}`,
      bindings: ['call.*.*', 'object.*.*', 'fax.status.*'],
      metadata: { notes: 'x'.repeat(150) },
    }));
    expect(JSON.stringify(sockets).length).toBeGreaterThan(2_000_000);
    await startBlackhole(broker, sockets);
    // The time limit for answers is not what is looked at here.
    await until(async () => (await list(bridge)).body.partial === undefined);
    expect((await list(bridge)).body.data).toHaveLength(8000);
  });

  test('partial: true when one that lives does not answer within 500 ms; what is known is told', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    await openSocket(bridge);
    await startBlackhole(broker, [{ websocket_session_id: 'theirs' }], 'answers@kazoo');
    const silent = await startFakeNode(broker, 'silent@kazoo');
    await silent.advertise();
    await heard(silent);
    const startedAt = Date.now();
    const answer = await list(bridge);
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(490);
    expect(answer).toMatchObject({ status: 200, body: { status: 'success', partial: true } });
    expect(answer.body.data).toEqual([expect.any(String), 'theirs']);
    expect(silent.messagesNamed('get_req').at(-1)).toMatchObject({
      'Account-ID': account,
      Node: 'event-horizon@test-node',
    });
    // What is found needs nobody else’s answer.
    const path = `/v2/accounts/${account}/websockets`;
    const token = await tokenFor(account);
    expect((await rest(bridge, `${path}/theirs`, { token })).body).not.toHaveProperty('partial');
    for (const method of ['GET', 'DELETE']) {
      const unknown = await rest(bridge, `${path}/unknown`, { method, token });
      expect(unknown).toMatchObject({ status: 404, body: { partial: true } });
    }
  });

  test('an answer that comes late is not mistaken for one to a later question', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    const questions: Readonly<Record<string, unknown>>[] = [];
    const slow = await startFakeNode(broker, 'slow@kazoo', (_node, question) => void questions.push(question));
    await slow.advertise();
    await heard(slow);
    expect((await list(bridge)).body).toMatchObject({ partial: true, data: [] });
    const second = list(bridge);
    await until(() => questions.length === 2);
    const late = { 'Event-Name': 'get_resp', Data: [{ websocket_session_id: 'late' }] };
    await slow.answer(questions[0] ?? {}, late);
    expect((await second).body).toMatchObject({ partial: true, data: [] });
  });

  test('one that does not speak for sockets is not waited for, nor one that has stopped or expired', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    const callflow = await startFakeNode(broker, 'callflow@kazoo');
    await callflow.advertise(60_000, { WhApps: { callflow: {} } });
    const stopped = await startFakeNode(broker, 'stopped@kazoo');
    await stopped.advertise();
    await stopped.advertise(0);
    await heard(stopped);
    expect((await list(bridge)).body).not.toHaveProperty('partial');
    const brief = await startFakeNode(broker, 'brief@kazoo');
    await brief.advertise(300);
    await until(async () => (await list(bridge)).body.partial === undefined);
    expect((await list(bridge)).body).not.toHaveProperty('partial');
  });
});
