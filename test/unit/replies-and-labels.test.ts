/** The reply, when it is sent, and what a socket is called. */
import { expect, test } from 'vitest';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { callEvent, publish } from '../support/events.ts';
import { rest } from '../support/rest.ts';

/** What the REST side calls the account's only socket. */
async function labelOf(bridge: { address: string }, account: string) {
  const token = await tokenFor(account);
  const { body } = await rest(bridge, `/v2/accounts/${account}/websockets?dialect=kazoo4`, { token });
  const [socket] = body.data as { name?: string; metadata?: unknown }[];
  return { name: socket?.name, metadata: socket?.metadata };
}

test.each(['classic', 'kazoo4'])('the reply in every dialect: %s', async (dialect) => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha'), path: `/?dialect=${dialect}` });
  const subscribed = await client.subscribe('call.*.*', { request_id: 'a' });
  expect(subscribed).toEqual({
    action: 'reply',
    request_id: 'a',
    status: 'success',
    data: { subscribed: ['call.*.*'], subscriptions: ['call.*.*'] },
  });
  const failed = await client.subscribe('nonsense', { request_id: 'b' });
  expect(failed).toEqual({
    action: 'reply',
    request_id: 'b',
    status: 'error',
    data: { errors: [expect.any(String)], code: 'binding_unsupported' },
  });
});

test.each([['text'], [''], ['"quoted" \\ ☎ '], [42], [-1.5], [0], [2 ** 53 - 1]])(
  'with the client’s request_id: %j',
  async (id) => {
    const bridge = await startBridge();
    const client = await openClient(bridge);
    const requests = [{ action: 'ping' }, { action: 'subscribe' }, { action: 'none' }, { action: 5 }];
    for (const request of requests) client.send({ ...request, request_id: id });
    await client.ping();
    const answers = client.replies.slice(0, requests.length);
    expect(answers.map(({ request_id }) => request_id)).toEqual(requests.map(() => id));
  },
);

test('or one that the server made', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge);
  for (const message of [{ action: 'ping' }, { action: 'subscribe' }, 'no JSON', []]) client.send(message);
  await client.ping();
  const made = client.replies.slice(0, 4).map(({ request_id }) => request_id);
  for (const id of made) expect(id).toEqual(expect.stringMatching(/./));
  expect(new Set(made).size).toBe(4);
});

test('messages of a socket are answered in their order', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge);
  const auth_token = await tokenFor('alpha');
  const binding = 'call.CHANNEL_CREATE.*';
  client.send({ action: 'subscribe', request_id: 1, auth_token, data: { binding } });
  client.send({ action: 'unsubscribe', request_id: 2, data: { binding } });
  client.send({ action: 'ping', request_id: 3 });
  client.send({ action: 'subscribe', request_id: 4, data: { binding } });
  client.send({ action: 'nothing', request_id: 5 });
  await client.reply(5);
  expect(client.replies.map(({ request_id, data }) => [request_id, data.subscriptions])).toEqual([
    [1, [binding]],
    [2, []],
    [3, undefined],
    [4, [binding]],
    [5, undefined],
  ]);
});

test('the reply is sent after the broker has confirmed: an event published after it is delivered', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  // Connects the publisher, so that nothing delays what it sends behind a reply.
  await publish(bridge.broker, callEvent('alpha'));
  for (let round = 1; round <= 20; round += 1) {
    await client.subscribe('call.CHANNEL_CREATE.*');
    await publish(bridge.broker, callEvent('alpha', 'CHANNEL_CREATE', `round-${round}`));
    await client.untilEvents(round);
    await client.unsubscribe('call.CHANNEL_CREATE.*');
  }
  expect(client.events).toHaveLength(20);
});

test('name and metadata label the socket', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  await client.subscribe('call.*.*', { name: 'My new socket', metadata: { test: ['test', { deep: null }] } });
  expect(await labelOf(bridge, 'alpha')).toEqual({
    name: 'My new socket',
    metadata: { test: ['test', { deep: null }] },
  });
});

test('the latest label wins, and what a message leaves out stays', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  await client.subscribe('call.CHANNEL_CREATE.*', { name: 'first', metadata: 1 });
  await client.subscribe('call.CHANNEL_ANSWER.*', { name: 'second' });
  expect(await labelOf(bridge, 'alpha')).toEqual({ name: 'second', metadata: 1 });
  await client.subscribe('call.CHANNEL_ANSWER.*', { metadata: [2] });
  expect(await labelOf(bridge, 'alpha')).toEqual({ name: 'second', metadata: [2] });
  await client.subscribe('call.CHANNEL_HOLD.*');
  expect(await labelOf(bridge, 'alpha')).toEqual({ name: 'second', metadata: [2] });
});

test('name and metadata may also stand at the top level', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge);
  const auth_token = await tokenFor('alpha');
  const data = { binding: 'call.*.*' };
  await client.request({ action: 'subscribe', auth_token, name: 'outside', metadata: { a: 1 }, data });
  expect(await labelOf(bridge, 'alpha')).toEqual({ name: 'outside', metadata: { a: 1 } });
});

test('name has at most 256 characters, metadata 4 KiB of JSON', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  const name = 'n'.repeat(256);
  // With its quotes: 4096 bytes of JSON.
  const metadata = 'm'.repeat(4094);
  expect(await client.subscribe('call.CHANNEL_CREATE.*', { name, metadata })).toMatchObject({ status: 'success' });
  expect(await labelOf(bridge, 'alpha')).toEqual({ name, metadata });
  const tooLong = [
    [{ name: `${name}n` }, /name/],
    [{ metadata: `${metadata}m` }, /metadata/],
    // Bytes, not characters.
    [{ metadata: '☎'.repeat(1400) }, /metadata/],
  ] as const;
  for (const [label, path] of tooLong) {
    const reply = await client.subscribe('call.CHANNEL_ANSWER.*', label);
    expect(reply).toMatchObject({ status: 'error', data: { code: 'invalid_message' } });
    expect(reply.data.errors?.[0]).toMatch(path);
  }
  const unchanged = await client.subscribe([]);
  expect(unchanged.data.code).toBe('binding_missing');
  expect(await labelOf(bridge, 'alpha')).toEqual({ name, metadata });
});
