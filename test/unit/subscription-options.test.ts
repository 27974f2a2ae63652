/** Subscriptions with options: which is which, what their frames end with, what ends them, and how REST shows them. */
import { expect, test } from 'vitest';
import { z } from 'zod';
import { optionFields, readOptions } from '../../src/protocol/subscription-options.ts';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient, type Reply, type SubscribeOptions } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { callEvent, publish } from '../support/events.ts';
import { rest } from '../support/rest.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
const binding = 'call.*.*';
/** Filters that every call of these tests fits. */
const one = { 'Event-Name': 'CHANNEL_CREATE' };
const other = { 'Event-Category': 'call_event' };

async function open(bridge: EmbeddedBridge, dialect = 'kazoo4'): Promise<Client> {
  return openClient(bridge, { token: await tokenFor(account), path: `/?dialect=${dialect}` });
}

const call = (bridge: EmbeddedBridge, id = 'c1'): Promise<void> =>
  publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', id));

async function details(bridge: EmbeddedBridge): Promise<Record<string, unknown>> {
  const token = await tokenFor(account);
  const path = `/v2/accounts/${account}/websockets`;
  const { body } = await rest(bridge, `${path}?dialect=classic`, { token });
  const answer = await rest(bridge, `${path}/${(body.data as string[])[0]}?dialect=kazoo4`, { token });
  expect(answer.status).toBe(200);
  return answer.body.data as Record<string, unknown>;
}

test('the same binding with another filter, or with the accounts below, is another subscription', async () => {
  const bridge = await startBridge();
  const client = await open(bridge);
  const all: SubscribeOptions[] = [{}, { filter: one }, { filter: other }, { include_subaccounts: true }];
  for (const options of [...all, { filter: one, include_subaccounts: true }]) {
    const { data } = await client.subscribe(binding, options);
    expect(data.subscribed, JSON.stringify(options)).toEqual([binding]);
  }
  for (const options of [...all, { filter: { ...one } }, { filter: null, once: false, include_subaccounts: null }]) {
    const { data } = await client.subscribe(binding, options as SubscribeOptions);
    expect(data.subscribed, JSON.stringify(options)).toEqual([]);
    expect(data.subscriptions).toEqual(Array(5).fill(binding));
  }
});

test('what narrows in the same way has the same key, the order of members aside', () => {
  const read = (data: unknown) => readOptions(z.object(optionFields).parse(data)).narrowing.key;
  expect(read({ filter: { a: '1', b: { not: ['x'] } } })).toBe(read({ filter: { b: { not: ['x'] }, a: '1' } }));
  expect(read({ filter: { a: '1' } })).not.toBe(read({ filter: { a: 1 } }));
  expect(read({ filter: { a: '1' } })).not.toBe(read({ filter: { a: '1' }, include_subaccounts: true }));
  expect(read({ expires: 5, once: true, include_subaccounts: false })).toBe('');
});

test('kazoo4: a frame for each, and the request_id last of those with options alone', async () => {
  const bridge = await startBridge();
  const client = await open(bridge);
  await client.subscribe(binding, { request_id: 'plain' });
  await client.subscribe(binding, { request_id: 'one', filter: one });
  await client.subscribe(binding, { request_id: 'below', include_subaccounts: true });
  await client.subscribe('call.CHANNEL_CREATE.*', { request_id: 'timed', expires: 60 });
  client.send({ action: 'subscribe', data: { binding, filter: other } });
  await client.ping();
  await call(bridge);
  await client.ping();
  const members = ['action', 'subscribed_key', 'subscription_key', 'name', 'routing_key', 'account_id', 'data'];
  const ids = client.events.map(({ request_id }) => request_id);
  expect(ids.toSorted()).toEqual(['below', 'one', 'timed', undefined, undefined]);
  for (const event of client.events) {
    const hasId = event.request_id !== undefined;
    expect(Object.keys(event)).toEqual(hasId ? [...members, 'request_id'] : members);
  }
  const shared = client.texts.filter((text) => text.includes('"action":"event"') && text.includes(`"${binding}"`));
  const heads = shared.map((text) => text.replace(/,"request_id":"\w+"\}$/, '}'));
  expect(new Set(heads).size).toBe(1);
});

test('classic: one frame an event, for the oldest that it is for', async () => {
  const bridge = await startBridge();
  const client = await open(bridge, 'classic');
  await client.subscribe(binding, { request_id: 'one', filter: one });
  await client.subscribe(binding, { request_id: 'plain' });
  await call(bridge);
  await client.ping();
  expect(client.events.map(({ request_id }) => request_id)).toEqual(['one']);
  expect(Object.keys(client.events[0] ?? {})).toEqual(['name', 'args', 'request_id']);
});

