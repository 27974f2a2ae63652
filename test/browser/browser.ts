/** Debian's Chromium, and the page in it as a person would have it before them. */
import {
  type Browser,
  type BrowserContextOptions,
  type ConsoleMessage,
  chromium,
  type Locator,
  type Page,
} from 'playwright-core';
import { afterAll, beforeAll, expect, onTestFinished } from 'vitest';
import { chromium as program } from '../support/packages.ts';

const launchOptions = {
  executablePath: program.path,
  // Root has no sandbox; the others keep it from looking for the outside world.
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
  ],
};

let browser: Browser | undefined;

/** One browser for all tests of a file. To be called at its top. */
export function useBrowser(): void {
  beforeAll(async () => {
    browser = await chromium.launch(launchOptions);
  });
  afterAll(() => browser?.close());
}

export interface OpenPage extends Page {
  /** What went wrong in the browser so far: errors on the console, uncaught ones, breaches of the security policy. */
  readonly faults: string[];
}

export interface OpenOptions extends BrowserContextOptions {
  /** Faults that belong to the test: what the browser says of an answer 404, of a connection refused. */
  readonly expected?: readonly RegExp[];
  /** The page's time is the test's to move on (`page.clock`). */
  readonly ownClock?: boolean;
  /** What stands behind the address. */
  readonly path?: string;
  /** What the tab's session storage holds from the beginning. */
  readonly session?: Readonly<Record<string, string>>;
}

/**
 * Opens a server's page in a context of its own. When the test ends, the page must have had no faults but the expected.
 * @param server `http://127.0.0.1:PORT`
 */
export async function openPage(
  server: { readonly address: string },
  { expected = [], ownClock = false, path = '/', session = {}, ...options }: OpenOptions = {},
): Promise<OpenPage> {
  if (browser === undefined) throw new Error('useBrowser() was not called');
  const context = await browser.newContext({ viewport: { width: 1280, height: 800 }, ...options });
  const page = await context.newPage();
  const faults: string[] = [];
  const note = (fault: string): void => {
    if (!expected.some((pattern) => pattern.test(fault))) faults.push(fault);
  };
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') note(describe(message));
  });
  page.on('pageerror', (error) => note(`uncaught: ${error.message}`));
  await context.exposeFunction('reportBreach', (directive: string) => note(`security policy: ${directive}`));
  await context.addInitScript(recordHistory);
  onTestFinished(async () => {
    await context.close();
    expect(faults).toEqual([]);
  });
  if (ownClock) await page.clock.install();
  await context.addInitScript((entries) => {
    for (const [name, value] of Object.entries(entries)) {
      if (sessionStorage.getItem('opened') === null) sessionStorage.setItem(name, value);
    }
    sessionStorage.setItem('opened', 'yes');
  }, session);
  page.on('request', (request) => {
    const { origin, protocol } = new URL(request.url());
    if (protocol !== 'data:' && origin !== new URL(server.address).origin) note(`asked elsewhere: ${request.url()}`);
  });
  await page.goto(`${server.address}${path}`);
  return Object.assign(page, { faults });
}

function describe(message: ConsoleMessage): string {
  return `${message.text()} (${message.location().url})`;
}

/** In the page, before its own scripts: keeps what passes by too quickly to be waited for. */
function recordHistory(): void {
  const heard: string[] = [];
  Object.assign(window, { stateHistory: heard });
  document.addEventListener('securitypolicyviolation', (event) => {
    (window as unknown as { reportBreach(directive: string): void }).reportBreach(event.effectiveDirective);
  });
  document.addEventListener('DOMContentLoaded', () => {
    const connection = document.querySelector('.connection-words');
    if (connection === null) return;
    const note = (): void => {
      heard.push((connection.textContent ?? '').replaceAll(/\s+/g, ' ').trim());
    };
    new MutationObserver(note).observe(connection, { childList: true, characterData: true, subtree: true });
    note();
  });
}

/** Every text that the connection's state has had, oldest first. */
export function stateHistory(page: Page): Promise<string[]> {
  return page.evaluate(() => (window as unknown as { stateHistory: string[] }).stateHistory);
}

/** Types a token into its field and sends it. */
export async function pasteToken(page: Page, token: string): Promise<void> {
  await page.getByLabel('Token', { exact: true }).fill(token);
  await page.getByRole('button', { name: 'Use this token' }).click();
}

/** @param account the token's own unless named */
export async function subscribe(page: Page, binding: string, account = ''): Promise<void> {
  await page.getByLabel('Binding').fill(binding);
  await page.getByLabel('Account', { exact: true }).fill(account);
  await page.getByRole('button', { name: 'Subscribe', exact: true }).click();
}

/** The rows of the list of events, newest first; those that the filter hides left out. */
export function eventRows(page: Page): Locator {
  return page.locator('#events > li:not([hidden])');
}

/** Opens an event's row. @returns its frame, as it is printed there */
export async function openFrame(row: Locator): Promise<string> {
  await row.locator('summary').press('Enter');
  await row.locator('pre', { hasText: /\S/ }).waitFor();
  return row.locator('pre').innerText();
}

/** The rows of the list of subscriptions. */
export function subscriptionRows(page: Page): Locator {
  return page.locator('#subscriptions > li');
}

/** Waits until the server has confirmed a binding. */
export async function untilSubscribed(page: Page, binding: string): Promise<void> {
  await page.locator('#subscriptions > [data-state="active"]', { hasText: binding }).waitFor();
}

/** Waits until the page is connected, and says nothing else. */
export async function untilConnected(page: Page): Promise<void> {
  await page.locator('body[data-connection="connected"]').waitFor();
}
