/** A token that ends suspends its socket's subscriptions, and a fresh one of the account brings them back. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { type Client, openClient } from '../support/client.ts';
import { callEvent, conferenceEvent, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

const call = 'call.CHANNEL_CREATE.*';
const conference = 'conference.event.*.*';
/** Of the short tokens. The clock goes forward by as much, and waits of tests look at the same clock. */
const lifeSeconds = 10;

/** The server's clock goes forward, and the short tokens end. Fresh ones are good for an hour. */
function useClock(): { readonly endTokens: () => void } {
  const realNow = Date.now;
  let aheadMs = 0;
  const spy = vi.spyOn(Date, 'now').mockImplementation(() => realNow() + aheadMs);
  onTestFinished(() => spy.mockRestore());
  return {
    endTokens() {
      aheadMs = lifeSeconds * 1000;
    },
  };
}

const shortToken = (account: string, claims = {}): Promise<string> => tokenFor(account, claims, lifeSeconds);

function notices(client: Client) {
  return client.replies.filter(({ status }) => status === 'error').map(({ data }) => data);
}

/** A client whose token has just ended, and who was told so. */
async function openSuspended(
  bridge: Bridge,
  { endTokens }: ReturnType<typeof useClock>,
  token: string,
  subscribeAll: (client: Client) => Promise<unknown>,
): Promise<Client> {
  const client = await openClient(bridge, { headers: { 'x-auth-token': token } });
  await subscribeAll(client);
  endTokens();
  await until(() => notices(client).length > 0);
  expect(notices(client)).toEqual([
    { errors: [expect.stringMatching(/^failed to authenticate token/)], code: 'token_expired' },
  ]);
  return client;
}

const names = (client: Client): unknown[] => client.events.map(({ args }) => (args as Record<string, unknown>).Mark);
const marked = (mark: string, account = 'alpha') => callEvent(account, 'CHANNEL_CREATE', 'call-1', { Mark: mark });

test('what is subscribed to stays listed and gets nothing, until any message brings a fresh token', async () => {
  const clock = useClock();
  const bridge = await startBridge();
  const client = await openSuspended(bridge, clock, await shortToken('alpha'), (each) =>
    each.subscribe([call, conference], { request_id: 'the first' }),
  );
  await publish(bridge.broker, marked('in between'), conferenceEvent('alpha'));
  await allDelivered(bridge, client);
  expect(client.events).toEqual([]);

  const token = await tokenFor('alpha');
  const { body } = await rest(bridge, '/v2/accounts/alpha/websockets?dialect=kazoo4', { token });
  expect(body.data).toEqual([expect.objectContaining({ bindings: [call, conference] })]);
  // The fence's own beside the client's.
  expect(await bridge.metric('horizon_subscriptions')).toBe(3);
  expect(await bridge.broker.patterns()).toContain(`callevt ${call}`);

  expect(await client.request({ action: 'ping', auth_token: token })).toMatchObject({ status: 'success' });
  await publish(bridge.broker, marked('afterwards'));
  await allDelivered(bridge, client);
  expect(client.events).toEqual([
    expect.objectContaining({ request_id: 'the first', args: expect.objectContaining({ Mark: 'afterwards' }) }),
  ]);
  expect((await client.subscribe(call)).data).toEqual({ subscribed: [], subscriptions: [call, conference] });
  expect(notices(client)).toHaveLength(1);
});

test('several of the socket’s subscriptions match, and still nothing comes, in either dialect', async () => {
  const clock = useClock();
  const bridge = await startBridge();
  const token = await shortToken('alpha');
  const other = await openClient(bridge, { headers: { 'x-auth-token': token }, path: '/?dialect=kazoo4' });
  await other.subscribe([call, 'call.*.*']);
  const client = await openSuspended(bridge, clock, token, (each) => each.subscribe([call, 'call.*.*']));
  await publish(bridge.broker, marked('in between'));
  await allDelivered(bridge, client, other);
  expect([client.events, other.events]).toEqual([[], []]);
});

test('what the fresh token does not allow ends, and is said; the rest is back', async () => {
  const clock = useClock();
  const bridge = await startBridge();
  const client = await openSuspended(
    bridge,
    clock,
    await shortToken('alpha', { superduper_admin: true }),
    async (each) => {
      await each.subscribe([call, conference]);
      await each.subscribe(call, { account_id: '*' });
    },
  );
  await client.request({ action: 'ping', auth_token: await tokenFor('alpha', { families: ['conference'] }) });
  expect(notices(client).slice(1)).toEqual([
    { code: 'scope_missing', errors: [expect.stringContaining(call)] },
    { code: 'account_unauthorized', errors: [expect.stringMatching(/^unauthorized wildcard account id/)] },
  ]);
  await publish(bridge.broker, marked('not allowed'), marked('nor this', 'beta'), conferenceEvent('alpha'));
  await allDelivered(bridge, client);
  expect(client.events.map(({ name }) => name)).toEqual(['event']);
  expect((await client.unsubscribe('nothing')).data.subscriptions).toEqual([conference]);
});

