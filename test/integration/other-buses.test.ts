/** A bus that has nothing to do with telephony: the family that docs/FAMILIES.md shows, on a real broker. */
import { expect, test } from 'vitest';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { type Client, openClient } from '../support/client.ts';
import { documentedFamilies, family } from '../support/families.ts';
import { allDelivered } from '../support/fence.ts';
import { startMain, useFolder } from '../support/process.ts';
import { management } from '../support/rabbit.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

async function startShop(content: string | object = documentedFamilies(), settings: Record<string, string> = {}) {
  const write = await useFolder();
  const path = await write('families.json', content);
  const broker = await useBroker();
  const bridge = await startBridge({ FAMILIES_FILE: path, ...settings }, broker);
  const open = async (account: string, dialect = 'classic', claims = {}): Promise<Client> =>
    openClient(bridge, { token: await tokenFor(account, claims), path: `/?dialect=${dialect}` });
  return { bridge, broker, open };
}

/** As the shop's own publishers do it: durable, since its orders may not be lost. */
async function declareShop(broker: Broker): Promise<void> {
  await (await broker.channel()).assertExchange('shop', 'topic', { durable: true });
}

async function order(broker: Broker, key: string, body: object): Promise<void> {
  const channel = await broker.channel();
  channel.publish('shop', key, Buffer.from(JSON.stringify(body)));
  await channel.waitForConfirms();
}

const exchangesOf = async ({ rabbit, vhost }: Broker): Promise<string> =>
  JSON.stringify(await management(rabbit, 'GET', `/api/exchanges/${encodeURIComponent(vhost)}`));

test.each([
  ['fine patterns', {}],
  ['coarse patterns', { MAX_PATTERNS: '2' }],
])('orders reach the account that they belong to, in both dialects, and no other: %s', async (_plan, settings) => {
  const { bridge, broker, open } = await startShop(documentedFamilies(), settings);
  await declareShop(broker);
  const [acme, kazoo4, evil] = [await open('acme'), await open('acme', 'kazoo4'), await open('evil')];
  for (const client of [acme, kazoo4, evil]) {
    const reply = await client.subscribe('orders.paid.*', { request_id: '1' });
    expect(reply).toMatchObject({ status: 'success', data: { subscribed: ['orders.paid.*'] } });
  }
  const everybody = await open('root', 'classic', { superduper_admin: true });
  await everybody.subscribe('orders.*.*', { account_id: '*', request_id: '1' });
  const body = { tenant: { id: 'acme' }, total: 12 };
  await order(broker, 'order.paid.acme.4711', body);
  // Key and body disagree; a state that isn't listed; another one than was asked for.
  await order(broker, 'order.paid.evil.4711', body);
  await order(broker, 'order.lost.acme.4711', body);
  await order(broker, 'order.created.acme.4711', body);
  await allDelivered(bridge, acme, kazoo4, evil, everybody);
  expect(acme.events).toEqual([{ name: 'order_paid', args: body, request_id: '1' }]);
  expect(kazoo4.events).toEqual([
    {
      action: 'event',
      subscribed_key: 'orders.paid.*',
      subscription_key: 'orders.acme.paid.*',
      name: 'order_paid',
      routing_key: 'order.paid.acme.4711',
      account_id: 'acme',
      data: body,
    },
  ]);
  expect(evil.events).toEqual([]);
  expect(everybody.events.map(({ name }) => name)).toEqual(['order_paid', 'order_created']);
  expect(await bridge.metric('horizon_events_dropped_total', { reason: 'contradiction' })).toBe(1);
});

