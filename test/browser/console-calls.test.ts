/** The view of the calls: what an operator sees of them from the first ring to the end, and what may be done. */
import { expect, test } from 'vitest';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { ana, bruno, type Office, startOffice } from '../support/office.ts';
import { until } from '../support/until.ts';
import { type OpenPage, useBrowser } from './browser.ts';
import { account, call, longMs, openConsole, untilFresh, untilWatching, view } from './console.ts';

useBrowser();

async function startWorld(options: Parameters<typeof openConsole>[1] = {}): Promise<{
  bridge: Bridge;
  office: Office;
  page: OpenPage;
}> {
  const bridge = await startBridge();
  const office = await startOffice(bridge.broker, account);
  const page = await openConsole(bridge, options);
  await view(page, 'calls').waitFor();
  await untilWatching(office);
  return { bridge, office, page };
}

async function ringAndAnswer({ say }: Office): Promise<void> {
  await say('CHANNEL_CREATE', ana);
  await say('CHANNEL_CREATE', bruno);
  await say('CHANNEL_ANSWER', bruno);
  await say('CHANNEL_ANSWER', ana);
  await say('CHANNEL_BRIDGE', ana);
}

test('a call is one row for both legs: it rings, is talked on, held, goes on, ends, and is in Recent', {
  timeout: longMs,
}, async () => {
  const { office, page } = await startWorld();
  await office.say('CHANNEL_CREATE', ana);
  await call(page, 'ana-1', 'ringing').waitFor();
  await office.say('CHANNEL_CREATE', bruno);
  expect(await page.locator('main [data-call]').count()).toBe(1);
  expect(await call(page, 'ana-1').locator('.who-name').allTextContents()).toEqual(['Ana Sousa', 'Bruno Keller']);
  await office.say('CHANNEL_ANSWER', bruno);
  await office.say('CHANNEL_ANSWER', ana);
  await office.say('CHANNEL_BRIDGE', ana);
  await call(page, 'ana-1', 'talking').waitFor();
  await office.say('CHANNEL_HOLD', bruno);
  await call(page, 'ana-1', 'held').waitFor();
  await page.getByRole('button', { name: 'On hold 1' }).waitFor();
  await office.say('CHANNEL_UNHOLD', bruno);
  await call(page, 'ana-1', 'talking').waitFor();
  await office.say('CHANNEL_DESTROY', bruno, { 'Hangup-Cause': 'NORMAL_CLEARING' });
  await office.say('CHANNEL_DESTROY', ana, { 'Hangup-Cause': 'NORMAL_CLEARING' });
  await call(page, 'ana-1', 'ended').waitFor();
  await page.locator('[data-recent="ana-1"]', { hasText: 'hung up' }).waitFor();
  await call(page, 'ana-1').waitFor({ state: 'detached' });
  await page.getByText('No calls at the moment').waitFor({ timeout: longMs });
});

test('a parked call says in which slot, and stands among the parked', { timeout: longMs }, async () => {
  const { office, page } = await startWorld();
  await office.say('CHANNEL_ANSWER', ana);
  await office.say('PARK_PARKED', ana, { 'Other-Leg-Call-ID': undefined, 'Parking-Slot': '703' });
  await call(page, 'ana-1', 'parked').getByText('Parked in 703').waitFor();
  await page.locator('.slot', { hasText: '703' }).waitFor();
});

test('a row stays where it is, though its call is over, as long as the pointer is on the list', {
  timeout: longMs,
}, async () => {
  const { office, page } = await startWorld();
  await ringAndAnswer(office);
  await call(page, 'ana-1', 'talking').hover();
  await office.say('CHANNEL_DESTROY', bruno, { 'Hangup-Cause': 'NORMAL_CLEARING' });
  await office.say('CHANNEL_DESTROY', ana, { 'Hangup-Cause': 'NORMAL_CLEARING' });
  await call(page, 'ana-1', 'ended').waitFor();
  // The board lets go of it after 5 s; something else happens after that, and the row is still there.
  await page.waitForTimeout(6500);
  await office.say('CHANNEL_CREATE', { ...ana, 'Call-ID': 'other-1', 'Other-Leg-Call-ID': undefined });
  await call(page, 'other-1', 'ringing').waitFor();
  expect(await call(page, 'ana-1', 'ended').count()).toBe(1);
  await page.locator('h2').first().hover();
  await call(page, 'ana-1').waitFor({ state: 'detached' });
});

