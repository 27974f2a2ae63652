/** The close codes. Slow consumers (4008) and the heartbeat have files of their own. */
import { expect, test } from 'vitest';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { callEvent, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

/** Its token stands in the upgrade, so that every message that is understood has an effect. */
async function openAuthenticated(bridge: Awaited<ReturnType<typeof startBridge>>, account = 'alpha'): Promise<Client> {
  return openClient(bridge, { headers: { 'x-auth-token': await tokenFor(account) } });
}

test('1003: a binary frame', async () => {
  const bridge = await startBridge();
  const client = await openAuthenticated(bridge);
  const other = await openAuthenticated(bridge);
  client.socket.send(Buffer.from(JSON.stringify({ action: 'ping' })));
  expect(await client.untilClosed()).toMatchObject({ code: 1003 });
  expect(client.messages, 'a binary frame has no effect').toEqual([]);
  await until(async () => (await bridge.metric('horizon_sockets_closed_total', { code: '1003' })) === 1);
  await other.ping();
});

test('1008: more than 10 malformed messages; one in between that is understood makes up for none', async () => {
  const bridge = await startBridge();
  const client = await openAuthenticated(bridge);
  const startedAt = performance.now();
  for (let index = 0; index < 10; index += 1) client.send(index % 2 === 0 ? 'no JSON' : { action: 7 });
  await client.ping();
  expect(client.closed, 'ten are not more than ten').toBeUndefined();
  // Time forgives one a second, and this machine may be slow.
  for (let index = 0; index < 20 && client.closed === undefined; index += 1) {
    client.send('no JSON');
    client.send({ action: 'ping' });
  }
  expect(await client.untilClosed()).toMatchObject({ code: 1008, reason: 'too many malformed messages' });
  const malformed = client.replies.filter(({ status }) => status === 'error').length;
  expect(malformed).toBeLessThanOrEqual(11 + (performance.now() - startedAt) / 1000);
  await until(async () => (await bridge.metric('horizon_sockets_closed_total', { code: '1008' })) === 1);
});

test('1008 is not for messages that are understood and refused', async () => {
  const bridge = await startBridge();
  const client = await openAuthenticated(bridge);
  for (let index = 0; index < 15; index += 1) {
    client.send({ action: 'nonsense' });
    client.send({ action: 'subscribe', data: { binding: 'nonsense' } });
  }
  await client.ping();
  expect(client.closed).toBeUndefined();
});

test('1009: a message larger than MAX_MESSAGE_BYTES', async () => {
  const bridge = await startBridge({ MAX_MESSAGE_BYTES: '1000' });
  const client = await openAuthenticated(bridge);
  const empty = JSON.stringify({ action: 'ping', request_id: 'x', name: '', padding: '' });
  client.send(JSON.stringify({ action: 'ping', request_id: 'x', name: '', padding: 'p'.repeat(1000 - empty.length) }));
  expect(await client.reply('x')).toMatchObject({ status: 'success' });
  client.send(JSON.stringify({ action: 'ping', request_id: 'y', name: '', padding: 'p'.repeat(1001 - empty.length) }));
  expect(await client.untilClosed()).toMatchObject({ code: 1009 });
  expect(client.replies).toHaveLength(1);
  await until(async () => (await bridge.metric('horizon_sockets_closed_total', { code: '1009' })) === 1);
});

test('1009: before a token was accepted, messages have at most 16 KiB', async () => {
  const bridge = await startBridge();
  const message = (bytes: number): string => `{"action":"ping","request_id":1,"x":"${'x'.repeat(bytes - 39)}"}`;
  const stranger = await openClient(bridge);
  stranger.send(message(16_384));
  expect(await stranger.reply(1)).toMatchObject({ status: 'success' });
  stranger.send(message(16_385));
  expect(await stranger.untilClosed()).toMatchObject({ code: 1009 });
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  await client.subscribe('call.*.*');
  client.send(message(65_536));
  expect(await client.reply(1)).toMatchObject({ status: 'success' });
});

test('1009 by default beyond 65536 bytes', async () => {
  const bridge = await startBridge();
  const client = await openAuthenticated(bridge);
  const message = (bytes: number): string => `{"action":"ping","request_id":1,"x":"${'x'.repeat(bytes - 39)}"}`;
  expect(message(65_536)).toHaveLength(65_536);
  client.send(message(65_536));
  expect(await client.reply(1)).toMatchObject({ status: 'success' });
  client.send(message(65_537));
  expect(await client.untilClosed()).toMatchObject({ code: 1009 });
});

test('1012: restart; the reason is {"reconnect":MS}, a delay of the socket’s own', async () => {
  const bridge = await startBridge();
  const clients: Client[] = [];
  for (let index = 0; index < 20; index += 1) clients.push(await openClient(bridge));
  await bridge.stop();
  const delays: number[] = [];
  for (const client of clients) {
    const { code, reason } = await client.untilClosed();
    expect(code).toBe(1012);
    const parsed = JSON.parse(reason) as { reconnect: number };
    expect(Object.keys(parsed)).toEqual(['reconnect']);
    expect(parsed.reconnect).toSatisfy((ms) => Number.isInteger(ms) && (ms as number) > 0);
    delays.push(parsed.reconnect);
  }
  expect(new Set(delays).size, 'they don’t come back at once').toBeGreaterThan(10);
  expect(await bridge.metric('horizon_sockets_closed_total', { code: '1012' })).toBe(20);
});

test('4001: not authenticated', async () => {
  const bridge = await startBridge({ AUTH_TIMEOUT_SECONDS: '1' });
  const client = await openClient(bridge);
  expect(await client.untilClosed()).toMatchObject({ code: 4001 });
  await until(async () => (await bridge.metric('horizon_sockets_closed_total', { code: '4001' })) === 1);
});

test('4500: closed by an administrator', async () => {
  const bridge = await startBridge();
  const [client, other] = [await openAuthenticated(bridge), await openAuthenticated(bridge)];
  for (const each of [client, other]) await each.subscribe('call.*.*');
  const token = await tokenFor('alpha');
  const path = '/v2/accounts/alpha/websockets';
  const [first] = (await rest(bridge, path, { token })).body.data as string[];
  const answer = await rest(bridge, `${path}/${first}`, { method: 'DELETE', token });
  expect(answer).toMatchObject({ status: 200, body: { data: {} } });
  await until(() => client.closed !== undefined || other.closed !== undefined);
  const [closed, open] = client.closed === undefined ? [other, client] : [client, other];
  expect(closed.closed).toMatchObject({ code: 4500 });
  await publish(bridge.broker, callEvent('alpha'));
  await allDelivered(bridge, open);
  expect(open.events).toHaveLength(1);
  expect(closed.events).toEqual([]);
});

test('a socket that closes itself leaves nothing behind', async () => {
  const bridge = await startBridge();
  const client = await openAuthenticated(bridge);
  await client.subscribe(['call.*.*', 'conference.event.*.*']);
  client.socket.close(4123, 'goodbye');
  expect(await client.untilClosed()).toEqual({ code: 4123, reason: 'goodbye' });
  await until(async () => (await bridge.broker.patterns()).length === 0);
  expect(await bridge.metric('horizon_subscriptions')).toBe(0);
  expect(await bridge.metric('horizon_sockets')).toBe(0);
});
