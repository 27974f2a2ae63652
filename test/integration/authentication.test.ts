/** What a token does for a socket, how another replaces it, and what happens when it ends. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { SessionGuard } from '../../src/actions/guard.ts';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { type Client, openClient } from '../support/client.ts';
import { callEvent, conferenceEvent, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

const binding = 'call.CHANNEL_CREATE.*';

/** The error replies that answer no request. */
function notices(client: Client) {
  return client.replies.filter(({ status, data }) => status === 'error' && data.code === 'token_expired');
}

/** A token and the moment (Unix time, ms) at which it ends: between three and four seconds from now. */
async function shortToken(account: string): Promise<{ token: string; endsAt: number }> {
  const token = await tokenFor(account, {}, 4);
  const { exp } = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()) as { exp: number };
  return { token, endsAt: exp * 1000 };
}

test('a token authenticates the socket until its exp; later messages may leave it out', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge);
  expect(await client.subscribe(binding)).toMatchObject({ status: 'error', data: { code: 'token_required' } });
  await client.subscribe(binding, { auth_token: await tokenFor('alpha') });
  expect(await client.subscribe('call.CHANNEL_ANSWER.*')).toMatchObject({ status: 'success' });
  expect(await client.unsubscribe(binding)).toMatchObject({ data: { unsubscribed: [binding] } });
});

test('an empty auth_token is none', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
  expect(await client.subscribe(binding, { auth_token: '' })).toMatchObject({ status: 'success' });
});

test('a message with a fresh token of the same account replaces it: the socket lives on the new one', async () => {
  const bridge = await startBridge();
  const { token, endsAt } = await shortToken('alpha');
  const client = await openClient(bridge, { headers: { 'x-auth-token': token } });
  const other = await openClient(bridge, { headers: { 'x-auth-token': token } });
  for (const each of [client, other]) await each.subscribe(binding);
  const refreshed = await client.request({ action: 'ping', auth_token: await tokenFor('alpha') });
  expect(refreshed).toMatchObject({ status: 'success' });
  await until(() => notices(other).length > 0);
  expect(Date.now()).toBeGreaterThanOrEqual(endsAt);
  await publish(bridge.broker, callEvent('alpha'));
  await allDelivered(bridge, client, other);
  expect(client.events).toHaveLength(1);
  expect(notices(client)).toEqual([]);
  expect(other.events).toEqual([]);
});

test('the fresh token’s claims count from then on: what they exclude ends, and is said', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  await client.subscribe([binding, 'conference.event.*.*']);
  await client.request({ action: 'ping', auth_token: await tokenFor('alpha', { families: ['conference'] }) });
  const ended = client.replies.find(({ status }) => status === 'error');
  expect(ended).toMatchObject({ action: 'reply', data: { code: 'scope_missing' } });
  await publish(bridge.broker, callEvent('alpha'), conferenceEvent('alpha'));
  await allDelivered(bridge, client);
  expect(client.events.map(({ name }) => name)).toEqual(['event']);
  const refused = await client.request({ action: 'subscribe', data: { binding } });
  expect(refused.data.code).toBe('scope_missing');
});

test('a fresh token without the scope events ends all subscriptions', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  await client.subscribe([binding, 'conference.event.*.*']);
  await client.request({ action: 'ping', auth_token: await tokenFor('alpha', { scope: 'sockets:read' }) });
  await publish(bridge.broker, callEvent('alpha'), conferenceEvent('alpha'));
  await allDelivered(bridge, client);
  expect(client.events).toEqual([]);
});

test('a fresh token without superduper_admin ends what only that allowed', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha', { superduper_admin: true }) });
  await client.subscribe(binding, { account_id: '*' });
  await client.subscribe(binding);
  await client.request({ action: 'ping', auth_token: await tokenFor('alpha') });
  await publish(bridge.broker, callEvent('beta'), callEvent('alpha'));
  await allDelivered(bridge, client);
  expect(client.events).toHaveLength(1);
  expect(client.replies.find(({ status }) => status === 'error')).toMatchObject({
    data: { code: 'account_unauthorized', errors: [expect.stringMatching(/^unauthorized wildcard account id/)] },
  });
});

test.each([
  ['a token of another account', () => tokenFor('beta'), 'account_unauthorized'],
  [
    'a superduper admin’s token of another account',
    () => tokenFor('beta', { superduper_admin: true }),
    'account_unauthorized',
  ],
  ['a bad one', async () => 'bad', 'token_invalid'],
  ['an expired one', () => tokenFor('alpha', {}, -5), 'token_expired'],
])('%s: the message has no effect and the socket keeps what it had', async (_name, makeBad, code) => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
  await client.subscribe(binding);
  const auth_token = await makeBad();
  const messages = [
    { action: 'subscribe', auth_token, data: { binding: 'call.CHANNEL_ANSWER.*' } },
    { action: 'subscribe', auth_token, data: { binding: 'call.CHANNEL_ANSWER.*', account_id: 'beta' } },
    { action: 'subscribe', auth_token, data: { binding: 'call.CHANNEL_ANSWER.*', name: 'renamed' } },
    { action: 'unsubscribe', auth_token },
    { action: 'ping', auth_token },
  ];
  for (const message of messages) {
    expect(await client.request(message), JSON.stringify(message)).toMatchObject({ status: 'error', data: { code } });
  }
  const events = ['CHANNEL_ANSWER', 'CHANNEL_CREATE'];
  await publish(bridge.broker, ...events.flatMap((name) => [callEvent('beta', name), callEvent('alpha', name)]));
  await allDelivered(bridge, client);
  expect(client.events.map(({ name }) => name)).toEqual(['CHANNEL_CREATE']);
  // The socket is still alpha's, without a token in the message.
  expect(await client.subscribe('call.CHANNEL_HOLD.*')).toMatchObject({
    status: 'success',
    data: { subscriptions: [binding, 'call.CHANNEL_HOLD.*'] },
  });
  const token = await tokenFor('beta');
  const { body } = await rest(bridge, '/v2/accounts/beta/websockets', { token });
  expect(body.data, 'listed as alpha’s').toEqual([]);
});

