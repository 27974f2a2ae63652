/** The ways of clients that exist and that we can’t change. */
import { expect, test } from 'vitest';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { type Client, type Message, openClient } from '../support/client.ts';
import { callEvent, conferenceEvent, documentEvent, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { callAccount, fixture, fixtureAccount } from '../support/fixtures.ts';
import { until } from '../support/until.ts';

/** Monster UI’s socket module, as far as its dealings with the server go. */
function monsterModule(client: Client, login: () => Promise<string>) {
  const listeners = new Map<string, (data: Message) => void>();
  let token: string | undefined;
  let logins = 0;

  /** Logs the user in again when an error starts with these words, and sends the request once more. */
  async function request(action: string, binding: string): Promise<boolean> {
    token ??= await login();
    const message = { action, auth_token: token, data: { account_id: fixtureAccount, binding } };
    const reply = await client.request(message);
    if (reply.status === 'success') return true;
    if (!reply.data.errors?.some((error) => error.startsWith('failed to authenticate token'))) return false;
    logins += 1;
    token = undefined;
    return request(action, binding);
  }

  client.socket.on('message', (text) => {
    const frame = JSON.parse(text.toString()) as Message;
    if (frame.action === 'event') listeners.get(String(frame.subscribed_key))?.(frame.data as Message);
  });

  return {
    get logins() {
      return logins;
    },
    async bind(binding: string, listener: (data: Message) => void): Promise<boolean> {
      listeners.set(binding, listener);
      return request('subscribe', binding);
    },
    unbind: (binding: string) => request('unsubscribe', binding),
  };
}

test('Monster UI: one binding a subscribe, the reply by request_id, dispatch by subscribed_key to the letter', async () => {
  const bridge = await startBridge({ DIALECT: 'kazoo4' });
  const client = await openClient(bridge);
  const socket = monsterModule(client, () => tokenFor(fixtureAccount));
  const heard: string[] = [];
  const bindings = ['call.CHANNEL_CREATE.*', 'object.doc_edited.user', 'conference.event.add-member.*.*'];
  for (const binding of bindings) {
    expect(await socket.bind(binding, (data) => heard.push(`${binding} ${data.event_name}`))).toBe(true);
  }
  const events = [callEvent(fixtureAccount), documentEvent(fixtureAccount), conferenceEvent(fixtureAccount)];
  await publish(bridge.broker, ...events);
  await allDelivered(bridge, client);
  const all = [
    'call.CHANNEL_CREATE.* CHANNEL_CREATE',
    'object.doc_edited.user doc_edited',
    'conference.event.add-member.*.* event',
  ];
  expect(heard).toEqual(all);
  expect(await socket.unbind('object.doc_edited.user')).toBe(true);
  await publish(bridge.broker, ...events);
  await allDelivered(bridge, client);
  expect(heard.slice(3)).toEqual([all[0], all[2]]);
});

test('Monster UI logs the user in again when a token has expired or is not accepted', async () => {
  const bridge = await startBridge({ DIALECT: 'kazoo4' });
  const client = await openClient(bridge);
  const tokens = [await tokenFor(fixtureAccount, {}, -1), 'not a token', await tokenFor(fixtureAccount)];
  const socket = monsterModule(client, async () => tokens.shift() ?? '');
  expect(await socket.bind('call.CHANNEL_CREATE.*', () => undefined)).toBe(true);
  expect(socket.logins).toBe(2);
});

test('Monster UI after a lost connection: it subscribes to everything again, on a new socket', async () => {
  const bridge = await startBridge({ DIALECT: 'kazoo4' });
  const token = await tokenFor(fixtureAccount);
  for (let connection = 0; connection < 3; connection += 1) {
    const client = await openClient(bridge);
    const socket = monsterModule(client, async () => token);
    const heard: Message[] = [];
    expect(await socket.bind('call.CHANNEL_CREATE.*', (data) => heard.push(data))).toBe(true);
    await publish(bridge.broker, callEvent(fixtureAccount));
    await until(() => heard.length === 1);
    client.socket.terminate();
  }
  await until(async () => (await bridge.broker.patterns()).length === 0);
});

test('the reference document’s example client, frame by frame', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge);
  const auth_token = await tokenFor(fixtureAccount);
  for (const binding of ['call.CHANNEL_CREATE.*', 'conference.event.7001.*', 'doc_created.*.user.*']) {
    const data = { account_id: fixtureAccount, binding };
    client.send({ action: 'subscribe', auth_token, request_id: fixtureAccount, data });
  }
  await client.ping();
  expect(client.replies.slice(0, 3).map(({ status, request_id }) => [status, request_id])).toEqual(
    Array(3).fill(['success', fixtureAccount]),
  );
  await publish(bridge.broker, callEvent(fixtureAccount));
  for (const file of ['conference.legacy.json', 'object.doc_created.user.json'])
    await bridge.broker.publishFixture(file);
  await allDelivered(bridge, client);
  expect(client.events).toEqual([
    { name: 'CHANNEL_CREATE', args: callEvent(fixtureAccount).body, request_id: fixtureAccount },
    { name: 'participant_event', args: fixture('conference.legacy.json').payload, request_id: fixtureAccount },
    { name: 'doc_created_user', args: fixture('object.doc_created.user.json').payload, request_id: fixtureAccount },
  ]);
  await client.request({ action: 'unsubscribe', auth_token });
  await publish(bridge.broker, callEvent(fixtureAccount));
  await allDelivered(bridge, client);
  expect(client.events).toHaveLength(3);
});

test('a screen pop: create, answer and destroy of an account, told apart by what stands in them', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  await client.subscribe(['CREATE', 'ANSWER', 'DESTROY'].map((part) => `call.CHANNEL_${part}.*`));
  for (const part of ['CREATE', 'ANSWER', 'DESTROY']) await bridge.broker.publishFixture(`call.CHANNEL_${part}.json`);
  await allDelivered(bridge, client);
  const device = 'd509114b66efabf32dfd78dc464b46dd';
  const mine = client.events.filter(({ args }) => {
    const call = args as { 'Custom-Channel-Vars': { 'Authorizing-ID': string }; 'Call-Direction': string };
    return call['Custom-Channel-Vars']['Authorizing-ID'] === device && call['Call-Direction'] === 'inbound';
  });
  expect(mine.map(({ name }) => name)).toEqual(['CHANNEL_CREATE', 'CHANNEL_ANSWER', 'CHANNEL_DESTROY']);
});
