/** The client library against a real server, on the embedded bus: over real sockets, in this process. */
import { expect, test } from 'vitest';
import type { HorizonEvent } from '../../src/client/types.ts';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { layCable } from '../support/cable.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { callEvent, publish } from '../support/events.ts';
import { openHorizon } from '../support/horizon.ts';
import { until } from '../support/until.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

const startHistory = (settings = {}) => startBridge({ HISTORY: 'stream', ...settings });

async function say({ broker }: EmbeddedBridge, ...ids: string[]): Promise<void> {
  for (const id of ids) await publish(broker, callEvent(account, 'CHANNEL_CREATE', id));
}

const portOf = ({ address }: EmbeddedBridge): number => Number(new URL(address).port);

test('a handler gets the events of its binding, with what is known of each', async () => {
  const bridge = await startHistory();
  const { horizon, events } = openHorizon(bridge, { token: await tokenFor(account) });
  const stop = horizon.subscribe('call.*.*', (event) => events.push(event));
  expect(stop.isHeld).toBe(false);
  await stop.ready;
  expect(stop.isHeld).toBe(true);
  await say(bridge, 'one');
  await until(() => events.length === 1, 'the event');
  expect(events[0]).toEqual({
    name: 'CHANNEL_CREATE',
    family: 'call',
    account,
    binding: 'call.*.*',
    data: expect.objectContaining({ call_id: 'one', custom_channel_vars: { account_id: account } }),
    cursor: expect.stringMatching(/^[\w-]+$/),
    replayed: false,
  });
  expect(horizon.account).toBe(account);
  expect(horizon.status).toEqual({
    state: 'open',
    since: expect.any(Number),
    reason: undefined,
    nextTryAt: undefined,
    source: 'up',
    catchingUp: undefined,
    rttMs: expect.any(Number),
  });
  stop();
  await horizon.ping();
  await until(async () => (await bridge.metric('horizon_subscriptions')) === 0, 'nothing is held');
});

test('two hundred bindings at once pass a rate limit of ten messages, and each is held', async () => {
  const bridge = await startHistory({ RATE_LIMIT_PER_SECOND: '5', RATE_LIMIT_BURST: '10' });
  const cable = await layCable(portOf(bridge));
  const { horizon, events, failures } = openHorizon(cable, { token: await tokenFor(account) });
  const stops = [];
  for (let call = 0; call < 200; call += 1) {
    stops.push(horizon.subscribe(`call.CHANNEL_CREATE.${call}`, (event) => events.push(event)));
    // Not all in one run of the program, either.
    await Promise.resolve();
  }
  await Promise.all(stops.map(({ ready }) => ready));
  expect(failures).toEqual([]);
  expect(await bridge.metric('horizon_subscriptions')).toBe(200);
  await say(bridge, '0', '199', 'nobody’s');
  await until(() => events.length === 2, 'the events');
  cable.cut();
  await say(bridge, '7', '8');
  await until(() => events.length === 4, 'what was missed');
  expect(events.map(({ data }) => data.call_id)).toEqual(['0', '199', '7', '8']);
  await until(async () => (await bridge.metric('horizon_subscriptions')) === 200, 'all are held again');
});

test('subscribed and ended again and again, only what is left is held, and its events come once', async () => {
  const bridge = await startHistory();
  const { horizon, events } = openHorizon(bridge, { token: await tokenFor(account) });
  for (let round = 0; round < 50; round += 1) {
    const stop = horizon.subscribe('call.*.*', (event) => events.push(event));
    if (round % 3 === 0) await stop.ready;
    if (round % 5 === 0) await horizon.ping();
    stop();
  }
  const { ready } = horizon.subscribe('call.*.*', (event) => events.push(event));
  await ready;
  await until(async () => (await bridge.metric('horizon_subscriptions')) === 1, 'one is held');
  await say(bridge, 'one');
  await until(() => events.length > 0, 'the event');
  await horizon.ping();
  expect(events).toHaveLength(1);
});

test('a server whose history is another says so: that is a gap, and what comes from then on is there', async () => {
  const first = await startHistory();
  const cable = await layCable(portOf(first));
  const { horizon, events, gaps, untilState } = openHorizon(cable, { token: await tokenFor(account) });
  await horizon.subscribe(['call.*.*', 'fax.status.*'], (event) => events.push(event)).ready;
  await say(first, 'one');
  await until(() => events.length === 1, 'the event');
  const second = await startHistory();
  cable.restore(portOf(second));
  cable.cut();
  await until(() => gaps.length === 1, 'the gap');
  expect(gaps[0]).toMatchObject({ reason: 'unknown', accounts: [account], bindings: ['call.*.*', 'fax.status.*'] });
  await untilState('open');
  await say(second, 'two');
  await until(() => events.length === 2, 'the event of the other server');
  expect(events[1]).toMatchObject({ data: { call_id: 'two' }, replayed: false });
});

