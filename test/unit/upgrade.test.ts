/** The upgrade. */
import { connect } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { makeToken } from '../../src/auth/token.ts';
import { tokenFor } from '../support/bridge.ts';
import { openClient, refusedUpgrade } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { callEvent, publish } from '../support/events.ts';
import { opcodes, openRaw } from '../support/raw-client.ts';
import { until } from '../support/until.ts';

test.each(['/', '//', '///', '//any', '/%zz', '/any/path', '/socket.io/?x=1', '/%E2%98%8E'])(
  'upgrade on any path at the listener: %s',
  async (path) => {
    const bridge = await startBridge();
    const client = await openClient(bridge, { path });
    await client.ping();
  },
);

test('?dialect= chooses a dialect for this socket, DIALECT where it is absent', async () => {
  const bridge = await startBridge({ DIALECT: 'kazoo4' });
  const token = await tokenFor('alpha');
  const clients = [
    await openClient(bridge, { token, path: '/?dialect=classic' }),
    await openClient(bridge, { token, path: '/any/path?x=1&dialect=kazoo4' }),
    await openClient(bridge, { token }),
  ];
  for (const client of clients) await client.subscribe('call.CHANNEL_CREATE.*');
  await publish(bridge.broker, callEvent('alpha'));
  const shapes = [];
  for (const client of clients) shapes.push(Object.keys((await client.untilEvents(1))[0] ?? {})[0]);
  expect(shapes).toEqual(['name', 'action', 'action']);
});

test.each(['', 'kazoo5', 'CLASSIC', 'classic,kazoo4'])('another value for the dialect: 400 (%j)', async (value) => {
  const bridge = await startBridge();
  const refusal = await refusedUpgrade(bridge, { path: `/?dialect=${value}` });
  expect(refusal).toMatchObject({ status: 400, body: { status: 'error', error: '400' } });
  expect(refusal.headers).not.toHaveProperty('retry-after');
});

test.each([
  ['Authorization: Bearer', (token: string) => ({ authorization: `Bearer ${token}` })],
  ['authorization: bearer, in any case', (token: string) => ({ authorization: `bearer ${token}` })],
  ['Authorization with nothing but the token', (token: string) => ({ authorization: token })],
  ['X-Auth-Token', (token: string) => ({ 'x-auth-token': token })],
])('a header on the upgrade authenticates the socket at once: %s', async (_name, headers) => {
  const bridge = await startBridge();
  const token = await tokenFor('alpha');
  const client = await openClient(bridge, { headers: headers(token) });
  const listed = await fetch(`${bridge.address}/v2/accounts/alpha/websockets`, { headers: { 'x-auth-token': token } });
  expect(((await listed.json()) as { data: string[] }).data).toHaveLength(1);
  expect(await client.subscribe('call.*.*')).toMatchObject({ status: 'success', data: { subscribed: ['call.*.*'] } });
});

test.each([
  ['authorization', 'Bearer '],
  ['authorization', ''],
  ['x-auth-token', ''],
])('a bad token on the upgrade is answered 401: %s: %s…', async (header, scheme) => {
  const bridge = await startBridge();
  const bad = {
    garbage: 'not-a-token',
    foreign: await makeToken('another secret than that of the bridge, as long as it', { account_id: 'alpha' }, 3600),
    expired: await tokenFor('alpha', {}, -10),
  };
  for (const [kind, token] of Object.entries(bad)) {
    const refusal = await refusedUpgrade(bridge, { headers: { [header]: `${scheme}${token}` } });
    expect(refusal, kind).toMatchObject({ status: 401, body: { status: 'error', error: '401' } });
    expect(refusal.body.message, kind).toMatch(/^failed to authenticate token/);
    expect(JSON.stringify(refusal.body), 'the token itself is never echoed').not.toContain(token);
  }
});

test('a bearer token that is no token at all is bad, too', async () => {
  const bridge = await startBridge();
  const refusal = await refusedUpgrade(bridge, { headers: { authorization: 'Bearer two words' } });
  expect(refusal.status).toBe(401);
});

test('credentials of another scheme are not for this server: the socket opens, and shows a token later', async () => {
  const bridge = await startBridge();
  const token = await tokenFor('alpha');
  for (const authorization of [`Basic ${token}`, 'Digest username="x", realm="y"', `Token ${token}`, 'Negotiate']) {
    const client = await openClient(bridge, { headers: { authorization } });
    expect((await client.subscribe('call.*.*')).data.code, authorization).toBe('token_required');
    expect(await client.subscribe('call.*.*', { auth_token: token })).toMatchObject({ status: 'success' });
  }
});

test('ALLOWED_ORIGINS: an upgrade with another Origin is answered 403', async () => {
  const bridge = await startBridge({ ALLOWED_ORIGINS: 'https://app.example.com, http://localhost:8080' });
  const others = [
    'https://evil.example.com',
    'http://app.example.com',
    'https://app.example.com:8443',
    'https://app.example.com.evil.example',
    'null',
  ];
  for (const origin of others) {
    const refusal = await refusedUpgrade(bridge, { headers: { origin } });
    expect(refusal, origin).toMatchObject({ status: 403, body: { status: 'error', error: '403' } });
  }
  for (const origin of ['https://app.example.com', 'http://localhost:8080']) {
    const client = await openClient(bridge, { headers: { origin } });
    await client.ping();
  }
  const withoutOrigin = await openClient(bridge);
  await withoutOrigin.ping();
});

