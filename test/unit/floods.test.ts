/** What a stranger may make this server hold or do by RFC 6455 alone: pings, pongs, fragments, crumbs of frames. */
import { generateKeyPairSync } from 'node:crypto';
import { SignJWT } from 'jose';
import { expect, test } from 'vitest';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { opcodes } from '../support/frames.ts';
import { openRaw, type RawClient } from '../support/raw-client.ts';
import { startNeighbour } from '../support/rest.ts';
import { until } from '../support/until.ts';

const ping = JSON.stringify({ action: 'ping', request_id: 'last' });

/** The server's own pings would stand among the frames that are counted here. */
const silent = { PING_INTERVAL_SECONDS: '86400' };
/** A slow refill, so that none comes in between. */
const slow = { ...silent, RATE_LIMIT_PER_SECOND: '1', RATE_LIMIT_BURST: '5' };

function pongs(client: RawClient): number {
  return client.frames.filter(({ opcode }) => opcode === opcodes.pong).length;
}

async function expectCounted(bridge: Awaited<ReturnType<typeof startBridge>>, code: number): Promise<void> {
  await until(async () => (await bridge.metric('horizon_sockets_closed_total', { code: String(code) })) === 1);
}

test('pings take from the same bucket as messages; who goes a little over it is heard again after a pause', async () => {
  const bridge = await startBridge(slow);
  const client = await openRaw(bridge);
  const startedAt = performance.now();
  for (let index = 0; index < 9; index += 1) client.sendFrame(String(index), { opcode: opcodes.ping });
  await until(() => pongs(client) >= 5);
  client.sendFrame(ping);
  await until(() => client.texts.length === 1);
  expect(performance.now() - startedAt, 'it was not listened to').toBeGreaterThan(900);
  expect(client.frames.slice(0, 5).map(({ payload }) => payload.toString())).toEqual(['0', '1', '2', '3', '4']);
  expect(pongs(client), 'what is over the limit is not answered').toBeLessThan(9);
  expect(client.isClosed).toBe(false);
});

test('pings leave the less for messages', async () => {
  const bridge = await startBridge(slow);
  const client = await openRaw(bridge);
  for (let index = 0; index < 5; index += 1) client.sendFrame('', { opcode: opcodes.ping });
  client.sendFrame(ping);
  await until(() => client.texts.length === 1);
  expect(client.texts[0]).toContain('rate_limited');
});

test.each(['ping', 'pong'] as const)('who floods with %ss is closed with 1008', async (kind) => {
  const bridge = await startBridge(silent);
  const neighbour = await openClient(bridge, { token: await tokenFor('alpha') });
  const client = await openRaw(bridge);
  for (let index = 0; index < 1000; index += 1) client.sendFrame('', { opcode: opcodes[kind] });
  await until(() => client.closeCode !== undefined);
  expect(client.closeCode).toBe(1008);
  expect(pongs(client)).toBeLessThanOrEqual(250);
  await client.untilClosed();
  await expectCounted(bridge, 1008);
  await neighbour.ping();
});

test('what waits while a stranger’s token is asked about is bounded', async () => {
  const keys = await startNeighbour(() => {
    // It never answers.
  });
  const bridge = await startBridge({ ...silent, AUTH_JWKS_URL: `${keys.address}/jwks` });
  const client = await openClient(bridge);
  const token = await tokenOfStranger();
  client.send({ action: 'ping', request_id: 'first', auth_token: token });
  for (let index = 0; index < 8; index += 1) client.send({ action: 'ping', padding: 'x'.repeat(16_000) });
  await until(() => client.replies.length >= 5, 'answers to those that find no room');
  for (const { data } of client.replies) expect(data.errors?.[0]).toContain('too many messages wait');
  await keys.stop();
  expect((await client.reply('first')).data.code).toBe('source_unavailable');
  await until(() => client.replies.length === 9);
});