test.each<[string, { superduper_admin?: true }]>([
  ['of another account', {}],
  ['of another account, even an admin’s', { superduper_admin: true }],
])('a token %s brings nothing back', async (_name, claims) => {
  const clock = useClock();
  const bridge = await startBridge();
  const client = await openSuspended(bridge, clock, await shortToken('alpha'), (each) => each.subscribe(call));
  const auth_token = await tokenFor('beta', claims);
  for (const action of ['ping', 'subscribe', 'unsubscribe']) {
    const reply = await client.request({ action, auth_token, data: { binding: call } });
    expect(reply.data.code).toBe('account_unauthorized');
  }
  await publish(bridge.broker, marked('in between'));
  await allDelivered(bridge, client);
  expect(client.events).toEqual([]);
  await client.request({ action: 'ping', auth_token: await tokenFor('alpha') });
  await publish(bridge.broker, marked('afterwards'));
  await allDelivered(bridge, client);
  expect(names(client)).toEqual(['afterwards']);
});

test.each([
  ['no token', async () => undefined, 'token_expired'],
  ['one that has expired', () => tokenFor('alpha', {}, -5), 'token_expired'],
  ['a bad one', async () => 'bad', 'token_invalid'],
])('with %s only ping is served', async (_name, makeToken, code) => {
  const auth_token = await makeToken();
  const clock = useClock();
  const bridge = await startBridge();
  const client = await openSuspended(bridge, clock, await shortToken('alpha'), (each) => each.subscribe(call));
  for (const action of ['subscribe', 'unsubscribe']) {
    const reply = await client.request({ action, ...(auth_token && { auth_token }), data: { binding: call } });
    expect(reply.data.code, action).toBe(code);
  }
  await client.ping();
  await client.request({ action: 'ping', auth_token: await tokenFor('alpha') });
  expect((await client.unsubscribe('nothing')).data.subscriptions).toEqual([call]);
});

test('an unsubscribe with a fresh token ends what it names, and the rest is back', async () => {
  const clock = useClock();
  const bridge = await startBridge();
  const client = await openSuspended(bridge, clock, await shortToken('alpha'), (each) =>
    each.subscribe([call, conference]),
  );
  const reply = await client.unsubscribe(conference, { auth_token: await tokenFor('alpha') });
  expect(reply.data).toEqual({ unsubscribed: [conference], subscribed: [], subscriptions: [call] });
  await publish(bridge.broker, conferenceEvent('alpha'), marked('afterwards'));
  await allDelivered(bridge, client);
  expect(names(client)).toEqual(['afterwards']);
});

test('suspended subscriptions count for MAX_BINDINGS_PER_SOCKET; a refused subscribe brings them back all the same', async () => {
  const clock = useClock();
  const bridge = await startBridge({ MAX_BINDINGS_PER_SOCKET: '2' });
  const client = await openSuspended(bridge, clock, await shortToken('alpha'), (each) =>
    each.subscribe([call, conference]),
  );
  const auth_token = await tokenFor('alpha');
  const reply = await client.subscribe('call.CHANNEL_ANSWER.*', { auth_token });
  expect(reply.data.code).toBe('too_many_bindings');
  await publish(bridge.broker, marked('afterwards'));
  await allDelivered(bridge, client);
  expect(names(client)).toEqual(['afterwards']);
});

test('what a changed account tree takes away is gone for good, and said at once', async () => {
  const clock = useClock();
  const file = await useAccountsFile([{ id: 'alpha' }, { id: 'child', parent_id: 'alpha' }]);
  const bridge = await startBridge({ ACCOUNTS_FILE: file.path });
  const client = await openSuspended(bridge, clock, await shortToken('alpha'), async (each) => {
    await each.subscribe(call);
    await each.subscribe(call, { account_id: 'child' });
  });
  await file.rewrite([{ id: 'alpha' }, { id: 'child' }]);
  await until(() => notices(client).length > 1);
  expect(notices(client)[1]).toMatchObject({ code: 'account_unauthorized', errors: [expect.stringContaining(call)] });
  await client.request({ action: 'ping', auth_token: await tokenFor('alpha') });
  await publish(bridge.broker, marked('the child’s', 'child'), marked('its own'));
  await allDelivered(bridge, client);
  expect(names(client)).toEqual(['its own']);
});

test('a suspended socket that goes leaves nothing at the broker', async () => {
  const clock = useClock();
  const bridge = await startBridge({ AUTH_TIMEOUT_SECONDS: '1' });
  const client = await openSuspended(bridge, clock, await shortToken('alpha'), (each) =>
    each.subscribe([call, conference]),
  );
  expect(await client.untilClosed()).toMatchObject({ code: 4001 });
  await until(async () => (await bridge.broker.patterns()).length === 0);
  expect(await bridge.metric('horizon_subscriptions')).toBe(0);
});