test('when the token expires unrefreshed: an error reply, no event after it, and the connection stays', async () => {
  const bridge = await startBridge();
  // What is published at the token's end must not find the publisher still connecting.
  await publish(bridge.broker, callEvent('alpha'));
  const { token, endsAt } = await shortToken('alpha');
  const client = await openClient(bridge, { headers: { 'x-auth-token': token } });
  await client.subscribe([binding, 'conference.event.*.*'], { request_id: 'r' });
  await publish(bridge.broker, callEvent('alpha', 'CHANNEL_CREATE', 'before'));
  await client.untilEvents(1);
  await until(() => Date.now() >= endsAt);
  await publish(bridge.broker, callEvent('alpha', 'CHANNEL_CREATE', 'after'), conferenceEvent('alpha'));
  await allDelivered(bridge, client);
  expect(client.events, 'nothing that is published after exp').toHaveLength(1);
  await until(() => notices(client).length > 0);
  expect(notices(client)).toEqual([
    {
      action: 'reply',
      request_id: expect.any(String),
      status: 'error',
      data: { errors: [expect.stringMatching(/^failed to authenticate token/)], code: 'token_expired' },
    },
  ]);
  await client.ping();
  const late = await client.subscribe(binding);
  expect(late).toMatchObject({ status: 'error', data: { code: 'token_expired' } });
  expect(late.data.errors?.[0]).toMatch(/^failed to authenticate token/);
  const again = await client.subscribe(binding, { auth_token: await tokenFor('alpha') });
  expect(again.data).toEqual({ subscribed: [], subscriptions: [binding, 'conference.event.*.*'] });
  await publish(bridge.broker, callEvent('alpha'));
  await client.untilEvents(2);
});

test.each([
  ['one binding', [binding]],
  ['several', [binding, 'call.*.*']],
])('exp is looked at before every delivery, and not only once a second: %s', async (_name, bindings) => {
  const tick = vi.spyOn(SessionGuard.prototype, 'tick').mockImplementation(() => undefined);
  onTestFinished(() => tick.mockRestore());
  const bridge = await startBridge();
  const { token, endsAt } = await shortToken('alpha');
  const clients: Client[] = [];
  for (const path of ['/?dialect=classic', '/?dialect=kazoo4']) {
    const client = await openClient(bridge, { headers: { 'x-auth-token': token }, path });
    await client.subscribe(bindings);
    clients.push(client);
  }
  await until(() => Date.now() >= endsAt);
  await publish(bridge.broker, callEvent('alpha'));
  await allDelivered(bridge, ...clients);
  expect(clients.map(({ events }) => events)).toEqual([[], []]);
});

test('the client is told within a second of exp, and not before it', async () => {
  const bridge = await startBridge();
  const { token, endsAt } = await shortToken('alpha');
  const client = await openClient(bridge, { headers: { 'x-auth-token': token } });
  await client.subscribe(binding);
  let seenAt = 0;
  client.socket.on('message', () => {
    if (seenAt === 0 && notices(client).length > 0) seenAt = Date.now();
  });
  // A second later the bridge's clock has ticked, however busy the machine: this ping is read after that.
  await until(() => Date.now() >= endsAt + 1000);
  await client.ping();
  expect(notices(client)).toHaveLength(1);
  expect(seenAt).toBeGreaterThanOrEqual(endsAt);
});

test('a token of another account is refused on a socket whose own has expired, too', async () => {
  const bridge = await startBridge();
  const { token } = await shortToken('alpha');
  const client = await openClient(bridge, { headers: { 'x-auth-token': token } });
  await until(() => notices(client).length > 0);
  const reply = await client.subscribe(binding, { auth_token: await tokenFor('beta') });
  expect(reply.data.code).toBe('account_unauthorized');
});

test('AUTH_TIMEOUT_SECONDS: a socket that never authenticated is closed with 4001, and no other', async () => {
  const bridge = await startBridge({ AUTH_TIMEOUT_SECONDS: '1' });
  const authenticated = await openClient(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
  const silent = await openClient(bridge);
  const refused = await openClient(bridge);
  await refused.request({ action: 'ping', auth_token: 'bad' });
  await refused.ping();
  expect(await silent.untilClosed()).toMatchObject({ code: 4001 });
  expect(await refused.untilClosed()).toMatchObject({ code: 4001 });
  await authenticated.ping();
});

test('AUTH_TIMEOUT_SECONDS after its token expired a socket is closed with 4001', async () => {
  const bridge = await startBridge({ AUTH_TIMEOUT_SECONDS: '3' });
  const { token, endsAt } = await shortToken('alpha');
  const client = await openClient(bridge, { headers: { 'x-auth-token': token } });
  const refreshed = await openClient(bridge, { headers: { 'x-auth-token': token } });
  await until(() => notices(client).length > 0 && notices(refreshed).length > 0);
  await refreshed.request({ action: 'ping', auth_token: await tokenFor('alpha') });
  expect(await client.untilClosed()).toMatchObject({ code: 4001 });
  expect(Date.now()).toBeGreaterThanOrEqual(endsAt + 3000);
  await refreshed.ping();
});
