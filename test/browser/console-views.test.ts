/** The other views: people, conferences, events, sockets, developer; and whose they are. */

import type { Route } from 'playwright-core';
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { documentedFamilies } from '../support/families.ts';
import { ana, startOffice } from '../support/office.ts';
import { useFolder } from '../support/process.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';
import { useBrowser } from './browser.ts';
import { account, call, longMs, openConsole, untilWatching, view } from './console.ts';

useBrowser();

const child = 'bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb';
const realm = 'office.example.com';

async function startWorld(place: string, expected: readonly RegExp[] = []) {
  const accounts = await useAccountsFile([
    { id: account, name: 'Harbour', realm },
    { id: child, name: 'Harbour <b>Spa</b>', realm: 'spa.example.com', parent_id: account },
  ]);
  const bridge = await startBridge({ ACCOUNTS_FILE: accounts.path });
  const office = await startOffice(bridge.broker, account);
  const page = await openConsole(bridge, { place, expected });
  await untilWatching(office);
  const say = (exchange: string, key: string, body: object) => bridge.broker.publish(exchange, key, body);
  return { bridge, office, page, say };
}

test('people are those who are seen: registered, ringing, on a call, with their telephone and their new messages', {
  timeout: longMs,
}, async () => {
  const { office, page, say } = await startWorld('/people');
  await view(page, 'people').waitFor();
  const variables = { 'Account-ID': account, 'Owner-ID': 'ana', 'Authorizing-ID': 'device-1' };
  await say('registrar', 'registration.success.office%2Eexample%2Ecom.user_ana', {
    'Event-Category': 'directory',
    'Event-Name': 'reg_success',
    Username: 'user_ana',
    Realm: realm,
    Contact: '<sip:user_ana@192.0.2.7:5060>',
    'User-Agent': 'Desk phone 7',
    Expires: 300,
    'Custom-Channel-Vars': variables,
  });
  const tile = page.locator('[data-user]').first();
  await tile.getByText('Available').waitFor();
  await tile.getByText('Desk phone 7').waitFor();
  await office.say('CHANNEL_CREATE', ana, { 'Custom-Channel-Vars': variables });
  await page.locator('[data-user="1001"][data-state="ringing"]', { hasText: 'Ana Sousa' }).waitFor();
  await office.say('CHANNEL_ANSWER', ana, { 'Custom-Channel-Vars': variables });
  await page.locator('[data-user="1001"][data-state="busy"]', { hasText: 'with Bruno Keller' }).waitFor();
  await say('presence', 'mwi_updates.office%2Eexample%2Ecom.1001', {
    'Event-Category': 'presence',
    'Event-Name': 'mwi_update',
    To: `1001@${realm}`,
    'Messages-New': 3,
    'Messages-Saved': 1,
  });
  await page.locator('[data-user="1001"]', { hasText: '3 new messages' }).click();
  await page.locator('.drawer').getByText('sip:user_ana@192.0.2.7:5060').waitFor();
});

test('conferences show who is in them, who talks, who is muted', { timeout: longMs }, async () => {
  const { page, say } = await startWorld('/conferences');
  await page.getByText(/No conferences|Getting the conferences/).waitFor();
  const tell = (event: string, id: string, more = {}) =>
    say('conference', `conference.event.${event}.${account}.7001.${id}`, {
      'Event-Category': 'conference',
      'Event-Name': 'event',
      Event: event,
      'Account-ID': account,
      'Conference-ID': '7001',
      'Instance-ID': 'instance-1',
      'Call-ID': id,
      'Caller-ID-Name': `Member ${id}`,
      ...more,
    });
  await tell('add-member', 'one');
  await tell('add-member', 'two');
  const room = page.locator('[data-conference="7001"]');
  await room.locator('[data-member="two"]').waitFor();
  await tell('start-talking', 'one');
  await room.locator('[data-member="one"][data-talking="true"]').waitFor();
  await tell('mute-member', 'two');
  await room.locator('[data-member="two"][data-muted="true"]', { hasText: 'Muted' }).waitFor();
  await tell('del-member', 'two');
  await room.locator('[data-member="two"]').waitFor({ state: 'detached' });
});

