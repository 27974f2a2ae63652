/** What all sockets of one account may hold together. */
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

/** Opens a socket with a token in its upgrade. @returns the status of the answer; 101 where it was opened */
async function upgrade(bridge: EmbeddedBridge, token: string): Promise<{ status: number; retryAfter?: string }> {
  const socket = new WebSocket(bridge.socketAddress, { headers: { 'x-auth-token': token } });
  return new Promise((resolve, reject) => {
    socket.once('open', () => resolve({ status: 101 }));
    socket.once('unexpected-response', (_request, response) => {
      response.resume();
      resolve({ status: response.statusCode ?? 0, retryAfter: String(response.headers['retry-after']) });
    });
    socket.once('error', reject);
  });
}

async function openWith(bridge: EmbeddedBridge, account: string): Promise<Client> {
  const token = await tokenFor(account);
  return openClient(bridge, { token, headers: { 'x-auth-token': token } });
}

async function countOf(bridge: EmbeddedBridge, account: string): Promise<number> {
  const { body } = await rest(bridge, `/v2/accounts/${account}/websockets`, { token: await tokenFor(account) });
  return (body.data as unknown[]).length;
}

describe('sockets of an account', () => {
  test('one too many is refused at its upgrade with 429; other accounts have their own, and a place comes free', async () => {
    const bridge = await startBridge({ MAX_CONNECTIONS_PER_ACCOUNT: '2' });
    const [first] = [await openWith(bridge, 'acme'), await openWith(bridge, 'acme')];
    expect(await upgrade(bridge, await tokenFor('acme'))).toEqual({ status: 429, retryAfter: '5' });
    expect((await upgrade(bridge, await tokenFor('other'))).status).toBe(101);
    first?.close();
    await until(async () => (await countOf(bridge, 'acme')) === 1);
    expect((await upgrade(bridge, await tokenFor('acme'))).status).toBe(101);
  });

  test('of many that come together only so many get in', async () => {
    const bridge = await startBridge({ MAX_CONNECTIONS_PER_ACCOUNT: '3' });
    const token = await tokenFor('acme');
    const answers = await Promise.all(Array.from({ length: 30 }, () => upgrade(bridge, token)));
    expect(answers.filter(({ status }) => status === 101)).toHaveLength(3);
    expect(answers.filter(({ status }) => status === 429)).toHaveLength(27);
  });

  test('whose token comes by message: an error reply, and closed with 4029', async () => {
    const bridge = await startBridge({ MAX_CONNECTIONS_PER_ACCOUNT: '1' });
    const first = await openWith(bridge, 'acme');
    const late = await openClient(bridge);
    const reply = await late.request({ action: 'ping', auth_token: await tokenFor('acme') });
    expect(reply.data.code).toBe('too_many_sockets');
    expect(reply.data.errors?.[0]).toBe('too many sockets: the account has 1 on this node, the limit');
    expect(await late.untilClosed()).toEqual({ code: 4029, reason: 'too many sockets of this account' });
    // The one that is there may show a fresh token as often as it likes.
    const fresh = await tokenFor('acme', { owner_id: 'me' });
    expect((await first.request({ action: 'ping', auth_token: fresh })).status).toBe('success');
    expect(await countOf(bridge, 'acme')).toBe(1);
  });

  test('are bounded by a quarter of the node where nothing is set, but not where that would be few', async () => {
    const bridge = await startBridge({ MAX_CONNECTIONS: '3' });
    const token = await tokenFor('acme');
    for (let count = 0; count < 3; count += 1) expect((await upgrade(bridge, token)).status).toBe(101);
    expect((await upgrade(bridge, token)).status).toBe(503);
  });
});

describe('bindings of an account', () => {
  const events = ['CHANNEL_CREATE', 'CHANNEL_ANSWER', 'CHANNEL_DESTROY'].map((event) => `call.${event}.*`);

  test('one too many is refused, with the limit in words, and nothing of the message is kept', async () => {
    const bridge = await startBridge({ MAX_BINDINGS_PER_ACCOUNT: '5' });
    const [one, other] = [await openWith(bridge, 'acme'), await openWith(bridge, 'acme')];
    expect((await one.subscribe(events)).status).toBe('success');
    const refused = await other.subscribe(events);
    expect(refused.data).toEqual({
      errors: ['too many bindings: the account would hold 6 on this node, the limit is 5'],
      code: 'too_many_bindings',
    });
    expect((await other.subscribe(events.slice(0, 2))).data.subscriptions).toEqual(events.slice(0, 2));
    // What is held already is no more.
    expect((await one.subscribe(events)).status).toBe('success');
    expect((await (await openWith(bridge, 'another')).subscribe(events)).status).toBe('success');
  });

  test('come free with an unsubscribe, and with the socket', async () => {
    const bridge = await startBridge({ MAX_BINDINGS_PER_ACCOUNT: '3' });
    const [one, other] = [await openWith(bridge, 'acme'), await openWith(bridge, 'acme')];
    await one.subscribe(events);
    expect((await other.subscribe('fax.status.*')).data.code).toBe('too_many_bindings');
    await one.unsubscribe(events[0]);
    expect((await other.subscribe('fax.status.*')).status).toBe('success');
    one.close();
    await until(async () => (await countOf(bridge, 'acme')) === 1);
    expect((await other.subscribe(events.slice(0, 2))).status).toBe('success');
    expect((await other.subscribe(events)).data.code).toBe('too_many_bindings');
  });

  test('of sockets that ask together are not more either, and what was refused takes no room', async () => {
    const bridge = await startBridge({ MAX_BINDINGS_PER_ACCOUNT: '10' });
    const clients: Client[] = [];
    for (let index = 0; index < 12; index += 1) clients.push(await openWith(bridge, 'acme'));
    const replies = await Promise.all(clients.map((client) => client.subscribe(events)));
    expect(replies.filter(({ status }) => status === 'success')).toHaveLength(3);
    expect((await clients[0]?.unsubscribe())?.status).toBe('success');
    const again = await Promise.all(clients.map((client) => client.subscribe('call.*.*')));
    expect(again.filter(({ status }) => status === 'success')).toHaveLength(4);
  });

  test('count for the account of the socket, wherever they are', async () => {
    const { path } = await useAccountsFile([{ id: 'parent' }, { id: 'child', parent_id: 'parent' }]);
    const bridge = await startBridge({ MAX_BINDINGS_PER_ACCOUNT: '3', ACCOUNTS_FILE: path });
    const [parent, child] = [await openWith(bridge, 'parent'), await openWith(bridge, 'child')];
    expect((await parent.subscribe(events, { account_id: 'child' })).status).toBe('success');
    expect((await parent.subscribe(events)).data.code).toBe('too_many_bindings');
    expect((await child.subscribe(events)).status).toBe('success');
  });
});
