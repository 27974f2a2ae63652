/** A subscribe that the broker doesn’t confirm, or not before something else has happened. */
import { expect, test } from 'vitest';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { type Bridge, secret, startBridge, startBridgeWithoutBroker, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { freePort } from '../support/rabbit.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

/** A bridge whose broker can be kept from answering. */
async function startHoldable(): Promise<{ bridge: Bridge; hold: () => void; release: () => void }> {
  const broker = await useBroker();
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort);
  const bridge = await startBridge({ AMQP_URL: proxy.url(broker.vhost) }, broker);
  return {
    bridge,
    hold: () => {
      for (const link of proxy.links) link.hold();
    },
    release: () => {
      for (const link of proxy.links) link.release();
    },
  };
}

async function untilPatterns({ broker }: Bridge, patterns: readonly string[]): Promise<void> {
  await until(async () => (await broker.patterns()).join() === patterns.join());
}

test('source_unavailable: the broker can’t confirm within 5 s, and nothing is kept', async () => {
  const { bridge, hold, release } = await startHoldable();
  const token = await tokenFor('alpha');
  const client = await openClient(bridge, { token });
  await client.subscribe('call.CHANNEL_ANSWER.*');
  hold();
  const reply = await client.subscribe(['call.CHANNEL_CREATE.*', 'doc_edited.*.user.*'], { name: 'not kept' });
  expect(reply).toMatchObject({ status: 'error', data: { code: 'source_unavailable' } });
  expect(reply.data.errors?.[0]).toMatch(/broker/);
  release();
  expect((await client.unsubscribe('nothing')).data.subscriptions).toEqual(['call.CHANNEL_ANSWER.*']);
  await untilPatterns(bridge, ['callevt call.CHANNEL_ANSWER.*']);
  await publish(bridge.broker, callEvent('alpha'), callEvent('alpha', 'CHANNEL_ANSWER'));
  await allDelivered(bridge, client);
  expect(client.events.map(({ name }) => name)).toEqual(['CHANNEL_ANSWER']);
  const { body } = await rest(bridge, '/v2/accounts/alpha/websockets?dialect=kazoo4', { token });
  expect(body.data).toEqual([expect.not.objectContaining({ name: 'not kept' })]);
  expect(await client.subscribe('call.CHANNEL_CREATE.*')).toMatchObject({ status: 'success' });
});

test('source_unavailable: no broker at all; everything else is answered', async () => {
  const AMQP_URL = `amqp://127.0.0.1:${await freePort()}`;
  const bridge = await startBridgeWithoutBroker({ AMQP_URL, AUTH_JWT_SECRET: secret });
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  const other = await openClient(bridge, { token: await tokenFor('alpha') });
  const waiting = client.subscribe('call.*.*');
  await other.ping();
  expect((await other.subscribe('nonsense')).data.code).toBe('binding_unsupported');
  expect(await waiting).toMatchObject({ status: 'error', data: { code: 'source_unavailable' } });
  expect((await client.unsubscribe()).data).toMatchObject({ unsubscribed: [], subscriptions: [] });
});

test('messages behind a subscribe that waits for the broker wait with it', async () => {
  const { bridge, hold, release } = await startHoldable();
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  await client.ping();
  hold();
  const subscribed = client.subscribe('call.CHANNEL_CREATE.*', { request_id: 'first' });
  const unsubscribed = client.unsubscribe('call.CHANNEL_CREATE.*', { request_id: 'second' });
  release();
  expect((await subscribed).data.subscribed).toEqual(['call.CHANNEL_CREATE.*']);
  expect((await unsubscribed).data.unsubscribed).toEqual(['call.CHANNEL_CREATE.*']);
  expect(client.replies.slice(-2).map(({ request_id }) => request_id)).toEqual(['first', 'second']);
  await untilPatterns(bridge, []);
});

test('a token that ends while the broker is asked: an error; nothing is added, and what was there before is kept', async () => {
  const { bridge, hold, release } = await startHoldable();
  const client = await openClient(bridge, { headers: { 'x-auth-token': await tokenFor('alpha', {}, 3) } });
  const before = 'call.CHANNEL_ANSWER.*';
  expect(await client.request({ action: 'subscribe', data: { binding: before } })).toMatchObject({ status: 'success' });
  hold();
  const reply = client.request({ action: 'subscribe', data: { binding: 'call.CHANNEL_CREATE.*' } });
  await until(() => client.replies.some(({ data }) => data.code === 'token_expired'));
  release();
  expect((await reply).data.code).toBe('token_expired');
  await untilPatterns(bridge, [`callevt ${before}`]);
  await client.request({ action: 'ping', auth_token: await tokenFor('alpha') });
  expect((await client.unsubscribe('nothing')).data.subscriptions).toEqual([before]);
});

test('a socket that closes while the broker is asked leaves nothing behind', async () => {
  const { bridge, hold, release } = await startHoldable();
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  const other = await openClient(bridge, { token: await tokenFor('alpha') });
  await client.ping();
  hold();
  client.send({ action: 'subscribe', auth_token: await tokenFor('alpha'), data: { binding: 'call.CHANNEL_CREATE.*' } });
  client.close();
  await client.untilClosed();
  release();
  await other.subscribe('call.CHANNEL_ANSWER.*');
  await untilPatterns(bridge, ['callevt call.CHANNEL_ANSWER.*']);
  expect(await bridge.metric('horizon_subscriptions')).toBe(1);
});
