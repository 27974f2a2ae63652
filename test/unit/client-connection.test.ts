/** When the client library comes back, when it stays away, what it does with tokens, and how it finds a dead connection. */
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { closeWords, returnAfter } from '../../src/client/back-off.ts';
import { connect } from '../../src/client/client.ts';
import { closeReasons } from '../../src/errors.ts';
import { FakeServer, settle } from '../support/fake-server.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
});

/** Time goes by, and everything that it brings about. */
async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
  await settle();
}

const longest = (code: number, reason: string, tries: number) => returnAfter(code, reason, tries, () => 1);

test.for([4500, 4700, 4999])('close code %i: it stays away', (code) => {
  expect(returnAfter(code, '', 0).pauseMs).toBeUndefined();
});

test.for([1000, 1006, 1009, 1012, 4000, 4001, 4008, 4499])('close code %i: it comes back', (code) => {
  expect(longest(code, '', 0)).toEqual({ pauseMs: 250, isAdvised: false });
});

test('after 1012 it comes back when it was told to, not at a moment of its own', () => {
  expect(longest(1012, '{"reconnect":7300}', 3)).toEqual({ pauseMs: 7300, isAdvised: true });
  expect(longest(1012, '{"reconnect":0}', 3)).toEqual({ pauseMs: 0, isAdvised: true });
});

test.for(['', 'restart', '{"reconnect":-1}', '{"reconnect":"soon"}', '{"reconnect":1e12}', 'null', '[]'])(
  'a 1012 whose reason is %s is a close as any other',
  (reason) => {
    expect(longest(1012, reason, 1)).toEqual({ pauseMs: 500, isAdvised: false });
  },
);