test('events come newest first; one that is opened stays where it is; the filter and the families narrow them', {
  timeout: longMs,
}, async () => {
  const { bridge, office, page } = await startWorld('/events');
  await office.say('CHANNEL_CREATE', ana);
  const row = page.locator('.event-row', { hasText: 'CHANNEL_CREATE' });
  await row.waitFor();
  await row.click();
  await page.locator('.drawer .json', { hasText: '"caller_id_name": "Ana Sousa"' }).waitFor();
  const before = await row.boundingBox();
  for (let index = 0; index < 30; index++)
    await publish(bridge.broker, callEvent(account, 'CHANNEL_ANSWER', `c-${index}`, { 'Account-ID': account }));
  await page.getByText('Paused. 30 newer events').waitFor();
  expect(await row.boundingBox()).toEqual(before);
  await page.keyboard.press('Escape');
  await page.getByRole('button', { name: 'Show them' }).click();
  await page.locator('.event-row', { hasText: 'CHANNEL_ANSWER' }).first().waitFor();
  await page.getByRole('searchbox').fill('ana');
  await until(async () => (await page.locator('.event-row').count()) === 1);
  await page.getByRole('button', { name: 'Pause' }).click();
  await page.getByRole('button', { name: 'Clear', exact: true }).click();
  await page.getByText('Nothing yet').waitFor();
});

test('families that the console does not know are there as the server offers them', { timeout: longMs }, async () => {
  const write = await useFolder();
  const bridge = await startBridge({ FAMILIES_FILE: await write('families.json', documentedFamilies()) });
  const page = await openConsole(bridge, { place: '/events', token: await tokenFor('acme') });
  const rows = page.locator('.event-row', { hasText: 'order_paid' });
  // Whether it is subscribed already nobody tells: it is paid again and again.
  await until(async () => {
    await bridge.broker.publish('shop', 'order.paid.acme.1', { tenant: { id: 'acme' } });
    return (await rows.count()) > 0;
  });
});

test('sockets are listed with what they listen to, and one is closed after it was asked', {
  timeout: longMs,
}, async () => {
  const { bridge, page } = await startWorld('/sockets');
  const other = await openClient(bridge, { token: await tokenFor(account) });
  await other.subscribe('call.CHANNEL_CREATE.*', { name: 'billing <i>' });
  const row = page.locator('[data-socket]', { hasText: 'billing <i>' });
  await row.getByText('call.CHANNEL_CREATE.*').waitFor();
  await row.getByRole('button', { name: /^Close/ }).click();
  await row.getByRole('button', { name: 'Yes, close it' }).click();
  await row.waitFor({ state: 'detached' });
});

test('of an account that was left no socket stands there; one look at a time is under way, and a late failure is nobody’s', {
  timeout: longMs,
}, async () => {
  const { bridge, page } = await startWorld('/sockets', [/503/]);
  const other = await openClient(bridge, { token: await tokenFor(account) });
  await other.subscribe('call.CHANNEL_CREATE.*', { name: 'billing' });
  const row = page.locator('[data-socket]', { hasText: 'billing' });
  await row.waitFor();
  const held: Route[] = [];
  await page.route(/\/accounts\/\w+\/websockets\?/, (route) => void held.push(route));
  await until(() => held.length > 0);
  await page.waitForTimeout(6000);
  expect(held.length).toBe(1);
  await page.getByLabel('Account', { exact: true }).selectOption(child);
  await until(() => held.length === 2);
  expect(await row.count()).toBe(0);
  const late = page.waitForResponse((response) => response.url().includes(`${account}/websockets?`));
  await held[0]?.fulfill({ status: 503, json: { message: 'nobody’s' } });
  await (await late).finished();
  const own = page.waitForResponse((response) => response.url().includes(`${child}/websockets?`));
  await held[1]?.continue();
  await (await own).finished();
  await page.locator('.view-count').waitFor();
  expect(await row.count()).toBe(0);
  expect(await page.locator('.view > .trouble').count()).toBe(0);
});

