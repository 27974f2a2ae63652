import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { callEvent, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { callAccount, fixture } from '../support/fixtures.ts';
import { until } from '../support/until.ts';

const exchange = 'callevt';
const routingKey = 'call.CHANNEL_CREATE.x';
const droppedMessage = 'a message of the bus was dropped';
const mebibyte = 1_048_576;

const event = callEvent(callAccount).body;
/** An event with a field so long that its body has this many bytes. */
function bodyOf(bytes: number): Buffer {
  const empty = JSON.stringify({ ...event, Filling: '' });
  return Buffer.from(JSON.stringify({ ...event, Filling: 'x'.repeat(bytes - empty.length) }));
}

const badUtf8 = Buffer.from(JSON.stringify({ ...event, Name: '??' }));
badUtf8.write('\xc3\x28', badUtf8.indexOf('??'), 'latin1');
const gzip = { contentEncoding: 'gzip' };

test.each<[what: string, reason: string, body: Buffer, options: { contentEncoding?: string }]>([
  ['not UTF-8', 'not_utf8', badUtf8, {}],
  ['not UTF-8 inside its gzip', 'not_utf8', gzipSync(badUtf8), gzip],
  ['not JSON', 'not_json', Buffer.from('{"Event-Name":'), {}],
  ['empty', 'not_json', Buffer.alloc(0), {}],
  ['an array', 'not_object', Buffer.from('[{}]'), {}],
  ['a text', 'not_object', Buffer.from('"text"'), {}],
  ['null', 'not_object', Buffer.from('null'), {}],
  ['no gzip, though it says so', 'bad_gzip', Buffer.from(JSON.stringify(event)), gzip],
  ['half a gzip', 'bad_gzip', gzipSync(JSON.stringify(event)).subarray(0, 60), gzip],
  ['gzip that grows beyond 1 MiB', 'bad_gzip', gzipSync(bodyOf(mebibyte + 1)), gzip],
  ['gzip that grows a thousandfold', 'bad_gzip', gzipSync(Buffer.alloc(50_000_000, ' ')), gzip],
  ['gzip that does not say so', 'not_utf8', gzipSync(JSON.stringify(event)), {}],
])(
  'a payload that is %s is counted, logged once, and dropped; others are unharmed',
  async (_what, reason, body, options) => {
    const bridge = await startBridge();
    const client = await openClient(bridge, { token: await tokenFor(callAccount) });
    await client.subscribe('call.CHANNEL_CREATE.*');
    for (let times = 0; times < 3; times += 1) {
      await bridge.broker.publish(exchange, routingKey, body, options);
      await bridge.broker.publishFixture('call.CHANNEL_CREATE.json');
    }
    await client.untilEvents(3);
    expect(client.events).toHaveLength(3);
    expect(client.closed).toBeUndefined();
    expect(await bridge.metric('horizon_events_dropped_total', { reason })).toBe(3);
    const lines = bridge.logLines.filter(({ message }) => message === droppedMessage);
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatchObject({ level: 'warn', fields: { reason, exchange, routingKey } });
  },
);

test('each kind of fault is logged, for itself', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  await client.subscribe('call.CHANNEL_CREATE.*');
  for (let times = 0; times < 5; times += 1) {
    await bridge.broker.publish(exchange, routingKey, Buffer.from('{'));
    await bridge.broker.publish(exchange, routingKey, Buffer.from('[]'));
  }
  await allDelivered(bridge, client);
  const reasons = bridge.logLines
    .filter(({ message }) => message === droppedMessage)
    .map(({ fields }) => fields.reason);
  expect(reasons).toEqual(['not_json', 'not_object']);
  expect(JSON.stringify(bridge.logLines)).not.toContain(callAccount);
});

test.each(['gzip', 'GZIP'])(
  'content_encoding: %s is understood: the frame has what was in it',
  async (contentEncoding) => {
    const bridge = await startBridge();
    const client = await openClient(bridge, { token: await tokenFor(callAccount) });
    await client.subscribe('call.CHANNEL_CREATE.*', { request_id: 'r' });
    const { body, payload } = fixture('call.CHANNEL_CREATE.json');
    await bridge.broker.publish(exchange, routingKey, gzipSync(body), { contentEncoding });
    expect(await client.untilEvents(1)).toEqual([{ name: 'CHANNEL_CREATE', args: payload, request_id: 'r' }]);
  },
);

test('up to 1 MiB, compressed or not, is an event', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(callAccount), maxPayload: 4 * mebibyte });
  await client.subscribe('call.CHANNEL_CREATE.*');
  const body = bodyOf(mebibyte);
  await bridge.broker.publish(exchange, routingKey, gzipSync(body), gzip);
  await bridge.broker.publish(exchange, routingKey, body);
  const events = await client.untilEvents(2);
  for (const { args } of events) expect(args).toEqual(JSON.parse(body.toString()));
  expect(client.closed).toBeUndefined();
});

test('what shares the exchange and is no event is no fault: counted, and not logged', async () => {
  const bridge = await startBridge({ MAX_PATTERNS: '2' });
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  // Coarse, so that all of the exchange comes.
  await client.subscribe('call.*.*');
  await publish(bridge.broker, callEvent(callAccount, 'status_req'), callEvent(callAccount, 'CHANNEL_CREATE'));
  await client.untilEvents(1);
  expect(client.events).toHaveLength(1);
  expect(await bridge.metric('horizon_events_dropped_total', { reason: 'foreign' })).toBe(1);
  expect(bridge.logLines.filter(({ message }) => message === droppedMessage)).toEqual([]);
  await until(async () => (await bridge.metric('horizon_events_received_total', { family: 'call' })) === 2);
});

test('a payload nested too deeply for one dialect reaches those of the other, and is counted', async () => {
  const bridge = await startBridge();
  const token = await tokenFor(callAccount);
  const clients = [
    await openClient(bridge, { token, path: '/?dialect=kazoo4' }),
    await openClient(bridge, { token, path: '/?dialect=classic' }),
    await openClient(bridge, { token, path: '/?dialect=kazoo4' }),
  ] as const;
  for (const client of clients) await client.subscribe(['call.CHANNEL_CREATE.*', 'call.*.*']);
  const text = JSON.stringify(event);
  const nested = Buffer.from(`${text.slice(0, -1)},"Deep":${'['.repeat(50_000)}${']'.repeat(50_000)}}`);
  await bridge.broker.publish(exchange, routingKey, nested);
  await bridge.broker.publishFixture('call.CHANNEL_CREATE.json');
  await allDelivered(bridge, ...clients);
  expect(clients.map(({ events }) => events.length)).toEqual([2, 2, 2]);
  expect(clients[1].texts.filter((frame) => frame.includes('[[[[')).length).toBe(1);
  expect(await bridge.metric('horizon_events_dropped_total', { reason: 'failed' })).toBe(1);
});