test('the exchange is never declared: a subscribe waits for it, gets what is published then, and again once it is back', async () => {
  const { broker, open, bridge } = await startShop();
  const client = await open('acme');
  let isAnswered = false;
  const reply = client.subscribe('orders.*.*').finally(() => {
    isAnswered = true;
  });
  await until(() => bridge.logLines.some(({ message }) => message.includes('exchange is missing')));
  expect(isAnswered).toBe(false);
  expect(await exchangesOf(broker)).not.toContain('"shop"');
  await declareShop(broker);
  expect(await reply).toMatchObject({ status: 'success' });
  await order(broker, 'order.paid.acme.1', { tenant: { id: 'acme' } });
  await client.untilEvents(1);
  await broker.deleteExchange('shop');
  await declareShop(broker);
  const later = await open('acme');
  expect(await later.subscribe('orders.*.*')).toMatchObject({ status: 'success' });
  await order(broker, 'order.shipped.acme.1', { tenant: { id: 'acme' } });
  await client.untilEvents(2);
});

test('where it does not come, the subscribe is source_unavailable and nothing is kept', async () => {
  const { broker, open } = await startShop();
  const client = await open('acme');
  expect(await client.subscribe('orders.*.*')).toMatchObject({ data: { code: 'source_unavailable' } });
  expect((await client.unsubscribe('orders.*.*')).data.subscriptions).toEqual([]);
  expect(await exchangesOf(broker)).not.toContain('"shop"');
});

test('everything that a fanout has is compared here', async () => {
  const { bridge, broker, open } = await startShop([family({ exchange_type: 'fanout' })]);
  await (await broker.channel()).assertExchange('shop', 'fanout', { durable: false });
  const [acme, evil] = [await open('acme'), await open('evil')];
  for (const client of [acme, evil])
    expect(await client.subscribe('orders.paid.*')).toMatchObject({ status: 'success' });
  for (const key of ['order.paid.acme.1', 'order.created.acme.1', 'other', '', 'order.paid.evil.1']) {
    await order(broker, key, { tenant: { id: 'acme' } });
  }
  await allDelivered(bridge, acme, evil);
  expect(acme.events).toHaveLength(1);
  expect(evil.events).toEqual([]);
});

test('it is offered, described, and may be named by tokens', async () => {
  const { broker, bridge, open } = await startShop();
  await declareShop(broker);
  const { body } = await rest(bridge, '/v2/websockets');
  expect(body.data).toMatchObject({
    call: expect.any(Array),
    orders: [
      { binding: 'orders.*.*', event: '*' },
      { binding: 'orders.created.*', event: 'order_created' },
      { binding: 'orders.paid.*', event: 'order_paid' },
      { binding: 'orders.shipped.*', event: 'order_shipped' },
    ],
  });
  const kazoo4 = await rest(bridge, '/v2/websockets?dialect=kazoo4');
  expect(kazoo4.body.data).toMatchObject({
    orders: ['orders.{STATE}.{ID}', 'orders.created.{ID}', 'orders.paid.{ID}', 'orders.shipped.{ID}'],
  });
  const openapi = await fetch(`${bridge.address}/openapi.json`);
  expect(await openapi.text()).toContain('orders.paid.{ID}');
  const client = await open('acme', 'classic', { families: ['orders'] });
  expect(await client.subscribe('orders.*.*')).toMatchObject({ status: 'success' });
  expect(await client.subscribe('call.*.*')).toMatchObject({ data: { code: 'scope_missing' } });
});

test('--check-config shows what was understood; a file that is no good ends the start with 78 and its place', async () => {
  const write = await useFolder();
  const real = { AMQP_URL: 'amqp://127.0.0.1:1', AUTH_JWT_SECRET: 'a secret that is long enough for anybody' };
  const good = await write('good.json', documentedFamilies());
  const check = startMain({ ...real, FAMILIES_FILE: good }, ['--check-config']);
  expect(await check.ended()).toMatchObject({ code: 0 });
  expect(check.stdout).toContain(`FAMILIES_FILE=${good}\n  orders: order.{STATE}.{ACCOUNT}.{ID} on shop (topic)`);
  const bad = await write('bad.json', [family(), family({ name: 'two', binding: 'call.{ID}' })]);
  const start = startMain({ ...real, FAMILIES_FILE: bad });
  expect(await start.ended()).toMatchObject({ code: 78 });
  expect(start.stderr).toContain(`FAMILIES_FILE: ${bad}: 1.binding: call is the root of the family call`);
});
