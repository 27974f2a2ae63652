/** The client library against a real server, on the embedded bus. */
import { expect, test } from 'vitest';
import { tokenFor } from '../support/bridge.ts';
import { startBridge } from '../support/embedded.ts';
import { callEvent, publish } from '../support/events.ts';
import { openHorizon } from '../support/horizon.ts';
import { until } from '../support/until.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

const startHistory = (settings = {}) => startBridge({ HISTORY: 'stream', ...settings });

test('a handler gets the events of its binding, with what is known of each', async () => {
  const bridge = await startHistory();
  const { horizon, events } = openHorizon(bridge, { token: await tokenFor(account) });
  const stop = horizon.subscribe('call.*.*', (event) => events.push(event));
  await stop.ready;
  await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', 'one'));
  await until(() => events.length === 1, 'the event');
  expect(events[0]).toMatchObject({
    name: 'CHANNEL_CREATE',
    family: 'call',
    account,
    binding: 'call.*.*',
    data: { call_id: 'one' },
    replayed: false,
  });
  expect(horizon.state).toBe('open');
});
