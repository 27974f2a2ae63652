/** The page when something was away: the broker, the server, or the page itself. */
import { expect, onTestFinished, test } from 'vitest';
import { startAmqpProxy } from '../support/amqp-proxy.ts';
import { type Bridge, type Settings, startBridge, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { callEvent, publish } from '../support/events.ts';
import { type FakeMediaNode, startMediaNode } from '../support/media-node.ts';
import { startRabbit } from '../support/rabbit.ts';
import {
  eventRows,
  type OpenPage,
  openPage,
  pasteToken,
  subscribe,
  untilConnected,
  untilSubscribed,
  useBrowser,
} from './browser.ts';

useBrowser();

const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

/** Broker away, reconnect, and 15 s in which the server can't know which media nodes live. */
const longMs = 90_000;

/** A broker that can be away for the server while the test goes on talking to it. */
async function startWorld(settings: Settings = {}) {
  const broker = await useBroker();
  let isAway = false;
  const proxy = await startAmqpProxy(broker.rabbit.amqpPort, { onAsk: (_, link) => isAway && link.cut() });
  const bridge = await startBridge({ AMQP_URL: proxy.url(broker.vhost), ...settings }, broker);
  return {
    broker,
    bridge,
    goAway() {
      isAway = true;
      for (const link of proxy.links) link.cut();
    },
    comeBack() {
      isAway = false;
    },
  };
}

async function openBoard(bridge: Bridge, ownClock = false): Promise<OpenPage> {
  const page = await openPage(bridge, { expected: [/net::ERR_/], ownClock });
  await pasteToken(page, await tokenFor(account));
  await untilConnected(page);
  await subscribe(page, 'call.*.*');
  await untilSubscribed(page, 'call.*.*');
  return page;
}

/** A media node that knows these calls. */
function startSwitch(broker: Broker, calls: Set<string>): Promise<FakeMediaNode> {
  return startMediaNode(broker, 'one@a', () => ({
    'Event-Category': 'call_event',
    'Event-Name': 'query_account_channels_resp',
    Channels: [...calls].map((uuid) => ({
      uuid,
      account_id: account,
      direction: 'inbound',
      answered: true,
      elapsed_s: 125,
      destination: '1002',
      caller_id_name: `<b>${uuid}</b>`,
    })),
  }));
}

async function say(broker: Broker, event: string, ...ids: string[]): Promise<void> {
  for (const id of ids) await publish(broker, callEvent(account, event, id, { 'Account-ID': account }));
}

const card = (page: OpenPage, id: string) =>
  page.locator('#calls > li', { has: page.locator(`[data-call-id="${id}"]`) });

const away = /The broker has been away since \d+:\d\d:\d\d: no events come/;

test('a broker that is away is said to be away, and timers stop; when it is back, dead calls leave and live ones stay', {
  timeout: longMs,
}, async () => {
  const { bridge, broker, goAway, comeBack } = await startWorld();
  const calls = new Set(['lives', 'dies']);
  await startSwitch(broker, calls);
  const page = await openBoard(bridge, true);
  await say(broker, 'CHANNEL_ANSWER', ...calls);
  await card(page, 'dies').waitFor();
  await card(page, 'lives').waitFor();

  goAway();
  await page.locator('#away', { hasText: away }).waitFor();
  expect(await page.locator('#connection-state').innerText()).toBe('Broker away');
  expect(await page.locator('body').getAttribute('data-connection')).toBe('connected');
  const shown = await card(page, 'lives').locator('.call-time').innerText();
  calls.delete('dies');
  // Of the page's time, in which every timer that goes would have moved.
  await page.clock.runFor(5000);
  expect(await card(page, 'lives').locator('.call-time').innerText()).toBe(shown);
  if (process.env.SCREENSHOT !== undefined) await page.screenshot({ path: process.env.SCREENSHOT });

  comeBack();
  await page.locator('#connection-state', { hasText: 'Connected' }).waitFor();
  expect(await page.locator('#away').isVisible()).toBe(false);
  // Without a history nobody knows what happened meanwhile until the media nodes have said it.
  await card(page, 'dies').locator('.call-doubt', { hasText: 'In doubt' }).waitFor();
  await card(page, 'dies').and(page.locator('[data-state="ended"]')).waitFor({ timeout: longMs });
  await card(page, 'dies').waitFor({ state: 'detached' });
  expect(await card(page, 'lives').getAttribute('data-doubtful')).toBe('false');
  await say(broker, 'CHANNEL_HOLD', 'lives');
  await card(page, 'lives').and(page.locator('[data-state="held"]')).waitFor();
});

test.for([['off'], ['stream']] as const)(
  'a broker that is stopped and started again, HISTORY=%s: the page says since when, its timers stand, and it is right again without a reload',
  { timeout: 2 * longMs },
  async ([HISTORY]) => {
    const rabbit = await startRabbit();
    onTestFinished(() => rabbit.remove());
    const broker = await useBroker(rabbit);
    const calls = new Set(['lives', 'dies']);
    await startSwitch(broker, calls);
    const page = await openBoard(await startBridge({ HISTORY }, broker), true);
    await page.evaluate(() => Object.assign(window, { isTheSamePage: true }));
    await say(broker, 'CHANNEL_ANSWER', ...calls);
    await card(page, 'dies').waitFor();
    await card(page, 'lives').waitFor();

    await rabbit.syncTables();
    await rabbit.stop();
    await page.locator('#away', { hasText: away }).waitFor();
    const shown = await card(page, 'lives').locator('.call-time').innerText();
    await page.clock.runFor(5000);
    expect(await card(page, 'lives').locator('.call-time').innerText()).toBe(shown);

    calls.delete('dies');
    await broker.disconnect();
    await rabbit.start();
    await startSwitch(broker, calls);
    await page.locator('#connection-state', { hasText: 'Connected' }).waitFor({ timeout: longMs });
    expect(await page.locator('#away').isVisible()).toBe(false);
    // Its end was said to nobody: the media node is asked, since there is a gap.
    await card(page, 'dies').waitFor({ state: 'detached', timeout: longMs });
    await card(page, 'lives').and(page.locator('[data-doubtful="false"]')).waitFor({ timeout: longMs });
    await say(broker, 'CHANNEL_HOLD', 'lives');
    await card(page, 'lives').and(page.locator('[data-state="held"]')).waitFor();
    expect(await page.evaluate(() => 'isTheSamePage' in window)).toBe(true);
  },
);

test('with a history, what happened while the broker was away is on the page when it is back', {
  timeout: longMs,
}, async () => {
  const { bridge, broker, goAway, comeBack } = await startWorld({ HISTORY: 'stream' });
  const page = await openBoard(bridge);
  await say(broker, 'CHANNEL_ANSWER', 'one');
  await card(page, 'one').waitFor();
  goAway();
  await page.locator('#away', { hasText: away }).waitFor();
  await say(broker, 'CHANNEL_DESTROY', 'one');
  await say(broker, 'CHANNEL_ANSWER', 'two');
  comeBack();
  await card(page, 'two').waitFor({ timeout: longMs });
  await card(page, 'one').waitFor({ state: 'detached' });
  expect(await card(page, 'two').getAttribute('data-doubtful')).toBe('false');
  expect(await page.locator('#away').isVisible()).toBe(false);
});

test('a page that comes back to another server is given what it missed', { timeout: longMs }, async () => {
  const broker = await useBroker();
  const first = await startBridge({ HISTORY: 'stream' }, broker);
  const page = await openBoard(first);
  await subscribe(page, 'conference.event.*');
  await untilSubscribed(page, 'conference.event.*');
  await say(broker, 'CHANNEL_ANSWER', 'ends', 'stays');
  await card(page, 'stays').waitFor();
  await first.stop();
  await page.locator('body:not([data-connection="connected"])').waitFor();
  await card(page, 'stays').locator('.call-doubt', { hasText: 'In doubt' }).waitFor();
  await say(broker, 'CHANNEL_DESTROY', 'ends');
  await say(broker, 'CHANNEL_ANSWER', 'comes');
  const second = await startBridge({ HISTORY: 'stream', PORT: new URL(first.address).port }, broker);
  await card(page, 'comes').waitFor({ timeout: longMs });
  await card(page, 'ends').waitFor({ state: 'detached' });
  await card(page, 'stays').and(page.locator('[data-doubtful="false"]')).waitFor();
  expect(await eventRows(page).locator('.name').allInnerTexts()).toEqual([
    'CHANNEL_ANSWER',
    'CHANNEL_DESTROY',
    'CHANNEL_ANSWER',
    'CHANNEL_ANSWER',
  ]);
  expect(await second.metric('horizon_resumes_total', { outcome: 'recovered' })).toBe(1);
});

test('a page that is opened in the middle of a call shows it, and sees its end', { timeout: longMs }, async () => {
  const broker = await useBroker();
  const bridge = await startBridge({}, broker);
  await startSwitch(broker, new Set(['under-way']));
  const page = await openBoard(bridge);
  const call = card(page, 'under-way');
  await call.waitFor();
  expect(await call.locator('.who').allTextContents()).toEqual(['<b>under-way</b>', 'to 1002']);
  expect(await call.locator('.call-state').innerText()).toBe('Answered');
  expect(await call.locator('.call-time').innerText()).toMatch(/^2:/);
  await say(broker, 'CHANNEL_DESTROY', 'under-way');
  await call.and(page.locator('[data-state="ended"]')).waitFor();
});

test('a page that connects while the broker is away is told at once, on a telephone as well, and subscribes when it is back', {
  timeout: longMs,
}, async () => {
  const { bridge, broker, goAway, comeBack } = await startWorld();
  const page = await openBoard(bridge);
  await page.setViewportSize({ width: 320, height: 844 });
  goAway();
  await page.locator('#away', { hasText: away }).waitFor();
  await page.getByRole('button', { name: 'Disconnect' }).click();
  await page.locator('#away').waitFor({ state: 'hidden' });
  await page.getByRole('button', { name: 'Connect', exact: true }).click();
  await page.locator('#away', { hasText: away }).waitFor();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
  await page.locator('#subscriptions > [data-state="waiting"]').waitFor();
  comeBack();
  await untilSubscribed(page, 'call.*.*');
  await say(broker, 'CHANNEL_ANSWER', 'one');
  await card(page, 'one').waitFor();
});
