/** The console in a browser, as an operator has it before them. */
import type { Locator, Page } from 'playwright-core';
import { expect } from 'vitest';
import { tokenFor } from '../support/bridge.ts';
import type { Office } from '../support/office.ts';
import { until } from '../support/until.ts';
import { type OpenOptions, type OpenPage, openPage } from './browser.ts';

export const account = 'aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';

/** As long as a server needs to know its media nodes, and a browser to be sure. */
export const longMs = 90_000;

export interface ConsoleOptions extends OpenOptions {
  /** `/calls?state=held` */
  readonly place?: string;
  readonly token?: string;
  /** Of the address, before the place: `?wall`. */
  readonly search?: string;
}

/** Opens the console with a token, of the tests' account unless one is given; an empty one: it asks for it. */
export async function openConsole(
  server: { readonly address: string },
  { place = '/calls', token, search = '', ...options }: ConsoleOptions = {},
): Promise<OpenPage> {
  const kept = token ?? (await tokenFor(account, { scope: 'events sockets:read sockets:close commands' }));
  return openPage(server, {
    path: `/${search}#${place}`,
    ...(kept !== '' && { session: { 'event-horizon-token': kept } }),
    ...options,
  });
}

/** Until it is subscribed to what happens to calls: then it asks which there are. */
export function untilWatching({ node }: Office): Promise<void> {
  return until(() => node.questions.some((asked) => asked['Event-Name'] === 'query_account_channels_req'));
}

export const view = (page: Page, name: string): Locator => page.locator(`[data-view="${name}"]`);

/** The row of a call, or its card. @param state any state without it */
export const call = (page: Page, id: string, state?: string): Locator =>
  page.locator(`main :is([data-row], li)[data-call="${id}"]${state === undefined ? '' : `[data-state="${state}"]`}`);

export const untilFresh = (page: Page, freshness: string): Promise<void> =>
  page.locator(`[data-freshness="${freshness}"]`).first().waitFor({ timeout: longMs });

/** Nothing is wider than the window. */
export async function expectNoSidewaysScroll(page: Page): Promise<void> {
  const [wide, room] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
  expect(wide, page.url()).toBeLessThanOrEqual(Number(room));
}
