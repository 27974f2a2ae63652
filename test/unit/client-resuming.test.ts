/** How the client library gets back what it held: in few messages, before anything new, nothing twice. */
import { expect, test, vi } from 'vitest';
import { Cursors } from '../../src/client/cursors.ts';
import { newHeld } from '../../src/client/held.ts';
import { planSubscribes } from '../../src/client/resume-plan.ts';
import type { HorizonEvent } from '../../src/client/types.ts';
import { FakeServer, settle } from '../support/fake-server.ts';

/** Lets the connection go and come back. */
async function lose(server: FakeServer): Promise<void> {
  const before = server.sockets.length;
  server.last.end(1012, '{"reconnect":0}');
  while (server.sockets.length === before) await new Promise((resolve) => setTimeout(resolve));
  await settle();
}

test('what shares account, options and cursor is one message; what is new comes behind it', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect();
  const filter = { 'Call-Direction': 'inbound' };
  horizon.subscribe(['call.*.*', 'fax.status.*'], () => undefined);
  horizon.subscribe('object.*.*', () => undefined);
  horizon.subscribe('call.*.*', () => undefined, { filter });
  horizon.subscribe('call.*.*', () => undefined, { account: 'child' });
  horizon.subscribe('fax.status.*', () => undefined, { account: 'child', includeSubaccounts: true });
  await settle();
  const first = server.last.asked('subscribe');
  expect(first).toEqual([
    { bindings: ['call.*.*', 'fax.status.*', 'object.*.*'] },
    { filter, bindings: ['call.*.*'] },
    { account_id: 'child', bindings: ['call.*.*'] },
    { account_id: 'child', include_subaccounts: true, bindings: ['fax.status.*'] },
  ]);
  server.last.say({ action: 'notice', notice: 'position', cursor: 'p' });
  server.answers = ({ action }) => {
    if (action === 'subscribe') horizon.subscribe('presence.dialog.*', () => undefined);
    return undefined;
  };
  await lose(server);
  expect(server.last.sent[0]).toMatchObject({ action: 'ping', auth_token: 'token' });
  expect(server.last.asked('subscribe')).toEqual([
    ...first.map((data) => ({ ...data, since: 'p' })),
    { bindings: ['presence.dialog.*'] },
  ]);
});

test('two hundred bindings are a few messages that no rate limit is too low for, none of over 4 KiB', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect();
  const stops = Array.from({ length: 200 }, (_, n) => horizon.subscribe(`call.*.call-number-${n}`, () => undefined));
  await Promise.all(stops.map(({ ready }) => ready));
  const texts = server.last.sent.map((message) => JSON.stringify(message));
  expect(texts.length).toBeLessThanOrEqual(4);
  for (const text of texts) expect(text.length).toBeLessThan(4096);
  expect(server.last.asked('subscribe').flatMap(({ bindings }) => bindings)).toHaveLength(200);
});

test('one bad binding of many costs few messages, and no other', async () => {
  const server = new FakeServer();
  server.answers = ({ action, data }) =>
    action === 'subscribe' && JSON.stringify(data).includes('bad') ? { code: 'binding_unsupported' } : undefined;
  const { horizon, failures } = server.connect();
  const stops = Array.from({ length: 64 }, (_, n) =>
    horizon.subscribe(n === 40 ? 'bad' : `call.*.${n}`, () => undefined),
  );
  const outcomes = await Promise.allSettled(stops.map(({ ready }) => ready));
  expect(outcomes.flatMap(({ status }, n) => (status === 'rejected' ? [n] : []))).toEqual([40]);
  expect(outcomes[40]).toMatchObject({
    reason: { code: 'binding_unsupported', message: 'refused: binding_unsupported' },
  });
  expect(failures.map(({ bindings, error }) => [bindings, error.code])).toEqual([[['bad'], 'binding_unsupported']]);
  expect(server.last.asked('subscribe').length).toBeLessThanOrEqual(13);
});

