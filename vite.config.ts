/** Builds the console: what the server sends to browsers, into `dist/console`. */
import { defineConfig } from 'vite';

export default defineConfig({
  root: 'src/console',
  base: './',
  publicDir: false,
  logLevel: 'warn',
  oxc: { jsx: { runtime: 'automatic', importSource: 'preact' } },
  build: {
    outDir: '../../dist/console',
    emptyOutDir: true,
    target: 'es2022',
    // light-dark() as it is: all three have had it since the spring of 2024.
    cssTarget: ['chrome123', 'firefox120', 'safari17.5'],
    // The page's policy allows no code and no style but its own files.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
});
