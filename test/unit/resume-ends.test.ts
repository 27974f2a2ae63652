/** What a socket that can resume gets where something ends: the server, an event that is none, a hole without an end. */
import { expect, test } from 'vitest';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { callEvent, publish } from '../support/events.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

async function open(bridge: EmbeddedBridge): Promise<Client> {
  return openClient(bridge, { token: await tokenFor(account), path: '/?dialect=classic&resume=on' });
}

async function call(bridge: EmbeddedBridge, ...ids: string[]): Promise<void> {
  for (const id of ids) await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', id));
}

const calls = ({ events }: Client): unknown[] => events.map(({ args }) => (args as Record<string, unknown>)['Call-ID']);

test('a drain sends what is live and owed, cuts replays, and says 1012', async () => {
  const bridge = await startBridge({ HISTORY: 'stream' });
  const [live, replaying] = [await open(bridge), await open(bridge)];
  const { data } = await live.subscribe('call.*.*');
  const ids = Array.from({ length: 3000 }, (_, n) => `${n}`);
  await call(bridge, ...ids);
  await live.untilEvents(ids.length);
  const auth_token = await tokenFor(account);
  replaying.send({
    action: 'subscribe',
    request_id: 's',
    auth_token,
    data: { binding: 'call.*.*', since: data.cursor },
  });
  await replaying.untilEvents(1);
  await call(bridge, 'last');
  await bridge.stop();
  for (const client of [live, replaying]) expect((await client.untilClosed()).code).toBe(1012);
  expect(calls(live).at(-1)).toBe('last');
  // From its beginning on and without a hole: its last cursor is a good one.
  const got = calls(replaying);
  expect(got).toEqual(ids.slice(0, got.length));
  expect(got.length).toBeLessThan(ids.length);
  expect(replaying.notices).toEqual([]);
});

test('a body that is dropped is no gap', async () => {
  const bridge = await startBridge({ HISTORY: 'stream' });
  const client = await open(bridge);
  const { data } = await client.subscribe('call.*.*');
  await call(bridge, '1');
  const { exchange, routingKey } = callEvent(account, 'CHANNEL_CREATE', 'x');
  await bridge.broker.publish(exchange, routingKey, Buffer.from('no JSON'));
  await bridge.broker.publish(exchange, routingKey, Buffer.alloc(1_100_000, '"'));
  await call(bridge, '2');
  await client.untilEvents(2);
  expect(await bridge.metric('horizon_events_dropped_total', { reason: 'not_json' })).toBe(1);
  expect(await bridge.metric('horizon_events_dropped_total', { reason: 'too_large' })).toBe(1);
  const back = await open(bridge);
  expect((await back.subscribe('call.*.*', { since: data.cursor })).data.recovered).toBe(true);
  expect(await back.notice('live')).toMatchObject({ replayed: 2 });
  expect(calls(back)).toEqual(['1', '2']);
  expect(client.notices).toEqual([]);
  expect(await bridge.metric('horizon_gaps_total')).toBe(0);
});
