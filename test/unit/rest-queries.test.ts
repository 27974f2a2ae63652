/** What is now, over REST: paths, what is answered, who may ask. The rules of each query are under test in queries.test.ts. */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test } from 'vitest';
import { AccountTree } from '../../src/auth/accounts.ts';
import { createAuthenticator } from '../../src/auth/authenticator.ts';
import type { Asker } from '../../src/bus.ts';
import { readConfig } from '../../src/config.ts';
import { checkAccess } from '../../src/http/access.ts';
import { createHttp } from '../../src/http/http-server.ts';
import { addQueryRoutes } from '../../src/http/query-routes.ts';
import { UnreadAnswers } from '../../src/http/unread-answers.ts';
import { Queries } from '../../src/queries/queries.ts';
import { headerToken } from '../../src/socket/upgrade.ts';
import { secret, tokenFor } from '../support/bridge.ts';
import { type RestOptions, rest } from '../support/rest.ts';
import { silentLog } from '../support/silent-log.ts';

const account = 'acme';
const info = { nodeName: 'node', version: '0.0.0' };

type Fields = Readonly<Record<string, unknown>>;
type Media = (question: Fields) => Fields | undefined | Promise<Fields>;

const call = (uuid: string) => ({ uuid, account_id: account, switch_url: 'sip:media1' });
const callIds = ['1', 'a/b c@192.0.2.1', `${'x'.repeat(900)}%41`];
const rooms: Fields = {
  'Event-Name': 'search_resp',
  'Account-ID': account,
  Conferences: { '7001': { UUID: 'u', 'Participant-Count': 1 } },
};

/** Knows three calls, a conference and a telephone. */
const media: Media = (question) => {
  switch (question['Event-Name']) {
    case 'query_account_channels_req':
      return { 'Event-Name': 'query_account_channels_resp', Channels: callIds.map(call) };
    case 'query_channels_req': {
      const id = String(question['Call-ID']);
      const known = { [id]: { 'Call-ID': id, 'Account-ID': account, 'Caller-ID-Name': 'Ana' } };
      return { 'Event-Name': 'query_channels_resp', Channels: callIds.includes(id) ? known : {} };
    }
    case 'search_req':
      if (question['Conference-ID'] === undefined) return rooms;
      return { 'Event-Name': 'search_resp', UUID: 'u', Participants: [{ 'Call-ID': '1' }] };
    default:
      return {
        'Event-Name': 'reg_query_resp',
        Fields: ['ana', 'ben'].map((Username) => ({ Username, Realm: 'acme.example.com', Contact: Username })),
      };
  }
};

interface World {
  /** Whether the node that lives answers. */
  readonly answers?: boolean;
  readonly isUp?: boolean;
}

async function startRest(answer: Media = media, { answers = true, isUp = true }: World = {}) {
  const asker: Asker = {
    async ask(question, patience) {
      const reply = answers ? await answer(question.fields as Fields) : undefined;
      const all = reply === undefined ? [] : [question.read({ Node: 'media1', ...reply })];
      return { answers: all, partial: !patience.enough(all) };
    },
  };
  const accounts = new AccountTree([
    { id: account, realm: 'acme.example.com' },
    { id: 'branch', parent_id: account },
    { id: 'neighbour' },
  ]);
  const queries = new Queries({
    asker,
    peers: { running: () => new Set(['media1']) },
    accounts,
    isUp: () => isUp,
    hasEnded: () => false,
    onContradiction: () => undefined,
  });
  const authenticator = createAuthenticator(readConfig({ AMQP_URL: 'amqp://127.0.0.1:1', AUTH_JWT_SECRET: secret }));
  const http = await createHttp(info, [], silentLog);
  checkAccess(http, { accounts, authenticator, tokenOf: headerToken });
  addQueryRoutes(http, { info, queries, unread: new UnreadAnswers() });
  const address = await http.listen({ host: '127.0.0.1', port: 0, listenTextResolver: () => '' });
  onTestFinished(() => http.close());
  const own = await tokenFor(account);
  return (path: string, options: RestOptions = {}) =>
    rest({ address }, `/v2/accounts/${account}${path}`, { token: own, ...options });
}

test('each query has its path, and its result is the data', async () => {
  const ask = await startRest();
  const channels = await ask('/channels');
  expect(channels).toMatchObject({ status: 200, body: { status: 'success', partial: false, node: 'node' } });
  expect(channels.body.data).toEqual(callIds.map((uuid) => ({ uuid, account_id: account })));
  expect((await ask('/channels/1')).body).toMatchObject({ data: { call_id: '1' }, partial: false });
  expect((await ask('/conferences')).body.data).toEqual([{ name: '7001', uuid: 'u', participant_count: 1 }]);
  expect((await ask('/conferences/7001')).body.data).toMatchObject({ name: '7001', participants: [{ call_id: '1' }] });
  const names = async (query: string) =>
    ((await ask(`/registrations${query}`)).body.data as Fields[]).map(({ username }) => username);
  expect(await names('')).toEqual(['ana', 'ben']);
  expect(await names('?username=ben')).toEqual(['ben']);
});

