import { describe, expect, test } from 'vitest';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { startFakeNode } from '../support/fake-node.ts';
import { type Answer, rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

const account = 'acme';
type SocketData = Readonly<Record<string, unknown>>;

async function list(bridge: Bridge, query = '', of = account): Promise<Answer> {
  return rest(bridge, `/v2/accounts/${of}/websockets${query}`, { token: await tokenFor(of) });
}

const idsIn = ({ body }: Answer): string[] => [...(body.data as string[])].sort();

/** A socket of the account on a node. @returns the client, and its id */
async function openSocket(bridge: Bridge, binding = 'call.CHANNEL_CREATE.*'): Promise<{ client: Client; id: string }> {
  const token = await tokenFor(account);
  const before = new Set(idsIn(await list(bridge)));
  const client = await openClient(bridge, { token, headers: { 'x-auth-token': token } });
  await client.subscribe(binding, { name: `on ${bridge.config.NODE_NAME}` });
  const added = idsIn(await list(bridge)).filter((id) => !before.has(id));
  expect(added).toHaveLength(1);
  return { client, id: added[0] as string };
}

/** Two nodes on one broker that know each other. */
async function startNodes(broker: Broker, names = ['north', 'south'], settings = {}): Promise<Bridge[]> {
  const witness = await startFakeNode(broker, 'witness');
  const nodes: Bridge[] = [];
  for (const name of names) {
    nodes.push(await startBridge({ NODE_NAME: name, ...settings }, broker));
    // The later one says that it lives; each of the earlier ones answers that it does too.
    const advertisements = (nodes.length * (nodes.length + 1)) / 2;
    await until(() => witness.messagesNamed('advertise').length >= advertisements);
  }
  return nodes;
}

describe('two nodes on one broker', () => {
  test('the list covers both, wherever asked, in both dialects', async () => {
    const broker = await useBroker();
    const [north, south] = (await startNodes(broker)) as [Bridge, Bridge];
    const one = await openSocket(north);
    const other = await openSocket(south, 'call.CHANNEL_DESTROY.*');
    for (const node of [north, south]) {
      const answer = await list(node);
      expect(answer).toMatchObject({ status: 200, body: { status: 'success', node: node.config.NODE_NAME } });
      expect(answer.body).not.toHaveProperty('partial');
      expect(idsIn(answer)).toEqual([one.id, other.id].sort());
      const { body } = await list(node, '?dialect=kazoo4');
      const records = new Map((body.data as SocketData[]).map((record) => [record.websocket_session_id, record]));
      expect(records.get(one.id)).toEqual({
        websocket_session_id: one.id,
        bindings: ['call.CHANNEL_CREATE.*'],
        options: [null],
        timestamp: expect.any(Number),
        source: '127.0.0.1',
        destination: 'north',
        name: 'on north',
      });
      expect(records.get(other.id)).toMatchObject({ bindings: ['call.CHANNEL_DESTROY.*'], destination: 'south' });
    }
  });

  test('the details too, the same wherever asked', async () => {
    const broker = await useBroker();
    const [north, south] = (await startNodes(broker)) as [Bridge, Bridge];
    const { id, client } = await openSocket(south);
    const token = await tokenFor(account);
    const options = { filter: { 'Call-Direction': 'inbound' }, include_subaccounts: true, expires: 3600, once: true };
    await client.subscribe('call.*.*', options);
    for (const dialect of ['classic', 'kazoo4']) {
      const path = `/v2/accounts/${account}/websockets/${id}?dialect=${dialect}`;
      const near = await rest(south, path, { token });
      const far = await rest(north, path, { token });
      expect(far.status).toBe(200);
      expect(far.body.data).toEqual(near.body.data);
      expect([far.body.data].flat()).toMatchObject([{ options: [null, options] }]);
      expect(far.body.node).toBe('north');
    }
  });

  test('a socket that nobody has is 404, wherever asked, and one of another account as well', async () => {
    const broker = await useBroker();
    const [north, south] = (await startNodes(broker)) as [Bridge, Bridge];
    const { id, client } = await openSocket(south);
    const ofAnother = await tokenFor('another');
    for (const method of ['GET', 'DELETE']) {
      const unknown = await rest(north, `/v2/accounts/${account}/websockets/unknown`, {
        method,
        token: await tokenFor(account),
      });
      expect(unknown).toMatchObject({ status: 404, body: { error: '404', message: 'not found' } });
      const foreign = await rest(north, `/v2/accounts/another/websockets/${id}`, { method, token: ofAnother });
      expect(foreign.status).toBe(404);
      const notTheirs = await rest(north, `/v2/accounts/${account}/websockets/${id}`, { method, token: ofAnother });
      expect(notTheirs.status).toBe(403);
    }
    await client.ping();
    expect(client.closed).toBeUndefined();
  });

  test('a socket is closed with 4500 on whichever node it is, and gone from both', async () => {
    const broker = await useBroker();
    const [north, south] = (await startNodes(broker)) as [Bridge, Bridge];
    const { client, id } = await openSocket(south);
    const stays = await openSocket(south);
    const answer = await rest(north, `/v2/accounts/${account}/websockets/${id}`, {
      method: 'DELETE',
      token: await tokenFor(account),
    });
    expect(answer).toMatchObject({ status: 200, body: { data: {}, status: 'success' } });
    expect((await client.untilClosed()).code).toBe(4500);
    for (const node of [north, south]) expect(idsIn(await list(node))).toEqual([stays.id]);
    const again = await rest(north, `/v2/accounts/${account}/websockets/${id}`, {
      method: 'DELETE',
      token: await tokenFor(account),
    });
    expect(again.status).toBe(404);
  });

  test('each gets every event, and hands it to its own sockets', async () => {
    const broker = await useBroker();
    const nodes = await startNodes(broker);
    const sockets = [];
    for (const node of nodes) sockets.push(await openSocket(node));
    await publish(broker, callEvent(account));
    for (const { client } of sockets) {
      await client.untilEvents(1);
      expect(client.events).toHaveLength(1);
    }
  });

  test('a node that stops says so, and is not waited for', async () => {
    const broker = await useBroker();
    const [north, south] = (await startNodes(broker)) as [Bridge, Bridge];
    const { id } = await openSocket(north);
    await openSocket(south);
    const watcher = await startFakeNode(broker, 'watcher');
    await south.stop();
    await until(() => watcher.messagesNamed('advertise').some((message) => message.Expires === 0));
    expect(watcher.messagesNamed('advertise').find((message) => message.Expires === 0)).toMatchObject({
      Node: 'event-horizon@south',
    });
    // A question of the witness's is answered behind what the node that stopped said.
    const question = await watcher.ask('websockets.get', { 'Event-Name': 'get_req', 'Account-ID': account });
    await watcher.untilAnswers(question, 1);
    const answer = await list(north);
    expect(answer.body).not.toHaveProperty('partial');
    expect(idsIn(answer)).toEqual([id]);
  });

  test('of one name: they are two nodes all the same', async () => {
    const broker = await useBroker();
    const [one, other] = (await startNodes(broker, ['same', 'same'])) as [Bridge, Bridge];
    const sockets = [await openSocket(one), await openSocket(other)];
    for (const node of [one, other]) {
      const answer = await list(node);
      expect(answer.body).not.toHaveProperty('partial');
      expect(idsIn(answer)).toEqual(sockets.map(({ id }) => id).sort());
    }
    await rest(one, `/v2/accounts/${account}/websockets/${sockets[1]?.id}`, {
      method: 'DELETE',
      token: await tokenFor(account),
    });
    expect((await sockets[1]?.client.untilClosed())?.code).toBe(4500);
    expect(sockets[0]?.client.closed).toBeUndefined();
  });

  test('they find each other again when their connections were cut', async () => {
    const broker = await useBroker();
    const [north, south] = (await startNodes(broker)) as [Bridge, Bridge];
    const ids = [(await openSocket(north)).id, (await openSocket(south)).id].sort();
    await broker.killConnections();
    for (const node of [north, south]) {
      await until(async () => {
        const answer = await list(node);
        return idsIn(answer).length === 2 && answer.body.partial === undefined;
      });
      expect(idsIn(await list(node))).toEqual(ids);
    }
  });
});

test('three nodes: the list waits for all of them', async () => {
  const broker = await useBroker();
  const nodes = await startNodes(broker, ['one', 'two', 'three']);
  const ids: string[] = [];
  for (const node of nodes) ids.push((await openSocket(node)).id);
  for (const node of nodes) expect(idsIn(await list(node))).toEqual([...ids].sort());
});
