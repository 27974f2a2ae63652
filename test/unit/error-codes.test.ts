/** Every code of an error reply, with its first text. `source_unavailable`: unconfirmed-subscribes. */
import { expect, onTestFinished, test, vi } from 'vitest';
import { Session } from '../../src/session/session.ts';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient, type Reply } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { until } from '../support/until.ts';

async function openFor(account: string, settings: Record<string, string> = {}) {
  const bridge = await startBridge(settings);
  const client = await openClient(bridge, { token: await tokenFor(account) });
  return { bridge, client };
}

/** Sends a text as it is. The answer can carry no `request_id` of the client. */
async function answerTo(client: Client, text: string): Promise<Reply | undefined> {
  const before = client.replies.length;
  client.send(text);
  await until(() => client.replies.length > before || client.closed !== undefined);
  return client.replies[before];
}

test.each(['', '{', 'hello', "{'action':'ping'}", '{"action":"ping"}}', '\u0000'])('invalid_json: %j', async (text) => {
  const { client } = await openFor('alpha');
  const reply = await answerTo(client, text);
  expect(reply).toMatchObject({ action: 'reply', status: 'error', data: { code: 'invalid_json' } });
  expect(reply?.data.errors?.[0]).toMatch(/invalid JSON/);
  await client.ping();
});

test.each(['[]', 'null', '5', '"ping"', 'true'])('invalid_message: %s is no object', async (text) => {
  const { client } = await openFor('alpha');
  const reply = await answerTo(client, text);
  expect(reply).toMatchObject({ action: 'reply', status: 'error', data: { code: 'invalid_message' } });
  expect(reply?.data.errors?.[0]).toMatch(/object/);
  await client.ping();
});

test.each([
  [{}, 'action'],
  [{ action: 5 }, 'action'],
  [{ action: ['subscribe'] }, 'action'],
  [{ action: 'subscribe', auth_token: 5 }, 'auth_token'],
  [{ action: 'subscribe', auth_token: ['x'] }, 'auth_token'],
  [{ action: 'subscribe', data: 'call.*.*' }, 'data'],
  [{ action: 'subscribe', data: [] }, 'data'],
  [{ action: 'subscribe', data: { account_id: 5 } }, 'data.account_id'],
  [{ action: 'subscribe', data: { account_id: 'a'.repeat(129), binding: 'call.*.*' } }, 'data.account_id'],
  [{ action: 'subscribe', data: { binding: 5 } }, 'data.binding'],
  [{ action: 'subscribe', data: { binding: ['call.*.*'] } }, 'data.binding'],
  [{ action: 'subscribe', data: { bindings: 'call.*.*' } }, 'data.bindings'],
  [{ action: 'subscribe', data: { bindings: ['call.*.*', 7] } }, 'data.bindings.1'],
  [{ action: 'subscribe', data: { binding: 'call.*.*', name: 5 } }, 'data.name'],
  [{ action: 'subscribe', name: {}, data: { binding: 'call.*.*' } }, 'name'],
  [{ action: 'unsubscribe', data: { bindings: {} } }, 'data.bindings'],
  [{ action: 'ping', data: 5 }, 'data'],
])('invalid_message says what is wrong, with the path of the field: %j', async (message, path) => {
  const { client } = await openFor('alpha');
  const reply = await client.request({ auth_token: await tokenFor('alpha'), ...message });
  expect(reply).toMatchObject({ status: 'error', data: { code: 'invalid_message' } });
  expect(reply.data.errors?.[0]).toContain(` ${path}: `);
  expect((await client.subscribe('nothing.held', {})).status).toBe('error');
  expect((await client.unsubscribe()).data).toMatchObject({ unsubscribed: [] });
});

test.each([[{}], [['x']], [true], ['x'.repeat(257)], [2 ** 53], [-1e30]])(
  'invalid_message: a request_id of %j',
  async (request_id) => {
    const { client } = await openFor('alpha');
    const reply = await answerTo(client, JSON.stringify({ action: 'ping', request_id }));
    expect(reply).toMatchObject({ status: 'error', data: { code: 'invalid_message' } });
    expect(reply?.data.errors?.[0]).toContain(' request_id: ');
    expect(reply?.request_id).toBeTypeOf('string');
  },
);

test.each(['x', '', 'Subscribe', 'toString', '__proto__', 'constructor'])('unknown_action: %j', async (action) => {
  const { client } = await openFor('alpha');
  const reply = await client.request({ action });
  expect(reply.data).toEqual({ code: 'unknown_action', errors: [`unknown action "${action}"`] });
});

test.each([{ data: 5 }, { data: { bindings: [5] } }, { data: {}, name: 5 }])(
  'token_required comes before what is wrong with %j',
  async (message) => {
    const bridge = await startBridge();
    const client = await openClient(bridge);
    const reply = await client.request({ action: 'subscribe', ...message });
    expect(reply.data.code).toBe('token_required');
  },
);