test('a call id may be as long as they are, and have any character', async () => {
  const ask = await startRest();
  for (const id of callIds) {
    expect(await ask(`/channels/${encodeURIComponent(id)}`)).toMatchObject({
      status: 200,
      body: { data: { call_id: id } },
    });
  }
  expect((await ask(`/channels/${'x'.repeat(1025)}`)).status).toBe(400);
});

test('details complete the entries that are named, all of a hundred otherwise', async () => {
  const ask = await startRest();
  const completed = async (query: string) => {
    const { body } = await ask(`/channels?${query}`);
    return (body.data as Fields[]).map(({ caller_id_name: name }) => name !== undefined);
  };
  expect(await completed('')).toEqual([false, false, false]);
  expect(await completed('details=false')).toEqual([false, false, false]);
  expect(await completed('details=true')).toEqual([true, true, true]);
  expect(await completed('details=true&call_ids=1,nobody')).toEqual([true, false, false]);
  const [first = '', second = ''] = callIds.map(encodeURIComponent);
  expect(await completed(`details=true&call_ids=${first}&call_ids=${second}`)).toEqual([true, true, false]);
  expect((await ask('/channels?details=yes')).status).toBe(400);
  expect((await ask(`/channels?details=true&call_ids=${'a,'.repeat(101)}`)).status).toBe(400);
});

test('where there are more than a hundred, the envelope says that details are partial', async () => {
  const many = Array.from({ length: 101 }, (_, index) => call(String(index)));
  const ask = await startRest((question) =>
    question['Event-Name'] === 'query_account_channels_req'
      ? { 'Event-Name': 'query_account_channels_resp', Channels: many }
      : media(question),
  );
  expect((await ask('/channels?details=true')).body).toMatchObject({ partial: false, details_partial: true });
});

test('what isn’t there is 404, and 503 where that is not known for sure', async () => {
  const ask = await startRest();
  for (const path of ['/channels/none', '/conferences/7002']) {
    expect(await ask(path)).toMatchObject({ status: 404, body: { error: '404', status: 'error' } });
  }
  const silent = await startRest(media, { answers: false });
  for (const path of ['/channels/1', '/conferences/7001']) {
    const answer = await silent(path);
    expect(answer).toMatchObject({ status: 503, body: { error: '503', partial: true } });
    expect(answer.headers.has('retry-after')).toBe(true);
  }
  for (const path of ['/channels', '/conferences', '/registrations']) {
    expect(await silent(path)).toMatchObject({ status: 200, body: { data: [], partial: true } });
  }
});

const paths = ['/channels', '/channels/1', '/conferences', '/conferences/7001', '/registrations'];
const familyOf = (path: string) => (/^\/(\w+?)s?(?:\/|$)/.exec(path)?.[1] ?? '').replace('channel', 'call');

test.each(paths)('%s: who may not, gets nothing', async (path) => {
  const asked: Fields[] = [];
  const ask = await startRest((question) => {
    asked.push(question);
    return media(question);
  });
  const others = ['call', 'conference', 'registration'].filter((family) => family !== familyOf(path));
  expect(others).toHaveLength(2);
  for (const [status, token] of [
    [401, undefined],
    [401, 'bad'],
    [401, await tokenFor(account, {}, -1)],
    [403, await tokenFor('neighbour')],
    [403, await tokenFor('branch')],
    [403, await tokenFor(account, { scope: 'sockets:read sockets:close commands' })],
    [403, await tokenFor(account, { families: others })],
    [403, await tokenFor('neighbour', { superduper_admin: true })],
  ] as const) {
    expect((await ask(path, { token })).status).toBe(status);
  }
  expect(asked).toEqual([]);
  expect((await ask(path, { token: await tokenFor(account, { families: [familyOf(path)] }) })).status).toBe(200);
});

test('a token that ends while the media nodes think gets nothing', async () => {
  let end = 0;
  const ask = await startRest(async () => {
    await sleep(end - Date.now());
    return { 'Event-Name': 'query_account_channels_resp', Channels: callIds.map(call) };
  });
  end = Date.now() + 2000;
  const token = await tokenFor(account, {}, 1);
  expect(await ask('/channels', { token })).toMatchObject({ status: 401, body: { data: {} } });
});

test('a token asks ten times a second, and is told when to come again', async () => {
  const ask = await startRest();
  const statuses = await Promise.all(Array.from({ length: 12 }, async () => (await ask('/channels')).status));
  expect(statuses.filter((status) => status === 200).length).toBeGreaterThanOrEqual(10);
  const refused = await Promise.all(Array.from({ length: 12 }, () => ask('/channels')));
  const one = refused.find(({ status }) => status === 429);
  expect(Number(one?.headers.get('retry-after'))).toBeGreaterThan(0);
});

test('while the source is down: 503', async () => {
  const ask = await startRest(media, { isUp: false });
  for (const path of paths) {
    expect(await ask(path)).toMatchObject({ status: 503, body: { message: 'the event source is not available' } });
  }
});
