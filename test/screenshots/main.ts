/** `npm run screenshots`: pictures of the console for the documents, of a demo that plays the same each time. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import type { App } from '../../src/app.ts';
import { silentLog } from '../support/silent-log.ts';

const folder = 'docs/images';
/** Of what the simulated PBX plays. */
const seed = 11;
/** Until there is something to see, and every media node has been heard of. ms */
const warmUpMs = 40_000;

interface Picture {
  readonly file: string;
  readonly path: string;
  readonly options: BrowserContextOptions;
  /** Of what is to be seen. */
  readonly until: string;
  prepare?(page: Page): Promise<void>;
}

const desk = { viewport: { width: 1280, height: 800 }, deviceScaleFactor: 1 };

const pictures: readonly Picture[] = [
  { file: 'console.png', path: '/#/calls', options: { ...desk, colorScheme: 'light' }, until: '[data-call]' },
  { file: 'console-dark.png', path: '/#/people', options: { ...desk, colorScheme: 'dark' }, until: '[data-user]' },
  { file: 'console-events.png', path: '/#/events', options: { ...desk, colorScheme: 'dark' }, until: '.event-row' },
  {
    file: 'console-drawer.png',
    path: '/#/calls',
    options: { ...desk, viewport: { width: 1440, height: 860 }, colorScheme: 'light' },
    until: '[data-call][data-state="talking"]',
    prepare: (page) => page.locator('[data-call][data-state="talking"]').first().click(),
  },
  {
    file: 'console-phone.png',
    path: '/#/calls',
    options: { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: 'dark' },
    until: '[data-call]',
  },
  {
    file: 'console-wall.png',
    path: '/?wall',
    options: { viewport: { width: 1920, height: 1080 }, colorScheme: 'dark' },
    until: '[data-call]',
  },
];

async function take(browser: Browser, address: string, picture: Picture, before?: () => Promise<void>): Promise<void> {
  const context = await browser.newContext({ locale: 'en-GB', ...picture.options });
  const page = await context.newPage();
  await page.goto(`${address}${picture.path}`);
  await page.locator('[data-freshness="live"]').waitFor();
  await page.locator(picture.until).first().waitFor();
  await picture.prepare?.(page);
  await before?.();
  await pause(1500);
  await page.screenshot({ path: join(folder, picture.file) });
  await context.close();
}

async function startDemo(): Promise<{ app: App; address: string }> {
  // The build, beside which the console is.
  const load = (file: string): Promise<unknown> => import(pathToFileURL(join(process.cwd(), 'dist', file)).href);
  const { createApp } = (await load('app.js')) as typeof import('../../src/app.ts');
  const { readConfig } = (await load('config.js')) as typeof import('../../src/config.ts');
  const app = await createApp(readConfig({ PORT: '0', DRAIN_SECONDS: '0' }), {
    log: silentLog,
    version: '0.0.0',
    usedMemory: () => process.memoryUsage.rss(),
    demoSeed: seed,
  });
  return { app, address: await app.start() };
}

mkdirSync(folder, { recursive: true });
const { app, address } = await startDemo();
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu'],
});
await pause(warmUpMs);
for (const picture of pictures) await take(browser, address, picture);
const stale: Picture = {
  file: 'console-stale.png',
  path: '/#/calls',
  options: { ...desk, colorScheme: 'light' },
  until: '[data-call]',
};
// The server goes while somebody looks.
await take(browser, address, stale, () => app.stop());
await browser.close();
