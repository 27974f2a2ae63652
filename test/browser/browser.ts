/** Debian's Chromium, and the page in it as a person would have it before them. */
import { type Browser, type BrowserContextOptions, type ConsoleMessage, chromium, type Page } from 'playwright-core';
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
  await context.addInitScript(watchPolicy);
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

/** In the page, before its own scripts. */
function watchPolicy(): void {
  document.addEventListener('securitypolicyviolation', (event) => {
    (window as unknown as { reportBreach(directive: string): void }).reportBreach(event.effectiveDirective);
  });
}
