/** What the console says of itself when the broker, the server or the token is away: never silently stale. */
import type { Page } from 'playwright-core';
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { type Settings, startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { callEvent, publish } from '../support/events.ts';
import { ana, bruno, type Office, startOffice } from '../support/office.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';
import { useBrowser } from './browser.ts';
import { account, call, longMs, openConsole, untilFresh, untilWatching, view } from './console.ts';

useBrowser();

/** A broker that can be away for the server while the test goes on talking to it. */
async function startWorld(settings: Settings = {}) {
  const broker = await useBroker();
  let isAway = false;
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort, { onAsk: (_, link) => isAway && link.cut() });
  const bridge = await startBridge({ AMQP_URL: proxy.url(broker.vhost), ...settings }, broker);
  const office = await startOffice(broker, account);
  return {
    broker,
    bridge,
    office,
    goAway() {
      isAway = true;
      for (const link of proxy.links) link.cut();
    },
    comeBack() {
      isAway = false;
    },
  };
}

async function answer({ say }: Office): Promise<void> {
  await say('CHANNEL_ANSWER', ana);
  await say('CHANNEL_ANSWER', bruno);
}

const notice = (page: Page, text: RegExp | string) => page.locator('.notice', { hasText: text });

test('a broker that is away: the chip and the board say so and since when, timers stop; back, it is right without a reload', {
  timeout: longMs * 2,
}, async () => {
  const { bridge, office, goAway, comeBack } = await startWorld();
  const page = await openConsole(bridge, { ownClock: true });
  await page.clock.resume();
  await untilWatching(office);
  await answer(office);
  await call(page, 'ana-1', 'talking').waitFor();
  await office.say('CHANNEL_ANSWER', { 'Call-ID': 'dies', 'Call-Direction': 'inbound' });
  await call(page, 'dies').waitFor();
  await untilFresh(page, 'live');
  goAway();
  await untilFresh(page, 'stale');
  expect(await page.locator('.fresh-text').innerText()).toMatch(/^Broker away since \d+:\d\d/);
  await notice(page, /Timers have stopped/).waitFor();
  const shown = await call(page, 'ana-1').locator('time').innerText();
  await page.waitForTimeout(2500);
  expect(await call(page, 'ana-1').locator('time').innerText()).toBe(shown);
  office.forget('dies');
  comeBack();
  await call(page, 'dies', 'ended').waitFor({ timeout: longMs });
  await untilFresh(page, 'live');
  expect(await call(page, 'ana-1', 'talking').count()).toBe(1);
  expect(await notice(page, /./).count()).toBe(0);
});

test('a server that restarts: the console comes back by itself, and what happened meanwhile is there', {
  timeout: longMs,
}, async () => {
  const broker = await useBroker();
  const first = await startBridge({ HISTORY: 'stream' }, broker);
  const office = await startOffice(broker, account);
  const page = await openConsole(first, { expected: [/net::ERR_|WebSocket connection/] });
  await untilWatching(office);
  await answer(office);
  await call(page, 'ana-1', 'talking').waitFor();
  await first.stop();
  await untilFresh(page, 'offline');
  await notice(page, /Reconnecting, next try in \d+ s/)
    .getByRole('button', { name: 'Try now' })
    .waitFor();
  // What stood there when nobody could know any more is no figure of now.
  expect(await page.locator('.view-count').innerText()).toBe('1 known so far');
  await notice(page, 'the server is restarting (1012)').waitFor();
  await office.say('CHANNEL_DESTROY', bruno);
  await office.say('CHANNEL_DESTROY', ana);
  await office.say('CHANNEL_ANSWER', { 'Call-ID': 'comes', 'Call-Direction': 'inbound', 'Caller-ID-Number': '1009' });
  await startBridge({ HISTORY: 'stream', PORT: new URL(first.address).port }, broker);
  await call(page, 'comes').waitFor({ timeout: longMs });
  await call(page, 'ana-1').waitFor({ state: 'detached' });
});

test('closed by an administrator: it says so, stays away, and comes back when it is asked to', {
  timeout: longMs,
}, async () => {
  const bridge = await startBridge();
  const token = await tokenFor(account);
  const office = await startOffice(bridge.broker, account);
  const page = await openConsole(bridge, { token });
  await untilWatching(office);
  const own = await tokenFor(account, { scope: 'sockets:read sockets:close' });
  const sockets = `/v2/accounts/${account}/websockets`;
  const listed = (await rest(bridge, `${sockets}?dialect=classic`, { token: own })).body.data as string[];
  await rest(bridge, `${sockets}/${listed[0]}`, { method: 'DELETE', token: own });
  await notice(page, 'closed by an administrator (4500)').waitFor();
  await untilFresh(page, 'offline');
  await page.getByRole('button', { name: 'Connect again' }).click();
  await page.locator('[data-freshness]:not([data-freshness="offline"])').waitFor();
});

test('a token that ends signs out, and says why; the next one is asked for, and the view is as it was', {
  timeout: longMs,
}, async () => {
  const bridge = await startBridge();
  const page = await openConsole(bridge, { token: await tokenFor(account, {}, 4), place: '/people?state=busy' });
  await view(page, 'people').waitFor();
  await view(page, 'sign-in').waitFor();
  await page
    .getByRole('alert')
    .getByText(/You were signed out: .*token/i)
    .waitFor();
  expect(await page.evaluate(() => sessionStorage.getItem('event-horizon-token'))).toBeNull();
  await page.getByLabel('Token', { exact: true }).fill(await tokenFor(account));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await view(page, 'people').waitFor();
  expect(page.url()).toContain('#/people?state=busy');
});

