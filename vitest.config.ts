import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/{unit,integration,browser}/**/*.test.ts'],
    globalSetup: ['test/support/setup.ts'],
    // Two cores, and a broker beside the tests.
    maxWorkers: 2,
    testTimeout: 30_000,
    hookTimeout: 120_000,
    allowOnly: false,
  },
});