test('the pause is any moment of a window that doubles from 250 ms to 30 s', () => {
  const pauses = Array.from({ length: 9 }, (_, tries) => longest(1006, '', tries).pauseMs);
  expect(pauses).toEqual([250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
  expect(returnAfter(1006, '', 4, () => 0).pauseMs).toBe(0);
  expect(returnAfter(1006, '', 4, () => 0.5).pauseMs).toBe(2000);
  expect(longest(1006, '', 5000).pauseMs).toBe(30_000);
});

test('close codes are told in words', () => {
  expect(closeWords(1006, '', true)).toBe('the connection was lost (1006)');
  expect(closeWords(1006, '', false)).toBe('no connection could be made (1006)');
  expect(closeWords(1006, '', false, 'connect ECONNREFUSED')).toBe(
    'no connection could be made: connect ECONNREFUSED (1006)',
  );
  expect(closeWords(1012, '{"reconnect":900}', true)).toBe('the server is restarting (1012)');
  expect(closeWords(1008, 'too many pings or pongs', true)).toBe('too many pings or pongs (1008)');
  expect(closeWords(4500, '', true)).toBe('closed by an administrator (4500); the server asks to stay away');
  expect(closeWords(4321, 'over quota', true)).toBe('over quota (4321)');
  expect(closeWords(4321, '', true)).toBe('closed by the server (4321)');
  for (const { code, text } of Object.values(closeReasons)) {
    expect(closeWords(code, text, true)).toMatch(new RegExp(`^[^{]{8,} \\(${code}\\)`));
  }
});

test('it always speaks kazoo4 on a socket that can resume, and no token is in the address', async () => {
  const server = new FakeServer();
  server.connect({ url: 'https://server.example/events?zone=1#top', token: 'secret' });
  await settle();
  expect(server.last.url).toBe('wss://server.example/events?zone=1&dialect=kazoo4&resume=on');
  expect(server.last.sent[0]).toMatchObject({ action: 'ping', auth_token: 'secret' });
});

test('an address that is none, or no WebSocket, is said at once', () => {
  expect(() => connect({ url: 'events', token: '', WebSocket: class {} as never })).toThrow(TypeError);
  expect(() => connect({ url: 'ftp://x/', token: '', WebSocket: class {} as never })).toThrow(
    'no address of a WebSocket: ftp:',
  );
  vi.stubGlobal('WebSocket', undefined);
  expect(() => connect({ url: 'ws://x/', token: '' })).toThrow('give one');
});

test('while it fails, each try is later; one that has held makes it start anew', async () => {
  vi.spyOn(Math, 'random').mockReturnValue(0.999_999);
  const server = new FakeServer();
  const { horizon, states } = server.connect();
  await settle();
  expect(states).toEqual(['open']);
  const pauses: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    server.last.end(1006);
    const { nextTryAt = 0, reason } = horizon.status;
    pauses.push(Math.round(nextTryAt - Date.now()));
    expect(reason).toBe('the connection was lost (1006)');
    await pass(nextTryAt - Date.now());
    expect(horizon.state).toBe('open');
    // One that lasts only a moment has not held.
    await pass(1000);
  }
  await pass(5000);
  server.last.end(1006);
  pauses.push(Math.round((horizon.status.nextTryAt ?? 0) - Date.now()));
  expect(pauses).toEqual([250, 500, 1000, 2000, 250]);
});

test('a connection that does not come about is given up after 10 s', async () => {
  const server = new FakeServer();
  server.isUp = false;
  const { horizon } = server.connect();
  await pass(9999);
  expect(horizon.state).toBe('connecting');
  await pass(1);
  expect(horizon.state).toBe('waiting');
  expect(server.last.isClosed).toBe(true);
});

/** As much of a browser's page as is looked at. */
function stubPage() {
  const page = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  vi.stubGlobal('document', document);
  vi.stubGlobal('addEventListener', page.addEventListener.bind(page));
  vi.stubGlobal('removeEventListener', page.removeEventListener.bind(page));
  return {
    online: () => page.dispatchEvent(new Event('online')),
    comeBack: () => page.dispatchEvent(new Event('pageshow')),
    show(visibilityState: string) {
      Object.assign(document, { visibilityState });
      document.dispatchEvent(new Event('visibilitychange'));
    },
  };
}

test('it comes back at once when the network does, or the page is seen again; but not before the server asked it to', async () => {
  const page = stubPage();
  vi.spyOn(Math, 'random').mockReturnValue(1);
  const server = new FakeServer();
  const { horizon } = server.connect();
  for (const wake of [page.online, page.comeBack, () => page.show('visible')]) {
    await settle();
    server.last.end(1006);
    expect(horizon.state).toBe('waiting');
    page.show('hidden');
    expect(horizon.state).toBe('waiting');
    page.show('visible');
    expect(horizon.state).toBe('connecting');
    await settle();
    server.last.end(1006);
    wake();
    expect(horizon.state).toBe('connecting');
  }
  await settle();
  server.last.end(1012, '{"reconnect":5000}');
  page.online();
  expect(horizon.state).toBe('waiting');
  await pass(5000);
  expect(horizon.state).toBe('open');
});

test('told to stay away it does, whatever happens, until somebody opens it', async () => {
  const page = stubPage();
  const server = new FakeServer();
  const { horizon, states } = server.connect();
  horizon.subscribe('call.*.*', () => undefined);
  await settle();
  const query = horizon.query('channels');
  server.last.end(4500);
  await expect(query).rejects.toMatchObject({ code: 'closed' });
  page.online();
  page.show('visible');
  await pass(3_600_000);
  expect(server.sockets).toHaveLength(1);
  expect(states).toEqual(['open', 'closed']);
  expect(horizon.status).toMatchObject({
    state: 'closed',
    reason: 'closed by an administrator (4500); the server asks to stay away',
  });
  await expect(horizon.query('channels')).rejects.toMatchObject({ code: 'closed' });
  horizon.open();
  await settle();
  expect(horizon.state).toBe('open');
  expect(server.last.asked('subscribe')).toHaveLength(1);
});

test('closed, it closes its socket, leaves no timer, and is closed for who listens', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect();
  await settle();
  horizon.close();
  expect(server.last.isClosed).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
  expect(horizon.status).toMatchObject({ state: 'closed', reason: 'disconnected by you', source: 'unknown' });
});

test('the token is got anew for each connection, and whenever the server wants another', async () => {
  const server = new FakeServer();
  let made = 0;
  const { horizon, states } = server.connect({ token: async () => `token ${++made}` });
  const tokens = () => server.sockets.flatMap(({ sent }) => sent.flatMap(({ auth_token }) => auth_token ?? []));
  await settle();
  server.last.reply({}, { code: 'token_expired' });
  await settle();
  server.last.reply({}, { code: 'token_invalid' });
  await settle();
  server.last.reply({}, { code: 'token_required' });
  await settle();
  server.last.end(1012, '{"reconnect":10}');
  await pass(10);
  expect(tokens()).toEqual(['token 1', 'token 2', 'token 3', 'token 4', 'token 5']);
  expect(horizon.status).toMatchObject({ state: 'open', reason: undefined });
  expect(states).toEqual(['open', 'waiting', 'connecting', 'open']);
});