test('a server without a history loses what happened meanwhile, and says so', async () => {
  const bridge = await startBridge();
  const cable = await layCable(portOf(bridge));
  const { horizon, events, gaps } = openHorizon(cable, { token: await tokenFor(account) });
  await horizon.subscribe('call.*.*', (event) => events.push(event)).ready;
  cable.cut();
  await until(() => gaps.length === 1, 'the gap');
  expect(gaps[0]?.reason).toBe('no_history');
  await say(bridge, 'one');
  await until(() => events.length === 1, 'the event');
  expect(events[0]).toMatchObject({ cursor: undefined, replayed: false });
});

test('what is refused is said with the server’s code and text, to who asked and as an event', async () => {
  const bridge = await startHistory();
  const { horizon, failures } = openHorizon(bridge, { token: await tokenFor(account) });
  const { ready } = horizon.subscribe(['call.NO_SUCH_EVENT.*', 'call.*.*'], () => undefined);
  await expect(ready).rejects.toMatchObject({
    name: 'HorizonError',
    code: 'binding_unsupported',
    message: 'event NO_SUCH_EVENT not supported',
  });
  expect(failures).toHaveLength(1);
  // Who doesn't look at it isn't punished.
  horizon.subscribe('call.*.*', () => undefined, { account: 'somebody-else' });
  await until(() => failures.length === 2, 'the refusal');
  expect(failures[1]).toMatchObject({ account: 'somebody-else', error: { code: 'account_unauthorized' } });
  await expect(horizon.subscribe([], () => undefined).ready).rejects.toMatchObject({ code: 'binding_missing' });
  await expect(horizon.command('call', 'hangup')).rejects.toMatchObject({ code: 'scope_missing' });
  await expect(horizon.query('no such' as never)).rejects.toMatchObject({ code: 'invalid_message' });
  await until(async () => (await bridge.metric('horizon_subscriptions')) === 0, 'nothing is held');
});

test('filters, and the accounts below: each handler gets its own, before and after a lost connection', async () => {
  const child = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';
  const file = await useAccountsFile([{ id: account }, { id: child, parent_id: account }]);
  const bridge = await startHistory({ ACCOUNTS_FILE: file.path });
  const cable = await layCable(portOf(bridge));
  const { horizon, untilState } = openHorizon(cable, { token: await tokenFor(account) });
  const got: string[] = [];
  const note = (who: string) => (event: HorizonEvent) =>
    got.push(`${who} ${event.data.call_id} of ${event.account[0]}`);
  const filter = (direction: string) => ({ filter: { 'Call-Direction': direction } });
  const stops = [
    horizon.subscribe('call.*.*', note('plain')),
    horizon.subscribe('call.*.*', note('inbound'), filter('inbound')),
    horizon.subscribe('call.*.*', note('outbound'), filter('outbound')),
    horizon.subscribe('call.*.*', note('all inbound'), { ...filter('inbound'), includeSubaccounts: true }),
  ];
  await Promise.all(stops.map(({ ready }) => ready));
  const call = (of: string, id: string, direction: string) =>
    publish(bridge.broker, callEvent(of, 'CHANNEL_CREATE', id, { 'Call-Direction': direction }));
  await call(account, '1', 'inbound');
  await call(child, '2', 'inbound');
  await until(() => got.length === 4, 'the events');
  cable.cut();
  await call(account, '3', 'outbound');
  await call(child, '4', 'inbound');
  await untilState('open');
  await until(() => got.length === 7, 'what was missed');
  expect(got.slice(0, 4).sort()).toEqual([
    'all inbound 1 of a',
    'all inbound 2 of b',
    'inbound 1 of a',
    'plain 1 of a',
  ]);
  expect(got.slice(4).sort()).toEqual(['all inbound 4 of b', 'outbound 3 of a', 'plain 3 of a']);
  // One that its filter tells apart ends alone; the others go on.
  stops[2]?.();
  await horizon.ping();
  await until(async () => (await bridge.metric('horizon_subscriptions')) === 3, 'one has ended');
  await call(account, '5', 'outbound');
  await call(account, '6', 'inbound');
  await until(() => got.length === 11, 'the last events');
  expect(got.slice(7).sort()).toEqual(['all inbound 6 of a', 'inbound 6 of a', 'plain 5 of a', 'plain 6 of a']);
});
