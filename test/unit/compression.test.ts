import { expect, test } from 'vitest';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { callAccount, fixture } from '../support/fixtures.ts';

const { payload } = fixture('call.CHANNEL_CREATE.json');

test('with COMPRESSION=on an event is compressed once, and each client gets it with its own request_id', async () => {
  const bridge = await startBridge({ COMPRESSION: 'on' });
  const token = await tokenFor(callAccount);
  // ws offers permessage-deflate, and compresses what it sends where that is worth it.
  const options = { token, perMessageDeflate: { threshold: 0 } };
  const clients = await Promise.all([1, 2, 3].map(() => openClient(bridge, options)));
  const kazoo4 = await openClient(bridge, { ...options, path: '/?dialect=kazoo4' });
  for (const client of [...clients, kazoo4]) expect(client.socket.extensions).toBe('permessage-deflate');
  for (const [index, client] of clients.entries()) {
    await client.subscribe('call.CHANNEL_CREATE.*', { request_id: `request ${index}` });
  }
  await kazoo4.subscribe('call.CHANNEL_CREATE.*');
  await bridge.broker.publishFixture('call.CHANNEL_CREATE.json');
  for (const [index, client] of clients.entries()) {
    const [event] = await client.untilEvents(1);
    expect(event).toEqual({ name: 'CHANNEL_CREATE', args: payload, request_id: `request ${index}` });
  }
  const [event] = await kazoo4.untilEvents(1);
  expect(event).toMatchObject({ action: 'event', data: { call_id: payload['Call-ID'] } });
});

test('a client that offers no compression, or insists on a smaller window, gets none', async () => {
  const bridge = await startBridge({ COMPRESSION: 'on' });
  const token = await tokenFor(callAccount);
  const plain = await openClient(bridge, { token, perMessageDeflate: false });
  const small = await openClient(bridge, { token, perMessageDeflate: { serverMaxWindowBits: 9 } });
  for (const client of [plain, small]) {
    expect(client.socket.extensions).toBe('');
    await client.subscribe('call.CHANNEL_CREATE.*');
  }
  await bridge.broker.publishFixture('call.CHANNEL_CREATE.json');
  for (const client of [plain, small]) expect(await client.untilEvents(1)).toHaveLength(1);
});

test('without it nothing is compressed', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(callAccount), perMessageDeflate: true });
  expect(client.socket.extensions).toBe('');
  await client.subscribe('call.CHANNEL_CREATE.*');
  await bridge.broker.publishFixture('call.CHANNEL_CREATE.json');
  expect(await client.untilEvents(1)).toHaveLength(1);
});

test('a compressed message that grows beyond MAX_MESSAGE_BYTES closes the socket with 1009', async () => {
  const bridge = await startBridge({ COMPRESSION: 'on', MAX_MESSAGE_BYTES: '1000' });
  const client = await openClient(bridge, { perMessageDeflate: { threshold: 0 } });
  client.send(JSON.stringify({ action: 'ping', request_id: 'x'.repeat(100_000) }));
  expect(await client.untilClosed()).toMatchObject({ code: 1009 });
});