test('a token that is refused twice in a row ends it, with the reason', async () => {
  const server = new FakeServer();
  const token = vi.fn(() => 'bad');
  server.answers = ({ action }) => (action === 'ping' ? { code: 'token_invalid' } : undefined);
  const { horizon } = server.connect({ token });
  const heard = vi.fn();
  const { ready } = horizon.subscribe('call.*.*', heard);
  const refused = expect(ready).rejects.toMatchObject({
    code: 'closed',
    message: expect.stringMatching('token_invalid'),
  });
  await pass(60_000);
  await refused;
  await expect(horizon.subscribe('fax.status.*', heard).ready).rejects.toMatchObject({ code: 'closed' });
  expect(token).toHaveBeenCalledTimes(2);
  expect(server.sockets).toHaveLength(1);
  expect(horizon.status).toMatchObject({ state: 'closed', reason: 'refused: token_invalid (token_invalid)' });
  // It may be opened again, and then has as many tries; what was wanted still is.
  server.answers = () => undefined;
  horizon.open();
  await settle();
  expect(horizon.state).toBe('open');
  expect(server.last.asked('subscribe')).toEqual([{ bindings: ['call.*.*', 'fax.status.*'] }]);
  server.last.event('call.*.*', 'a');
  expect(heard).toHaveBeenCalledTimes(1);
});

test('who waits for a subscription to be held waits while the connection is away, and not beyond close()', async () => {
  const server = new FakeServer();
  server.isUp = false;
  const { horizon } = server.connect();
  const stop = horizon.subscribe('call.*.*', () => undefined);
  let isOver = false;
  stop.ready.then(
    () => undefined,
    () => {
      isOver = true;
    },
  );
  await pass(60_000);
  expect(isOver).toBe(false);
  horizon.close();
  await expect(stop.ready).rejects.toMatchObject({ code: 'closed' });
});

test('a text that has expired is a token that fails: it is not tried for ever', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect({ token: 'text' });
  await settle();
  server.answers = ({ action, auth_token }) =>
    action === 'ping' && auth_token !== undefined ? { code: 'token_expired' } : undefined;
  server.last.reply({}, { code: 'token_expired' });
  await settle();
  expect(horizon.status).toMatchObject({ state: 'closed', reason: 'refused: token_expired (token_expired)' });
});

test('a function that fails twice in a row ends it as well; once is forgiven, over a lost connection too', async () => {
  const server = new FakeServer();
  let fails = 1;
  const token = vi.fn(async () => {
    fails -= 1;
    if (fails >= 0) throw new Error('no network');
    return 'good';
  });
  const { horizon, states } = server.connect({ token });
  await settle();
  expect(horizon.status).toMatchObject({ state: 'connecting', reason: 'no token could be had: no network' });
  await pass(3000);
  expect(states).toEqual(['open']);
  fails = 2;
  server.last.end(1012, '{"reconnect":0}');
  await pass(0);
  server.last.end(1012, '{"reconnect":0}');
  await pass(0);
  expect(horizon.status).toMatchObject({ state: 'closed', reason: 'no token could be had: no network (token_failed)' });
  expect(token).toHaveBeenCalledTimes(4);
});

test('a token that does not come in 10 s has failed, and is asked for again; after the second it is over, with the reason', async () => {
  const server = new FakeServer();
  const token = vi.fn((): Promise<string> => new Promise(() => undefined));
  const { horizon } = server.connect({ token });
  await pass(9999);
  expect(horizon.status.reason).toBeUndefined();
  await pass(1);
  expect(horizon.status).toMatchObject({
    state: 'connecting',
    reason: 'no token could be had: no answer in 10 s',
  });
  await pass(13_000);
  expect(token).toHaveBeenCalledTimes(2);
  expect(horizon.status).toMatchObject({
    state: 'closed',
    reason: 'no token could be had: no answer in 10 s (token_failed)',
  });
  expect(vi.getTimerCount()).toBe(0);
});

test('a token that does not come is forgotten with its connection, and with close() and open()', async () => {
  const server = new FakeServer();
  const token = vi.fn((): Promise<string> => new Promise(() => undefined));
  const { horizon } = server.connect({ token });
  await settle();
  server.last.end(1012, '{"reconnect":0}');
  await pass(0);
  expect(token).toHaveBeenCalledTimes(2);
  horizon.close();
  expect(vi.getTimerCount()).toBe(0);
  token.mockResolvedValue('good');
  horizon.open();
  await settle();
  expect(token).toHaveBeenCalledTimes(3);
  expect(horizon.state).toBe('open');
  expect(server.sockets.map(({ sent }) => sent.map(({ auth_token }) => auth_token))).toEqual([[], [], ['good']]);
});

