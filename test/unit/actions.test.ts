/** The actions, what they are asked and what they answer. */
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { callEvent, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { until } from '../support/until.ts';

async function openFor(account: string, settings: Record<string, string> = {}) {
  const bridge = await startBridge(settings);
  const client = await openClient(bridge, { token: await tokenFor(account) });
  return { bridge, client };
}

test('subscribe answers what this message added, and all of the socket’s bindings', async () => {
  const { client } = await openFor('alpha');
  expect(await client.subscribe('call.CHANNEL_CREATE.*')).toEqual({
    action: 'reply',
    request_id: expect.any(String),
    status: 'success',
    data: { subscribed: ['call.CHANNEL_CREATE.*'], subscriptions: ['call.CHANNEL_CREATE.*'] },
  });
  const second = await client.subscribe(['call.CHANNEL_ANSWER.*', 'doc_edited.*.user.*']);
  expect(second.data).toEqual({
    subscribed: ['call.CHANNEL_ANSWER.*', 'doc_edited.*.user.*'],
    subscriptions: ['call.CHANNEL_CREATE.*', 'call.CHANNEL_ANSWER.*', 'doc_edited.*.user.*'],
  });
});

test('binding wins over bindings when both are there', async () => {
  const { client } = await openFor('alpha');
  const data = { binding: 'call.CHANNEL_CREATE.*', bindings: ['call.CHANNEL_ANSWER.*', 'nonsense'] };
  const auth_token = await tokenFor('alpha');
  const reply = await client.request({ action: 'subscribe', auth_token, data });
  expect(reply.data).toEqual({ subscribed: ['call.CHANNEL_CREATE.*'], subscriptions: ['call.CHANNEL_CREATE.*'] });
  await client.subscribe('call.CHANNEL_ANSWER.*');
  const left = await client.request({ action: 'unsubscribe', auth_token, data });
  expect(left.data).toMatchObject({
    unsubscribed: ['call.CHANNEL_CREATE.*'],
    subscriptions: ['call.CHANNEL_ANSWER.*'],
  });
});

test('account_id defaults to the token’s account', async () => {
  const { bridge, client } = await openFor('alpha');
  await client.subscribe('call.*.*');
  await publish(bridge.broker, callEvent('beta'), callEvent('alpha', 'CHANNEL_ANSWER'));
  await allDelivered(bridge, client);
  expect(client.events.map(({ name }) => name)).toEqual(['CHANNEL_ANSWER']);
});

test('one socket may watch several accounts: a subscription is an account and a binding', async () => {
  const accounts = await useAccountsFile([{ id: 'top' }, { id: 'sub', parent_id: 'top' }]);
  const { bridge, client } = await openFor('top', { ACCOUNTS_FILE: accounts.path });
  await client.subscribe('call.CHANNEL_CREATE.*');
  const second = await client.subscribe('call.CHANNEL_CREATE.*', { account_id: 'sub' });
  expect(second.data).toEqual({
    subscribed: ['call.CHANNEL_CREATE.*'],
    subscriptions: ['call.CHANNEL_CREATE.*', 'call.CHANNEL_CREATE.*'],
  });
  await publish(bridge.broker, callEvent('top', 'CHANNEL_CREATE', 'a'), callEvent('sub', 'CHANNEL_CREATE', 'b'));
  await allDelivered(bridge, client);
  expect(client.events.map(({ args }) => (args as { 'Call-ID': string })['Call-ID'])).toEqual(['a', 'b']);
  const left = await client.unsubscribe('call.CHANNEL_CREATE.*', { account_id: 'sub' });
  expect(left.data).toMatchObject({
    unsubscribed: ['call.CHANNEL_CREATE.*'],
    subscriptions: ['call.CHANNEL_CREATE.*'],
  });
  await publish(bridge.broker, callEvent('sub', 'CHANNEL_CREATE', 'c'), callEvent('top', 'CHANNEL_CREATE', 'd'));
  await allDelivered(bridge, client);
  expect(client.events.map(({ args }) => (args as { 'Call-ID': string })['Call-ID'])).toEqual(['a', 'b', 'd']);
});

test.each([
  ['a binding that is none', ['call.CHANNEL_CREATE.*', 'nonsense.x'], 'binding_unsupported'],
  ['a binding of the wrong form', ['call.CHANNEL_CREATE.*', 'call.CHANNEL_ANSWER'], 'binding_invalid'],
  ['an event that is not offered', ['call.CHANNEL_CREATE.*', 'call.DTMF.*'], 'binding_unsupported'],
  ['a family without what it needs', ['call.CHANNEL_CREATE.*', 'presence.dialog.*'], 'binding_unsupported'],
  ['one too many', ['call.CHANNEL_CREATE.*', 'call.CHANNEL_ANSWER.*', 'call.CHANNEL_HOLD.*'], 'too_many_bindings'],
])('a subscribe is all or nothing: %s, and none is added', async (_name, bindings, code) => {
  const { bridge, client } = await openFor('alpha', { MAX_BINDINGS_PER_SOCKET: '3' });
  await client.subscribe('doc_edited.*.user.*');
  const patterns = await bridge.broker.patterns();
  const reply = await client.subscribe(bindings, { name: 'a name that must not stay' });
  expect(reply).toMatchObject({ status: 'error', data: { code } });
  expect((await client.subscribe('doc_edited.*.user.*')).data).toEqual({
    subscribed: [],
    subscriptions: ['doc_edited.*.user.*'],
  });
  await publish(bridge.broker, callEvent('alpha'));
  await allDelivered(bridge, client);
  expect(client.events).toEqual([]);
  const fenced = ['notifications notifications.system.alert'];
  await until(async () => (await bridge.broker.patterns()).join() === [...patterns, ...fenced].sort().join());
});

test('subscribing again is a success that adds nothing and changes nothing: the first request_id stays', async () => {
  const { bridge, client } = await openFor('alpha');
  await client.subscribe('call.CHANNEL_CREATE.*', { request_id: 'first' });
  const again = await client.subscribe('call.CHANNEL_CREATE.*', { request_id: 'second' });
  expect(again).toEqual({
    action: 'reply',
    request_id: 'second',
    status: 'success',
    data: { subscribed: [], subscriptions: ['call.CHANNEL_CREATE.*'] },
  });
  const mixed = await client.subscribe(['call.CHANNEL_CREATE.*', 'call.CHANNEL_ANSWER.*'], { request_id: 'third' });
  expect(mixed.data.subscribed).toEqual(['call.CHANNEL_ANSWER.*']);
  await publish(bridge.broker, callEvent('alpha'), callEvent('alpha', 'CHANNEL_ANSWER'));
  await allDelivered(bridge, client);
  expect(client.events.map(({ request_id }) => request_id)).toEqual(['first', 'third']);
  await client.unsubscribe('call.CHANNEL_CREATE.*');
  await publish(bridge.broker, callEvent('alpha'));
  await allDelivered(bridge, client);
  expect(client.events, 'one unsubscribe is enough').toHaveLength(2);
});

test('a binding that one message names twice is one', async () => {
  const { bridge, client } = await openFor('alpha');
  const reply = await client.subscribe(['call.CHANNEL_CREATE.*', 'call.CHANNEL_CREATE.*']);
  expect(reply.data).toEqual({ subscribed: ['call.CHANNEL_CREATE.*'], subscriptions: ['call.CHANNEL_CREATE.*'] });
  expect(await bridge.broker.patterns()).toEqual(['callevt call.CHANNEL_CREATE.*']);
});

test.each([{ bindings: [] }, { binding: '' }])('unsubscribe from an empty list ends nothing: %j', async (data) => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  await client.subscribe(['call.CHANNEL_CREATE.*', 'fax.status.*']);
  const reply = await client.request({ action: 'unsubscribe', data });
  expect(reply).toMatchObject({ status: 'error', data: { code: 'binding_missing', errors: ['empty subscription'] } });
  expect(await bridge.metric('horizon_subscriptions')).toBe(2);
});