test('without ALLOWED_ORIGINS any origin may connect', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { headers: { origin: 'https://anything.example' } });
  await client.ping();
});

test('MAX_CONNECTIONS: an upgrade beyond it is answered 503 with Retry-After, until a place is free', async () => {
  const bridge = await startBridge({ MAX_CONNECTIONS: '2' });
  const first = await openClient(bridge);
  await openClient(bridge);
  for (let attempt = 0; attempt < 3; attempt += 1) {
    const refusal = await refusedUpgrade(bridge);
    expect(refusal).toMatchObject({ status: 503, body: { status: 'error', error: '503' } });
    expect(Number(refusal.headers['retry-after'])).toBeGreaterThan(0);
  }
  first.close();
  await until(async () => (await bridge.metric('horizon_sockets')) === 1);
  const third = await openClient(bridge);
  await third.ping();
  expect((await refusedUpgrade(bridge)).status).toBe(503);
});

test('upgrades that are refused take no place', async () => {
  const bridge = await startBridge({ MAX_CONNECTIONS: '1', ALLOWED_ORIGINS: 'https://app.example.com' });
  await refusedUpgrade(bridge, { path: '/?dialect=none' });
  await refusedUpgrade(bridge, { headers: { origin: 'https://evil.example.com' } });
  await refusedUpgrade(bridge, { headers: { 'x-auth-token': 'bad' } });
  await openRaw(bridge, { headers: { 'Sec-WebSocket-Version': '12' } });
  await until(async () => {
    const client = await openClient(bridge).catch(() => undefined);
    await client?.ping();
    return client !== undefined;
  });
});

test('a client that was refused and never closes its end holds nothing, and no stop waits for it', async () => {
  const bridge = await startBridge();
  const { hostname, port } = new URL(bridge.address);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => undefined);
  let answer = '';
  socket.on('data', (bytes) => {
    answer += bytes.toString();
  });
  socket.write('GET /?dialect=none HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
  await until(() => socket.readableEnded);
  expect(answer).toMatch(/^HTTP\/1\.1 400 [\s\S]*"status":"error"[\s\S]*}$/);
  await bridge.stop();
  // Who writes to a socket that the other side has let go of is told so.
  await until(() => {
    if (!socket.destroyed) socket.write('x');
    return socket.destroyed;
  });
});

test('MAX_CONNECTIONS_PER_IP: an upgrade beyond it is answered 429 with Retry-After', async () => {
  const bridge = await startBridge({ MAX_CONNECTIONS_PER_IP: '1' });
  const first = await openClient(bridge);
  const refusal = await refusedUpgrade(bridge);
  expect(refusal).toMatchObject({ status: 429, body: { status: 'error', error: '429' } });
  expect(Number(refusal.headers['retry-after'])).toBeGreaterThan(0);
  first.close();
  await until(async () => (await bridge.metric('horizon_sockets')) === 0);
  await (await openClient(bridge)).ping();
});

test('MAX_CONNECTIONS_PER_IP counts the clients behind a trusted proxy each for itself', async () => {
  const bridge = await startBridge({ MAX_CONNECTIONS_PER_IP: '1' });
  const from = (address: string) => ({ headers: { 'x-forwarded-for': address } });
  await openClient(bridge, from('192.0.2.1'));
  await openClient(bridge, from('192.0.2.2'));
  await openClient(bridge, from('2001:db8::1'));
  expect((await refusedUpgrade(bridge, from('192.0.2.1'))).status).toBe(429);
  // What a client wrote itself stands before what the proxy added, and is not believed.
  expect((await refusedUpgrade(bridge, from('198.51.100.9, 192.0.2.2'))).status).toBe(429);
});

test('TRUST_PROXY: nobody else is believed about X-Forwarded-For', async () => {
  const bridge = await startBridge({ MAX_CONNECTIONS_PER_IP: '1', TRUST_PROXY: '192.0.2.0/24' });
  await openClient(bridge, { headers: { 'x-forwarded-for': '198.51.100.1' } });
  const refusal = await refusedUpgrade(bridge, { headers: { 'x-forwarded-for': '198.51.100.2' } });
  expect(refusal.status).toBe(429);
});

test('during a drain an upgrade is answered 503 with Retry-After', async () => {
  const bridge = await startBridge({ DRAIN_SECONDS: '4' });
  const first = await openClient(bridge);
  // It goes on after the first one, for another two seconds.
  await openClient(bridge);
  const stopped = bridge.stop();
  await first.untilClosed();
  const refusal = await refusedUpgrade(bridge);
  expect(refusal.status).toBe(503);
  expect(Number(refusal.headers['retry-after'])).toBeGreaterThan(0);
  await stopped;
});

test('text frames, one JSON object each', async () => {
  const bridge = await startBridge();
  const client = await openRaw(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
  client.send({ action: 'subscribe', request_id: 1, data: { binding: 'call.CHANNEL_CREATE.*' } });
  await client.untilFrames(1);
  const more = { Note: 'x'.repeat(70_000) };
  await publish(bridge.broker, callEvent('alpha'), callEvent('alpha', 'CHANNEL_CREATE', 'call-2', more));
  await client.untilFrames(3);
  for (const { fin, opcode, isMasked, payload } of client.frames) {
    expect({ fin, opcode, isMasked }).toEqual({ fin: true, opcode: opcodes.text, isMasked: false });
    expect(JSON.parse(payload.toString())).toBeTypeOf('object');
  }
});
