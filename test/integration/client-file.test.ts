/** The client library as every node gives it out. */
import { gzipSync } from 'node:zlib';
import { build, type Rolldown } from 'vite';
import { expect, test } from 'vitest';
import { startBridgeWithoutBroker } from '../support/bridge.ts';

const kib = 1024;

test('every node has it as one file, packed for who takes that, with an ETag, for pages of any site', async () => {
  const { address } = await startBridgeWithoutBroker({});
  const get = (headers: Record<string, string> = {}) =>
    fetch(`${address}/client.js`, { headers: { Origin: 'https://crm.example.com', ...headers } });
  const first = await get();
  expect(first.status).toBe(200);
  expect(first.headers.get('content-type')).toBe('text/javascript; charset=utf-8');
  expect(first.headers.get('access-control-allow-origin')).toBe('*');
  expect(first.headers.get('content-encoding')).toBe('gzip');
  const text = await first.text();
  // One file: it asks for no other.
  expect(text).not.toMatch(/\bimport\s*[({'"]|\bfrom\s*['"]/);
  const plain = await get({ 'Accept-Encoding': 'gzip;q=0, identity' });
  expect(plain.headers.get('content-encoding')).toBeNull();
  expect(await plain.text()).toBe(text);

  const etag = first.headers.get('etag') ?? '';
  expect(etag).toMatch(/^W\/"[\w-]+"$/);
  const again = await get({ 'If-None-Match': `"other", ${etag}` });
  expect([again.status, await again.text()]).toEqual([304, '']);
  expect((await get({ 'If-None-Match': '"other"' })).status).toBe(200);
  expect((await fetch(`${address}/client.js`, { method: 'HEAD' })).status).toBe(200);
});

test('it is small: at most 15 KiB packed', async () => {
  expect(await packedSize('src/client/browser.ts')).toBeLessThanOrEqual(15 * kib);
});

/** Bytes of what a page has to load. */
async function packedSize(entry: string): Promise<number> {
  const made = (await build({
    configFile: 'vite.client.config.ts',
    build: { write: false, rolldownOptions: { input: { client: entry } } },
  })) as Rolldown.RolldownOutput;
  const [chunk, ...others] = made.output;
  expect(others).toEqual([]);
  return gzipSync(chunk.code, { level: 9 }).length;
}
