import { expect, test } from 'vitest';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { documentedFamilies } from '../support/families.ts';
import { callAccount, fixture } from '../support/fixtures.ts';
import { useFolder } from '../support/process.ts';
import { until } from '../support/until.ts';
import {
  eventRows,
  type OpenOptions,
  type OpenPage,
  openFrame,
  openPage,
  pasteToken,
  stateHistory,
  subscribe,
  subscriptionRows,
  untilConnected,
  untilSubscribed,
  useBrowser,
} from './browser.ts';

useBrowser();

const created = 'call.CHANNEL_CREATE.json';

/** A page that has shown a token and holds these bindings. */
async function openSubscribed(
  server: { readonly address: string },
  token: string,
  bindings: readonly string[],
  options?: OpenOptions,
): Promise<OpenPage> {
  const page = await openPage(server, options);
  await pasteToken(page, token);
  await untilConnected(page);
  for (const binding of bindings) {
    await subscribe(page, binding);
    await untilSubscribed(page, binding);
  }
  return page;
}

test('a pasted token, a binding, and an event of the bus is on the page', async () => {
  const bridge = await startBridge();
  const page = await openPage(bridge);
  expect(await page.locator('#connection-why').innerText()).toBe('a token is needed');
  expect(await page.locator('#demo-badge').isVisible()).toBe(false);
  await pasteToken(page, await tokenFor(callAccount));
  await untilConnected(page);
  await subscribe(page, 'call.CHANNEL_CREATE.*');
  await untilSubscribed(page, 'call.CHANNEL_CREATE.*');
  expect(await page.locator('#subscribe-result').innerText()).toBe('Subscribed to call.CHANNEL_CREATE.*.');

  await bridge.broker.publishFixture(created);
  const row = eventRows(page).first();
  expect(await row.locator('.name').innerText()).toBe('CHANNEL_CREATE');
  expect(await row.locator('.account').innerText()).toBe(callAccount);
  expect(await row.locator('.what').innerText()).toBe('user_wpxnx7am9w → *97');
  expect(await page.locator('#count').innerText()).toBe('1 event');
  expect(JSON.parse(await openFrame(row))).toMatchObject({
    name: 'CHANNEL_CREATE',
    binding: 'call.CHANNEL_CREATE.*',
    data: { caller_id_name: fixture(created).payload['Caller-ID-Name'] },
  });
  const leg = page.locator('.leg[data-call-id="at6dmu4ffk97vnlp6qfq"]');
  expect(await leg.locator('.who').innerText()).toBe('user_wpxnx7am9w');
});

test("the token is in the tab's own storage and nowhere else", async () => {
  const bridge = await startBridge();
  const page = await openPage(bridge);
  const token = await tokenFor(callAccount);
  const addresses: string[] = [];
  page.on('request', (request) => addresses.push(request.url()));
  page.on('websocket', (socket) => addresses.push(socket.url()));
  await pasteToken(page, token);
  await untilConnected(page);
  await page.locator('#token-form').waitFor({ state: 'hidden' });
  expect(await page.getByLabel('Token', { exact: true }).inputValue()).toBe('');

  await page.reload();
  await untilConnected(page);
  expect(await page.evaluate(() => ({ ...sessionStorage }))).toEqual({ 'event-horizon-token': token });
  expect(await page.evaluate(() => [document.cookie, Object.keys(localStorage)])).toEqual(['', []]);
  expect([page.url(), ...addresses].filter((address) => address.includes(token))).toEqual([]);
  expect(addresses).toContain(`${bridge.socketAddress}/?dialect=kazoo4&resume=on`);

  await page.getByRole('button', { name: 'Forget it' }).click();
  await page.getByRole('heading', { name: 'A token, please' }).waitFor();
  expect(await page.evaluate(() => ({ ...sessionStorage }))).toEqual({});
  await until(async () => (await bridge.metric('horizon_sockets')) === 0);
});

test('a token that the server refuses is said to be refused, and another one may follow', async () => {
  const bridge = await startBridge();
  const page = await openPage(bridge);
  await pasteToken(page, 'no.real.token');
  await page.locator('#token-trouble', { hasText: 'Failed to authenticate token' }).waitFor();
  await pasteToken(page, await tokenFor(callAccount));
  await page.locator('#token-form').waitFor({ state: 'hidden' });
  await subscribe(page, 'call.CHANNEL_CREATE.*');
  await untilSubscribed(page, 'call.CHANNEL_CREATE.*');
});

