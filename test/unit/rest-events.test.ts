/** GET /v2/accounts/{A}/events: what was published of late, a page at a time. */
import { expect, onTestFinished, test } from 'vitest';
import { Accounts, AccountTree } from '../../src/auth/accounts.ts';
import { createAuthenticator } from '../../src/auth/authenticator.ts';
import { readConfig } from '../../src/config.ts';
import { createCatalogue } from '../../src/families/catalogue.ts';
import { checkAccess } from '../../src/http/access.ts';
import { addEventRoutes } from '../../src/http/event-routes.ts';
import { createHttp } from '../../src/http/http-server.ts';
import { UnreadAnswers } from '../../src/http/unread-answers.ts';
import type { EventPages } from '../../src/replay/event-pages.ts';
import { headerToken } from '../../src/socket/upgrade.ts';
import { secret, tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { callEvent, notification, publish } from '../support/events.ts';
import { family } from '../support/families.ts';
import { useFolder } from '../support/process.ts';
import { rest } from '../support/rest.ts';
import { silentLog } from '../support/silent-log.ts';

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
const other = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';

interface Page {
  events: Record<string, unknown>[];
  cursor: string;
  more: boolean;
  recovered: boolean;
  reason?: string;
}

async function events(bridge: EmbeddedBridge, query: string, token?: string): Promise<{ status: number; page: Page }> {
  const path = `/v2/accounts/${account}/events?dialect=classic&${query}`;
  const { status, body } = await rest(bridge, path, { token: token ?? (await tokenFor(account)) });
  return { status, page: body.data as Page };
}

async function startWithCalls(count: number, settings = {}): Promise<EmbeddedBridge> {
  const bridge = await startBridge({ HISTORY: 'stream', ...settings });
  for (let n = 0; n < count; n += 1) await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', `${n}`));
  await publish(bridge.broker, callEvent(other, 'CHANNEL_CREATE', 'not mine'));
  return bridge;
}

const ids = ({ events: frames }: Page): unknown[] =>
  frames.map(({ args }) => (args as Record<string, unknown>)['Call-ID']);

test('pages go on where the one before ended, and end with what a socket would be sent', async () => {
  const bridge = await startWithCalls(0);
  const { page: begin } = await events(bridge, 'binding=call.*.*');
  expect(begin).toMatchObject({ events: [], more: false, recovered: true });
  const client = await openClient(bridge, { token: await tokenFor(account), path: '/?dialect=classic&resume=on' });
  await client.request({ action: 'subscribe', auth_token: await tokenFor(account), data: { binding: 'call.*.*' } });
  for (let n = 0; n < 5; n += 1) await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', `${n}`));
  const { page: first } = await events(bridge, `binding=call.*.*&since=${begin.cursor}&limit=3`);
  expect(first).toMatchObject({ more: true, recovered: true });
  const { page: second } = await events(bridge, `binding=call.*.*&since=${first.cursor}&limit=3`);
  expect(second).toMatchObject({ more: false, recovered: true });
  expect([...ids(first), ...ids(second)]).toEqual(['0', '1', '2', '3', '4']);
  await client.untilEvents(5);
  const sent = client.events.map(({ request_id, ...frame }) => frame);
  expect([...first.events, ...second.events]).toEqual(sent);
});

test('without a cursor it is the latest, oldest first', async () => {
  const bridge = await startWithCalls(30);
  const { page } = await events(bridge, 'binding=call.*.*&limit=3');
  expect(ids(page)).toEqual(['27', '28', '29']);
  // Few among many.
  await publish(bridge.broker, notification(account));
  for (let n = 0; n < 20; n += 1) await publish(bridge.broker, callEvent(account, 'CHANNEL_DESTROY', `${n}`));
  const { page: rare } = await events(bridge, 'binding=notifications.*.*&limit=2');
  expect(rare.events).toHaveLength(1);
});

test('several bindings are one list, in classic each event once, in kazoo4 once for each', async () => {
  const bridge = await startWithCalls(1);
  const query = 'binding=call.*.*&binding=call.CHANNEL_CREATE.*';
  expect((await events(bridge, query)).page.events).toHaveLength(1);
  const token = await tokenFor(account);
  const { body } = await rest(bridge, `/v2/accounts/${account}/events?dialect=kazoo4&${query}`, { token });
  const frames = (body.data as Page).events;
  expect(frames.map(({ subscribed_key }) => subscribed_key).toSorted()).toEqual(['call.*.*', 'call.CHANNEL_CREATE.*']);
  expect(frames[0]).toHaveProperty('cursor');
});

test('a cursor that is no good says why', async () => {
  const bridge = await startWithCalls(3);
  const { page } = await events(bridge, 'binding=call.*.*&since=nonsense');
  expect(page).toMatchObject({ events: [], recovered: false, reason: 'unknown', more: false });
});

test('a page ends at 4 MiB', async () => {
  const bridge = await startBridge({ HISTORY: 'stream' });
  const more = { Filler: 'x'.repeat(900_000) };
  for (let n = 0; n < 6; n += 1) await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', `${n}`, more));
  const { page } = await events(bridge, 'binding=call.*.*&since=');
  expect(page.events).toBeUndefined();
  const client = await openClient(bridge, { token: await tokenFor(account), path: '/?resume=on' });
  const { data } = await client.request({
    action: 'subscribe',
    auth_token: await tokenFor(account),
    data: { binding: 'call.*.*' },
  });
  for (let n = 0; n < 6; n += 1) await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', `${n}`, more));
  const { page: first } = await events(bridge, `binding=call.*.*&since=${data.cursor}`);
  expect(first).toMatchObject({ more: true });
  expect(first.events).toHaveLength(4);
});

test('where the latest are more than 4 MiB, the page has the last of them', async () => {
  const bridge = await startBridge({ HISTORY: 'stream' });
  const more = { Filler: 'x'.repeat(900_000) };
  for (let n = 0; n < 7; n += 1) await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', `${n}`, more));
  const { page } = await events(bridge, 'binding=call.*.*');
  expect(ids(page)).toEqual(['3', '4', '5', '6']);
  expect(page.more).toBe(false);
});

test('what may not be asked is refused', async () => {
  const bridge = await startWithCalls(1);
  expect((await events(bridge, 'limit=1')).status).toBe(400);
  for (const limit of ['1001', '0', '1.5', 'abc']) {
    const answer = await events(bridge, `binding=call.*.*&limit=${limit}`);
    expect(answer.status).toBe(400);
    expect(JSON.stringify(answer)).toContain('must be a whole number from 1 to 1000');
  }
  expect((await events(bridge, 'binding=nothing.*')).status).toBe(400);
  expect((await events(bridge, Array.from({ length: 21 }, (_, n) => `binding=call.*.${n}`).join('&'))).status).toBe(
    400,
  );
  expect((await events(bridge, 'binding=call.*.*', await tokenFor(other))).status).toBe(403);
  expect((await events(bridge, 'binding=call.*.*', await tokenFor(account, { families: ['fax'] }))).status).toBe(403);
  expect((await events(bridge, 'binding=call.*.*', await tokenFor(account, { scope: 'sockets:read' }))).status).toBe(
    403,
  );
  const off = await startBridge();
  expect((await events(off, 'binding=call.*.*')).status).toBe(501);
});

test('ten requests a second a token', async () => {
  const bridge = await startWithCalls(1);
  const token = await tokenFor(account);
  const answers = await Promise.all(Array.from({ length: 60 }, () => events(bridge, 'binding=call.*.*', token)));
  expect(answers.filter(({ status }) => status === 429).length).toBeGreaterThan(0);
});

test('what is shared by all accounts is on the pages of each', async () => {
  const write = await useFolder();
  const shop = family({ account: 'shared', routing_key: 'order.{STATE}.{ID}' });
  const bridge = await startWithCalls(1, { FAMILIES_FILE: await write('families.json', [shop]) });
  const { page: begin } = await events(bridge, 'binding=orders.*.*');
  const order = (id: string) => bridge.broker.publish('shop', `order.paid.${id}`, { id });
  await order('1');
  await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', 'between'));
  await order('2');
  const args = ({ page }: { page: Page }) => page.events.map((frame) => frame.args);
  const both = 'binding=orders.*.*&binding=call.*.*';
  const between = callEvent(account, 'CHANNEL_CREATE', 'between').body;
  expect(args(await events(bridge, `${both}&limit=3`))).toEqual([{ id: '1' }, between, { id: '2' }]);
  expect(args(await events(bridge, `${both}&since=${begin.cursor}`))).toEqual([{ id: '1' }, between, { id: '2' }]);
  expect(args(await events(bridge, `binding=orders.*.*`))).toEqual([{ id: '1' }, { id: '2' }]);
  const theirs = `/v2/accounts/${other}/events?dialect=classic&${both}&since=${begin.cursor}`;
  const { body } = await rest(bridge, theirs, { token: await tokenFor(other) });
  expect(args({ page: body.data as Page })).toEqual([{ id: '1' }, { id: '2' }]);
});

test('a page that waited for its turn is refused where the account has left meanwhile', async () => {
  const accounts = new Accounts(new AccountTree([{ id: other }, { id: account, parent_id: other }]));
  const settings = { callEvents: ['CHANNEL_CREATE'], documentTypes: [], notifications: [] };
  const info = { nodeName: 'node', version: '0' };
  const http = await createHttp(info, [], silentLog);
  onTestFinished(() => http.close());
  const authenticator = createAuthenticator(readConfig({ AMQP_URL: 'amqp://127.0.0.1:1', AUTH_JWT_SECRET: secret }));
  checkAccess(http, { accounts, authenticator, tokenOf: headerToken });
  let isLeaving = false;
  const eventPages: Pick<EventPages, 'fullFor' | 'read'> = {
    fullFor: () => undefined,
    async read() {
      // It was read while it was still theirs.
      if (isLeaving) accounts.replace(new AccountTree([{ id: other }, { id: account }]));
      return { events: ['{}'], cursor: 'cursor', more: false, recovered: true };
    },
  };
  addEventRoutes(http, {
    info,
    accounts,
    catalogue: createCatalogue(settings, accounts),
    defaultDialect: 'classic',
    unread: new UnreadAnswers(),
    eventPages,
  });
  const ask = async () => {
    const headers = { 'x-auth-token': await tokenFor(other) };
    return http.inject({ url: `/v2/accounts/${account}/events?binding=call.*.*`, headers });
  };
  expect((await ask()).json()).toMatchObject({ data: { events: [{}] } });
  isLeaving = true;
  const refused = await ask();
  expect(refused.statusCode).toBe(403);
  expect(refused.json()).not.toHaveProperty('data.events');
});
