import { describe, expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { rest } from '../support/rest.ts';

/** reseller > shop > till, a stranger, and a socket of the shop. */
async function startShop(): Promise<{
  bridge: EmbeddedBridge;
  id: string;
  client: Awaited<ReturnType<typeof openClient>>;
}> {
  const { path } = await useAccountsFile([
    { id: 'reseller' },
    { id: 'shop', parent_id: 'reseller' },
    { id: 'till', parent_id: 'shop' },
    { id: 'stranger', superduper_admin: true },
  ]);
  const bridge = await startBridge({ ACCOUNTS_FILE: path });
  const token = await tokenFor('shop');
  const client = await openClient(bridge, { headers: { 'x-auth-token': token } });
  const { body } = await rest(bridge, '/v2/accounts/shop/websockets', { token });
  const [id] = body.data as [string];
  return { bridge, id, client };
}

const requests = (id: string) =>
  [
    ['GET', '/v2/accounts/shop/websockets'],
    ['GET', `/v2/accounts/shop/websockets/${id}`],
    ['DELETE', `/v2/accounts/shop/websockets/${id}`],
  ] as const;

/** The status of each of the three requests with the same token. */
async function statuses(bridge: EmbeddedBridge, id: string, token?: string): Promise<number[]> {
  const found: number[] = [];
  for (const [method, path] of requests(id)) found.push((await rest(bridge, path, { method, token })).status);
  return found;
}

describe('a token for A is one whose account is A or above it', () => {
  test.each([
    ['shop', [200, 200, 200]],
    ['reseller', [200, 200, 200]],
    ['till', [403, 403, 403]],
    ['stranger', [403, 403, 403]],
    ['unknown', [403, 403, 403]],
  ])('%s', async (account, expected) => {
    const { bridge, id, client } = await startShop();
    expect(await statuses(bridge, id, await tokenFor(account))).toEqual(expected);
    if (expected.includes(200)) expect((await client.untilClosed()).code).toBe(4500);
    else await client.ping();
  });

  test('no token, a bad one and an expired one are 401', async () => {
    const { bridge, id, client } = await startShop();
    for (const token of [undefined, 'bad', await tokenFor('shop', {}, -10)]) {
      expect(await statuses(bridge, id, token)).toEqual([401, 401, 401]);
    }
    await client.ping();
  });

  test('X-Auth-Token or Authorization, with Bearer or with the token alone', async () => {
    const { bridge } = await startShop();
    const token = await tokenFor('shop');
    for (const headers of [{ 'x-auth-token': token }, { authorization: `Bearer ${token}` }, { authorization: token }]) {
      expect((await rest(bridge, '/v2/accounts/shop/websockets', { headers })).status).toBe(200);
    }
    for (const authorization of [`Basic ${token}`, `Token ${token}`, `${token} x`, 'Basic', 'Bearer']) {
      const { status } = await rest(bridge, '/v2/accounts/shop/websockets', { headers: { authorization } });
      expect(status).toBe(401);
    }
  });
});

describe('with the scope', () => {
  test.each([
    ['sockets:read sockets:close', [200, 200, 200]],
    ['sockets:read', [200, 200, 403]],
    ['sockets:close', [403, 403, 200]],
    ['events commands', [403, 403, 403]],
    ['', [403, 403, 403]],
  ])('"%s"', async (scope, expected) => {
    const { bridge, id } = await startShop();
    expect(await statuses(bridge, id, await tokenFor('shop', { scope }))).toEqual(expected);
  });
});

describe('what is not there is 404', () => {
  test('a socket that nobody has', async () => {
    const { bridge } = await startShop();
    expect(await statuses(bridge, 'nobody', await tokenFor('shop'))).toEqual([200, 404, 404]);
  });

  test("a socket of another account, even for a token that is above both: it isn't that account's", async () => {
    const { bridge, id, client } = await startShop();
    const token = await tokenFor('reseller');
    for (const account of ['reseller', 'till']) {
      for (const method of ['GET', 'DELETE']) {
        const { status } = await rest(bridge, `/v2/accounts/${account}/websockets/${id}`, { method, token });
        expect(status).toBe(404);
      }
    }
    await client.ping();
  });

  test('a socket that has not shown a token', async () => {
    const { bridge } = await startShop();
    const unknown = await openClient(bridge);
    await unknown.ping();
    const { body } = await rest(bridge, '/v2/accounts/shop/websockets', { token: await tokenFor('shop') });
    expect(body.data).toHaveLength(1);
  });

  test('the answer to a token without rights does not tell whether there is such a socket', async () => {
    const { bridge, id } = await startShop();
    const token = await tokenFor('stranger');
    const [real, invented] = [
      await rest(bridge, `/v2/accounts/shop/websockets/${id}`, { token }),
      await rest(bridge, '/v2/accounts/shop/websockets/nobody', { token }),
    ];
    expect([real.status, real.body.message]).toEqual([invented.status, invented.body.message]);
  });
});
