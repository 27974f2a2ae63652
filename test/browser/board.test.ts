import type { Locator } from 'playwright-core';
import { expect, test } from 'vitest';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { callAccount } from '../support/fixtures.ts';
import {
  type OpenPage,
  openPage,
  pasteToken,
  subscribe,
  untilConnected,
  untilSubscribed,
  useBrowser,
} from './browser.ts';

useBrowser();

async function openBoard(): Promise<{ bridge: Bridge; page: OpenPage }> {
  const bridge = await startBridge();
  const page = await openPage(bridge);
  await pasteToken(page, await tokenFor(callAccount));
  await untilConnected(page);
  for (const binding of ['call.*.*', 'conference.event.*']) {
    await subscribe(page, binding);
    await untilSubscribed(page, binding);
  }
  return { bridge, page };
}

/** Ana, who calls, and Bruno, who is called: the two legs of one call. */
const ana = {
  'Call-ID': 'ana-1',
  'Call-Direction': 'inbound',
  'Other-Leg-Call-ID': 'bruno-1',
  'Caller-ID-Name': 'Ana Sousa',
  'Caller-ID-Number': '1001',
  'Callee-ID-Number': '1002',
};
const bruno = {
  ...ana,
  'Call-ID': 'bruno-1',
  'Call-Direction': 'outbound',
  'Other-Leg-Call-ID': 'ana-1',
  'Callee-ID-Name': 'Bruno Keller',
};

async function say({ broker }: Bridge, event: string, fields: Record<string, unknown>): Promise<void> {
  await broker.publish('callevt', `call.${event}.${fields['Call-ID']}`, {
    'Event-Category': 'call_event',
    'Event-Name': event,
    'Account-ID': callAccount,
    ...fields,
  });
}

const untilState = (card: Locator, words: string): Promise<void> =>
  card.locator('.call-state').filter({ hasText: words }).waitFor();

test('a call is followed from its first leg to its end', async () => {
  const { bridge, page } = await openBoard();
  const cards = page.locator('#calls > li');
  const card = cards.first();
  const { 'Other-Leg-Call-ID': _, ...alone } = ana;
  await say(bridge, 'CHANNEL_CREATE', alone);
  await untilState(card, 'Calling');
  expect(await card.locator('.leg').allTextContents()).toEqual(['↙inbound: Ana Sousa1001', '·to 1002']);
  await say(bridge, 'CHANNEL_CREATE', bruno);
  await untilState(card, 'Ringing');
  expect(await cards.count()).toBe(1);
  expect(await card.locator('.leg').allTextContents()).toEqual([
    '↙inbound: Ana Sousa1001',
    '↗outbound: Bruno Keller1002',
  ]);
  await say(bridge, 'CHANNEL_ANSWER', bruno);
  await untilState(card, 'Answered');
  await say(bridge, 'CHANNEL_BRIDGE', ana);
  await untilState(card, 'Talking');
  await card
    .locator('.call-time')
    .filter({ hasText: /^(?!0:00$)/ })
    .waitFor();
  await say(bridge, 'CHANNEL_HOLD', bruno);
  await untilState(card, 'On hold');
  expect(await card.locator('[data-call-id="bruno-1"]').textContent()).toContain('holds');
  await say(bridge, 'CHANNEL_UNHOLD', bruno);
  await untilState(card, 'Talking');
  expect(await page.locator('#call-count').textContent()).toBe('1');
  await say(bridge, 'CHANNEL_DESTROY', { ...bruno, 'Hangup-Cause': 'NORMAL_CLEARING' });
  await say(bridge, 'CHANNEL_DESTROY', { ...ana, 'Hangup-Cause': 'NORMAL_CLEARING' });
  await untilState(card, 'Ended: hung up');
  expect(await page.locator('#call-count').textContent()).toBe('0');
  await card.waitFor({ state: 'detached' });
  await page.getByText('No calls at the moment.').waitFor();
});

test('a parked call says where it is, and whoever fetches it joins it', async () => {
  const { bridge, page } = await openBoard();
  const card = page.locator('#calls > li', { has: page.locator('[data-call-id="ana-1"]') });
  await say(bridge, 'CHANNEL_ANSWER', ana);
  await say(bridge, 'PARK_PARKED', { ...ana, 'Other-Leg-Call-ID': undefined, 'Parking-Slot': '703' });
  await untilState(card, 'Parked in 703');
  const chiara = { ...ana, 'Call-ID': 'chiara-1', 'Caller-ID-Name': 'Chiara Lombardi', 'Caller-ID-Number': '1003' };
  await say(bridge, 'CHANNEL_ANSWER', { ...chiara, 'Other-Leg-Call-ID': undefined });
  await page.locator('#calls > li').nth(1).waitFor();
  await say(bridge, 'PARK_RETRIEVED', { ...ana, 'Other-Leg-Call-ID': 'chiara-1', 'Parking-Slot': '703' });
  await untilState(card, 'Talking');
  expect(await card.locator('.who').allTextContents()).toEqual(['Ana Sousa', 'Chiara Lombardi']);
});

test('the members of a conference share a card', async () => {
  const { bridge, page } = await openBoard();
  for (const [callId, name] of [
    ['ana-1', 'Ana Sousa'],
    ['bruno-1', 'Bruno Keller'],
  ]) {
    const member = { 'Call-ID': callId, 'Caller-ID-Name': name, 'Call-Direction': 'inbound' };
    await say(bridge, 'CHANNEL_CREATE', member);
    await bridge.broker.publish('conference', `conference.event.add-member.${callAccount}.7001.${callId}`, {
      'Event-Category': 'conference',
      'Event-Name': 'event',
      Event: 'add-member',
      'Account-ID': callAccount,
      'Conference-ID': '7001',
      ...member,
    });
  }
  const card = page.locator('#calls > [data-state="conference"]');
  await card.locator('.leg').nth(1).waitFor();
  await untilState(card, 'In conference 7001');
  expect(await card.locator('.who').allTextContents()).toEqual(['Ana Sousa', 'Bruno Keller']);
});

test('calls that are watched no more leave the board', async () => {
  const { bridge, page } = await openBoard();
  await say(bridge, 'CHANNEL_CREATE', ana);
  await page.locator('#calls > li').waitFor();
  await page.getByRole('button', { name: 'End call.*.*' }).click();
  await page.getByText('Subscribe to call events').waitFor();
  expect(await page.locator('#calls > li').count()).toBe(0);
});
