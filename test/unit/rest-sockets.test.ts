import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

const account = 'acme';
const gregorianOffset = 62_167_219_200;
const digest = (token: string) => `sha256:${createHash('sha256').update(token).digest('hex').slice(0, 12)}`;

/** The ids of the account's sockets, as a token of its own sees them. */
async function listed(bridge: EmbeddedBridge, of = account): Promise<string[]> {
  const { body } = await rest(bridge, `/v2/accounts/${of}/websockets`, { token: await tokenFor(of) });
  return body.data as string[];
}

async function details(bridge: EmbeddedBridge, id: string | undefined, query = ''): Promise<Record<string, unknown>> {
  const path = `/v2/accounts/${account}/websockets/${id}${query}`;
  const { status, body } = await rest(bridge, path, { token: await tokenFor(account) });
  expect(status).toBe(200);
  return (Array.isArray(body.data) ? body.data[0] : body.data) as Record<string, unknown>;
}

describe('a socket is listed', () => {
  test('from the moment it is authenticated: a ping with a token is enough, one without is not', async () => {
    const bridge = await startBridge();
    const client = await openClient(bridge);
    await client.ping();
    expect(await listed(bridge)).toEqual([]);
    await client.request({ action: 'ping', auth_token: 'bad' });
    expect(await listed(bridge)).toEqual([]);
    await client.request({ action: 'ping', auth_token: await tokenFor(account) });
    expect(await listed(bridge)).toEqual([expect.any(String)]);
    expect(await listed(bridge, 'other')).toEqual([]);
  });

  test('from the upgrade on when that carried a token', async () => {
    const bridge = await startBridge();
    for (const headers of [
      { 'x-auth-token': await tokenFor(account) },
      { authorization: `Bearer ${await tokenFor(account)}` },
    ]) {
      const client = await openClient(bridge, { headers });
      expect(await listed(bridge)).toHaveLength(1);
      client.close();
      await until(async () => (await listed(bridge)).length === 0);
    }
  });

  test('and gone as soon as it closes, whoever closes it and however', async () => {
    const bridge = await startBridge();
    const headers = { 'x-auth-token': await tokenFor(account) };
    const [leaves, breaks, stays] = [
      await openClient(bridge, { headers }),
      await openClient(bridge, { headers }),
      await openClient(bridge, { headers }),
    ];
    expect(await listed(bridge)).toHaveLength(3);
    leaves.close();
    breaks.socket.terminate();
    await until(async () => (await listed(bridge)).length === 1);
    const [id] = await listed(bridge);
    await rest(bridge, `/v2/accounts/${account}/websockets/${id}`, {
      method: 'DELETE',
      token: await tokenFor(account),
    });
    expect(await listed(bridge)).toEqual([]);
    expect((await stays.untilClosed()).code).toBe(4500);
  });

  test('under an id that can not be guessed', async () => {
    const bridge = await startBridge();
    const headers = { 'x-auth-token': await tokenFor(account) };
    for (let count = 0; count < 20; count += 1) await openClient(bridge, { headers });
    const ids = await listed(bridge);
    expect(new Set(ids).size).toBe(20);
    // A random UUID: 122 bits, and besides its dashes and its version nothing that they have in common.
    const template = '********-****-4***-****-************';
    for (const id of ids) expect(id).toMatch(/^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/);
    for (const [place, mark] of [...template].entries()) {
      if (mark === '*') expect(new Set(ids.map((id) => id[place])).size).toBeGreaterThan(1);
    }
  });
});

describe('GET /v2/accounts/{A}/websockets', () => {
  test('classic: socket ids; kazoo4: objects', async () => {
    const bridge = await startBridge();
    const client = await openClient(bridge, { token: await tokenFor(account) });
    await client.subscribe(['call.CHANNEL_CREATE.*', 'fax.status.*'], { name: 'my phone', metadata: { desk: [1] } });
    const path = `/v2/accounts/${account}/websockets`;
    const token = await tokenFor(account);
    const classic = await rest(bridge, `${path}?dialect=classic`, { token });
    expect(classic.body.data).toEqual([expect.any(String)]);
    const [id] = classic.body.data as string[];
    const kazoo4 = await rest(bridge, `${path}?dialect=kazoo4`, { token });
    expect(kazoo4.body.data).toEqual([
      {
        websocket_session_id: id,
        bindings: ['call.CHANNEL_CREATE.*', 'fax.status.*'],
        options: [null, null],
        timestamp: expect.any(Number),
        destination: 'test-node',
        source: '127.0.0.1',
        name: 'my phone',
        metadata: { desk: [1] },
      },
    ]);
  });

  test('name and metadata stay away where the client gave none', async () => {
    const bridge = await startBridge();
    await openClient(bridge, { headers: { 'x-auth-token': await tokenFor(account) } });
    const path = `/v2/accounts/${account}/websockets?dialect=kazoo4`;
    const { body } = await rest(bridge, path, { token: await tokenFor(account) });
    const keys = ['bindings', 'destination', 'options', 'source', 'timestamp', 'websocket_session_id'];
    expect((body.data as object[]).map((socket) => Object.keys(socket).sort())).toEqual([keys]);
  });
});