test('a token of another account takes another socket', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect({ token: () => 'of another' });
  await settle();
  server.answers = ({ action, auth_token }, socket) =>
    action === 'ping' && auth_token !== undefined && socket === server.sockets[0]
      ? { code: 'account_unauthorized' }
      : undefined;
  server.last.reply({}, { code: 'token_expired' });
  await settle();
  expect(server.sockets).toHaveLength(2);
  expect(horizon.state).toBe('open');
});

test('what the server can’t check now is shown again a moment later', async () => {
  const server = new FakeServer();
  server.answers = ({ action }) => (action === 'ping' ? { code: 'source_unavailable' } : undefined);
  const { horizon } = server.connect();
  await pass(20_000);
  expect(horizon.state).toBe('connecting');
  server.answers = () => undefined;
  await pass(3000);
  expect(horizon.state).toBe('open');
});

test('a dead connection is found within 10 s, while one that is only quiet is kept', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect();
  await pass(120_000);
  expect(server.sockets).toHaveLength(1);
  expect(horizon.status.rttMs).toBe(0);
  server.answers = () => false;
  const silentAt = Date.now();
  while (horizon.state === 'open') await pass(100);
  expect(Date.now() - silentAt).toBeLessThanOrEqual(10_000);
  expect(horizon.status.reason).toBe('the connection went silent');
});

test('a busy connection is asked nothing but how long an answer takes', async () => {
  const server = new FakeServer();
  server.connect();
  await settle();
  for (let second = 0; second < 60; second += 1) {
    server.last.event('call.*.*', String(second));
    await pass(1000);
  }
  const pings = server.last.asked('ping').length;
  expect(pings).toBeGreaterThanOrEqual(3);
  expect(pings).toBeLessThanOrEqual(4);
});

test('a page that is seen again, or back on the network, learns within 3 s that its connection is dead', async () => {
  const page = stubPage();
  const server = new FakeServer();
  const { horizon } = server.connect();
  for (const wake of [() => page.show('visible'), page.comeBack, page.online]) {
    await settle();
    page.show('hidden');
    server.answers = () => false;
    await pass(6000);
    expect(horizon.state, 'in a page that nobody sees nothing is hurried').toBe('open');
    page.show('visible');
    wake();
    await pass(2999);
    expect(horizon.state).toBe('open');
    server.answers = () => undefined;
    await pass(1);
    expect(horizon.state).toBe('waiting');
    await pass(30_000);
    expect(horizon.state).toBe('open');
  }
});

test('a laptop that slept does not take its own sleep for the server’s silence', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect();
  await settle();
  // The probe is sent, and the lid closed before its answer is read.
  server.answers = () => false;
  await pass(5000);
  vi.setSystemTime(Date.now() + 8 * 3_600_000);
  server.answers = () => undefined;
  await pass(3000);
  expect(horizon.state).toBe('open');
  expect(server.sockets).toHaveLength(1);
  // What has died meanwhile is found all the same.
  server.answers = () => false;
  vi.setSystemTime(Date.now() + 8 * 3_600_000);
  await pass(9000);
  expect(server.sockets.length).toBeGreaterThan(1);
});

test('a server that takes its time to confirm a subscription is not dead', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect();
  await pass(4900);
  // It does one message after the other: until this is answered, pings are not.
  server.answers = () => false;
  const { ready } = horizon.subscribe('call.*.*', () => undefined);
  await pass(5000);
  expect(horizon.state).toBe('open');
  server.answers = () => undefined;
  for (const message of server.last.sent.slice(1))
    server.last.reply(message, { subscribed: ['call.*.*'], response: 'pong' });
  await ready;
  await pass(10_000);
  expect(server.sockets).toHaveLength(1);
});

test('every question ends: after 10 s with a code, whatever becomes of the connection', async () => {
  const server = new FakeServer();
  server.isUp = false;
  const { horizon } = server.connect();
  const codes: unknown[] = [];
  const note = (error: unknown): void => void codes.push((error as { code: unknown }).code);
  for (const question of [horizon.query('channels'), horizon.command('id', 'hangup'), horizon.ping()])
    void question.catch(note);
  await pass(9999);
  expect(codes).toEqual([]);
  await pass(1);
  expect(codes).toEqual(['timeout', 'timeout', 'timeout']);
  server.isUp = true;
  await pass(30_000);
  expect(horizon.state).toBe('open');
  expect(server.last.sent.filter(({ action }) => action === 'query' || action === 'command')).toEqual([]);

  // A question may be asked twice; whether a command has arrived nobody knows.
  server.answers = ({ action }) => (action === 'query' || action === 'command' ? false : undefined);
  const query = horizon.query('channel', { call_id: 'x' });
  horizon.command('id', 'hangup').catch(note);
  await settle();
  server.answers = ({ action }) => (action === 'query' ? { result: null, partial: false } : undefined);
  server.last.end(1012, '{"reconnect":0}');
  await pass(0);
  expect(codes.at(-1)).toBe('connection_lost');
  await expect(query).resolves.toEqual({ result: null, partial: false });
  expect(server.last.asked('query')).toEqual([{ name: 'channel', call_id: 'x' }]);
  expect(server.last.asked('command')).toEqual([]);
});