test('of those who asked together one gets all or nothing; who asked for a part of it alone keeps that', async () => {
  const server = new FakeServer();
  server.answers = ({ action, data }) =>
    action === 'subscribe' && JSON.stringify(data).includes('bad') ? { code: 'binding_unsupported' } : undefined;
  const { horizon } = server.connect();
  const both = horizon.subscribe(['fax.status.*', 'call.*.*', 'bad'], () => undefined);
  const alone = horizon.subscribe('call.*.*', () => undefined);
  await expect(both.ready).rejects.toMatchObject({ code: 'binding_unsupported' });
  await alone.ready;
  await settle();
  expect(server.last.asked('unsubscribe')).toEqual([{ bindings: ['fax.status.*'] }]);
});

test('subscribed and ended within one tick is nothing at all', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect();
  await settle();
  const stop = horizon.subscribe('call.*.*', () => undefined);
  stop();
  await stop.ready;
  await settle();
  expect(server.last.asked('subscribe')).toEqual([]);
  // Ended while the server is asked, it is ended there as well, and not before the answer.
  const late = horizon.subscribe('call.*.*', () => undefined);
  await Promise.resolve();
  late();
  horizon.subscribe('fax.status.*', () => undefined)();
  await settle();
  expect(server.last.sent.map(({ action }) => action)).toEqual(['ping', 'subscribe', 'unsubscribe']);
});

test('two handlers of one subscription are one at the server, which ends with the last of them', async () => {
  const server = new FakeServer();
  const { horizon, events } = server.connect();
  const names: string[] = [];
  const first = horizon.subscribe('call.*.*', () => names.push('first'));
  const second = horizon.subscribe('call.*.*', (event) => events.push(event));
  horizon.subscribe('call.*.*', () => names.push('once'), { once: true });
  await second.ready;
  server.last.event('call.*.*', 'a');
  first();
  server.last.event('call.*.*', 'b');
  await settle();
  expect(names).toEqual(['first', 'once']);
  expect(events.map(({ cursor }) => cursor)).toEqual(['a', 'b']);
  expect(server.last.asked('subscribe')).toEqual([{ bindings: ['call.*.*'] }]);
  expect(server.last.asked('unsubscribe')).toEqual([]);
  second();
  await settle();
  expect(server.last.asked('unsubscribe')).toEqual([{ bindings: ['call.*.*'] }]);
});

test('subscriptions that only their options tell apart: each gets its own, and ends without the others', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect();
  const got: string[] = [];
  const note =
    (name: string) =>
    ({ cursor }: HorizonEvent) =>
      got.push(`${name} ${cursor}`);
  const plain = horizon.subscribe('call.*.*', note('plain'));
  const inbound = horizon.subscribe('call.*.*', note('inbound'), { filter: { a: 1, b: 2 } });
  horizon.subscribe('call.*.*', note('same'), { filter: { b: 2, a: 1 } });
  const outbound = horizon.subscribe('call.*.*', note('outbound'), { filter: { a: 2 } });
  await outbound.ready;
  const ids = server.last.sent.filter(({ action }) => action === 'subscribe').map(({ request_id }) => request_id);
  expect(ids).toHaveLength(3);
  server.last.event('call.*.*', 'x');
  server.last.event('call.*.*', 'x', { request_id: ids[1] });
  server.last.event('call.*.*', 'y', { request_id: ids[2] });
  server.last.event('call.*.*', 'z', { request_id: 'nobody' });
  expect(got).toEqual(['plain x', 'inbound x', 'same x', 'outbound y']);
  // Without a filter an unsubscribe would end all of them: it stays until nothing else is in its way.
  plain();
  inbound();
  await settle();
  expect(server.last.asked('unsubscribe')).toEqual([]);
  outbound();
  await settle();
  expect(server.last.asked('unsubscribe')).toEqual([{ filter: { a: 2 }, binding: 'call.*.*' }]);
  await lose(server);
  expect(server.last.asked('subscribe')).toEqual([{ filter: { a: 1, b: 2 }, bindings: ['call.*.*'], since: 'y' }]);
});

