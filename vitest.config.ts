import { defineConfig } from 'vitest/config';

const shared = { testTimeout: 30_000, hookTimeout: 120_000, allowOnly: false };

export default defineConfig({
  test: {
    // One more than the two cores that they are made for: many a test waits for somebody else.
    maxWorkers: 3,
    projects: [
      {
        // They need nothing but Node.js: no broker, no browser, nothing to install.
        // A worker keeps the modules that it has loaded: loading them anew for each file would take as long as the tests.
        test: { ...shared, name: 'unit', include: ['test/unit/**/*.test.ts'], isolate: false, pool: 'threads' },
      },
      {
        test: {
          ...shared,
          name: 'integration',
          include: ['test/{integration,browser}/**/*.test.ts'],
          globalSetup: ['test/support/setup.ts'],
        },
      },
    ],
  },
});
