import { expect, test } from 'vitest';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { callAccount, fixture } from '../support/fixtures.ts';

test('an event published to RabbitMQ arrives at a socket that subscribed to it', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(callAccount) });
  const reply = await client.subscribe('call.CHANNEL_CREATE.*');
  expect(reply).toMatchObject({ status: 'success', data: { subscribed: ['call.CHANNEL_CREATE.*'] } });
  await bridge.broker.publishFixture('call.CHANNEL_CREATE.json');
  const [event] = await client.untilEvents(1);
  expect(event).toEqual({
    name: 'CHANNEL_CREATE',
    args: fixture('call.CHANNEL_CREATE.json').payload,
    request_id: reply.request_id,
  });
});