test('until the last replay is done each message goes on from a cursor of its own; what comes twice is handed out once', async () => {
  const server = new FakeServer();
  const { horizon, events } = server.connect();
  horizon.subscribe('call.*.*', (event) => events.push(event));
  horizon.subscribe('call.*.*', (event) => events.push(event), { account: 'child' });
  await settle();
  const [own, child] = [{}, { account_id: 'child' }];
  server.last.event('call.*.*', 'a', own);
  await lose(server);
  expect(horizon.status.catchingUp).toBe(0);
  server.last.event('call.*.*', 'b', own);
  expect(horizon.status.catchingUp).toBe(1);
  server.last.say({ action: 'notice', notice: 'live', cursor: 'f', request_id: server.last.sent[1]?.request_id });
  server.last.event('call.*.*', 'c', child);
  await lose(server);
  // The replay of the second was cut: it has not got what lies between c and f.
  expect(server.last.asked('subscribe')).toEqual([
    { bindings: ['call.*.*'], since: 'f' },
    { account_id: 'child', bindings: ['call.*.*'], since: 'c' },
  ]);
  server.last.event('call.*.*', 'c', child);
  server.last.event('call.*.*', 'd', child);
  for (const { request_id } of server.last.sent.slice(1)) {
    server.last.say({ action: 'notice', notice: 'live', cursor: 'h', request_id });
  }
  expect(horizon.status.catchingUp).toBeUndefined();
  server.last.event('call.*.*', 'i', own);
  expect(events.map(({ cursor, replayed }) => `${cursor}${replayed ? ' late' : ''}`)).toEqual([
    'a',
    'b late',
    'c late',
    'd late',
    'i',
  ]);
});

test('what could not be recovered is a gap of those concerned; a gap notice is one of the families that it names', async () => {
  const server = new FakeServer();
  const { horizon, gaps } = server.connect();
  horizon.subscribe(['call.*.*', 'fax.object.doc_created', 'conference.event.*'], () => undefined);
  horizon.subscribe('fax.status.*', () => undefined, { account: 'child' });
  await settle();
  server.answers = ({ action, data }) =>
    action === 'subscribe'
      ? {
          ...(data as object),
          subscribed: (data as { bindings: string[] }).bindings,
          cursor: 'n',
          recovered: false,
          reason: 'too_old',
        }
      : undefined;
  await lose(server);
  expect(gaps.map(({ reason, accounts, bindings }) => ({ reason, accounts, bindings }))).toEqual([
    { reason: 'too_old', accounts: [''], bindings: ['call.*.*', 'fax.object.doc_created', 'conference.event.*'] },
    { reason: 'too_old', accounts: ['child'], bindings: ['fax.status.*'] },
  ]);
  gaps.length = 0;
  server.last.say({ action: 'notice', notice: 'gap', cursor: 'o', families: ['fax', 'object'] });
  server.last.say({ action: 'notice', notice: 'gap' });
  expect(gaps.map(({ bindings }) => bindings)).toEqual([
    ['fax.object.doc_created', 'fax.status.*'],
    ['call.*.*', 'fax.object.doc_created', 'conference.event.*', 'fax.status.*'],
  ]);
});

test('a first subscription is no gap, and one made without a history is one after every loss', async () => {
  const server = new FakeServer();
  server.answers = ({ action, data }) =>
    action === 'subscribe' ? { subscribed: (data as { bindings: string[] }).bindings } : undefined;
  const { horizon, gaps } = server.connect();
  await horizon.subscribe('call.*.*', () => undefined).ready;
  expect(gaps).toEqual([]);
  await lose(server);
  expect(gaps.map(({ reason }) => reason)).toEqual(['no_history']);
});

test('frames of several accounts without a cursor go to each subscription once', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect();
  const got: string[] = [];
  horizon.subscribe('call.*.*', () => got.push('all'), { account: '*' });
  horizon.subscribe('call.*.*', () => got.push('one'), { account: 'own' });
  await settle();
  for (let frame = 0; frame < 2; frame += 1) server.last.event('call.*.*', undefined);
  expect(got.sort()).toEqual(['all', 'one']);
});

test('an event of an account that somebody names is not the token’s own, whoever that is', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect({ token: 'opaque' });
  const got: string[] = [];
  horizon.subscribe('call.*.*', () => got.push('own'));
  horizon.subscribe('call.*.*', () => got.push('child'), { account: 'child' });
  await settle();
  server.last.event('call.*.*', 'a', { account_id: 'child' });
  server.last.event('call.*.*', 'b', { account_id: 'own' });
  expect(got).toEqual(['child', 'own']);
});

