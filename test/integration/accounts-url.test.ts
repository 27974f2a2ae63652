/** ACCOUNTS_URL: the account tree of a Kazoo, through the whole server. */
import { expect, test } from 'vitest';
import { secret, startBridge, startBridgeWithoutBroker, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { callEvent, presenceDialog, publish } from '../support/events.ts';
import { apiKey, type FakeAccount, startFakeCrossbar, user } from '../support/fake-crossbar.ts';
import { allDelivered } from '../support/fence.ts';
import { answerJson, rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

const shop: FakeAccount = { id: 'shop', name: 'Shop', realm: 'shop.example.com', tree: ['master', 'top'] };

test('sub-accounts, their lists and presence work as with a file', async () => {
  const crossbar = await startFakeCrossbar([shop]);
  const bridge = await startBridge({ ACCOUNTS_URL: crossbar.address, ACCOUNTS_URL_API_KEY: apiKey });
  const token = await tokenFor('top');
  const client = await openClient(bridge, { token });
  expect(await client.subscribe('call.CHANNEL_CREATE.*', { account_id: 'shop' })).toMatchObject({ status: 'success' });
  expect(await client.subscribe('presence.dialog.*', { account_id: 'shop' })).toMatchObject({ status: 'success' });
  expect(await client.subscribe('call.*.*', { account_id: 'stranger' })).toMatchObject({ status: 'error' });
  await publish(bridge.broker, callEvent('shop'), callEvent('stranger'), presenceDialog('shop.example.com'));
  await allDelivered(bridge, client);
  expect(client.events).toHaveLength(2);
  expect((await rest(bridge, '/v2/accounts/shop/websockets', { token })).status).toBe(200);
  expect((await rest(bridge, '/v2/accounts/top/websockets', { token: await tokenFor('shop') })).status).toBe(403);
});

test('a node takes no traffic before the tree was read once, and says why; until then accounts stand alone', async () => {
  const crossbar = await startFakeCrossbar([shop]);
  let answerNow: (() => void) | undefined;
  crossbar.instead = (path, response) => {
    if (!path.includes('/descendants')) return false;
    const data = [{ id: shop.id, realm: shop.realm, tree: shop.tree }];
    answerNow = () => answerJson(response, 200, { status: 'success', data });
    return true;
  };
  const broker = await useBroker();
  const bridge = await startBridgeWithoutBroker({
    AMQP_URL: broker.url,
    AUTH_JWT_SECRET: secret,
    ACCOUNTS_URL: crossbar.address,
    ACCOUNTS_URL_API_KEY: apiKey,
  });
  await until(() => answerNow !== undefined);
  await until(async () => {
    const { status, body } = await rest(bridge, '/readyz');
    return status === 503 && String(body.message).includes('not read from ACCOUNTS_URL yet (no answer yet)');
  }, '503 with the reason, once the broker is there');
  const client = await openClient(bridge, { token: await tokenFor('top') });
  expect((await client.subscribe('call.*.*', { account_id: 'shop' })).data.code).toBe('account_unauthorized');
  expect(await client.subscribe('call.CHANNEL_CREATE.*')).toMatchObject({ status: 'success' });
  const below = await openClient(bridge, { token: await tokenFor('top') });
  await below.subscribe(['call.*.*', 'presence.dialog.*'], { include_subaccounts: true });
  await publish(broker, callEvent('shop'), presenceDialog('shop.example.com'), callEvent('top'));
  await below.untilEvents(1);
  expect(below.events.map(({ account_id }) => account_id)).toEqual(['top']);

  answerNow?.();
  await until(async () => (await rest(bridge, '/readyz')).status === 200);
  await publish(broker, callEvent('shop'), presenceDialog('shop.example.com'));
  await below.untilEvents(3);
  expect(below.events.map(({ account_id }) => account_id)).toEqual(['top', 'shop', 'shop']);
  expect(await client.subscribe('call.*.*', { account_id: 'shop' })).toMatchObject({ status: 'success' });
});

test('credentials and tokens of the Crossbar are in no log', async () => {
  const crossbar = await startFakeCrossbar([shop]);
  const bridge = await startBridge({
    ACCOUNTS_URL: crossbar.address,
    ACCOUNTS_URL_USER: user.user,
    ACCOUNTS_URL_PASSWORD: user.password,
    ACCOUNTS_URL_ACCOUNT: user.account,
    LOG_LEVEL: 'trace',
  });
  expect(bridge.logLines.some(({ message }) => message === 'the account tree was reloaded')).toBe(true);
  const [token = 'none'] = crossbar.tokens;
  for (const secret of [user.password, token]) expect(JSON.stringify(bridge.logLines)).not.toContain(secret);
  expect(crossbar.asked.join(), 'nor in an address').not.toContain(token);
});