test('a token is asked for once, is kept in the tab alone, and never in the address; one that is refused is said to be', {
  timeout: longMs,
}, async () => {
  const { path } = await useAccountsFile([
    { id: account, name: 'Harbour' },
    { id: 'spa', name: 'Spa', parent_id: account },
    { id: 'other', name: 'Other' },
  ]);
  const bridge = await startBridge({ ACCOUNTS_FILE: path });
  const page = await openConsole(bridge, { token: '', expected: [/503/] });
  await view(page, 'sign-in').waitFor();
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('token');
  await page.keyboard.type('nonsense');
  await page.keyboard.press('Enter');
  await page
    .getByRole('alert')
    .getByText(/That token doesn’t do: .*token_invalid/)
    .waitFor();
  const token = await tokenFor(account);
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.locator('[data-freshness]:not([data-freshness="offline"])').waitFor();
  expect(page.url()).not.toContain(token.slice(0, 10));
  expect(await page.evaluate(() => ({ ...localStorage }))).not.toHaveProperty('event-horizon-token');
  expect(await page.context().cookies()).toEqual([]);
  await page.reload();
  await page.locator('[data-freshness]:not([data-freshness="offline"])').waitFor();
  await page.evaluate(() => {
    location.hash = '#/events';
  });
  // Whether it listens already nobody tells.
  await until(async () => {
    await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', 'theirs', { 'Account-ID': account }));
    return (await page.locator('.event-row').count()) > 0;
  });
  await page.locator('option', { hasText: 'Spa' }).waitFor({ state: 'attached' });
  await page.evaluate(() => {
    location.hash = '#/developer';
  });
  await page.getByLabel('On offer').selectOption('call.CHANNEL_CREATE.*');
  await page.getByRole('button', { name: 'Listen' }).click();
  await page.locator('.frames li').first().waitFor();
  await page.evaluate(() => {
    location.hash = '#/events';
  });
  await page.locator('.event-row').first().click();
  await page.locator('.drawer .json').waitFor();
  await page.route('**/descendants', (route) => route.fulfill({ status: 503, json: {} }));
  await page.locator('summary[aria-label="Settings"]').click();
  await page.getByRole('button', { name: 'Sign out' }).click();
  await view(page, 'sign-in').waitFor();
  expect(await page.evaluate(() => sessionStorage.getItem('event-horizon-token'))).toBeNull();
  // Who comes next sees nothing of what was.
  await page.getByLabel('Token', { exact: true }).fill(await tokenFor('other'));
  await page.getByRole('button', { name: 'Sign in' }).click();
  await page.getByText('Nothing yet').waitFor();
  expect(await page.locator('.drawer').count()).toBe(0);
  expect(await page.locator('option', { hasText: 'Spa' }).count()).toBe(0);
  await page.evaluate(() => {
    location.hash = '#/developer';
  });
  await page.getByText('Nothing sent or received yet.').waitFor();
  expect(await page.locator('.frames li').count()).toBe(0);
});

test('the policy of the page allows nothing but its own files, and no frame', { timeout: longMs }, async () => {
  const bridge = await startBridge();
  const page = await openConsole(bridge);
  const response = await fetch(page.url().split('#')[0] ?? '');
  const policy = response.headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'none'");
  expect(policy).toContain("connect-src 'self';");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toContain('unsafe');
  expect(response.headers.get('etag')).toMatch(/./);
  expect(response.headers.get('cache-control')).toBe('no-cache');
  await until(async () => (await page.locator('[data-freshness]').count()) > 0);
});

test('a token that may not see calls is told so in the server’s words, in the view and at the chip', {
  timeout: longMs,
}, async () => {
  const bridge = await startBridge();
  const page = await openConsole(bridge, { token: await tokenFor(account, { families: ['fax'] }) });
  await page.locator('.empty', { hasText: 'Calls can’t be shown' }).waitFor({ timeout: longMs });
  await page.locator('[data-freshness="stale"]', { hasText: 'Calls can’t be shown' }).waitFor();
  expect(await page.locator('.empty-detail').innerText()).toMatch(/\w{4}/);
  await page.evaluate(() => {
    location.hash = '#/conferences';
  });
  await page.getByText('Conferences can’t be shown').waitFor();
});

test('an account that the token may not see is refused in the server’s words, and nothing goes on loading', {
  timeout: longMs,
}, async () => {
  const bridge = await startBridge();
  const options = { place: `/calls?account=${'0'.repeat(32)}`, expected: [/status of 40[34]/] };
  const page = await openConsole(bridge, options);
  await untilFresh(page, 'stale');
  await view(page, 'calls').getByText('Calls can’t be shown').first().waitFor();
  expect(await page.locator('main [data-busy="true"]').count()).toBe(0);
  // Nor are there zeros where nobody knows.
  const wall = await openConsole(bridge, { ...options, search: '?wall' });
  await untilFresh(wall, 'stale');
  expect(await wall.locator('.wall-counts strong').allInnerTexts()).toEqual(['–', '–', '–', '–']);
  expect(await wall.getByText('No calls at the moment').count()).toBe(0);
});

test('opened while the broker is away: nothing is claimed of calls that nobody knows', {
  timeout: longMs,
}, async () => {
  const { bridge, goAway } = await startWorld();
  goAway();
  const page = await openConsole(bridge);
  await notice(page, /Broker away since .*nothing is known yet/).waitFor();
  await page.locator('.empty-title', { hasText: 'Broker away since' }).waitFor();
  expect(await page.locator('.view-count').innerText()).toBe('0 known so far');
  expect(await page.locator('main [data-busy="true"]').count()).toBe(0);
});