test.each(['subscribe', 'unsubscribe'])('token_required: %s without a token', async (action) => {
  const bridge = await startBridge();
  const client = await openClient(bridge);
  const reply = await client.request({ action, data: { binding: 'call.*.*' } });
  expect(reply.data).toEqual({ code: 'token_required', errors: ['authentication token required'] });
});

test('token_invalid starts with "failed to authenticate token"; the token itself is never echoed', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: 'this.is.secret' });
  const reply = await client.subscribe('call.*.*');
  expect(reply.data).toEqual({
    code: 'token_invalid',
    errors: [expect.stringMatching(/^failed to authenticate token/)],
  });
  expect(client.texts.join()).not.toContain('secret');
});

test('token_expired starts with "failed to authenticate token" too', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha', {}, -1) });
  const reply = await client.subscribe('call.*.*');
  expect(reply.data).toEqual({
    code: 'token_expired',
    errors: [expect.stringMatching(/^failed to authenticate token/)],
  });
});

test.each(['beta', 'ALPHA', 'alpha ', '#', 'al*', 'alpha.beta'])('account_unauthorized: %j', async (account_id) => {
  const { client } = await openFor('alpha');
  const reply = await client.subscribe('call.*.*', { account_id });
  expect(reply.data).toEqual({ code: 'account_unauthorized', errors: ['unauthorized account id'] });
});

test('account_unauthorized: the wildcard account', async () => {
  const { client } = await openFor('alpha');
  const reply = await client.subscribe('call.*.*', { account_id: '*' });
  expect(reply.data).toEqual({ code: 'account_unauthorized', errors: ['unauthorized wildcard account id'] });
});

test('scope_missing says what the token may not do', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha', { families: ['fax'] }) });
  const reply = await client.subscribe('call.*.*');
  expect(reply.data).toEqual({ code: 'scope_missing', errors: [expect.stringContaining('call')] });
});

test.each([[undefined], [{}], [{ binding: '' }], [{ bindings: [] }], [{ account_id: 'alpha' }]])(
  'binding_missing: a subscribe with data %j',
  async (data) => {
    const bridge = await startBridge();
    const client = await openClient(bridge);
    const auth_token = await tokenFor('alpha');
    const reply = await client.request({ action: 'subscribe', auth_token, ...(data !== undefined && { data }) });
    expect(reply.data).toEqual({ code: 'binding_missing', errors: ['empty subscription'] });
  },
);

test('too_many_bindings: a subscribe that would exceed MAX_BINDINGS_PER_SOCKET, in words', async () => {
  const { client } = await openFor('alpha', { MAX_BINDINGS_PER_SOCKET: '2' });
  const all = ['call.CHANNEL_CREATE.*', 'call.CHANNEL_ANSWER.*', 'call.CHANNEL_HOLD.*'];
  const atOnce = await client.subscribe(all);
  expect(atOnce).toMatchObject({ status: 'error', data: { code: 'too_many_bindings' } });
  expect(atOnce.data.errors?.[0]).toMatch(/^too many bindings.*2/);
  expect((await client.subscribe(all.slice(0, 2))).status).toBe('success');
  expect((await client.subscribe(all.slice(2))).data.code).toBe('too_many_bindings');
  // What is held already counts once, and a place that was left is free.
  expect((await client.subscribe(all.slice(0, 1))).status).toBe('success');
  await client.unsubscribe(all.slice(0, 1));
  expect((await client.subscribe(all.slice(2))).data.subscriptions).toEqual(all.slice(1));
});

test('rate_limited: a message beyond the burst has no effect, and a little later the socket may go on', async () => {
  const { bridge, client } = await openFor('alpha', { RATE_LIMIT_PER_SECOND: '1', RATE_LIMIT_BURST: '5' });
  const replies: Reply[] = [];
  // Without a limit of 1 a second all of them would be done.
  for (let index = 0; index < 30; index += 1) replies.push(await client.subscribe(`call.CHANNEL_CREATE.${index}`));
  const refused = replies.filter(({ status }) => status === 'error');
  expect(replies.slice(0, 5).map(({ status }) => status)).toEqual(Array(5).fill('success'));
  expect(refused.length).toBeGreaterThan(0);
  for (const { data } of refused) {
    expect(data).toEqual({ code: 'rate_limited', errors: [expect.stringMatching(/^rate limit exceeded/)] });
  }
  let last: Reply;
  do last = await client.subscribe('call.CHANNEL_ANSWER.*');
  while (last.status === 'error');
  expect(last.data.subscriptions).toHaveLength(replies.length - refused.length + 1);
  await (await openClient(bridge)).ping();
});

