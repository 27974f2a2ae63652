/** Whoever reads it, on whatever screen: axe-core over every view and scheme, widths, forced colours, the wall; and the demo. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { expect, test } from 'vitest';
import { startBridgeWithoutBroker } from '../support/bridge.ts';
import { type OpenPage, useBrowser } from './browser.ts';
import { expectNoSidewaysScroll, longMs, openConsole, untilFresh, view } from './console.ts';

useBrowser();

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');
const views = ['calls', 'people', 'conferences', 'events', 'sockets', 'developer'] as const;

/** Neither a broker nor a setting: the demo. */
const startDemo = () => startBridgeWithoutBroker({ PORT: '0' });

interface Finding {
  readonly id: string;
  readonly impact: string;
  readonly nodes: readonly { readonly html: string }[];
}

/** What a person with a screen reader, or with weak eyes, would stumble over. */
async function findings(page: OpenPage): Promise<string[]> {
  // The page's policy lets no script in; the browser's own way does.
  await page.evaluate(axe);
  const found = (await page.evaluate(
    '(async () => (await axe.run(document, { resultTypes: ["violations"] })).violations)()',
  )) as readonly Finding[];
  return found
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 160)).join(' | ')}`);
}

const goTo = (page: OpenPage, name: string): Promise<void> =>
  page.evaluate((place) => {
    location.hash = place;
  }, `#/${name}`);

test.for([
  ['light', 'none'],
  ['dark', 'none'],
  ['light', 'active'],
] as const)(
  'axe finds nothing serious in any view (%s, forced colours %s)',
  { timeout: longMs * 2 },
  async ([colorScheme, forcedColors]) => {
    const page = await openConsole(await startDemo(), {
      token: '',
      colorScheme,
      forcedColors,
      reducedMotion: 'reduce',
    });
    await page.locator('main [data-call]').first().waitFor({ timeout: longMs });
    for (const name of views) {
      await goTo(page, name);
      await view(page, name).waitFor();
      if (name === 'events') await page.locator('.event-row').first().waitFor();
      if (name === 'people') await page.locator('[data-user]').first().waitFor({ timeout: longMs });
      if (name === 'sockets') await page.locator('[data-socket]').first().waitFor();
      expect(await findings(page), name).toEqual([]);
    }
    await goTo(page, 'calls');
    await page.locator('main [data-call]').first().click();
    await page.locator('.drawer .timeline').waitFor();
    expect(await findings(page), 'drawer').toEqual([]);
  },
);

test.for([360, 768, 1280, 1920])('nothing is cut off at a width of %i pixels', { timeout: longMs }, async (width) => {
  const page = await openConsole(await startDemo(), { token: '', viewport: { width, height: 800 } });
  await page.locator('main [data-call]').first().waitFor({ timeout: longMs });
  for (const name of views) {
    await goTo(page, name);
    await view(page, name).waitFor();
    await expectNoSidewaysScroll(page);
  }
  await goTo(page, 'calls');
  await page.locator('main [data-call]').first().click();
  await page.locator('.drawer').waitFor();
  await expectNoSidewaysScroll(page);
  await page.getByRole('button', { name: 'Close', exact: true }).click();
});

test('the demo works without a click, says that it is invented, and is live as soon as it can be', {
  timeout: longMs,
}, async () => {
  const page = await openConsole(await startDemo(), { token: '' });
  expect(await page.locator('.demo').textContent()).toMatch(/^Demo.*invented/);
  await page.locator('main [data-call][data-state="talking"]').first().waitFor({ timeout: longMs });
  await untilFresh(page, 'live');
  expect(await page.locator('.fresh-text').innerText()).toMatch(/^Live · [\d.,]+ s$/);
  await page
    .getByLabel('Account', { exact: true })
    .locator('option', { hasText: 'Harbour Lights Spa' })
    .waitFor({ state: 'attached' });
});

test('a hang-up in the demo ends the call', { timeout: longMs }, async () => {
  const page = await openConsole(await startDemo(), { token: '' });
  const talking = page.locator('main [data-call][data-state="talking"]').first();
  await talking.waitFor({ timeout: longMs });
  const id = await talking.getAttribute('data-call');
  await talking.click();
  await page.getByRole('button', { name: 'Hang up', exact: true }).click();
  await page.getByRole('button', { name: 'Yes, hang up' }).click();
  await page.locator(`[data-recent="${id}"]`).waitFor({ timeout: longMs });
});

test('on the wall: large, with nothing to press', { timeout: longMs }, async () => {
  const page = await openConsole(await startDemo(), {
    token: '',
    search: '?wall',
    viewport: { width: 1920, height: 1080 },
  });
  await page.locator('[data-call]').first().waitFor({ timeout: longMs });
  expect(await page.locator('button, input, select, a').count()).toBe(0);
  expect(
    await page
      .locator('[data-call] .who-name')
      .first()
      .evaluate((name) => Number.parseFloat(getComputedStyle(name).fontSize)),
  ).toBeGreaterThan(20);
  expect(await findings(page)).toEqual([]);
});
