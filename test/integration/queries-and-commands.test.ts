/** What is now, and what is done to calls, on a real broker with media nodes of the test's own. Each rule alone is under test in test/unit. */
import { describe, expect, test } from 'vitest';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { type Fields, startMediaNode } from '../support/media-node.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

const account = 'acme';
const list = (...ids: string[]) => ({
  'Event-Category': 'call_event',
  'Event-Name': 'query_account_channels_resp',
  Channels: ids.map((uuid) => ({ uuid, account_id: account })),
});
const channel = (id: string, owner = account) => ({
  'Event-Category': 'call_event',
  'Event-Name': 'query_channels_resp',
  Channels: { [id]: { 'Call-ID': id, 'Account-ID': owner, 'Other-Leg-Call-ID': 'other' } },
});

const query = (client: Client, name: string, more: Fields = {}) =>
  client.request({ action: 'query', data: { name, ...more } });

async function open(bridge: Bridge, claims: object = {}): Promise<Client> {
  const client = await openClient(bridge, { headers: { 'x-auth-token': await tokenFor(account, claims) } });
  // The nodes' conversation has a connection of its own, and may be there a moment later than that of the events.
  await until(async () => (await query(client, 'channel', { call_id: '1' })).status === 'success');
  return client;
}
const uuids = (reply: { readonly data?: unknown }) =>
  ((reply.data as { result: { uuid: string }[] }).result ?? []).map(({ uuid }) => uuid).sort();

/** A bridge takes its time before it says that it knows the media nodes: in the first 15 s every answer is partial. */
describe('the media nodes of a bus', () => {
  test('that lie, answer garbage, too much, twice, for others or to nobody’s question harm no answer of the others', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    const client = await open(bridge);
    await startMediaNode(broker, 'good@a', () => list('1'));
    await startMediaNode(broker, 'liar@a', (question, node) => {
      const stolen = [{ uuid: '2', account_id: 'neighbour' }, { uuid: '3' }, null, 7, 'x'];
      void node.answer(question, Buffer.from('{"Msg-ID":'));
      void node.answer(question, Buffer.from([0xff, 0xfe]));
      void node.answer(question, Buffer.from(`{"Msg-ID":"${question['Msg-ID']}","a":"${'x'.repeat(4_194_304)}"}`));
      void node.answer({ ...question, 'Msg-ID': 'unknown' }, list('4'));
      void node.answer(question, { ...list(), Channels: stolen });
      return list('5');
    });
    const reply = await query(client, 'channels');
    expect(reply).toMatchObject({ status: 'success', data: { name: 'channels', account_id: account, partial: true } });
    // The liar's first word is its only one.
    expect(uuids(reply)).toEqual(['1']);
    expect(await bridge.metric('horizon_events_dropped_total', { reason: 'contradiction' })).toBeGreaterThan(0);
  });

  test('twenty of them answer at once; a dead one and a slow one make the answer partial, and hold up nothing else', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    const client = await open(bridge);
    const late: (() => void)[] = [];
    for (let index = 0; index < 20; index += 1) await startMediaNode(broker, `n${index}@a`, () => list(String(index)));
    await startMediaNode(broker, 'dead@a', () => undefined);
    await startMediaNode(broker, 'slow@a', (question, node) => {
      late.push(() => void node.answer(question, list('late')));
      return undefined;
    });
    const asked = query(client, 'channels');
    const order: string[] = [];
    void asked.then(() => order.push('query'));
    await client.ping();
    order.push('ping');
    const reply = await asked;
    expect(order).toEqual(['ping', 'query']);
    expect(reply).toMatchObject({ data: { partial: true } });
    expect(uuids(reply)).toHaveLength(20);
    // An answer that comes late is nobody's.
    for (const answer of late) answer();
    expect(uuids(await query(client, 'channels'))).not.toContain('late');
  });

  test('are asked over REST, too', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    await startMediaNode(broker, 'one@a', (question) =>
      question['Event-Name'] === 'query_channels_req' ? channel(String(question['Call-ID'])) : list('1'),
    );
    await open(bridge);
    const token = await tokenFor(account);
    const id = 'ZjE5OTk.b64+a/c=@192.0.2.10';
    const one = await rest(bridge, `/v2/accounts/${account}/channels/${encodeURIComponent(id)}`, { token });
    expect(one).toMatchObject({ status: 200, body: { data: { call_id: id } } });
  });
});

