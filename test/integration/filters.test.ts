/** Filters over a real broker: bindings that many filters share, bodies as publishers send them, other nodes, real processes. */
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { type Client, type Message, openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
const binding = 'call.*.*';
const user = 'Custom-Channel-Vars.Authorizing-ID';

const callOf = (id: string) =>
  callEvent(account, 'CHANNEL_CREATE', id, { 'Custom-Channel-Vars': { 'Account-ID': account, 'Authorizing-ID': id } });

const ids = ({ events }: Client): unknown[] => events.map(({ args }) => (args as Message)['Call-ID']);

test('300 screen pops of an account: each is sent its own calls, and the broker holds the patterns of one', async () => {
  const bridge = await startBridge();
  const one = await openClient(bridge, { token: await tokenFor(account) });
  await one.subscribe(binding);
  const patterns = await bridge.broker.patterns();
  await one.unsubscribe(binding);
  const pops = await Promise.all(
    Array.from({ length: 300 }, async (_, n) => {
      // Every other one by its token.
      const filter = { [user]: `u${n}` };
      const client = await openClient(bridge, { token: await tokenFor(account, n % 2 === 0 ? { filter } : {}) });
      const { status } = await client.subscribe(binding, n % 2 === 0 ? {} : { filter });
      expect(status).toBe('success');
      return client;
    }),
  );
  expect(await bridge.broker.patterns()).toEqual(patterns);
  for (let n = 0; n < 300; n += 1) await publish(bridge.broker, callOf(`u${n}`));
  await allDelivered(bridge);
  await Promise.all(pops.map((client) => client.ping()));
  for (const [n, client] of pops.entries()) expect(ids(client)).toEqual([`u${n}`]);
  for (const client of pops) client.socket.close();
  const isBound = (pattern: string): boolean => patterns.includes(pattern);
  await until(async () => !(await bridge.broker.patterns()).some(isBound), 'the patterns gone from the broker');
});

test('a body that is packed is filtered as any other', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(account) });
  await client.subscribe(binding, { filter: { [user]: 'u2' } });
  for (const id of ['u1', 'u2']) {
    const { exchange, routingKey, body } = callOf(id);
    await bridge.broker.publish(exchange, routingKey, gzipSync(JSON.stringify(body)), { contentEncoding: 'gzip' });
  }
  await allDelivered(bridge);
  await client.ping();
  expect(ids(client)).toEqual(['u2']);
});

test('a screen pop comes back to another node, with a fresh token of the same filter', async () => {
  const broker = await useBroker();
  const [one, other] = [
    await startBridge({ HISTORY: 'stream', NODE_NAME: 'one' }, broker),
    await startBridge({ HISTORY: 'stream', NODE_NAME: 'other' }, broker),
  ];
  const filter = { [user]: 'u1' };
  const path = '/?dialect=classic&resume=on';
  const client = await openClient(one, { token: await tokenFor(account, { filter }), path });
  await client.subscribe(binding);
  for (const id of ['u1', 'u2']) await publish(broker, callOf(id));
  await client.untilEvents(1);
  client.socket.close();
  for (const id of ['u2', 'u1', 'u2', 'u1']) await publish(broker, callOf(id));
  // What a node has not read by then comes to it live.
  await allDelivered(other);
  const token = await tokenFor(account, { filter, owner_id: 'again' });
  const back = await openClient(other, { token, path });
  const { data } = await back.subscribe(binding, { since: client.events[0]?.cursor, request_id: 'r' });
  expect(data.recovered).toBe(true);
  await back.untilEvents(2);
  expect((await back.notice('live', 'r')).replayed).toBe(2);
  expect(ids(back)).toEqual(['u1', 'u1']);
  const query = `binding=${binding}&dialect=classic`;
  const { body } = await rest(other, `/v2/accounts/${account}/events?${query}`, { token });
  const { events } = body.data as { events: Message[] };
  expect(events.map(({ args }) => (args as Message)['Call-ID'])).toEqual(['u1', 'u1', 'u1']);
});