test('what callers call themselves is text, whatever it looks like', async () => {
  const bridge = await startBridge();
  const page = await openPage(bridge);
  await pasteToken(page, await tokenFor(callAccount));
  await untilConnected(page);
  await subscribe(page, 'call.*.*');
  await untilSubscribed(page, 'call.*.*');

  const name = '<img src=x onerror="document.title=1">';
  const number = '</pre><script>document.title=2</script>';
  const callId = '" onclick="x" <b>';
  await bridge.broker.publishFixture(created, {
    'Caller-ID-Name': name,
    'Caller-ID-Number': number,
    'Call-ID': callId,
  });
  const row = eventRows(page).first();
  expect(await row.locator('.what').innerText()).toContain(`${name} ${number}`);
  expect(await page.locator('#calls .who').first().innerText()).toBe(name);
  expect(await page.locator('#calls .number').first().innerText()).toBe(number);
  expect(await page.locator('#calls .leg').first().getAttribute('data-call-id')).toBe(callId);
  expect(await openFrame(row)).toContain(JSON.stringify(name));

  await subscribe(page, `call.${name}.*`);
  await page.locator('#subscribe-result[data-kind="error"]').waitFor();
  await subscribe(page, `call.CHANNEL_ANSWER.${name}`);
  await untilSubscribed(page, `call.CHANNEL_ANSWER.${name}`);
  expect(await page.locator('main :is(img, svg, script, b, [onerror], [onclick])').count()).toBe(0);
  expect(await page.title()).toBe('Event Horizon');
});

test('of many events the last 500 are kept, all are counted, and the newest stands first', async () => {
  const bridge = await startBridge();
  const page = await openSubscribed(bridge, await tokenFor(callAccount), ['call.CHANNEL_CREATE.*']);
  const { exchange, payload } = fixture(created);
  const channel = await bridge.broker.channel();
  await channel.assertExchange(exchange, 'topic', { durable: false });
  for (let call = 1; call <= 620; call += 1) {
    const body = Buffer.from(JSON.stringify({ ...payload, 'Call-ID': `c${call}`, 'Caller-ID-Name': `caller ${call}` }));
    channel.publish(exchange, `call.CHANNEL_CREATE.c${call}`, body);
  }
  await page.locator('#count', { hasText: '620 events' }).waitFor();
  await eventRows(page).first().filter({ hasText: 'caller 620 ' }).waitFor();
  expect(await eventRows(page).count()).toBe(500);
  expect(await eventRows(page).last().locator('.what').textContent()).toContain('caller 121 ');
  // A bus that never tells of an end doesn't fill the board for ever either.
  expect(await page.locator('#calls > li').count()).toBe(300);
});

test('a token that expires is said to have expired; with a fresh one the subscriptions are there again, less those ended meanwhile', {
  timeout: 60_000,
}, async () => {
  const bridge = await startBridge();
  const page = await openSubscribed(bridge, await tokenFor(callAccount), [
    'call.CHANNEL_CREATE.*',
    'conference.event.*',
  ]);

  await page.getByRole('button', { name: 'Change token' }).click();
  await pasteToken(page, await tokenFor(callAccount, {}, 10));
  await page.locator('#token-form').waitFor({ state: 'hidden' });
  await page.locator('#token-trouble', { hasText: 'Your token has expired.' }).waitFor();
  expect(await page.locator('#token-trouble').innerText()).toContain('Your subscriptions are kept');
  expect(await subscriptionRows(page).locator('.why').allInnerTexts()).toEqual([
    'waits for a token',
    'waits for a token',
  ]);
  expect(await page.locator('#connection-state').innerText()).toBe('Connected');
  await subscriptionRows(page).filter({ hasText: 'conference.event.*' }).getByRole('button').click();
  await subscriptionRows(page).filter({ hasText: 'conference.event.*' }).waitFor({ state: 'detached' });
  expect(await bridge.metric('horizon_subscriptions'), 'without a token the server ends nothing').toBe(2);

  await pasteToken(page, await tokenFor(callAccount));
  await untilSubscribed(page, 'call.CHANNEL_CREATE.*');
  await until(async () => (await bridge.metric('horizon_subscriptions')) === 1);
  expect(await subscriptionRows(page).count()).toBe(1);
  await bridge.broker.publishFixture(created);
  await eventRows(page).first().waitFor();
});

