/** Messages whose properties RabbitMQ passes on and amqplib can't decode: they cost nothing but themselves. */
import { expect, test } from 'vitest';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { callAccount } from '../support/fixtures.ts';
import {
  headerProperties,
  nestedArrays,
  nestedTables,
  publishRaw,
  type RawMessage,
  tableEntry,
  typeL,
  u32,
} from '../support/raw-publish.ts';
import { until } from '../support/until.ts';

/** A call event with these properties. */
function poison(properties: Buffer, callId = 'poison', exchange = 'callevt'): RawMessage {
  const { routingKey, body } = callEvent(callAccount, 'CHANNEL_CREATE', callId);
  return { exchange, routingKey, properties, body: Buffer.from(JSON.stringify(body)) };
}

const number = Buffer.concat([Buffer.from('I'), u32(7)]);

test.each([
  ['a header of the type L', headerProperties(tableEntry('h', typeL))],
  ['arrays nested 8,000 deep', headerProperties(tableEntry('h', nestedArrays(8000)))],
  ['tables nested 8,000 deep', headerProperties(tableEntry('h', nestedTables(8000)))],
])('%s: the message is dropped and counted, those around it arrive in order', async (_title, properties) => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  await client.subscribe('call.CHANNEL_CREATE.*');
  const dropped = () => bridge.metric('horizon_events_dropped_total', { reason: 'undecodable' });
  const queue = (await bridge.broker.queues()).map(({ name }) => name).sort();
  for (const round of [1, 2, 3]) {
    await publish(bridge.broker, callEvent(callAccount, 'CHANNEL_CREATE', `before-${round}`));
    await publishRaw(bridge.broker, poison(properties));
    await publish(bridge.broker, callEvent(callAccount, 'CHANNEL_CREATE', `after-${round}`));
  }
  await client.untilEvents(6);
  const ids = client.events.map(({ args }) => (args as Record<string, unknown>)['Call-ID']);
  expect(ids).toEqual([1, 2, 3].flatMap((round) => [`before-${round}`, `after-${round}`]));
  expect(await dropped()).toBe(3);
  // The same queues, and nothing waits in them.
  expect((await bridge.broker.queues()).map(({ name }) => name).sort()).toEqual(queue);
  await until(async () => {
    const { ready, unacknowledged } = await bridge.broker.messages();
    return ready === 0 && unacknowledged === 0;
  });
  const lines = bridge.logLines.filter(({ message }) => message === 'a message of the bus was dropped');
  expect(lines.map(({ fields }) => fields.reason)).toEqual(['undecodable']);
  expect(bridge.logLines.some(({ message }) => message === 'the broker is away')).toBe(false);
});

test('one that is larger than a read of the socket, in the middle of others, is found as well', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  await client.subscribe('call.CHANNEL_CREATE.*');
  // A header frame may be as large as the broker's frames: 128 KiB.
  const large = headerProperties(tableEntry('h', nestedArrays(25_000)));
  const sound = headerProperties(tableEntry('h', number));
  const messages = Array.from({ length: 60 }, (_, index) =>
    index % 3 === 1 ? poison(large) : poison(sound, `call-${index}`),
  );
  await publishRaw(bridge.broker, ...messages);
  await client.untilEvents(40);
  expect(await bridge.metric('horizon_events_dropped_total', { reason: 'undecodable' })).toBe(20);
});

test('the nodes’ own conversation outlives them too', async () => {
  const bridge = await startBridge();
  const names = async () => (await bridge.broker.queues()).map(({ name }) => name).sort();
  const before = await names();
  const message = poison(headerProperties(tableEntry('h', typeL)), 'poison', 'nodes');
  await publishRaw(bridge.broker, message, message);
  await until(() => bridge.logLines.some(({ fields }) => fields.reason === 'undecodable'));
  expect(await names()).toEqual(before);
});
