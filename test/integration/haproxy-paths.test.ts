/** `/metrics` and `/readyz` are not served to the outside, however the path is written. */
import { connect } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { expect, test } from 'vitest';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { type HaproxyFront, startProxy } from '../support/proxy.ts';
import { freePort } from '../support/rabbit.ts';

const percent = (text: string): string => [...text].map((char) => `%${char.charCodeAt(0).toString(16)}`).join('');

/** Ways to write the target of a request so that somebody might take it for `/{word}`. */
function spellings(word: string): string[] {
  const first = percent(word.slice(0, 1));
  const rest = word.slice(1);
  const ends = [
    '',
    '/',
    '?x',
    '?x=/y',
    '#x',
    ';x',
    '&x',
    '\\',
    '%2f',
    '%3fx',
    '%23x',
    '%3bx',
    '%00',
    '%20',
    '%',
    '%25',
  ];
  const starts = ['//', '///', '/./', '/.//', '/%2f', '/%2e/', '/\\', '/%5c', '\\', '/x/../', '/%2e%2e/', '/%09', ''];
  const hosts = ['localhost', 'a@localhost', 'localhost:1', '[::1]', 'localhost?', 'localhost?x', 'localhost#x', ''];
  const schemes = ['http://', 'https://', 'HTTP://', 'ftp://', 'x://'];
  return [
    ...ends.map((end) => `/${word}${end}`),
    ...starts.map((start) => `${start}${word}`),
    ...schemes.flatMap((scheme) => hosts.map((host) => `${scheme}${host}/${word}`)),
    ...schemes.map((scheme) => `${scheme}localhost/${first}${rest}`),
    `/${first}${rest}`,
    `/${first.toUpperCase()}${rest}`,
    `/${percent(word)}`,
    `/%25${first.slice(1)}${rest}`,
    `/${word.toUpperCase()}`,
    `/${word.slice(0, 1).toUpperCase()}${rest}`,
    `http:/${word}`,
    `http:${word}`,
    `http:///${word}`,
  ];
}

interface Written {
  readonly method?: string;
  readonly host?: string;
  readonly headers?: readonly string[];
}

const requestText = (target: string, { method = 'GET', host = 'localhost', headers = [] }: Written): string =>
  [`${method} ${target} HTTP/1.1`, `Host: ${host}`, 'Connection: close', ...headers, '', ''].join('\r\n');

/** Sends these bytes. @returns all that comes back; nothing where the connection is broken off */
function exchange(port: number, ca: string | undefined, text: string): Promise<string> {
  return new Promise((resolve) => {
    const options = { port, host: '127.0.0.1' };
    const socket = ca === undefined ? connect(options) : connectTls({ ...options, servername: 'localhost', ca });
    let answer = '';
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      answer += chunk;
    });
    socket.on('error', () => undefined);
    socket.on('close', () => resolve(answer));
    socket.write(text);
  });
}

/** Whether that is what the route answers, and no error. */
const isServed = (answer: string): boolean =>
  answer.includes('horizon_sockets') || /^HTTP\/1\.1 200 [\s\S]*"data":\{\},"status":"success"/.test(answer);

/** Whether HAProxy has answered itself. A node says who it is. */
const isOfProxy = (answer: string): boolean => /^HTTP\/1\.1 404 /.test(answer) && !answer.includes('"node":');

async function startBoth(): Promise<{ node: number; proxy: HaproxyFront }> {
  const node = await freePort();
  await startBridge({ PORT: String(node) });
  return { node, proxy: await startProxy([node, await freePort()]) };
}

test.each(['metrics', 'readyz'])('/%s is not served to the outside, however it is written', async (word) => {
  const { node, proxy } = await startBoth();
  const ca = proxy.certificate.certificate;
  const wouldBeServed: string[] = [];
  const wasServed: string[] = [];
  for (const target of spellings(word)) {
    // The host that the target names, where it names one: HAProxy compares the two.
    const hosts = new Set(['localhost', /^\w+:\/\/([^/]*)/.exec(target)?.[1] ?? 'localhost']);
    for (const host of hosts) {
      const text = requestText(target, { host });
      if (isServed(await exchange(node, undefined, text))) wouldBeServed.push(target);
      if (isServed(await exchange(proxy.port, ca, text))) wasServed.push(target);
    }
  }
  expect(wouldBeServed.length, 'a node by itself serves several of them').toBeGreaterThan(5);
  expect(wasServed).toEqual([]);
});

test.each(['metrics', 'readyz', 'demo'])('/%s is refused by HAProxy itself, whatever the method', async (word) => {
  const { proxy } = await startBoth();
  const ca = proxy.certificate.certificate;
  const ask = (written: Written): Promise<string> => exchange(proxy.port, ca, requestText(`/${word}`, written));
  expect(await ask({}).then(isOfProxy)).toBe(true);
  for (const method of ['HEAD', 'POST', 'OPTIONS', 'DELETE', 'TRACE', 'BREW']) {
    expect(await ask({ method }).then(isOfProxy), method).toBe(true);
  }
  const override = ['X-HTTP-Method-Override: GET', 'X-Original-URL: /metrics', 'X-Rewrite-URL: /metrics'];
  expect(await ask({ headers: override }).then(isOfProxy)).toBe(true);
});

test('nor is it over HTTP/2, nor by an upgrade that is none', async () => {
  const { proxy } = await startBoth();
  const session = await proxy.http2();
  for (const path of spellings('metrics')) {
    const text = await new Promise<string>((resolve) => {
      const stream = session.request({ ':path': path });
      let body = '';
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        body += chunk;
      });
      stream.on('error', () => undefined);
      stream.on('close', () => resolve(body));
    });
    expect(text, path).not.toContain('horizon_sockets');
  }
  const ca = proxy.certificate.certificate;
  for (const headers of [['Upgrade: websocket'], ['Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAAQAAP__']]) {
    const text = requestText('/metrics', { headers });
    expect(await exchange(proxy.port, ca, text.replace('close', 'Upgrade, close'))).not.toContain('horizon_sockets');
    expect(await exchange(proxy.port, ca, text)).not.toContain('horizon_sockets');
  }
  const behind = `${requestText('/healthz', {}).replace('close', 'keep-alive')}${requestText('/metrics', {})}`;
  const answers = await exchange(proxy.port, ca, behind);
  expect(answers).toContain('HTTP/1.1 200');
  expect(answers, 'the second request of a connection').not.toContain('horizon_sockets');
});

test('what is for the outside passes, also where such a word stands in it', async () => {
  const { proxy } = await startBoth();
  const status = async (path: string, token?: string): Promise<number> =>
    (await proxy.get(path, token === undefined ? {} : { headers: { 'x-auth-token': token } })).status;
  for (const path of ['/', '/?/metrics', '/healthz', '/openapi.json', '/v2/websockets']) {
    expect(await status(path), path).toBe(200);
  }
  expect(await status('/v2/accounts/metrics/websockets', await tokenFor('metrics'))).toBe(200);
  expect(await status('/v2/accounts/alpha/websockets')).toBe(401);
});