test('a developer sees the frames of either dialect, and takes the lines along without the token', {
  timeout: longMs,
}, async () => {
  const { bridge, page } = await startWorld('/developer');
  await page.getByLabel('On offer').selectOption('call.CHANNEL_CREATE.*');
  const frames = page.locator('.frames li');
  for (const [dialect, shape] of [
    ['classic', '"args":{'],
    ['kazoo4', '"subscribed_key":"call.CHANNEL_CREATE.*"'],
  ] as const) {
    await page.getByRole('button', { name: dialect, exact: true }).click();
    await page.getByRole('button', { name: 'Clear the frames' }).click();
    await page.getByRole('button', { name: 'Listen' }).click();
    await frames.filter({ hasText: '"status":"success"' }).waitFor();
    await publish(bridge.broker, callEvent(account, 'CHANNEL_CREATE', dialect, { 'Account-ID': account }));
    await frames.filter({ hasText: shape }).first().waitFor();
  }
  const token = await page.evaluate(() => sessionStorage.getItem('event-horizon-token') ?? '');
  expect(await page.locator('main').innerText()).not.toContain(token);
  expect(await page.locator('.take').innerText()).toContain("npx event-horizon listen 'call.CHANNEL_CREATE.*'");
  for (const [binding, text] of [
    ['call.NO_SUCH_EVENT.*', /Event NO_SUCH_EVENT not supported/],
    ['call.CHANNEL_CREATE', /Invalid format for call subscription.*A call binding looks like/],
    ['weather.*', /No available subscriptions to requested binding/],
  ] as const) {
    await page.getByLabel('Binding', { exact: true }).fill(binding);
    await page.getByRole('button', { name: 'Listen' }).click();
    await page.locator('.explorer .trouble', { hasText: text }).waitFor();
  }
  await page.getByLabel('Filter (JSON)').fill('{nonsense');
  await page.getByRole('button', { name: 'Listen' }).click();
  await page.getByText('The filter is no JSON object.').waitFor();
});

test('another account is picked from those below, or all together; the address keeps it', {
  timeout: longMs,
}, async () => {
  const { bridge, office, page } = await startWorld('/calls');
  await office.say('CHANNEL_CREATE', ana);
  await call(page, 'ana-1').waitFor();
  const picker = page.getByLabel('Account', { exact: true });
  await picker.selectOption({ label: '   Harbour <b>Spa</b>' });
  await call(page, 'ana-1').waitFor({ state: 'detached' });
  expect(page.url()).toContain(`account=${child}`);
  const started = async (id: string) =>
    await bridge.broker.publish(
      'callevt',
      `call.CHANNEL_CREATE.${id}`,
      callEvent(child, 'CHANNEL_CREATE', id, { 'Account-ID': child }).body,
    );
  await until(async () => {
    await started('spa-1');
    return (await call(page, 'spa-1').count()) === 1;
  });
  await page.reload();
  await until(async () => (await picker.inputValue()) === child);
  await picker.selectOption({ index: 0 });
  await page.getByText('With sub-accounts').click();
  await until(async () => {
    await started('spa-2');
    return (await call(page, 'spa-2').count()) === 1;
  });
  await call(page, 'spa-2').getByText('Harbour <b>Spa</b>').waitFor();
  expect(page.url()).toContain('below=yes');
});

test('a call that is on hold anew, after its account was left and come back to, is told of by the new time', {
  timeout: longMs,
}, async () => {
  const { office, page } = await startWorld('/calls');
  await page.locator('summary[aria-label="Notifications"]').click();
  await page.getByLabel('calls on hold longer than: seconds').fill('10');
  await page.getByLabel('calls on hold longer than', { exact: true }).check();
  await office.say('CHANNEL_ANSWER', ana);
  await office.say('CHANNEL_HOLD', ana);
  await call(page, 'ana-1', 'held').waitFor();
  await page.locator('summary[aria-label="Notifications: 1 call needs attention"]').waitFor();
  const picker = page.getByLabel('Account', { exact: true });
  await picker.selectOption(child);
  await call(page, 'ana-1').waitFor({ state: 'detached' });
  await office.say('CHANNEL_UNHOLD', ana);
  await office.say('CHANNEL_HOLD', ana);
  await picker.selectOption({ index: 0 });
  await call(page, 'ana-1', 'held').waitFor({ timeout: longMs });
  expect(await page.locator('summary[aria-label="Notifications"]').count()).toBe(1);
  await page.locator('summary[aria-label="Notifications: 1 call needs attention"]').waitFor();
});