test('what a fresh token allows no more has ended, and is found out', async () => {
  const server = new FakeServer();
  const { horizon, failures, events } = server.connect();
  horizon.subscribe('call.*.*', (event) => events.push(event));
  await horizon.subscribe('fax.status.*', () => undefined).ready;
  server.answers = ({ action, data }) => {
    if (action !== 'subscribe') return undefined;
    return JSON.stringify(data).includes('fax') ? { code: 'binding_unsupported' } : { subscribed: [], cursor: 'q' };
  };
  server.last.reply({}, { code: 'scope_missing' });
  // Nobody misses anything while it is asked.
  server.last.event('call.*.*', 'a');
  await settle();
  expect(failures.map(({ bindings }) => bindings)).toEqual([['fax.status.*']]);
  expect(events).toHaveLength(1);
});

test('what may pass is asked for again, and at once when the broker is back', async () => {
  const server = new FakeServer();
  let isAway = true;
  server.answers = ({ action }) => (action === 'subscribe' && isAway ? { code: 'source_unavailable' } : undefined);
  const { horizon } = server.connect();
  const { ready } = horizon.subscribe('call.*.*', () => undefined);
  await settle();
  server.last.say({ action: 'notice', notice: 'source_down', since: '2026-03-02T09:14:07.512Z' });
  expect(horizon.status).toMatchObject({ source: 'down', since: Date.parse('2026-03-02T09:14:07.512Z') });
  isAway = false;
  server.last.say({ action: 'notice', notice: 'source_up' });
  await settle();
  await ready;
  expect(server.last.asked('subscribe')).toHaveLength(2);
  expect(horizon.status.source).toBe('up');
});

test('what another page or program has heard is gone on with behind its cursor; where that can’t be had, it is a gap', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect();
  const gaps: string[] = [];
  horizon.addEventListener('gap', ({ reason }) => gaps.push(reason));
  horizon.subscribe('call.*.*', () => undefined, { since: 'far' });
  await settle();
  expect(server.last.asked('subscribe')).toEqual([{ bindings: ['call.*.*'], since: 'far' }]);
  expect(gaps).toEqual([]);
  const lost = { subscribed: ['fax.status.*'], cursor: 'n', recovered: false, reason: 'too_old' };
  server.answers = ({ action }) => (action === 'subscribe' ? lost : undefined);
  horizon.subscribe('fax.status.*', () => undefined, { since: 'older' });
  await settle();
  expect(gaps).toEqual(['too_old']);
});

test('events that come in one turn with the reply to their subscribe are handed out, the end of their replay is noticed', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect();
  const heard: unknown[] = [];
  server.answers = ({ action }) => (action === 'subscribe' ? false : undefined);
  horizon.subscribe('call.*.*', ({ cursor, replayed }) => heard.push([cursor, replayed]), { since: 'a' });
  await settle();
  const socket = server.last;
  const message = socket.sent.at(-1) ?? {};
  socket.reply(message, { subscribed: ['call.*.*'], subscriptions: [], cursor: 'a', recovered: true });
  socket.event('call.*.*', 'b');
  socket.say({ action: 'notice', notice: 'live', cursor: 'b', request_id: message.request_id, replayed: 1 });
  socket.event('call.*.*', 'c');
  await settle();
  expect(heard).toEqual([
    ['b', true],
    ['c', false],
  ]);
  expect(horizon.status.catchingUp).toBeUndefined();
});

test('subscriptions that have come to different places go on from their own, the oldest ones first', () => {
  const held = (binding: string, more: object) =>
    Object.assign(newHeld(binding, {}), { wishes: new Set([{}]), wasHeld: true }, more);
  const plan = planSubscribes([
    held('new', { wasHeld: false }),
    held('a', { cursor: '1' }),
    held('b', { cursor: '2' }),
    held('c', { cursor: '1' }),
    held('held', { state: 'held' }),
    held('nobody’s', { wishes: new Set() }),
  ]);
  expect(plan.map(({ helds, since }) => [since, ...helds.map(({ binding }) => binding)])).toEqual([
    ['1', 'a', 'c'],
    ['2', 'b'],
    [undefined, 'new'],
  ]);
});

