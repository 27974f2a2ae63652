/** Makes one file of the client library, for browsers: the server gives it out as `/client.js`. */
import { defineConfig } from 'vite';

export default defineConfig({
  publicDir: false,
  logLevel: 'warn',
  build: {
    outDir: 'dist/browser',
    target: 'es2022',
    modulePreload: false,
    rolldownOptions: {
      input: { client: 'src/client/browser.ts' },
      preserveEntrySignatures: 'strict',
      output: { format: 'es', entryFileNames: '[name].js' },
    },
  },
});