/** Signed with a key that this server doesn't know. */
async function tokenOfStranger(): Promise<string> {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const token = new SignJWT({ account_id: 'alpha' }).setProtectedHeader({ alg: 'ES256', kid: 'unknown' });
  return token.setExpirationTime('1h').sign(privateKey);
}

test('who floods with messages, and goes on, is not listened to for twice as long', async () => {
  const bridge = await startBridge(slow);
  const client = await openClient(bridge);
  const flood = async (): Promise<number> => {
    const startedAt = performance.now();
    for (let index = 0; index < 400; index += 1) client.send({ action: 'ping' });
    await client.request({ action: 'ping' });
    // What was sent last may have come just before the pause.
    await client.request({ action: 'ping' });
    return performance.now() - startedAt;
  };
  expect(await flood()).toBeGreaterThan(900);
  expect(await flood()).toBeGreaterThan(1900);
  expect(client.closed).toBeUndefined();
});

test('a message in 256 fragments is one message, in more of them it closes the socket with 1008', async () => {
  const bridge = await startBridge(silent);
  const inFragments = async (fragments: number): Promise<RawClient> => {
    const client = await openRaw(bridge);
    for (let index = 0; index < fragments; index += 1) {
      const part = index < ping.length ? ping.slice(index, index + 1) : ' ';
      const opcode = index === 0 ? opcodes.text : opcodes.continuation;
      client.sendFrame(part, { opcode, fin: index === fragments - 1 });
    }
    await client.untilFrames(1);
    return client;
  };
  expect((await inFragments(256)).texts[0]).toContain('pong');
  expect((await inFragments(257)).closeCode).toBe(1008);
  await expectCounted(bridge, 1008);
});

test('a frame that comes byte by byte, each in a packet of its own, is not gathered for long: 1008', async () => {
  const bridge = await startBridge(silent);
  const client = await openRaw(bridge);
  client.write(Buffer.from([0x81, 0xfe, 0x3f, 0xff, 0, 0, 0, 0]));
  let bytes = 0;
  for (; client.closeCode === undefined && bytes < 16_000; bytes += 1) {
    client.write(' ');
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(client.closeCode).toBe(1008);
  await expectCounted(bridge, 1008);
});

test('a client that is closed for what it sent is not waited for', async () => {
  const bridge = await startBridge(silent);
  const client = await openRaw(bridge);
  const startedAt = performance.now();
  // It does not answer the close frame, and goes on.
  client.sendFrame('x', { opcode: opcodes.binary });
  for (let index = 0; index < 20; index += 1) client.sendFrame(ping);
  await client.untilClosed();
  expect(client.closeCode).toBe(1003);
  expect(client.texts, 'what follows is not read').toEqual([]);
  expect(performance.now() - startedAt, 'ws itself would wait for five seconds').toBeLessThan(4000);
  await expectCounted(bridge, 1003);
});

test('an offer of permessage-deflate that is wrong is declined, and no reason to refuse the upgrade', async () => {
  const bridge = await startBridge({ ...silent, COMPRESSION: 'on' });
  for (const offer of ['permessage-deflate; nonsense', 'permessage-deflate; client_max_window_bits=99', '"', ';;']) {
    const client = await openRaw(bridge, { headers: { 'Sec-WebSocket-Extensions': offer } });
    expect(client.head, offer).toMatch(/^HTTP\/1\.1 101 /);
    expect(client.head, offer).not.toMatch(/extensions/i);
    client.sendFrame(ping);
    await client.untilFrames(1);
    expect(client.texts[0], offer).toContain('pong');
  }
  const offer = 'permessage-deflate; nonsense, permessage-deflate; client_max_window_bits';
  const client = await openRaw(bridge, { headers: { 'Sec-WebSocket-Extensions': offer } });
  expect(client.head).toMatch(/^sec-websocket-extensions: permessage-deflate;.*client_max_window_bits=10/im);
});