test('at most 16 replays are asked for at a time: the next when one is done', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect();
  for (let account = 0; account < 30; account += 1) {
    horizon.subscribe('call.*.*', () => undefined, { account: `account ${account}` });
  }
  const settleLong = async (): Promise<void> => {
    for (let turn = 0; turn < 10; turn += 1) await settle();
  };
  await settleLong();
  await lose(server);
  await settleLong();
  const asked = () => server.last.sent.filter(({ action }) => action === 'subscribe');
  expect(asked()).toHaveLength(16);
  // What is being caught up with is not over before all of it was asked for.
  for (const { request_id } of asked()) server.last.say({ action: 'notice', notice: 'live', request_id, cursor: 'z' });
  expect(horizon.status.catchingUp).toBe(0);
  await settleLong();
  expect(asked()).toHaveLength(30);
  for (const { request_id } of asked()) server.last.say({ action: 'notice', notice: 'live', request_id, cursor: 'z' });
  expect(horizon.status.catchingUp).toBeUndefined();
});

test('a token that has ended lost what came meanwhile where there is no history, and nothing where there is', async () => {
  const server = new FakeServer();
  const { horizon, gaps } = server.connect({ token: () => 'fresh' });
  await horizon.subscribe('call.*.*', () => undefined).ready;
  server.last.reply({}, { code: 'token_expired' });
  await settle();
  expect(gaps).toEqual([]);
  server.answers = ({ action, data }) =>
    action === 'subscribe' ? { subscribed: (data as { bindings: string[] }).bindings } : undefined;
  await horizon.subscribe('fax.status.*', () => undefined).ready;
  server.last.reply({}, { code: 'token_expired' });
  await settle();
  expect(gaps.map(({ bindings, reason }) => [bindings, reason])).toEqual([[['fax.status.*'], 'no_history']]);
});

test('what was ended and is subscribed to anew with a cursor of before gets the same events again', async () => {
  const server = new FakeServer();
  const { horizon, events } = server.connect();
  const first = horizon.subscribe('call.*.*', (event) => events.push(event));
  await first.ready;
  server.last.event('call.*.*', 'a');
  first();
  await settle();
  horizon.subscribe('call.*.*', (event) => events.push(event), { since: 'before a' });
  await settle();
  server.last.event('call.*.*', 'a');
  expect(events.map(({ cursor, replayed }) => [cursor, replayed])).toEqual([
    ['a', false],
    ['a', true],
  ]);
});

test('cut between two frames of one event, the other one still comes; what can’t be of the same event goes on together', async () => {
  const server = new FakeServer();
  const { horizon, events } = server.connect();
  const bindings = ['call.*.*', 'call.CHANNEL_CREATE.*', 'fax.status.*'];
  horizon.subscribe(bindings, (event) => events.push(event));
  horizon.subscribe(['call.CHANNEL_HOLD.*', 'conference.event.*'], (event) => events.push(event), { account: 'child' });
  await settle();
  for (const binding of ['call.*.*', 'call.CHANNEL_CREATE.*']) server.last.event(binding, 'a');
  server.last.event('call.*.*', 'b');
  server.last.event('call.CHANNEL_HOLD.*', 'c', { account_id: 'child' });
  server.last.event('call.*.*', 'd');
  await lose(server);
  expect(server.last.asked('subscribe')).toEqual([
    { bindings: ['call.*.*', 'fax.status.*'], since: 'd' },
    { bindings: ['call.CHANNEL_CREATE.*'], since: 'c' },
    { account_id: 'child', bindings: ['call.CHANNEL_HOLD.*'], since: 'c' },
    { account_id: 'child', bindings: ['conference.event.*'], since: 'd' },
  ]);
  server.last.event('call.CHANNEL_CREATE.*', 'd');
  expect(events.map(({ binding, cursor }) => `${cursor} ${binding}`)).toEqual([
    'a call.*.*',
    'a call.CHANNEL_CREATE.*',
    'b call.*.*',
    'c call.CHANNEL_HOLD.*',
    'd call.*.*',
    'd call.CHANNEL_CREATE.*',
  ]);
});