test('unsubscribing ends all subscriptions to a binding, with a filter only the equal one', async () => {
  const bridge = await startBridge();
  const client = await open(bridge);
  const begin = async (): Promise<void> => {
    await client.subscribe(binding);
    await client.subscribe([binding, 'fax.status.*'], { filter: { ...one, ...other } });
    await client.subscribe(binding, { filter: one, include_subaccounts: true });
    await client.subscribe(binding, { filter: one, expires: 60 });
  };
  await begin();
  const equal = await client.unsubscribe(binding, { filter: { ...other, ...one } });
  expect(equal.data).toMatchObject({
    unsubscribed: [binding],
    subscriptions: [binding, 'fax.status.*', binding, binding],
  });
  const below = await client.unsubscribe(binding, { filter: one, include_subaccounts: true });
  expect(below.data).toMatchObject({ unsubscribed: [binding], subscriptions: [binding, 'fax.status.*', binding] });
  const none = await client.unsubscribe(binding, { filter: { ...one, a: 1 } });
  expect(none.data.unsubscribed).toEqual([]);
  const all = await client.unsubscribe(binding);
  expect(all.data).toMatchObject({ unsubscribed: [binding, binding], subscriptions: ['fax.status.*'] });
  await begin();
  const filtered = await client.unsubscribe(undefined, { filter: { ...other, ...one } });
  expect(filtered.data.unsubscribed?.toSorted()).toEqual([binding, 'fax.status.*']);
  expect((await client.unsubscribe()).data.subscriptions).toEqual([]);
});

test('limits count subscriptions', async () => {
  const bridge = await startBridge({ MAX_BINDINGS_PER_SOCKET: '3' });
  const client = await open(bridge);
  await client.subscribe(binding);
  await client.subscribe([binding, 'call.CHANNEL_CREATE.*'], { filter: one });
  const refused = await client.subscribe(binding, { filter: other });
  expect(refused.data).toMatchObject({ code: 'too_many_bindings', errors: [expect.stringContaining('hold 4')] });
  expect((await client.subscribe(binding, { filter: one, expires: 5 })).status).toBe('success');

  const small = await startBridge({ MAX_BINDINGS_PER_ACCOUNT: '2' });
  const [first, second] = [await open(small), await open(small)];
  await first.subscribe(binding);
  await second.subscribe(binding, { filter: one });
  expect((await second.subscribe(binding, { filter: other })).data.code).toBe('too_many_bindings');
});

test.each<[SubscribeOptions, string]>([
  [{ filter: [] }, 'data.filter'],
  [{ filter: 'x' }, 'data.filter'],
  [{ include_subaccounts: 'true' }, 'data.include_subaccounts'],
  [{ include_subaccounts: true, account_id: '*' }, 'data.include_subaccounts'],
  [{ expires: 0 }, 'data.expires'],
  [{ expires: 86_401 }, 'data.expires'],
  [{ expires: 1.5 }, 'data.expires'],
  [{ expires: '60' }, 'data.expires'],
  [{ once: 1 }, 'data.once'],
])('options that can not be understood are refused with their place: %j', async (options, place) => {
  const bridge = await startBridge();
  const client = await open(bridge);
  const { status, data }: Reply = await client.subscribe(binding, options);
  expect(status).toBe('error');
  expect(data).toMatchObject({ code: 'invalid_message', errors: [expect.stringContaining(`${place}:`)] });
  expect((await client.unsubscribe()).data.unsubscribed).toEqual([]);
});

test('REST shows the options of each binding, and null where there are none', async () => {
  const bridge = await startBridge();
  const client = await open(bridge);
  await client.subscribe('fax.status.*', { once: false, include_subaccounts: false });
  await client.subscribe([binding, 'call.CHANNEL_CREATE.*'], { filter: one, include_subaccounts: true });
  await client.subscribe(binding, { filter: JSON.parse('{"__proto__":"x"}'), expires: 86_400, once: true });
  const whole = { filter: one, include_subaccounts: true };
  const { bindings, options } = await details(bridge);
  expect(bindings).toEqual(['fax.status.*', binding, 'call.CHANNEL_CREATE.*', binding]);
  expect(options).toEqual([null, whole, whole, expect.objectContaining({ expires: 86_400, once: true })]);
  expect(JSON.stringify((options as unknown[])[3])).toBe('{"filter":{"__proto__":"x"},"expires":86400,"once":true}');
});

test('subscribing again changes when it ends, and nothing else', async () => {
  const bridge = await startBridge();
  const client = await open(bridge);
  const shown = async () => (await details(bridge)).options;
  await client.subscribe(binding, { request_id: 'first', expires: 60 });
  const again = await client.subscribe(binding, { request_id: 'second', expires: 30, once: true });
  expect(again.data).toMatchObject({ subscribed: [], subscriptions: [binding] });
  expect(await shown()).toEqual([{ expires: 30, once: true }]);
  await client.subscribe(binding, { request_id: 'third', expires: 90 });
  await call(bridge);
  await client.subscribe(binding);
  expect(await shown()).toEqual([null]);
  await call(bridge);
  await client.ping();
  expect(client.events.map(({ request_id }) => request_id)).toEqual(['first', undefined]);
});