test('rate_limited: malformed messages count as well', async () => {
  const { client } = await openFor('alpha', { RATE_LIMIT_PER_SECOND: '1', RATE_LIMIT_BURST: '9' });
  for (let index = 0; index < 9; index += 1) client.send('no JSON');
  expect((await client.request({ action: 'ping' })).data.code).toBe('rate_limited');
});

test('rate_limited: messages that come in one go are all answered', async () => {
  const { client } = await openFor('alpha', { RATE_LIMIT_PER_SECOND: '1', RATE_LIMIT_BURST: '5' });
  const ids = Array.from({ length: 50 }, (_, index) => index);
  for (const id of ids) client.send({ action: 'ping', request_id: id });
  const replies: Reply[] = [];
  for (const id of ids) replies.push(await client.reply(id));
  expect(replies.slice(0, 5).map(({ status }) => status)).toEqual(Array(5).fill('success'));
  const refused = replies.filter(({ status }) => status === 'error');
  expect(refused.length).toBeGreaterThan(0);
  for (const { data } of refused) expect(data.code).toBe('rate_limited');
  expect(client.replies).toHaveLength(ids.length);
  expect(client.closed).toBeUndefined();
});

test('rate_limited: a large message is refused unread, and its answer has a request_id of the server’s', async () => {
  const { client } = await openFor('alpha', { RATE_LIMIT_PER_SECOND: '1', RATE_LIMIT_BURST: '2' });
  const [small, large] = ['x', 'x'.repeat(5000)];
  for (const [id, padding] of [small, large, small, large].entries()) {
    client.send({ action: 'ping', request_id: id, padding });
  }
  await until(() => client.replies.length === 4);
  expect(client.replies.map(({ data }) => data.code)).toEqual([undefined, undefined, 'rate_limited', 'rate_limited']);
  expect(client.replies.map(({ request_id }) => request_id)).toEqual([0, 1, 2, expect.stringMatching(/^[\w-]{36}$/)]);
});

test('rate_limited: who goes on nevertheless is not listened to for a second, and then as before', async () => {
  const { bridge, client } = await openFor('alpha', { RATE_LIMIT_PER_SECOND: '1', RATE_LIMIT_BURST: '5' });
  const startedAt = performance.now();
  for (let index = 0; index < 500; index += 1) client.send({ action: 'ping', request_id: index });
  await client.reply(499);
  // The pause comes before the last of them, or behind it.
  await client.request({ action: 'ping' });
  expect(performance.now() - startedAt).toBeGreaterThan(900);
  expect(client.replies.filter(({ status }) => status === 'success').length).toBeGreaterThan(5);
  expect(client.closed).toBeUndefined();
  await (await openClient(bridge)).ping();
});

test('rate_limited: a wall clock that is set back locks nobody out', async () => {
  const { client } = await openFor('alpha', { RATE_LIMIT_PER_SECOND: '5', RATE_LIMIT_BURST: '5' });
  await client.ping();
  const now = Date.now.bind(Date);
  const clock = vi.spyOn(Date, 'now').mockImplementation(() => now() - 3_600_000);
  onTestFinished(() => clock.mockRestore());
  const status = async () => (await client.request({ action: 'ping' })).status;
  await until(async () => (await status()) === 'error', 'a ping over the limit');
  await until(async () => (await status()) === 'success', 'a ping that is let in again');
});

test('too_many_bindings: what names too many is refused before what is held is looked at', async () => {
  const { client } = await openFor('alpha');
  const held = Array.from({ length: 250 }, (_, index) => `call.*.${index}`);
  expect((await client.subscribe(held)).status).toBe('success');
  const look = vi.spyOn(Session.prototype, 'heldIn');
  onTestFinished(() => look.mockRestore());
  const many = Array.from({ length: 4000 }, (_, index) => `call.*.${index}`);
  expect((await client.subscribe(many)).data.code).toBe('too_many_bindings');
  expect(look).not.toHaveBeenCalled();
  expect((await client.unsubscribe(many)).data.unsubscribed).toEqual(held);
  expect(look, 'once a message, and not for each binding').toHaveBeenCalledTimes(1);
});

test('internal: a fault of our own is logged whole, and the client reads no more than that', async () => {
  const { bridge, client } = await openFor('alpha');
  const fault = vi.spyOn(Session.prototype, 'bindingTexts').mockImplementationOnce(() => {
    throw new Error('a fault that names /a/path');
  });
  const reply = await client.unsubscribe();
  fault.mockRestore();
  expect(reply).toMatchObject({ status: 'error', data: { code: 'internal', errors: ['internal error'] } });
  expect(bridge.logLines.some(({ level, fields }) => level === 'error' && fields.err instanceof Error)).toBe(true);
  expect(await client.subscribe('call.*.*')).toMatchObject({ status: 'success' });
});
