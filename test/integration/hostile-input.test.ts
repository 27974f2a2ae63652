/** By raw socket: whatever a client sends, the others on the same bridge get their events. */
import { connect } from 'node:net';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { type Client, openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { opcodes, openRaw, type RawClient } from '../support/raw-client.ts';
import { until } from '../support/until.ts';

/** A well-behaved client beside the hostile one. */
async function openNeighbour(bridge: Bridge): Promise<Client> {
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  await client.subscribe('call.CHANNEL_CREATE.*');
  return client;
}

async function expectUnharmed(bridge: Bridge, neighbour: Client): Promise<void> {
  const before = neighbour.events.length;
  await publish(bridge.broker, callEvent('alpha'));
  await neighbour.untilEvents(before + 1);
  await neighbour.ping();
  expect(neighbour.closed).toBeUndefined();
  await (await openClient(bridge)).ping();
  expect(bridge.logLines.filter(({ level }) => level === 'error' || level === 'fatal')).toEqual([]);
}

const ping = JSON.stringify({ action: 'ping', request_id: 1 });

const hostile: readonly (readonly [string, (client: RawClient) => void, number])[] = [
  ['text that is not UTF-8', (client) => client.sendFrame(Buffer.from([0x22, 0xff, 0xfe, 0x22])), 1007],
  ['text that ends inside a character', (client) => client.sendFrame(Buffer.from('"☎').subarray(0, 3)), 1007],
  ['a binary frame', (client) => client.sendFrame(ping, { opcode: opcodes.binary }), 1003],
  ['an empty binary frame', (client) => client.sendFrame('', { opcode: opcodes.binary }), 1003],
  ['an unmasked frame', (client) => client.sendFrame(ping, { masked: false }), 1002],
  ['reserved bits', (client) => client.sendFrame(ping, { reserved: 4 }), 1002],
  ['a reserved opcode', (client) => client.sendFrame(ping, { opcode: 3 }), 1002],
  ['a reserved control opcode', (client) => client.sendFrame('', { opcode: 11 }), 1002],
  ['a continuation of nothing', (client) => client.sendFrame(ping, { opcode: opcodes.continuation }), 1002],
  ['a control frame in parts', (client) => client.sendFrame('', { opcode: opcodes.ping, fin: false }), 1002],
  ['a ping that is too long', (client) => client.sendFrame('p'.repeat(126), { opcode: opcodes.ping }), 1002],
  ['a close frame with half a code', (client) => client.sendFrame('x', { opcode: opcodes.close }), 1002],
  [
    'a close frame with a code that none may send',
    (client) => client.sendFrame(Buffer.from([0x03, 0xed]), { opcode: opcodes.close }),
    1002,
  ],
  ['a frame too large', (client) => client.sendFrame('x'.repeat(65_537)), 1009],
  ['a frame that claims to be too large', (client) => client.sendFrame('', { claimedBytes: 65_537 }), 1009],
  ['a frame that claims to be 8 PiB', (client) => client.sendFrame('', { claimedBytes: 2 ** 53 - 1 }), 1009],
  ['garbage after the upgrade', (client) => client.write(Buffer.alloc(4096, 0xff)), 1002],
  ['HTTP after the upgrade', (client) => client.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n'), 1002],
];

test.each(hostile)('%s: the socket is closed with its code, and no other is harmed', async (_name, send, code) => {
  const bridge = await startBridge();
  const neighbour = await openNeighbour(bridge);
  const client = await openRaw(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
  client.send({ action: 'subscribe', request_id: 0, data: { binding: 'call.*.*' } });
  await client.untilFrames(1);
  send(client);
  await until(() => client.closeCode !== undefined || client.isClosed);
  expect(client.closeCode).toBe(code);
  await client.untilClosed();
  await until(async () => (await bridge.metric('horizon_sockets_closed_total', { code: String(code) })) === 1);
  expect(client.texts, 'nothing of it was done').toHaveLength(1);
  await expectUnharmed(bridge, neighbour);
  expect(client.frames.at(-1)?.opcode, 'no event comes behind the close frame').toBe(opcodes.close);
});

test('no event comes behind the answer to a client’s close frame', async () => {
  const bridge = await startBridge();
  const neighbour = await openNeighbour(bridge);
  const client = await openRaw(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
  client.send({ action: 'subscribe', request_id: 0, data: { binding: 'call.*.*' } });
  await client.untilFrames(1);
  client.sendFrame(Buffer.from([0x03, 0xe8]), { opcode: opcodes.close });
  await until(() => client.closeCode !== undefined);
  expect(client.closeCode).toBe(1000);
  await expectUnharmed(bridge, neighbour);
  expect(client.frames.at(-1)?.opcode).toBe(opcodes.close);
});

test('fragments that together are too large: 1009', async () => {
  const bridge = await startBridge({ MAX_MESSAGE_BYTES: '1000' });
  const neighbour = await openNeighbour(bridge);
  const client = await openRaw(bridge);
  client.sendFrame('x'.repeat(600), { fin: false });
  client.sendFrame('x'.repeat(600), { fin: false, opcode: opcodes.continuation });
  await until(() => client.closeCode !== undefined);
  expect(client.closeCode).toBe(1009);
  await expectUnharmed(bridge, neighbour);
});

test('a message in parts, with a ping among them, is one message', async () => {
  const bridge = await startBridge();
  const client = await openRaw(bridge);
  client.sendFrame(ping.slice(0, 5), { fin: false });
  client.sendFrame('!', { opcode: opcodes.ping });
  client.sendFrame(ping.slice(5, 20), { fin: false, opcode: opcodes.continuation });
  client.sendFrame(ping.slice(20), { opcode: opcodes.continuation });
  await client.untilFrames(2);
  expect(client.frames[0]).toMatchObject({ opcode: opcodes.pong });
  expect(JSON.parse(client.texts[0] ?? '')).toMatchObject({ request_id: 1, data: { response: 'pong' } });
});

test('a frame byte by byte is one message', async () => {
  const bridge = await startBridge();
  const client = await openRaw(bridge);
  const bytes = Buffer.concat([Buffer.from([0x81, 0x80 | ping.length, 0, 0, 0, 0]), Buffer.from(ping)]);
  for (const byte of bytes) {
    client.write(Buffer.from([byte]));
    await new Promise((resolve) => setImmediate(resolve));
  }
  await client.untilFrames(1);
  expect(JSON.parse(client.texts[0] ?? '')).toMatchObject({ request_id: 1, status: 'success' });
});

test('a frame in one packet with the upgrade’s request is a message', async () => {
  const bridge = await startBridge();
  const bytes = Buffer.concat([Buffer.from([0x81, 0x80 | ping.length, 0, 0, 0, 0]), Buffer.from(ping)]);
  const client = await openRaw(bridge, { behindRequest: bytes });
  await client.untilFrames(1);
  expect(JSON.parse(client.texts[0] ?? '')).toMatchObject({ request_id: 1, status: 'success' });
});

test('a peer that breaks off at any moment', async () => {
  const bridge = await startBridge();
  const neighbour = await openNeighbour(bridge);
  const { hostname, port } = new URL(bridge.socketAddress);
  const request = `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\nX-Auth-Token: ${await tokenFor('alpha')}\r\n\r\n`;
  for (const part of [0, 10, request.length - 1, request.length]) {
    const socket = connect(Number(port), hostname);
    socket.on('error', () => undefined);
    await new Promise<void>((resolve) => socket.once('connect', resolve));
    socket.write(request.slice(0, part), () => socket.resetAndDestroy());
    await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  }
  const client = await openRaw(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
  client.send({ action: 'subscribe', request_id: 0, data: { binding: 'call.*.*' } });
  client.reset();
  await expectUnharmed(bridge, neighbour);
  await until(async () => (await bridge.metric('horizon_sockets')) <= 2);
  await until(async () => (await bridge.metric('horizon_subscriptions')) === 1);
});

test.each([
  [
    'not UTF-8',
    Buffer.concat([Buffer.from('{"Account-ID":"alpha","x":"'), Buffer.from([0xff]), Buffer.from('"}')]),
    {},
  ],
  ['half a character', Buffer.from('{"Account-ID":"alpha","x":"☎"}').subarray(0, 29), {}],
  ['no JSON', Buffer.from('<xml/>'), {}],
  ['JSON behind a byte order mark', Buffer.from('\ufeff{"Account-ID":"alpha"}'), {}],
  ['no object', Buffer.from('["Account-ID","alpha"]'), {}],
  ['nothing', Buffer.alloc(0), {}],
  ['gzip that is none', Buffer.from('{"Account-ID":"alpha"}'), { contentEncoding: 'gzip' }],
  ['gzip that grows', gzipSync(`{"Account-ID":"alpha","x":"${'x'.repeat(2_000_000)}"}`), { contentEncoding: 'gzip' }],
])('what the bus brings may hurt nobody either: %s', async (_name, body, options) => {
  const bridge = await startBridge();
  const neighbour = await openNeighbour(bridge);
  await bridge.broker.publish('callevt', 'call.CHANNEL_CREATE.x', body, options);
  await expectUnharmed(bridge, neighbour);
  expect(neighbour.events).toHaveLength(1);
});

test.each([
  ['deep nesting', `${'['.repeat(30_000)}${']'.repeat(30_000)}`],
  ['deep metadata', `{"action":"subscribe","metadata":${'['.repeat(30_000)}${']'.repeat(30_000)}}`],
  ['a prototype in the message', '{"action":"ping","__proto__":{"auth_token":"x"},"constructor":{"prototype":{}}}'],
  ['a prototype in data', '{"action":"subscribe","data":{"__proto__":{"binding":"call.*.*"}}}'],
  ['ten thousand bindings', JSON.stringify({ action: 'subscribe', data: { bindings: Array(10_000).fill('a.b') } })],
  ['the same key twice', '{"action":"ping","action":"subscribe"}'],
  ['numbers beyond all', '{"action":"ping","request_id":1e999}'],
  ['half a surrogate', '{"action":"\\ud800","request_id":"\\udfff"}'],
])('JSON that is meant to hurt, %s, is answered', async (_name, text) => {
  const bridge = await startBridge();
  const neighbour = await openNeighbour(bridge);
  const client = await openRaw(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
  client.sendFrame(text);
  await until(() => client.textCount > 0);
  expect(JSON.parse(client.texts[0] ?? '')).toMatchObject({ action: 'reply' });
  await expectUnharmed(bridge, neighbour);
});