test('what is no binding, or has no handler, is refused in words, and harms nothing else', async () => {
  const server = new FakeServer();
  const { horizon, failures } = server.connect();
  const heard = vi.fn();
  for (const [bindings, code] of [
    [['call.*.*', undefined], 'invalid_message'],
    [['call.*.*', ''], 'invalid_message'],
    [42, 'invalid_message'],
    [undefined, 'invalid_message'],
    [[], 'binding_missing'],
  ] as const) {
    failures.length = 0;
    const stop = horizon.subscribe(bindings as never, heard);
    await expect(stop.ready).rejects.toMatchObject({ code, message: `subscribe: ${code.replace('_', ' ')}` });
    expect(stop.isHeld).toBe(false);
    expect(failures.map(({ error }) => error.code)).toEqual([code]);
    stop();
  }
  await expect(horizon.subscribe('call.*.*', undefined as never).ready).rejects.toMatchObject({
    code: 'invalid_message',
  });
  expect(server.last.asked('subscribe')).toEqual([]);
  await horizon.subscribe('fax.status.*', heard).ready;
  server.last.event('fax.status.*', 'a');
  expect(heard).toHaveBeenCalledTimes(1);
});

test('an event looks at each subscription once, and reads no binding but its own', () => {
  const helds = Array.from({ length: 5000 }, (_, n) => newHeld(`call.CHANNEL_CREATE.${n}`, {}));
  let walked = 0;
  const cursors = new Cursors(function* () {
    for (const held of helds) {
      walked += 1;
      yield held;
    }
  });
  for (const held of helds) held.state = 'held';
  const split = vi.spyOn(String.prototype, 'split');
  cursors.onEvent('a', 'call.CHANNEL_CREATE.7', helds.slice(7, 8));
  const reads = split.mock.calls.length;
  split.mockRestore();
  expect([walked, reads]).toEqual([5000, 1]);
  expect(helds[7]?.cursor).toBe('a');
});

test('the replay of what the server refuses meanwhile is over', async () => {
  const server = new FakeServer();
  const { horizon } = server.connect();
  horizon.subscribe('call.*.*', () => undefined);
  await settle();
  await lose(server);
  await settle();
  expect(horizon.status.catchingUp).toBe(0);
  // What the server may have ended is asked for again.
  server.answers = ({ action }) => (action === 'subscribe' ? { code: 'family_forbidden' } : undefined);
  server.last.say({ action: 'reply', request_id: 'nobody', status: 'error', data: { errors: ['x'], code: 'x' } });
  await settle();
  expect(horizon.status.catchingUp).toBeUndefined();
});

test('to go on from a cursor where the same is held already is refused in words; stopped, it is made anew and replayed', async () => {
  const server = new FakeServer();
  const { horizon, failures } = server.connect();
  const heard: unknown[] = [];
  const since = { since: 'a' };
  const stops = [1, 2].map(() => horizon.subscribe('call.*.*', () => undefined));
  const refused = { code: 'already_held', message: 'subscribe: already held' };
  await expect(horizon.subscribe('call.*.*', () => undefined, since).ready).rejects.toMatchObject(refused);
  await Promise.all(stops.map(({ ready }) => ready));
  server.last.event('call.*.*', 'b');
  await expect(horizon.subscribe('call.*.*', () => undefined, since).ready).rejects.toMatchObject(refused);
  expect(failures.map(({ error }) => error.code)).toEqual(['already_held', 'already_held']);
  for (const stop of stops) stop();
  await settle();
  // Who goes on from the same place is no other.
  for (let times = 0; times < 2; times += 1) {
    horizon.subscribe('call.*.*', ({ cursor, replayed }) => heard.push([cursor, replayed]), since);
  }
  await settle();
  expect(server.last.asked('subscribe')).toEqual([{ bindings: ['call.*.*'] }, { bindings: ['call.*.*'], since: 'a' }]);
  server.last.event('call.*.*', 'b');
  expect(heard).toEqual([
    ['b', true],
    ['b', true],
  ]);
});
