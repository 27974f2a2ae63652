import { expect, test } from 'vitest';
import { startBridgeWithoutBroker } from '../support/bridge.ts';
import {
  eventRows,
  openFrame,
  openPage,
  stateHistory,
  subscribe,
  subscriptionRows,
  untilConnected,
  useBrowser,
} from './browser.ts';

useBrowser();

/** Neither a broker nor a setting: the demo. */
const startDemo = (settings: Record<string, string> = {}) => startBridgeWithoutBroker(settings);

const families = ['Calls', 'Conferences', 'Documents', 'Faxes', 'Presence', 'Registrations', 'Notifications'];

/** A part of the simulated day, at a person's pace. */
const longMs = 90_000;

test('the demo shows its events without a click, and says that they are invented', { timeout: longMs }, async () => {
  const page = await openPage(await startDemo());
  expect(await page.locator('#demo-badge').innerText()).toMatch(/^demo.*invented/is);
  await eventRows(page).nth(4).waitFor();
  expect(await page.getByLabel('Token', { exact: true }).isVisible()).toBe(false);
  expect(await page.locator('#connection-state').innerText()).toBe('Connected');
  expect(await subscriptionRows(page).locator('.binding').allInnerTexts()).toEqual([
    'call.*.*',
    'conference.event.*',
    'object.*.*',
  ]);
  for (const family of ['call', 'conference', 'object']) {
    await page.locator(`#events > li[data-family="${family}"]`).first().waitFor();
  }
  await page.locator('#rate', { hasText: /^(?!0\.0 )[\d.]+ a second$/ }).waitFor();
});

test('the board of calls moves: calls ring, are talked on, and end', { timeout: longMs }, async () => {
  const page = await openPage(await startDemo());
  const call = (state: string) => page.locator(`#calls > [data-state="${state}"]`).first();
  await call('ringing').waitFor();
  await call('talking').waitFor({ timeout: longMs });
  await call('ended').waitFor({ timeout: longMs });
  expect(await page.locator('#calls .who').first().textContent()).toMatch(/\w+/);
});

test('a subscription is ended and made again, each with its result in words', async () => {
  const page = await openPage(await startDemo());
  await untilConnected(page);
  const result = page.locator('#subscribe-result');
  await page.getByRole('button', { name: 'End object.*.*' }).press('Enter');
  await result.filter({ hasText: 'Ended object.*.*.' }).waitFor();
  expect(await subscriptionRows(page).count()).toBe(2);
  // The keyboard stays in the list.
  expect(await page.evaluate(() => document.activeElement?.getAttribute('aria-label'))).toBe('End conference.event.*');

  await page.getByLabel('On offer').selectOption('doc_created.*.user.*');
  expect(await page.getByLabel('Binding').inputValue()).toBe('doc_created.*.user.*');
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
  await result.filter({ hasText: 'Subscribed to doc_created.*.user.*.' }).waitFor();
  await subscriptionRows(page).filter({ hasText: 'doc_created.*.user.*' }).waitFor();

  await page.getByRole('button', { name: 'End all' }).click();
  await result.filter({ hasText: 'Ended all subscriptions.' }).waitFor();
  expect(await subscriptionRows(page).count()).toBe(0);
  expect(await page.locator('#calls > li').count()).toBe(0);

  await page.getByRole('button', { name: 'Watch calls, conferences and documents' }).click();
  await subscriptionRows(page).nth(2).waitFor();
});

test.for([
  ['call.NO_SUCH_EVENT.*', /Event NO_SUCH_EVENT not supported/],
  ['call.CHANNEL_CREATE', /Invalid format for call subscription : call\.CHANNEL_CREATE\. A call binding looks like/],
  ['weather.*', /No available subscriptions to requested binding/],
  ['', /Empty subscription\. Type a binding/],
] as const)('the binding "%s" is refused in words', async ([binding, words]) => {
  const page = await openPage(await startDemo());
  await untilConnected(page);
  await subscribe(page, binding);
  await page.locator('#subscribe-result[data-kind="error"]').waitFor();
  expect(await page.locator('#subscribe-result').innerText()).toMatch(words);
  expect(await page.getByLabel('Binding').getAttribute('aria-invalid')).toBe('true');
  expect(await subscriptionRows(page).count()).toBe(3);
});