describe('a command to a call', () => {
  /** A call control that listens for a call, as Kazoo's do. */
  async function listenFor(broker: Broker, key: string): Promise<Fields[]> {
    const control = await broker.channel();
    const { queue } = await control.assertQueue('', { exclusive: true });
    await control.assertExchange('metaflow', 'topic', { durable: false });
    await control.bindQueue(queue, 'metaflow', key);
    const heard: Fields[] = [];
    const hear = (message: { content: Buffer; fields: { routingKey: string } } | null): void => {
      if (message === null) return;
      heard.push({ ...(JSON.parse(message.content.toString()) as Fields), key: message.fields.routingKey });
    };
    await control.consume(queue, hear, { noAck: true });
    return heard;
  }
  const command = (client: Client, id: string, action: string, more: Fields = {}) =>
    client.request({ action: 'command', data: { call_id: id, action, ...more } });

  async function startWorld() {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    const node = await startMediaNode(broker, 'one@a', (question) => {
      const id = String(question['Call-ID']);
      if (question['Event-Name'] !== 'query_channels_req') return list();
      return id === 'theirs' ? channel(id, 'neighbour') : channel(id);
    });
    const client = await open(bridge, { scope: 'events commands', owner_id: 'ana' });
    return { broker, bridge, node, client };
  }

  test('reaches its call control, and is logged and counted', async () => {
    const { broker, bridge, client } = await startWorld();
    const heard = await listenFor(broker, 'metaflow.action.a%2E1.*');
    expect(await command(client, 'a.1', 'transfer', { target: '1003', transfer_type: 'blind' })).toMatchObject({
      status: 'success',
      data: { accepted: true },
    });
    await until(() => heard.length === 1);
    expect(heard).toEqual([
      {
        key: 'metaflow.action.a%2E1.transfer',
        'App-Name': expect.any(String),
        'App-Version': expect.any(String),
        'Msg-ID': expect.any(String),
        Node: expect.any(String),
        'Instance-ID': expect.any(String),
        'Event-Category': 'metaflow',
        'Event-Name': 'action',
        'Call-ID': 'a.1',
        Action: 'transfer',
        Data: { target: '1003', 'transfer-type': 'blind' },
      },
    ]);
    const lines = bridge.logLines.filter(({ message }) => message === 'a command to a call');
    expect(lines).toEqual([
      {
        level: 'info',
        message: 'a command to a call',
        fields: expect.objectContaining({
          account,
          owner: 'ana',
          call: 'a.1',
          action: 'transfer',
          outcome: 'accepted',
        }),
      },
    ]);
    expect(JSON.stringify(lines)).not.toContain('1003');
    expect(await bridge.metric('horizon_commands_total', { action: 'transfer', outcome: 'accepted' })).toBe(1);
  });

  test('that nobody listens for is refused, whether there is an exchange or not, and the next one goes on', async () => {
    const { broker, client } = await startWorld();
    const refusal = {
      status: 'error',
      data: { code: 'source_unavailable', errors: ['no call control is listening'] },
    };
    expect(await command(client, '1', 'hangup')).toMatchObject(refusal);
    const heard = await listenFor(broker, 'metaflow.action.2.*');
    expect(await command(client, '1', 'hangup')).toMatchObject(refusal);
    expect(await command(client, '2', 'metaflow', { data: { module: 'hangup' } })).toMatchObject(refusal);
    expect(await command(client, '2', 'hangup')).toMatchObject({ status: 'success' });
    await until(() => heard.length === 1);
  });

  test('to another account’s call is as one to no call, and reaches nobody', async () => {
    const { broker, client, node } = await startWorld();
    const heard = await listenFor(broker, '#');
    expect(await command(client, 'theirs', 'hangup')).toMatchObject({ status: 'error' });
    expect(node.questions.length).toBeGreaterThan(0);
    expect(heard).toEqual([]);
  });
});