test('a token of another account takes another socket', async () => {
  const bridge = await startBridge();
  const page = await openSubscribed(bridge, await tokenFor('somebody-else'), ['call.CHANNEL_CREATE.*']);
  await page.getByRole('button', { name: 'Change token' }).click();
  await pasteToken(page, await tokenFor(callAccount));
  await page.locator('#session-account', { hasText: callAccount }).waitFor();
  await untilSubscribed(page, 'call.CHANNEL_CREATE.*');
  await bridge.broker.publishFixture(created);
  await eventRows(page).first().waitFor();
});

test('a subscription that a fresh token does not allow is kept and marked, the others are made', async () => {
  const bridge = await startBridge();
  const page = await openSubscribed(bridge, await tokenFor(callAccount), [
    'call.CHANNEL_CREATE.*',
    'conference.event.*',
  ]);
  await page.getByRole('button', { name: 'Change token' }).click();
  await pasteToken(page, await tokenFor(callAccount, { families: ['call'] }));
  const refused = subscriptionRows(page).and(page.locator('[data-state="refused"]'));
  expect(await refused.locator('.binding').innerText()).toBe('conference.event.*');
  expect(await refused.locator('.why').innerText()).not.toBe('');
  await untilSubscribed(page, 'call.CHANNEL_CREATE.*');
});

test('closed by an administrator (4500): the page says so and stays away', async () => {
  const bridge = await startBridge();
  const token = await tokenFor(callAccount);
  const page = await openSubscribed(bridge, token, ['call.CHANNEL_CREATE.*'], { ownClock: true });
  const sockets = `${bridge.address}/v2/accounts/${callAccount}/websockets`;
  const { data } = (await (await fetch(sockets, { headers: { 'x-auth-token': token } })).json()) as { data: string[] };
  await fetch(`${sockets}/${data[0]}`, { method: 'DELETE', headers: { 'x-auth-token': token } });
  await page.locator('body[data-connection="closed"]').waitFor();
  expect(await page.locator('#connection-why').innerText()).toBe(
    'closed by an administrator (4500); the server asks to stay away',
  );
  // Ten minutes of the page's time, in which every timer that it has set goes off.
  await page.clock.runFor('10:00');
  expect((await stateHistory(page)).at(-1)).toMatch(/^Closed/);
  expect(await bridge.metric('horizon_sockets')).toBe(0);

  // A person may still come back.
  await page.getByRole('button', { name: 'Connect' }).click();
  await untilSubscribed(page, 'call.CHANNEL_CREATE.*');
});

test('a restart (1012): the page comes back after the time it was told, and subscribes again', async () => {
  const broker = await useBroker();
  const first = await startBridge({}, broker);
  const page = await openSubscribed(first, await tokenFor(callAccount), ['call.CHANNEL_CREATE.*'], {
    expected: [/net::ERR_/],
  });
  await first.stop();
  await page.locator('#subscriptions > [data-state="waiting"]', { hasText: 'waits for the connection' }).waitFor();
  const second = await startBridge({ PORT: new URL(first.address).port }, broker);
  await untilSubscribed(page, 'call.CHANNEL_CREATE.*');
  expect(await page.locator('#connection-state').innerText()).toBe('Connected');
  expect(await stateHistory(page)).toContainEqual(
    expect.stringMatching(/^Reconnecting in \d+ s the server is restarting \(1012\)$/),
  );
  await second.broker.publishFixture(created);
  await eventRows(page).first().waitFor();
});

test('families that the page does not know are listed as the server offers them, and their events come', async () => {
  const write = await useFolder();
  const bridge = await startBridge({ FAMILIES_FILE: await write('families.json', documentedFamilies()) });
  await bridge.broker.publish('shop', 'order.lost.acme.1', {});
  const page = await openSubscribed(bridge, await tokenFor('acme'), ['orders.paid.*']);
  await page.locator('#offers optgroup[label="Orders"] option[value="orders.paid.*"]').waitFor({ state: 'attached' });
  await bridge.broker.publish('shop', 'order.paid.acme.1', { tenant: { id: 'acme' } });
  await eventRows(page).filter({ hasText: 'order_paid' }).waitFor();
});
