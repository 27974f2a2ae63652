/** Sockets that don’t take what they are owed. Raw ones, which stop reading. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { opcodes, openRaw, type RawClient } from '../support/raw-client.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

const bulk = { Bulk: 'b'.repeat(900_000) };
/** More than the kernel keeps for a connection between its two ends, in events of `bulk`. */
const kernelFull = 16;

async function subscribed(bridge: Bridge, account: string, binding: string, request_id = 'r'): Promise<RawClient> {
  const client = await openRaw(bridge, { headers: { 'x-auth-token': await tokenFor(account) } });
  client.send({ action: 'subscribe', request_id, data: { binding } });
  await until(() => client.textCount === 1);
  return client;
}

async function publishBulk(bridge: Bridge, account: string, count: number, event?: string): Promise<void> {
  for (let index = 0; index < count; index += 1)
    await publish(bridge.broker, callEvent(account, event, `call-${index}`, bulk));
}

const closedSlowly = (bridge: Bridge): Promise<number> =>
  bridge.metric('horizon_sockets_closed_total', { code: '4008' });

/** Which of an account's sockets are still there. */
async function socketsOf(bridge: Bridge, account: string): Promise<number> {
  const answer = await rest(bridge, `/v2/accounts/${account}/websockets`, { token: await tokenFor(account) });
  return (answer.body.data as string[]).length;
}

test('SLOW_CONSUMER_BYTES: a socket with more than this unsent is closed with 4008, and no other', async () => {
  const bridge = await startBridge({ SLOW_CONSUMER_BYTES: '100000', SLOW_CONSUMER_SECONDS: '3600' });
  const reading = await openClient(bridge, { token: await tokenFor('alpha') });
  await reading.subscribe('call.*.*');
  const slow = await subscribed(bridge, 'alpha', 'call.*.*');
  slow.stopReading();
  await publishBulk(bridge, 'alpha', kernelFull);
  await until(async () => (await closedSlowly(bridge)) === 1);
  await reading.untilEvents(kernelFull);
  await allDelivered(bridge, reading);
  expect(reading.events).toHaveLength(kernelFull);
  expect(reading.closed).toBeUndefined();
  expect(await closedSlowly(bridge)).toBe(1);
});

test('SLOW_CONSUMER_BYTES: who is below it stays, however long', async () => {
  const bridge = await startBridge({ SLOW_CONSUMER_BYTES: '100000000', SLOW_CONSUMER_SECONDS: '3600' });
  const slow = await subscribed(bridge, 'alpha', 'call.*.*');
  slow.stopReading();
  await publishBulk(bridge, 'alpha', kernelFull);
  // The same clock that closes slow sockets closes this one, two seconds later.
  const { isTold } = await openExpiring(bridge, 2);
  await until(isTold);
  expect(await closedSlowly(bridge)).toBe(0);
  slow.readOn();
  await until(() => slow.textCount === kernelFull + 1);
});

test('SLOW_CONSUMER_SECONDS: a socket with anything unsent for longer is closed with 4008', async () => {
  const bridge = await startBridge({ SLOW_CONSUMER_BYTES: '1000000000', SLOW_CONSUMER_SECONDS: '1' });
  const idle = await subscribed(bridge, 'beta', 'call.*.*');
  const slow = await subscribed(bridge, 'alpha', 'call.*.*');
  idle.stopReading();
  slow.stopReading();
  await publishBulk(bridge, 'alpha', kernelFull);
  await until(async () => (await closedSlowly(bridge)) === 1);
  expect(await socketsOf(bridge, 'beta'), 'nothing unsent is nothing late').toBe(1);
});

test('SLOW_CONSUMER_SECONDS: a wall clock that is set on makes nobody late', async () => {
  const bridge = await startBridge({ SLOW_CONSUMER_BYTES: '1000000000', SLOW_CONSUMER_SECONDS: '600' });
  const slow = await subscribed(bridge, 'alpha', 'call.*.*');
  slow.stopReading();
  await publishBulk(bridge, 'alpha', kernelFull);
  await allDelivered(bridge);
  const now = Date.now.bind(Date);
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() + 1_800_000);
  onTestFinished(() => clock.mockRestore());
  const { isTold } = await openExpiring(bridge, 2);
  await until(isTold);
  expect(await closedSlowly(bridge)).toBe(0);
});

test('a socket that always lags, and always moves on, is no slow consumer', async () => {
  const seconds = 5;
  const bridge = await startBridge({ SLOW_CONSUMER_BYTES: '1000000000', SLOW_CONSUMER_SECONDS: String(seconds) });
  const lagging = await subscribed(bridge, 'alpha', 'call.*.*');
  const endsAt = Date.now() + (seconds + 1) * 1000;
  lagging.stopReading();
  await publishBulk(bridge, 'alpha', kernelFull);
  // It reads what is a round old, and never all that it is owed.
  for (let published = kernelFull; Date.now() < endsAt && !lagging.isClosed; published += kernelFull) {
    await publishBulk(bridge, 'alpha', kernelFull);
    lagging.readOn();
    await until(() => lagging.textCount > published || lagging.isClosed);
    lagging.stopReading();
  }
  expect(lagging.isClosed).toBe(false);
  expect(await closedSlowly(bridge)).toBe(0);
});

