/** Tokens with a claim `filter`: they are given the events of that, and nothing leads past it. */
import { describe, expect, test } from 'vitest';
import { type ActionServices, Request } from '../../src/actions/action.ts';
import { SessionGuard } from '../../src/actions/guard.ts';
import { subscribe } from '../../src/actions/subscribe.ts';
import { Accounts, AccountTree } from '../../src/auth/accounts.ts';
import { identityOf } from '../../src/auth/identity.ts';
import { classic } from '../../src/dialects/classic.ts';
import { createCatalogue } from '../../src/families/catalogue.ts';
import { filterSchema } from '../../src/filters/filter-schema.ts';
import { allQueries } from '../../src/queries/queries.ts';
import { Registry } from '../../src/registry/registry.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import { Resumption } from '../../src/replay/resumption.ts';
import { Router } from '../../src/router.ts';
import { Session } from '../../src/session/session.ts';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { type Client, type Message, openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { type BusMessage, callEvent, conferenceEvent, documentEvent, faxStatus, publish } from '../support/events.ts';
import { family } from '../support/families.ts';
import { useFolder } from '../support/process.ts';
import { rest } from '../support/rest.ts';
import { silentLog } from '../support/silent-log.ts';
import { until } from '../support/until.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
const below = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';
const binding = 'call.*.*';
const user = 'Custom-Channel-Vars.Authorizing-ID';
const filterOf = (id: unknown) => ({ [user]: id });

const filtered = (id: unknown, claims = {}, of = account, seconds?: number): Promise<string> =>
  tokenFor(of, { ...claims, filter: filterOf(id) as Record<string, unknown> }, seconds);

async function call(bridge: EmbeddedBridge, id: string, of = account): Promise<void> {
  const variables = { 'Custom-Channel-Vars': { 'Account-ID': of, 'Authorizing-ID': id } };
  await publish(bridge.broker, callEvent(of, 'CHANNEL_CREATE', id, variables));
}

const calls = async (bridge: EmbeddedBridge, ...ids: readonly string[]): Promise<void> => {
  for (const id of ids) await call(bridge, id);
};

/** Whose calls a client was given, of each event as often as it was. */
async function given(client: Client): Promise<unknown[]> {
  await client.ping();
  return client.events.map(({ args, data }) => (args as Message)?.['Call-ID'] ?? (data as Message)?.call_id);
}

describe.each(['classic', 'kazoo4'])('%s: events', (dialect) => {
  const path = `/?dialect=${dialect}`;

  test('of the filter alone, whatever the client asks for', async () => {
    const bridge = await startBridge();
    const clients: [unknown, Client][] = [];
    for (const filter of [
      undefined,
      filterOf('u1'),
      filterOf('u2'),
      filterOf(['u1', 'u2']),
      filterOf({ not: 'u1' }),
      { [user]: { exists: true }, 'Event-Category': 'call_event' },
      { custom_channel_vars: { exists: true }, 'custom_channel_vars.authorizing_id': { prefix: 'u' } },
    ]) {
      const client = await openClient(bridge, { token: await filtered('u1'), path });
      expect((await client.subscribe(binding, { filter })).status).toBe('success');
      clients.push([filter, client]);
    }
    await calls(bridge, 'u1', 'u2', 'u3');
    await call(bridge, 'u1', below);
    for (const [filter, client] of clients) {
      const isHidden = [filterOf('u2'), filterOf({ not: 'u1' })].some(
        (no) => JSON.stringify(no) === JSON.stringify(filter),
      );
      expect([filter, await given(client)]).toEqual([filter, isHidden ? [] : ['u1']]);
    }
  });

  test('of all subscriptions at once, the same one without a filter of its own and with that of the token', async () => {
    const bridge = await startBridge();
    const client = await openClient(bridge, { token: await filtered('u1'), path });
    for (const filter of [undefined, filterOf('u1'), filterOf(['u1', 'u2'])])
      await client.subscribe(binding, { filter });
    await client.subscribe(['call.CHANNEL_CREATE.*', 'call.*.u2', 'call.CHANNEL_CREATE.u2']);
    await calls(bridge, 'u1', 'u2');
    expect(await given(client)).toEqual(dialect === 'classic' ? ['u1'] : ['u1', 'u1', 'u1', 'u1']);
  });

  test('of every account to a superduper admin, of those below to one above, and still of the filter alone', async () => {
    const { path: accounts } = await useAccountsFile([{ id: account }, { id: below, parent_id: account }]);
    const bridge = await startBridge({ ACCOUNTS_FILE: accounts });
    const admin = await openClient(bridge, { token: await filtered('u1', { superduper_admin: true }), path });
    await admin.subscribe(binding, { account_id: '*' });
    const above = await openClient(bridge, { token: await filtered('u1'), path });
    await above.subscribe(binding, { account_id: below });
    await above.subscribe(binding, { include_subaccounts: true });
    for (const of of [account, below]) for (const id of ['u1', 'u2']) await call(bridge, id, of);
    // Nobody's: it names no account.
    await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', 'u3', { 'Custom-Channel-Vars': {} }));
    expect(new Set(await given(admin))).toEqual(new Set(['u1']));
    expect(new Set(await given(above))).toEqual(new Set(['u1']));
  });

  test('of every family, those that all accounts share among them', async () => {
    const write = await useFolder();
    const shop = family({ account: 'shared', routing_key: 'order.{STATE}.{ID}' });
    const bridge = await startBridge({ FAMILIES_FILE: await write('families.json', [shop]) });
    const events: readonly [string, BusMessage][] = [
      ['object.doc_edited.user', documentEvent(account)],
      ['doc_edited.*.user.*', documentEvent(account, 'doc_edited', 'user', 'doc-2')],
      ['fax.object.doc_created', documentEvent(account, 'doc_created', 'fax')],
      ['fax.status.*', faxStatus(account)],
      ['conference.event.*', conferenceEvent(account)],
      ['orders.*.*', { exchange: 'shop', routingKey: 'order.paid.7', body: {} }],
    ];
    const token = await filtered('u1');
    const [open, client] = [
      await openClient(bridge, { token: await tokenFor(account), path }),
      await openClient(bridge, { token, path }),
    ];
    const bindings = events.map(([text]) => text);
    // The exchange of the shop is there from its first event on.
    for (const [, event] of events) await publish(bridge.broker, event);
    for (const each of [open, client]) expect((await each.subscribe(bindings)).status).toBe('success');
    for (const [, event] of events) {
      await publish(bridge.broker, event);
      await publish(bridge.broker, { ...event, body: { ...event.body, Mine: true, ...filterBody('u1') } });
    }
    await Promise.all([open.ping(), client.ping()]);
    const mine = ({ args, data }: Message): boolean =>
      ((args ?? data) as Message)[dialect === 'classic' ? 'Mine' : 'mine'] === true;
    expect(client.events.length).toBeGreaterThanOrEqual(events.length);
    expect(client.events.every(mine)).toBe(true);
    expect(open.events.filter((event) => !mine(event)).length).toBe(client.events.length);
  });
});

/** The status of an answer of REST. */
async function statusOf(bridge: EmbeddedBridge, method: string, path: string, token: string): Promise<number> {
  const bodies: Readonly<Record<string, object>> = {
    POST: { data: { action: 'hangup' } },
    PUT: { data: { action: 'metaflow', data: { module: 'hangup', data: {} } } },
  };
  const body = bodies[method];
  const { status } = await fetch(`${bridge.address}${path}`, {
    method,
    headers: { 'x-auth-token': token, ...(body && { 'content-type': 'application/json' }) },
    ...(body && { body: JSON.stringify(body) }),
  });
  return status;
}

const filterBody = (id: string) => ({ 'Custom-Channel-Vars': { 'Account-ID': account, 'Authorizing-ID': id } });

describe('nothing but events', () => {
  test('no queries, no commands, no list', async () => {
    const { path } = await useAccountsFile([{ id: account }, { id: below, parent_id: account }]);
    const bridge = await startBridge({ ACCOUNTS_FILE: path, HISTORY: 'stream' });
    const everything = 'events sockets:read sockets:close commands';
    const client = await openClient(bridge, { token: await tokenFor(account) });
    await client.ping();
    const { body } = await rest(bridge, `/v2/accounts/${account}/websockets?dialect=classic`, {
      token: await tokenFor(account),
    });
    const [id] = body.data as string[];
    for (const token of [
      await filtered('u1'),
      await filtered('u1', { scope: everything }),
      await filtered('u1', {
        scope: everything,
        superduper_admin: true,
        families: ['call', 'conference', 'registration'],
      }),
    ]) {
      const socket = await openClient(bridge, { token });
      for (const { name } of allQueries) {
        const { data } = await socket.request({
          action: 'query',
          auth_token: token,
          data: { name, call_id: 'c', conference_id: 'c' },
        });
        expect([name, data.code]).toEqual([name, 'scope_missing']);
      }
      const { data } = await socket.request({ action: 'command', data: { call_id: 'c', action: 'hangup' } });
      expect(data.code).toBe('scope_missing');
      for (const [method, path] of [
        ['GET', 'channels'],
        ['GET', 'channels/c'],
        ['POST', 'channels/c'],
        ['PUT', 'channels/c'],
        ['GET', 'conferences'],
        ['GET', 'conferences/c'],
        ['GET', 'registrations'],
        ['GET', 'descendants'],
        ['GET', 'websockets'],
        ['GET', `websockets/${id}`],
        ['DELETE', `websockets/${id}`],
      ] as const) {
        for (const of of [account, below]) {
          const status = await statusOf(bridge, method, `/v2/accounts/${of}/${path}`, token);
          expect([method, of, path, status]).toEqual([method, of, path, 403]);
        }
      }
    }
    await client.ping();
  });

  test('every route of an account refuses a token with a filter, but pages of events', async () => {
    const bridge = await startBridge({ HISTORY: 'stream' });
    const { paths } = (await (await fetch(`${bridge.address}/openapi.json`)).json()) as {
      paths: Record<string, Record<string, unknown>>;
    };
    const token = await filtered('u1', { superduper_admin: true, scope: 'events sockets:read sockets:close commands' });
    const open: string[] = [];
    for (const [path, methods] of Object.entries(paths)) {
      if (!path.includes('{account}')) continue;
      for (const method of Object.keys(methods)) {
        const place = path.replace('{account}', account).replaceAll(/\{\w+\}/g, 'x');
        const status = await statusOf(bridge, method.toUpperCase(), `${place}?binding=${binding}`, token);
        if (status !== 403) open.push(`${method} ${path}`);
      }
    }
    expect(open).toEqual(['get /v2/accounts/{account}/events']);
  });

  test('a token whose scope leaves events out has nothing at all', async () => {
    const bridge = await startBridge({ HISTORY: 'stream' });
    const token = await filtered('u1', { scope: 'sockets:read commands' });
    const client = await openClient(bridge, { token });
    expect((await client.subscribe(binding)).data.code).toBe('scope_missing');
    const { status } = await rest(bridge, `/v2/accounts/${account}/events?binding=${binding}`, { token });
    expect(status).toBe(403);
  });

  test('pages of events have those of the filter alone', async () => {
    const bridge = await startBridge({ HISTORY: 'stream' });
    const all = `/v2/accounts/${account}/events?binding=${binding}&binding=call.CHANNEL_CREATE.*`;
    const { body: before } = await rest(bridge, all, { token: await filtered('u1') });
    const { cursor } = before.data as { cursor: string };
    await calls(bridge, 'u1', 'u2', 'u1', 'u3');
    for (const query of ['', `&since=${cursor}`, '&limit=1', `&since=${cursor}&limit=1`]) {
      for (const dialect of ['classic', 'kazoo4']) {
        const { body } = await rest(bridge, `${all}${query}&dialect=${dialect}`, { token: await filtered('u1') });
        const { events } = body.data as { events: Message[] };
        const ids = events.map(({ args, data }) => (args as Message)?.['Call-ID'] ?? (data as Message)?.call_id);
        expect(new Set(ids)).toEqual(new Set(['u1']));
      }
    }
    const { body } = await rest(bridge, `${all}&dialect=classic`, { token: await filtered('u9') });
    expect(body.data).toMatchObject({ events: [], more: false, recovered: true });
  });
});

describe('a fresh token in mid-connection', () => {
  test('its filter takes the place of the old one’s, for all that is held', async () => {
    const bridge = await startBridge();
    const client = await openClient(bridge);
    const show = (token: string): Promise<unknown> => client.request({ action: 'ping', auth_token: token });
    await client.subscribe([binding, 'call.CHANNEL_CREATE.*'], { auth_token: await filtered('u1') });
    await client.subscribe(binding, { filter: filterOf({ prefix: 'u' }) });
    const said: unknown[][] = [];
    for (const token of [
      await filtered('u1'),
      await filtered('u2'),
      await filtered(['u2', 'u3']),
      await tokenFor(account),
      await filtered('u1', { scope: 'commands events' }),
    ]) {
      await show(token);
      const before = client.events.length;
      await calls(bridge, 'u1', 'u2', 'u3');
      said.push((await given(client)).slice(before));
    }
    expect(said).toEqual([['u1'], ['u2'], ['u2', 'u3'], ['u1', 'u2', 'u3'], ['u1']]);
    const { data } = await client.unsubscribe(binding, { filter: filterOf({ prefix: 'u' }) });
    expect([data.unsubscribed, data.subscriptions]).toEqual([[binding], [binding, 'call.CHANNEL_CREATE.*']]);
    // What is subscribed to already is no other subscription under another token.
    expect((await client.subscribe(binding)).data.subscribed).toEqual([]);
  });

  test('a bad one, and one of another account, change nothing', async () => {
    const bridge = await startBridge();
    const client = await openClient(bridge);
    await client.subscribe(binding, { auth_token: await filtered('u1') });
    for (const token of [
      await tokenFor(below),
      await tokenFor(account, {}, -10),
      await tokenFor(account, { filter: {} }),
      await tokenFor(account, { filter: null as never }),
      await tokenFor(account, { filter: { a: { is: 1 } } }),
      'nonsense',
    ]) {
      const { data } = await client.request({ action: 'ping', auth_token: token });
      expect(['account_unauthorized', 'token_expired', 'token_invalid']).toContain(data.code);
    }
    await calls(bridge, 'u1', 'u2');
    expect(await given(client)).toEqual(['u1']);
  });

  test('it takes the queries of one without a filter with it, those under way among them', async () => {
    const bridge = await startBridge();
    const client = await openClient(bridge, { token: await tokenFor(account) });
    const asked = client.request({ action: 'query', data: { name: 'channels' }, auth_token: await tokenFor(account) });
    await client.request({ action: 'ping', auth_token: await filtered('u1') });
    expect((await asked).data.code).toBe('scope_missing');
  });

  test('what was held back for an expired token comes as the fresh one’s filter has it', async () => {
    const bridge = await startBridge({ HISTORY: 'stream' });
    const client = await openClient(bridge, {
      token: await filtered('u1', {}, account, 2),
      path: '/?dialect=classic&resume=on',
    });
    await client.subscribe(binding);
    await until(() => client.replies.some(({ data }) => data.code === 'token_expired'), 'the end of the token');
    await calls(bridge, 'u1', 'u2', 'u3');
    expect(client.events).toEqual([]);
    const token = await filtered(['u2', 'u3']);
    await client.request({ action: 'ping', auth_token: token });
    await client.untilEvents(2);
    await calls(bridge, 'u1', 'u3');
    await client.untilEvents(3);
    expect(await given(client)).toEqual(['u2', 'u3', 'u3']);
  });

  test('a replay goes by the token that there is, and brings what the one before hid', async () => {
    const bridge = await startBridge({ HISTORY: 'stream' });
    const client = await openClient(bridge, { path: '/?dialect=classic&resume=on' });
    const { data } = await client.subscribe(binding, { auth_token: await filtered('u1') });
    await calls(bridge, 'u1', 'u2', 'u3');
    await client.untilEvents(1);
    await client.request({ action: 'ping', auth_token: await filtered('u2') });
    await client.subscribe('call.CHANNEL_CREATE.*', { since: data.cursor, request_id: 'r' });
    expect((await client.notice('live', 'r')).replayed).toBe(1);
    await calls(bridge, 'u1', 'u2', 'u3');
    await client.untilEvents(3);
    expect(await given(client)).toEqual(['u1', 'u2', 'u2']);
  });

  test('it ends what has no room with its filter, and says so', async () => {
    const bridge = await startBridge({ RATE_LIMIT_BURST: '5000' });
    const token = await tokenFor(account);
    const crowd = await Promise.all([1, 2, 3, 4].map(() => openClient(bridge, { token })));
    for (const [at, client] of crowd.entries()) {
      for (let n = 0; n < 250; n += 50) {
        const some = Array.from({ length: 50 }, (_, next) =>
          client.subscribe(binding, { filter: filterOf({ prefix: `${at} ${n + next}` }) }),
        );
        await Promise.all(some);
      }
    }
    // Clients' filters leave tokens a quarter more, which only tokens take.
    for (let n = 0; n < 250; n += 1) {
      const narrowed = await openClient(bridge, { token: await filtered({ prefix: `token ${n}` }) });
      expect((await narrowed.subscribe(binding)).status).toBe('success');
    }
    const client = await openClient(bridge, { token });
    await client.subscribe(binding);
    await client.request({ action: 'ping', auth_token: await filtered({ prefix: 'u1' }) });
    const told = client.replies.find(({ status }) => status === 'error');
    expect(told?.data.code).toBe('too_many_bindings');
    expect(told?.data.errors?.[0]).toContain(`the subscription to ${binding} ended`);
    await calls(bridge, 'u1', 'u2');
    expect(await given(client)).toEqual([]);
    expect((await client.unsubscribe()).data.unsubscribed).toEqual([]);
  });
});

test('a fresh token that comes while the broker is asked filters what is being subscribed to', async () => {
  const catalogue = createCatalogue(
    { callEvents: ['CHANNEL_CREATE'], documentTypes: [], notifications: [] },
    new AccountTree([]),
  );
  const subscriptions = new Subscriptions();
  let confirm: () => void = () => undefined;
  const confirmed = (): Promise<void> =>
    new Promise((resolve) => {
      confirm = resolve;
    });
  const registry = new Registry(subscriptions, { want: () => undefined, forget: () => undefined, confirmed });
  const limits = { authTimeoutMs: 1000, maxSocketsPerAccount: 10 };
  const guard = new SessionGuard(registry, catalogue, new Accounts(), limits, silentLog);
  const sent: string[] = [];
  const quiet = () => undefined;
  const session = new Session(
    {
      owedBytes: 0,
      sendEvent: (message) => void sent.push(message.json().toString()),
      sendText: quiet,
      close: quiet,
      pauseReading: quiet,
      admit: quiet,
    },
    classic,
    '127.0.0.1',
    { perSecond: 1, burst: 1 },
  );
  const identify = (id?: string) =>
    identityOf({ account_id: account, ...(id !== undefined && { filter: filterSchema.parse(filterOf(id)) }) }, `${id}`);
  const resumption = new Resumption(undefined, catalogue, subscriptions, new Accounts(), {
    framesSent: 0,
    replayed: quiet,
    resumed: quiet,
    gap: quiet,
  });
  const services = {
    registry,
    guard,
    catalogue,
    resumption,
    accounts: new Accounts(),
    limits: { maxBindings: 9, maxBindingsPerAccount: 9 },
  };
  const router = new Router(catalogue, subscriptions, { received: quiet, dropped: quiet, framesSent: 0 }, quiet);
  for (const [before, after, expected] of [
    ['u1', 'u2', ['u2']],
    [undefined, 'u2', ['u2']],
    ['u1', undefined, ['u1', 'u2']],
  ] as const) {
    guard.accept(session, identify(before));
    const message = subscribe.message.parse({ data: { binding } });
    const done = subscribe.perform(new Request(session, services as unknown as ActionServices, 'r', message));
    guard.accept(session, identify(after));
    confirm();
    expect(await done).toMatchObject({ subscribed: [binding] });
    sent.length = 0;
    for (const id of ['u1', 'u2']) {
      const body = Buffer.from(JSON.stringify({ 'Event-Name': 'CHANNEL_CREATE', ...filterBody(id) }));
      router.route({ exchange: 'callevt', routingKey: `call.CHANNEL_CREATE.${id}`, body, contentEncoding: undefined });
    }
    expect(sent.map((text) => JSON.parse(text).args['Custom-Channel-Vars']['Authorizing-ID'])).toEqual(expected);
    registry.unsubscribeAll(session);
    expect([...subscriptions.topics()]).toEqual([]);
  }
});
