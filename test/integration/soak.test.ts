/** Two minutes of what `npm run soak` does for two hours. */
import { expect, test } from 'vitest';
import { startProcess } from '../support/process.ts';

test('a server that lives through telephony, churn and every fault loses nothing else, and holds at its end what it held at its beginning', async () => {
  const build = startProcess(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'test/soak/tsconfig.json']);
  expect(await build.ended(), build.output).toMatchObject({ code: 0 });
  const main = 'node_modules/.cache/event-horizon-soak/test/soak/main.js';
  const soak = startProcess(process.execPath, [main, '--minutes', '2', '--seed', '20']);
  const { code } = await soak.ended();
  expect(soak.output).toContain('all is as it was');
  expect(code, soak.output).toBe(0);
}, 300_000);