test('an account below the own one can be watched, another one not', async () => {
  const page = await openPage(await startDemo());
  await untilConnected(page);
  // The page names one.
  await page.getByRole('button', { name: 'Harbour Lights Spa' }).click();
  expect(await page.getByLabel('Account').inputValue()).toBe('8c0f5a2be91d4c7790d3ab7415e2f6aa');
  await subscribe(page, 'call.*.*', '8c0f5a2be91d4c7790d3ab7415e2f6aa');
  await subscriptionRows(page).filter({ hasText: 'account 8c0f5a2be91d4c7790d3ab7415e2f6aa' }).waitFor();
  await page.locator('#events .account', { hasText: '8c0f5a2be91d4c7790d3ab7415e2f6aa' }).first().waitFor();
  await subscribe(page, 'call.*.*', '*');
  await page.locator('#subscribe-result', { hasText: 'Unauthorized wildcard account id' }).waitFor();
});

test('what is on offer is listed by family, and what it asks for is shown as it comes', async () => {
  const page = await openPage(await startDemo());
  const groups = page.locator('#offers optgroup');
  await groups.nth(6).waitFor({ state: 'attached' });
  expect(await groups.evaluateAll((all) => all.map((group) => group.getAttribute('label')))).toEqual(families);
  await page.getByLabel('On offer').selectOption('call.CHANNEL_CREATE.*');
  expect(await page.getByLabel('Binding').inputValue()).toBe('call.CHANNEL_CREATE.*');

  await subscriptionRows(page).and(page.locator('[data-state="active"]')).nth(2).waitFor();
  const event = JSON.parse(await openFrame(eventRows(page).last()));
  expect(event).toMatchObject({ cursor: expect.any(String), data: { msg_id: expect.any(String) }, replayed: false });
  expect(['call.*.*', 'conference.event.*', 'object.*.*']).toContain(event.binding);
});

test('the list is filtered, paused, cleared, and each event opens as JSON', { timeout: longMs }, async () => {
  const page = await openPage(await startDemo());
  await eventRows(page).nth(4).waitFor();
  const pause = page.locator('#pause');
  await pause.click();
  expect(await pause.getAttribute('aria-pressed')).toBe('true');
  const before = await eventRows(page).count();
  await pause.filter({ hasText: /Resume \(\d+ new\)/ }).waitFor();
  expect(await eventRows(page).count()).toBe(before);

  const what = (await eventRows(page).first().locator('.what').textContent()) ?? '';
  const name = await eventRows(page).first().locator('.name').innerText();
  await page.getByLabel('Filter the events').fill(what.toUpperCase());
  for (const text of await eventRows(page).locator('.what').allTextContents()) expect(text).toBe(what);
  expect(await page.locator('#matching').innerText()).toMatch(/^\d+ of \d+ match$/);
  const row = eventRows(page).first();
  expect(JSON.parse(await openFrame(row))).toMatchObject({ name, data: { app_version: '4.0.0' } });
  await page.getByLabel('Filter the events').fill('no event says this');
  await page.getByText('No event matches the filter.').waitFor();
  await page.getByLabel('Filter the events').fill('');

  await page.getByRole('button', { name: 'Clear' }).click();
  expect(await eventRows(page).count()).toBe(0);
  await pause.click();
  await eventRows(page).first().waitFor();
});

test('after a restart of the demo the page gets the new token by itself', { timeout: longMs }, async () => {
  const first = await startDemo();
  const page = await openPage(first, {
    expected: [/ERR_CONNECTION_REFUSED|ERR_CONNECTION_RESET|ERR_SOCKET_NOT_CONNECTED/],
  });
  await eventRows(page).first().waitFor();
  await first.stop();
  await startDemo({ PORT: new URL(first.address).port });
  await page.locator('body:not([data-connection="connected"])').waitFor();
  await untilConnected(page);
  await subscriptionRows(page).and(page.locator('[data-state="active"]')).nth(2).waitFor();
  await page.getByRole('button', { name: 'Clear' }).click();
  await eventRows(page).first().waitFor();
  expect(await stateHistory(page)).toContainEqual(
    expect.stringMatching(/^Reconnecting in \d+ s the server is restarting \(1012\)/),
  );
});

test.for([320, 390, 820, 1280])('nothing is cut off at a width of %i pixels', async (width) => {
  const page = await openPage(await startDemo(), { viewport: { width, height: 844 } });
  await eventRows(page).nth(2).waitFor();
  await subscribe(page, `call.CHANNEL_CREATE.${'acallwithalongid'.repeat(8)}`);
  await subscriptionRows(page).nth(3).waitFor();
  const overflowing = await page.evaluate(() =>
    [...document.querySelectorAll('body, header, main, section, form, .subscriptions li, .call')]
      .filter((element) => element.scrollWidth > element.clientWidth + 1)
      .map((element) => element.className || element.tagName),
  );
  expect(overflowing).toEqual([]);
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
});