test('who calls themselves markup is text, everywhere', { timeout: longMs }, async () => {
  const { office, page } = await startWorld();
  const name = '<img src=x onerror="document.title=1">';
  await office.say('CHANNEL_CREATE', { ...ana, 'Caller-ID-Name': name });
  await call(page, 'ana-1').getByText(name).click();
  await page.locator('.drawer .details').getByText(name).first().waitFor();
  await page
    .locator('.drawer')
    .getByRole('button', { name: /CHANNEL_CREATE/ })
    .click();
  await page.locator('.drawer .json', { hasText: 'onerror' }).waitFor();
  await page.goto(`${page.url().split('#')[0]}#/events`);
  await page.locator('.event-row', { hasText: name }).waitFor();
  expect(await page.locator('main img, .drawer img').count()).toBe(0);
  expect(await page.title()).toContain('Events');
});

test('the search and the states of the address say which calls are shown, for whoever opens it', {
  timeout: longMs,
}, async () => {
  const { office, page } = await startWorld();
  await ringAndAnswer(office);
  await office.say('CHANNEL_CREATE', {
    'Call-ID': 'chiara-1',
    'Call-Direction': 'inbound',
    'Caller-ID-Name': 'Chiara',
    'Caller-ID-Number': '1003',
  });
  await call(page, 'chiara-1').waitFor();
  await page.keyboard.press('/');
  await page.keyboard.type('chia');
  await call(page, 'ana-1').waitFor({ state: 'detached' });
  expect(page.url()).toMatch(/#\/calls\?q=chia$/);
  await page.keyboard.press('Escape');
  await call(page, 'ana-1').waitFor();
  await page.getByRole('button', { name: /^Talking/ }).click();
  await call(page, 'chiara-1').waitFor({ state: 'detached' });
  expect(page.url()).toContain('state=talking');
  await page.getByRole('searchbox').fill('1002');
  await page.reload();
  await call(page, 'ana-1').waitFor();
  expect(await page.locator('main [data-call]').count()).toBe(1);
  expect(await page.getByRole('searchbox').inputValue()).toBe('1002');
  await page.getByRole('searchbox').fill('nobody');
  await page.getByText('No call matches').waitFor();
  await page.getByRole('button', { name: 'Show all calls' }).click();
  await call(page, 'chiara-1').waitFor();
});

test('a page that is opened in mid-call shows who talks with whom, and sees the end', { timeout: longMs }, async () => {
  const bridge = await startBridge();
  const office = await startOffice(bridge.broker, account);
  office.begin(ana, { answered: true, seconds: 125 });
  office.begin(bruno, { answered: true, seconds: 125 });
  const page = await openConsole(bridge);
  await call(page, 'ana-1', 'talking').waitFor({ timeout: longMs });
  await call(page, 'ana-1').getByText('Bruno Keller').waitFor({ timeout: longMs });
  await untilFresh(page, 'live');
  await call(page, 'ana-1').locator('time', { hasText: /^2:/ }).waitFor();
  await office.say('CHANNEL_DESTROY', bruno);
  await office.say('CHANNEL_DESTROY', ana);
  await call(page, 'ana-1', 'ended').waitFor();
});

test('of 740 calls 500 are listed, and it says so; few of them are in the page at a time', {
  timeout: longMs,
}, async () => {
  const bridge = await startBridge();
  const office = await startOffice(bridge.broker, account);
  for (let index = 0; index < 740; index++) {
    const id = `many-${index}`;
    office.begin(
      { 'Call-ID': id, 'Call-Direction': 'inbound', 'Caller-ID-Number': String(2000 + index) },
      { seconds: 800 - index },
    );
  }
  const page = await openConsole(bridge);
  await page.getByText('500 of 740').waitFor({ timeout: longMs });
  await page.locator('[data-count="740"]').waitFor();
  expect(await page.locator('main [data-call]').count()).toBeLessThan(60);
  await page.getByRole('searchbox').fill('2739');
  await call(page, 'many-739').waitFor({ timeout: longMs });
});

test('on the wall what rings stands first, however many calls are older, and is named', {
  timeout: longMs,
}, async () => {
  const bridge = await startBridge();
  const office = await startOffice(bridge.broker, account);
  for (let index = 0; index < 520; index++)
    office.begin({ 'Call-ID': `many-${index}`, 'Call-Direction': 'inbound' }, { seconds: 800 - index, answered: true });
  office.begin(
    { 'Call-ID': 'rings', 'Call-Direction': 'inbound', 'Caller-ID-Name': 'Chiara', 'Caller-ID-Number': '1003' },
    { seconds: 5 },
  );
  const page = await openConsole(bridge, { search: '?wall' });
  await call(page, 'rings', 'ringing').getByText('Chiara').waitFor({ timeout: longMs });
  expect(await page.locator('[data-call]').first().getAttribute('data-call')).toBe('rings');
});

test('a call that is opened beside another view is named, though it began before the page was there', {
  timeout: longMs,
}, async () => {
  const bridge = await startBridge();
  const office = await startOffice(bridge.broker, account);
  office.begin(ana, { answered: true });
  office.begin(bruno, { answered: true });
  const page = await openConsole(bridge, { place: '/conferences?call=ana-1' });
  await page.locator('.drawer').getByText('Bruno Keller').first().waitFor({ timeout: longMs });
});

test('the drawer tells what happened and when, and hangs up after it has asked', { timeout: longMs }, async () => {
  const { office, page, bridge } = await startWorld();
  await ringAndAnswer(office);
  await call(page, 'ana-1', 'talking').click();
  const drawer = page.locator('.drawer');
  await expect
    .poll(() => drawer.locator('.timeline li > span').allTextContents(), { timeout: 10_000 })
    .toEqual(['Calls', 'Ringing', 'Answered', 'Line opened', 'Connected']);
  expect(await drawer.locator('[data-leg]').count()).toBe(2);
  const asked = await bridge.broker.channel();
  const { queue } = await asked.assertQueue('', { exclusive: true });
  await asked.assertExchange('metaflow', 'topic', { durable: false });
  await asked.bindQueue(queue, 'metaflow', '#');
  const commands: string[] = [];
  await asked.consume(queue, (message) => void commands.push(message?.fields.routingKey ?? ''), { noAck: true });
  await drawer.getByRole('button', { name: 'Hang up', exact: true }).click();
  expect(commands).toEqual([]);
  await drawer.getByRole('button', { name: 'Yes, hang up' }).click();
  await drawer.getByText('Sent. What comes of it shows in the timeline.').waitFor();
  await until(() => commands.length === 1);
  expect(commands[0]).toBe('metaflow.action.ana-1.hangup');
  await office.say('CHANNEL_DESTROY', bruno, { 'Hangup-Cause': 'NORMAL_CLEARING' });
  await office.say('CHANNEL_DESTROY', ana, { 'Hangup-Cause': 'NORMAL_CLEARING' });
  await drawer.getByText('This call is over. hung up').waitFor();
  await page.keyboard.press('Escape');
  await drawer.waitFor({ state: 'detached' });
});

test('without the scope for it nothing offers to do anything to a call', { timeout: longMs }, async () => {
  const { office, page } = await startWorld({ token: await tokenFor(account) });
  await ringAndAnswer(office);
  await call(page, 'ana-1', 'talking').click();
  await page.locator('.drawer .timeline').waitFor();
  expect(await page.getByRole('button', { name: 'Hang up' }).count()).toBe(0);
});

test('the keyboard alone gets everywhere', { timeout: longMs }, async () => {
  const { office, page } = await startWorld();
  await ringAndAnswer(office);
  await office.say('CHANNEL_CREATE', {
    'Call-ID': 'chiara-1',
    'Call-Direction': 'inbound',
    'Caller-ID-Number': '1003',
  });
  await call(page, 'chiara-1').waitFor();
  const focused = (): Promise<string | null> => page.evaluate(() => document.activeElement?.textContent ?? null);
  await page.keyboard.press('Tab');
  expect(await focused()).toBe('Skip to the content');
  await page.keyboard.press('Enter');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('view');
  expect(page.url()).toMatch(/#\/calls$/);
  await page.keyboard.press('j');
  expect(await focused()).toContain('Ana Sousa');
  await page.keyboard.press('j');
  expect(await focused()).toContain('1003');
  await page.keyboard.press('k');
  await page.keyboard.press('Enter');
  await page.locator('.drawer', { hasText: 'Ana Sousa' }).waitFor();
  await page.keyboard.press('Escape');
  await page.locator('.drawer').waitFor({ state: 'detached' });
  expect(await focused()).toContain('Ana Sousa');
  await page.keyboard.press('?');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor();
  await page.keyboard.press('Escape');
  await page.getByRole('dialog', { name: 'Keyboard' }).waitFor({ state: 'hidden' });
  await page.keyboard.press('2');
  await view(page, 'people').waitFor();
  await page.keyboard.press('Control+k');
  expect(await page.evaluate(() => document.activeElement?.id)).toBe('search');
});

test('only what changed is drawn again', { timeout: longMs }, async () => {
  const { office, page } = await startWorld();
  await ringAndAnswer(office);
  for (const id of ['a', 'b', 'c'])
    await office.say('CHANNEL_ANSWER', { 'Call-ID': id, 'Call-Direction': 'inbound', 'Caller-ID-Name': id });
  await call(page, 'c').waitFor();
  await page.evaluate(() => {
    const touched = new Set<string>();
    Object.assign(window, { touched });
    const list = document.querySelector('main .virtual');
    const note = (records: MutationRecord[]): void => {
      for (const { target } of records) {
        const element = target instanceof Element ? target : target.parentElement;
        // Every second the durations tick.
        if (element?.closest('time') != null) continue;
        const row = element?.closest<HTMLElement>('[data-call]');
        if (row?.dataset.call !== undefined) touched.add(row.dataset.call);
      }
    };
    if (list !== null)
      new MutationObserver(note).observe(list, {
        subtree: true,
        childList: true,
        characterData: true,
        attributes: true,
      });
  });
  await office.say('CHANNEL_HOLD', { 'Call-ID': 'b', 'Call-Direction': 'inbound', 'Caller-ID-Name': 'b' });
  await call(page, 'b', 'held').waitFor();
  expect(await page.evaluate(() => [...(window as unknown as { touched: Set<string> }).touched])).toEqual(['b']);
});

test('who asked for it is told of a call that rings for long: at the bell, and in the title; nobody else is', {
  timeout: longMs,
}, async () => {
  const { office, page } = await startWorld();
  await office.say('CHANNEL_CREATE', ana);
  await call(page, 'ana-1', 'ringing').waitFor();
  expect(await page.title()).toBe('Calls · Event Horizon');
  await page.locator('summary[aria-label="Notifications"]').click();
  await page.getByLabel('calls that ring longer than: seconds').fill('1');
  await page.getByLabel('calls that ring longer than', { exact: true }).check();
  await page.locator('summary[aria-label="Notifications: 1 call needs attention"]').waitFor({ timeout: longMs });
  await page.getByRole('button', { name: /^Ana Sousa \(1001\) has been ringing for/ }).click();
  expect(await page.title()).toBe('(1) Calls · Event Horizon');
  await page.locator('.drawer', { hasText: 'Ana Sousa' }).waitFor();
  await office.say('CHANNEL_ANSWER', ana);
  await page.locator('summary[aria-label="Notifications"]').waitFor();
  await until(async () => (await page.title()) === 'Calls · Event Horizon');
});

test('the keyboard loses its place neither when something is asked nor when a call ends', {
  timeout: longMs,
}, async () => {
  const { office, page } = await startWorld();
  for (const id of ['one', 'two', 'three']) {
    const ends = { 'Call-ID': id, 'Other-Leg-Call-ID': undefined, 'Caller-ID-Name': id };
    await office.say('CHANNEL_ANSWER', { ...ana, ...ends });
    await call(page, id, 'talking').waitFor();
  }
  const focused = () => page.evaluate(() => document.activeElement?.getAttribute('data-call') ?? null);
  const press = (...keys: readonly string[]) =>
    keys.reduce((before, key) => before.then(() => page.keyboard.press(key)), Promise.resolve());
  await press('/');
  await page.keyboard.type('o');
  await press('Enter');
  const [first, second] = [await focused(), await call(page, 'two').count()];
  expect([first, second]).toEqual(['one', 1]);
  await press('/', 'Escape', 'Escape');
  await call(page, 'three').waitFor();

  // The next one behind the one that is opened.
  await call(page, 'two').click();
  await page.locator('.drawer').waitFor();
  await page.waitForFunction(() => document.activeElement?.classList.contains('drawer'));
  await press('j');
  expect(await focused()).toBe('three');

  const hangUp = page.getByRole('button', { name: 'Hang up', exact: true });
  await hangUp.focus();
  await press('Enter');
  await page.waitForFunction(() => document.activeElement?.textContent === 'No');
  await press('Escape');
  await page.waitForFunction(() => document.activeElement?.textContent === 'Hang up');
  expect(await page.locator('.drawer').count()).toBe(1);
  await press('Escape');
  await page.locator('.drawer').waitFor({ state: 'detached' });

  await call(page, 'two').focus();
  await office.say('CHANNEL_DESTROY', { ...ana, 'Call-ID': 'two', 'Other-Leg-Call-ID': undefined });
  await call(page, 'two').waitFor({ state: 'detached' });
  await page.waitForFunction(() => document.activeElement?.getAttribute('data-call') === 'three');
  await page.locator('.recent [data-call="two"][data-state="ended"]').waitFor();
});

test('on a telephone what is parked is shown; in a short window what has ended can be reached', {
  timeout: longMs,
}, async () => {
  const { office, page } = await startWorld();
  await page.setViewportSize({ width: 360, height: 740 });
  await office.say('CHANNEL_ANSWER', ana);
  expect(await page.locator('.nothing-parked').isVisible()).toBe(false);
  await office.say('PARK_PARKED', ana, { 'Other-Leg-Call-ID': undefined, 'Parking-Slot': '703' });
  await page.locator('.slot', { hasText: '703' }).waitFor();
  await page.setViewportSize({ width: 900, height: 460 });
  await page.getByRole('heading', { name: 'Recent' }).scrollIntoViewIfNeeded();
  expect(await page.locator('.recent').isVisible()).toBe(true);
});