test('a question that meets the end of the token is asked again with the next', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect({ account: 'child', token: () => 'fresh' });
  await settle();
  let isExpired = true;
  server.answers = ({ action, auth_token }) => {
    if (auth_token !== undefined) isExpired = false;
    return action === 'command' && isExpired
      ? { code: 'token_expired' }
      : action === 'command'
        ? { accepted: true }
        : undefined;
  };
  await expect(horizon.command('id', 'transfer', { target: '1003', transfer_type: 'blind' })).resolves.toEqual({
    accepted: true,
  });
  expect(server.last.asked('command').at(-1)).toEqual({
    account_id: 'child',
    target: '1003',
    transfer_type: 'blind',
    call_id: 'id',
    action: 'transfer',
  });
});

test('a refusal has the server’s code and text', async () => {
  const server = new FakeServer();
  server.answers = ({ action }) => (action === 'command' ? { code: 'not_found' } : undefined);
  const { horizon } = server.connect();
  await expect(horizon.command('id', 'hangup')).rejects.toMatchObject({
    name: 'HorizonError',
    code: 'not_found',
    message: 'refused: not_found',
  });
});

test('a handler that throws, or rejects, harms no other, and is reported', async () => {
  const reported: unknown[] = [];
  vi.stubGlobal('reportError', (error: unknown) => reported.push(error));
  const server = new FakeServer();
  const { horizon, events } = server.connect();
  horizon.subscribe('call.*.*', () => {
    throw new Error('one');
  });
  horizon.subscribe('call.*.*', async () => {
    throw new Error('two');
  });
  horizon.subscribe('call.*.*', (event) => events.push(event));
  await settle();
  server.last.event('call.*.*', 'a');
  await settle();
  expect(reported).toEqual([new Error('one'), new Error('two')]);
  expect(events).toHaveLength(1);
  // Node 20 has no reportError.
  vi.stubGlobal('reportError', undefined);
  const error = vi.spyOn(console, 'error').mockReturnValue();
  server.last.event('call.*.*', 'b');
  await settle();
  expect(error.mock.calls).toEqual([[new Error('one')], [new Error('two')]]);
});

test('a listener that throws, or rejects, harms no other, nor the process, and is reported', async () => {
  const reported: unknown[] = [];
  vi.stubGlobal('reportError', (error: unknown) => reported.push(error));
  const { horizon } = new FakeServer().connect();
  const heard: unknown[] = [];
  const failing = (): never => {
    throw new Error('one');
  };
  const listener = {
    handleEvent(event: Event): void {
      heard.push([event.type, (event.target as unknown) === horizon, this === listener]);
    },
  };
  horizon.addEventListener('state', failing, { once: true });
  horizon.addEventListener('state', async () => {
    throw new Error('two');
  });
  horizon.addEventListener('state', listener);
  horizon.addEventListener('state', listener);
  await settle();
  expect(horizon.state).toBe('open');
  expect(reported).toEqual([new Error('one'), new Error('two')]);
  expect(heard).toEqual([['state', true, true]]);
  horizon.removeEventListener('state', listener);
  horizon.close();
  await settle();
  expect(reported).toEqual([new Error('one'), new Error('two'), new Error('two')]);
  expect(heard).toHaveLength(1);
});

test('nonsense from the other end stops nothing', async () => {
  const server = new FakeServer();
  const { horizon, events } = server.connect();
  horizon.subscribe('call.*.*', (event) => events.push(event));
  await settle();
  for (const message of [
    {},
    { action: 'event' },
    { action: 'notice' },
    { action: 'reply' },
    { action: 'notice', notice: 'live' },
    { action: 'notice', notice: 'source_down' },
  ]) {
    server.last.say(message);
  }
  (server.last.onmessage as unknown as (event: object) => void)({ data: new ArrayBuffer(1) });
  (server.last.onmessage as unknown as (event: object) => void)({ data: '[1' });
  server.last.event('call.*.*', 'a', { data: 'no object' });
  expect(events).toMatchObject([{ cursor: 'a', data: {} }]);
  expect(horizon.state).toBe('open');
});