test('unsubscribe ends the bindings that it names, and no others', async () => {
  const { bridge, client } = await openFor('alpha');
  const all = ['call.CHANNEL_CREATE.*', 'call.CHANNEL_ANSWER.*', 'call.CHANNEL_DESTROY.*'];
  await client.subscribe(all);
  expect(await client.unsubscribe('call.CHANNEL_ANSWER.*')).toEqual({
    action: 'reply',
    request_id: expect.any(String),
    status: 'success',
    data: {
      unsubscribed: ['call.CHANNEL_ANSWER.*'],
      subscribed: [],
      subscriptions: ['call.CHANNEL_CREATE.*', 'call.CHANNEL_DESTROY.*'],
    },
  });
  const second = await client.unsubscribe(['call.CHANNEL_DESTROY.*', 'call.CHANNEL_ANSWER.*']);
  expect(second.data).toEqual({
    unsubscribed: ['call.CHANNEL_DESTROY.*'],
    subscribed: [],
    subscriptions: ['call.CHANNEL_CREATE.*'],
  });
  const names = ['CHANNEL_ANSWER', 'CHANNEL_DESTROY', 'CHANNEL_CREATE'];
  await publish(bridge.broker, ...names.map((name) => callEvent('alpha', name)));
  await allDelivered(bridge, client);
  expect(client.events.map(({ name }) => name)).toEqual(['CHANNEL_CREATE']);
});