describe('GET /v2/accounts/{A}/websockets/{ID}', () => {
  test('classic: a list of the one, with account and token; kazoo4: the object alone, without', async () => {
    const bridge = await startBridge({ NODE_NAME: 'node-7' });
    const token = await tokenFor(account);
    const before = Math.floor(Date.now() / 1000) + gregorianOffset;
    const client = await openClient(bridge, { token });
    await client.subscribe('call.*.*', { name: 'n' });
    const [id] = await listed(bridge);
    const path = `/v2/accounts/${account}/websockets/${id}`;
    const socket = {
      websocket_session_id: id,
      bindings: ['call.*.*'],
      options: [null],
      name: 'n',
      timestamp: expect.any(Number),
      source: '127.0.0.1',
      destination: 'node-7',
    };
    const classic = await rest(bridge, path, { token });
    expect(classic.body.data).toEqual([{ ...socket, account_id: account, auth_token: digest(token) }]);
    const kazoo4 = await rest(bridge, `${path}?dialect=kazoo4`, { token });
    expect(kazoo4.body.data).toEqual(socket);
    const { timestamp } = await details(bridge, id);
    expect(timestamp).toBeGreaterThanOrEqual(before);
    expect(timestamp).toBeLessThanOrEqual(Math.floor(Date.now() / 1000) + gregorianOffset);
  });

  test('bindings, label and token are those of now', async () => {
    const bridge = await startBridge();
    const client = await openClient(bridge, { token: await tokenFor(account) });
    await client.subscribe(['call.*.*', 'fax.status.*'], { name: 'first' });
    const fresh = await tokenFor(account, { owner_id: 'me' });
    await client.unsubscribe('call.*.*', { auth_token: fresh });
    await client.subscribe('notifications.*.*', { name: 'second', auth_token: fresh });
    const [id] = await listed(bridge);
    expect(await details(bridge, id)).toMatchObject({
      bindings: ['fax.status.*', 'notifications.*.*'],
      name: 'second',
      auth_token: digest(fresh),
    });
  });

  test('a token stays hidden', async () => {
    const bridge = await startBridge();
    const token = await tokenFor(account);
    await openClient(bridge, { headers: { 'x-auth-token': token } });
    const [id] = await listed(bridge);
    expect((await details(bridge, id)).auth_token).toMatch(/^sha256:[0-9a-f]{12}$/);
  });
});

describe('DELETE /v2/accounts/{A}/websockets/{ID}', () => {
  test.each(['classic', 'kazoo4'])('%s: {}, and the socket is closed with 4500', async (dialect) => {
    const bridge = await startBridge();
    const token = await tokenFor(account);
    const client = await openClient(bridge, { headers: { 'x-auth-token': token } });
    const [id] = await listed(bridge);
    const bystander = await openClient(bridge, { headers: { 'x-auth-token': token } });
    const path = `/v2/accounts/${account}/websockets/${id}?dialect=${dialect}`;
    const { status, body } = await rest(bridge, path, { method: 'DELETE', token });
    expect(status).toBe(200);
    expect(body).toMatchObject({ status: 'success', data: {} });
    expect(await client.untilClosed()).toEqual({ code: 4500, reason: expect.stringMatching(/\w/) });
    await bystander.ping();
    expect((await rest(bridge, path, { method: 'DELETE', token })).status).toBe(404);
  });
});

describe('source is the client', () => {
  async function sourceOf(settings: Record<string, string>, forwarded?: string): Promise<unknown> {
    const bridge = await startBridge(settings);
    const token = await tokenFor(account);
    const headers = { 'x-auth-token': token, ...(forwarded !== undefined && { 'x-forwarded-for': forwarded }) };
    await openClient(bridge, { headers });
    const [id] = await listed(bridge);
    return (await details(bridge, id)).source;
  }

  test.each<[string, Record<string, string>, string, string]>([
    ['through a trusted proxy (loopback is one by default)', {}, '203.0.113.7', '203.0.113.7'],
    ['through a chain: the last address that no proxy has', {}, '198.51.100.1, 203.0.113.7', '203.0.113.7'],
    ['of IPv6', {}, '2001:db8::7', '2001:db8::7'],
    ['through two trusted proxies', { TRUST_PROXY: '127.0.0.0/8,10.0.0.0/8' }, '203.0.113.7, 10.1.2.3', '203.0.113.7'],
    ['not through an untrusted one', { TRUST_PROXY: '10.0.0.0/8' }, '203.0.113.7', '127.0.0.1'],
    ['not by a header that is no address', {}, 'somewhere', '127.0.0.1'],
  ])('%s', async (_title, settings, forwarded, source) => expect(await sourceOf(settings, forwarded)).toBe(source));

  test('without a proxy', async () => expect(await sourceOf({})).toBe('127.0.0.1'));
});