test('a failure in passing takes no account away, and what is asked again makes nothing anew', {
  timeout: longMs,
}, async () => {
  const { bridge, page } = await startWorld('/events', [/503/]);
  const spa = page.getByLabel('Account', { exact: true }).locator('option', { hasText: 'Spa' });
  await spa.waitFor({ state: 'attached' });
  await page.getByText('With sub-accounts').click();
  const rows = page.locator('.event-row', { hasText: 'CHANNEL_CREATE' });
  await until(async () => {
    const { body } = callEvent(child, 'CHANNEL_CREATE', 'spa-1', { 'Account-ID': child });
    await bridge.broker.publish('callevt', 'call.CHANNEL_CREATE.spa-1', body);
    return (await rows.count()) > 0;
  });
  let answers = 0;
  await page.route('**/descendants', async (route) => {
    answers += 1;
    if (answers < 3) await route.fulfill({ status: 503, json: {} });
    else await route.fallback();
  });
  const own = await tokenFor(account, { scope: 'sockets:read sockets:close' });
  const sockets = `/v2/accounts/${account}/websockets`;
  const { body } = await rest(bridge, `${sockets}?dialect=classic`, { token: own });
  for (const id of body.data as string[]) await rest(bridge, `${sockets}/${id}`, { method: 'DELETE', token: own });
  await page.getByRole('button', { name: 'Connect again' }).click();
  await until(() => answers > 0);
  await page.locator('[data-freshness]:not([data-freshness="offline"])').waitFor();
  expect(await spa.count()).toBe(1);
  expect(await rows.count()).toBeGreaterThan(0);
  const asked = page.waitForResponse((response) => response.url().endsWith('/descendants') && response.ok());
  await asked;
  expect(answers).toBe(3);
  expect(await spa.count()).toBe(1);
  expect(await rows.count()).toBeGreaterThan(0);
});

test('an answer about the past that comes late for another account changes nothing: no event stands twice', {
  timeout: longMs,
}, async () => {
  const accounts = await useAccountsFile([
    { id: account, name: 'Harbour', realm },
    { id: child, name: 'Spa', realm: 'spa.example.com', parent_id: account },
  ]);
  const bridge = await startBridge({ ACCOUNTS_FILE: accounts.path, HISTORY: 'stream' });
  const page = await openConsole(bridge, { place: '/events' });
  const held = new Map<string, Route>();
  await page.route(/\/accounts\/\w+\/events\?/, (route) => {
    held.set(route.request().url().includes(child) ? child : account, route);
  });
  const rows = page.locator('.event-row');
  const untilSeen = (of: string, id: string): Promise<void> =>
    until(async () => {
      const { body } = callEvent(of, 'CHANNEL_CREATE', id, { 'Account-ID': of });
      await bridge.broker.publish('callevt', `call.CHANNEL_CREATE.${id}`, body);
      return (await rows.filter({ hasText: 'CHANNEL_CREATE' }).count()) > 0;
    });
  await untilSeen(account, 'ana-1');
  await until(() => held.has(account));
  await page.getByLabel('Account', { exact: true }).selectOption(child);
  await page.getByText('Nothing yet').waitFor();
  await untilSeen(child, 'spa-1');
  await until(() => held.has(child));
  const before = await rows.count();
  for (const of of [account, child]) {
    const answered = page.waitForResponse((response) => response.url().includes(`${of}/events?`));
    await held.get(of)?.continue();
    await (await answered).finished();
  }
  await publish(bridge.broker, callEvent(child, 'CHANNEL_ANSWER', 'spa-2', { 'Account-ID': child }));
  await rows.filter({ hasText: 'CHANNEL_ANSWER' }).waitFor();
  expect(await rows.count()).toBe(before + 1);
});