test.each(['call.CHANNEL_ANSWER.*', 'call.*.*', 'call.CHANNEL_CREATE.call-1', 'nonsense.#', 'presence.dialog.*'])(
  'unsubscribing from what is not held is a success with unsubscribed: [] (%s)',
  async (binding) => {
    const { client } = await openFor('alpha');
    await client.subscribe('call.CHANNEL_CREATE.*');
    for (const account_id of ['alpha', 'beta', '*']) {
      expect(await client.unsubscribe(binding, { account_id })).toMatchObject({
        status: 'success',
        data: { unsubscribed: [], subscribed: [], subscriptions: ['call.CHANNEL_CREATE.*'] },
      });
    }
  },
);

test('unsubscribe without a binding ends everything', async () => {
  const accounts = await useAccountsFile([{ id: 'top' }, { id: 'sub', parent_id: 'top' }]);
  const { bridge, client } = await openFor('top', { ACCOUNTS_FILE: accounts.path });
  await client.subscribe(['call.CHANNEL_CREATE.*', 'call.CHANNEL_ANSWER.*']);
  await client.subscribe('call.CHANNEL_CREATE.*', { account_id: 'sub' });
  // As the reference client does it: without `data`.
  const reply = await client.request({ action: 'unsubscribe', auth_token: await tokenFor('top') });
  expect(reply.data).toEqual({
    unsubscribed: ['call.CHANNEL_CREATE.*', 'call.CHANNEL_ANSWER.*', 'call.CHANNEL_CREATE.*'],
    subscribed: [],
    subscriptions: [],
  });
  await publish(bridge.broker, callEvent('top'), callEvent('sub'));
  await allDelivered(bridge, client);
  expect(client.events).toEqual([]);
});

test('unsubscribe without a binding, but with an account: everything of that account', async () => {
  const accounts = await useAccountsFile([{ id: 'top' }, { id: 'sub', parent_id: 'top' }]);
  const { client } = await openFor('top', { ACCOUNTS_FILE: accounts.path });
  await client.subscribe(['call.CHANNEL_CREATE.*', 'call.CHANNEL_ANSWER.*']);
  await client.subscribe(['call.CHANNEL_CREATE.*', 'call.CHANNEL_HOLD.*'], { account_id: 'sub' });
  const reply = await client.unsubscribe(undefined, { account_id: 'sub' });
  expect(reply.data).toEqual({
    unsubscribed: ['call.CHANNEL_CREATE.*', 'call.CHANNEL_HOLD.*'],
    subscribed: [],
    subscriptions: ['call.CHANNEL_CREATE.*', 'call.CHANNEL_ANSWER.*'],
  });
});

test('ping needs no token and answers pong', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge);
  expect(await client.request({ action: 'ping', request_id: 'p' })).toEqual({
    action: 'reply',
    request_id: 'p',
    status: 'success',
    data: { response: 'pong' },
  });
});

test('ping: a token that is sent is checked, and a good one authenticates the socket', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge);
  const refused = await client.request({ action: 'ping', auth_token: 'bad' });
  expect(refused).toMatchObject({ status: 'error', data: { code: 'token_invalid' } });
  const accepted = await client.request({ action: 'ping', auth_token: await tokenFor('alpha') });
  expect(accepted.data).toEqual({ response: 'pong' });
  expect(await client.subscribe('call.*.*')).toMatchObject({ status: 'success' });
});