test('what sockets that lag get in the end is whole, in order, and each one’s own', async () => {
  const bridge = await startBridge({ SLOW_CONSUMER_BYTES: '1000000000', SLOW_CONSUMER_SECONDS: '3600' });
  const ids = ['a', 'b', 'c', 'dd'];
  const clients: RawClient[] = [];
  for (const id of ids) clients.push(await subscribed(bridge, 'alpha', 'call.*.*', id));
  for (const client of clients) client.stopReading();
  await publishBulk(bridge, 'alpha', kernelFull);
  await allDelivered(bridge);
  for (const client of clients) client.readOn();
  for (const [index, client] of clients.entries()) {
    await until(() => client.textCount === kernelFull + 1 || client.isClosed);
    const events = client.texts.slice(1).map((text) => JSON.parse(text) as Record<string, unknown>);
    expect(events.map(({ request_id }) => request_id)).toEqual(Array(kernelFull).fill(ids[index]));
    const expected = Array.from({ length: kernelFull }, (_, number) => `call-${number}`);
    expect(events.map(({ args }) => (args as { 'Call-ID': string })['Call-ID'])).toEqual(expected);
  }
});

test('MAX_UNSENT_BYTES, over all sockets: beyond it the worst socket goes first', async () => {
  const bridge = await startBridge({
    SLOW_CONSUMER_BYTES: '1000000000',
    SLOW_CONSUMER_SECONDS: '3600',
    MAX_UNSENT_BYTES: '30000000',
  });
  const bad = await subscribed(bridge, 'bad', 'call.*.*');
  const worst = await subscribed(bridge, 'worst', 'call.*.*');
  for (const client of [bad, worst]) client.stopReading();
  await publishBulk(bridge, 'bad', kernelFull);
  let published = 0;
  // At most far more than the limit, and far less than SLOW_CONSUMER_BYTES.
  while ((await bridge.metric('horizon_subscriptions')) === 2 && published < 600) {
    await publishBulk(bridge, 'worst', 1);
    published += 1;
  }
  expect(published, 'not before').toBeGreaterThan(kernelFull);
  expect(published, 'but then').toBeLessThan(600);
  expect(await socketsOf(bridge, 'worst')).toBe(0);
  expect(await socketsOf(bridge, 'bad')).toBe(1);
  bad.readOn();
  await until(() => bad.textCount === kernelFull + 1 || bad.isClosed);
  expect(bad.isClosed).toBe(false);
  await until(async () => (await closedSlowly(bridge)) === 1);
});

test('a close that can’t get through a full socket within a second becomes a cut', async () => {
  const bridge = await startBridge({ SLOW_CONSUMER_BYTES: '100000', SLOW_CONSUMER_SECONDS: '3600' });
  const slow = await subscribed(bridge, 'alpha', 'call.*.*');
  slow.stopReading();
  await publishBulk(bridge, 'alpha', kernelFull);
  await until(async () => (await bridge.metric('horizon_subscriptions')) === 0);
  // It reads nothing, and yet the bridge is rid of it sooner than a token ends that has two seconds and more to live.
  const { client: expiring, isTold } = await openExpiring(bridge, 3);
  await until(async () => (await bridge.metric('horizon_sockets')) === 1 || isTold());
  expect(isTold()).toBe(false);
  expiring.close();
  expect(await closedSlowly(bridge)).toBe(1);
  slow.readOn();
  await slow.untilClosed();
  expect(slow.closeCode, 'there was no room for the close frame').toBeUndefined();
  expect(slow.textCount).toBeLessThan(kernelFull + 1);
});

test('a close that does get through tells its code', async () => {
  const bridge = await startBridge({ SLOW_CONSUMER_BYTES: '100000', SLOW_CONSUMER_SECONDS: '3600' });
  const slow = await subscribed(bridge, 'alpha', 'call.*.*');
  slow.stopReading();
  // No more than closes it: there is a second for the rest to get through.
  while ((await bridge.metric('horizon_subscriptions')) > 0) await publishBulk(bridge, 'alpha', 1);
  slow.readOn();
  await until(() => slow.closeCode !== undefined || slow.isClosed);
  expect(slow.closeCode).toBe(4008);
  expect(slow.frames.at(-1)?.opcode, 'nothing comes behind it').toBe(opcodes.close);
});

test('a full socket that is closed for another reason is cut as well', async () => {
  const bridge = await startBridge({ SLOW_CONSUMER_BYTES: '1000000000', SLOW_CONSUMER_SECONDS: '3600' });
  const slow = await subscribed(bridge, 'alpha', 'call.*.*');
  slow.stopReading();
  await publishBulk(bridge, 'alpha', kernelFull);
  await allDelivered(bridge);
  const token = await tokenFor('alpha');
  const [id] = (await rest(bridge, '/v2/accounts/alpha/websockets', { token })).body.data as string[];
  await rest(bridge, `/v2/accounts/alpha/websockets/${id}`, { method: 'DELETE', token });
  await until(async () => (await bridge.metric('horizon_sockets')) === 1);
  expect(await bridge.metric('horizon_sockets_closed_total', { code: '4500' })).toBe(1);
});

/** A socket whose token ends in so many seconds or one less, and whether it was told: the bridge's clock ticks as it is. */
async function openExpiring(bridge: Bridge, seconds: number) {
  const token = await tokenFor('gamma', {}, seconds);
  const client = await openClient(bridge, { headers: { 'x-auth-token': token } });
  return { client, isTold: () => client.replies.length > 0 };
}
