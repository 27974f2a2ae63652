/** What one client, one token or one address can take of the REST side. */
import { connect, type Socket } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { limitConnections } from '../../src/http/connection-limit.ts';
import { createHttp, type Http } from '../../src/http/http-server.ts';
import { UnreadAnswers, type UnreadLimits, watchAnswers } from '../../src/http/unread-answers.ts';
import { KeyedBuckets } from '../../src/keyed-buckets.ts';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { freePort } from '../support/rabbit.ts';
import { type Answer, rest } from '../support/rest.ts';
import { silentLog } from '../support/silent-log.ts';
import { until } from '../support/until.ts';

const info = { nodeName: 'node', version: '0.0.0' };

/** A connection, and what came over it. */
interface Raw {
  readonly socket: Socket;
  text: string;
  isClosed: boolean;
}

async function openRaw({ address }: { readonly address: string }): Promise<Raw> {
  const { hostname, port } = new URL(address);
  const socket = connect(Number(port), hostname);
  const raw: Raw = { socket, text: '', isClosed: false };
  socket.on('error', () => undefined);
  socket.on('close', () => {
    raw.isClosed = true;
  });
  onTestFinished(() => void socket.destroy());
  await new Promise((resolve) => socket.once('connect', resolve));
  return raw;
}

function read(raw: Raw): void {
  raw.socket.on('data', (data) => {
    raw.text += data.toString();
  });
}

const get = (path: string): string => `GET ${path} HTTP/1.1\r\nHost: test\r\n\r\n`;

describe('requests of a token, and of an address, have a rate', () => {
  const settings = { REST_RATE_PER_SECOND: '1', REST_RATE_BURST: '5' };
  const path = '/v2/accounts/acme/websockets';

  async function ask(bridge: EmbeddedBridge, times: number, token: string, address: string): Promise<Answer[]> {
    const answers: Answer[] = [];
    for (let time = 0; time < times; time += 1) {
      answers.push(await rest(bridge, path, { token, headers: { 'x-forwarded-for': address } }));
    }
    return answers;
  }
  const statusesOf = (answers: readonly Answer[]): number[] => answers.map(({ status }) => status);

  test('beyond it: 429, when to come back, in the envelope, for pages of other origins, too', async () => {
    const bridge = await startBridge(settings);
    const answers = await ask(bridge, 7, await tokenFor('acme'), '203.0.113.1');
    expect(statusesOf(answers)).toEqual([200, 200, 200, 200, 200, 429, 429]);
    const refused = answers[5] as Answer;
    expect(refused.body).toMatchObject({ data: {}, error: '429', status: 'error', node: 'test-node' });
    expect(refused.body.message).toBe('rate limit exceeded: 1 requests a second, 5 at once');
    expect(refused.headers.get('retry-after')).toBe('1');
    expect(refused.headers.get('access-control-allow-origin')).toBe('*');
  });

  test('a token has it whatever address it comes from, an address whatever token it brings', async () => {
    const bridge = await startBridge(settings);
    const [one, other] = [await tokenFor('acme'), await tokenFor('acme', { owner_id: 'other' })];
    expect(statusesOf(await ask(bridge, 5, one, '203.0.113.1'))).toEqual([200, 200, 200, 200, 200]);
    expect(statusesOf(await ask(bridge, 1, one, '203.0.113.2'))).toEqual([429]);
    expect(statusesOf(await ask(bridge, 1, other, '203.0.113.1'))).toEqual([429]);
    expect(statusesOf(await ask(bridge, 1, other, '203.0.113.2'))).toEqual([200]);
    expect(statusesOf(await ask(bridge, 6, 'no token', '203.0.113.3'))).toEqual([401, 401, 401, 401, 401, 429]);
  });

  test('health, metrics and the page have none', async () => {
    const bridge = await startBridge(settings);
    for (const route of ['/healthz', '/readyz', '/metrics', '/openapi.json', '/']) {
      for (let time = 0; time < 8; time += 1)
        expect((await fetch(`${bridge.address}${route}`)).status, route).not.toBe(429);
    }
    for (const route of ['/v2/websockets', '//v2/websockets', '/v2']) await rest(bridge, route);
    expect((await ask(bridge, 3, '', '127.0.0.1')).map(({ status }) => status)).toEqual([401, 401, 429]);
  });

  test('it comes back with time, and a refusal costs nothing', () => {
    const rates = new KeyedBuckets({ perSecond: 20, burst: 2 });
    expect([rates.take(['a', 'b'], 0), rates.take(['a', 'b'], 0)]).toEqual([0, 0]);
    for (let time = 0; time < 100; time += 1) expect(rates.take(['a', 'c'], 0)).toBe(1);
    expect(rates.take(['c'], 0)).toBe(0);
    expect(rates.take(['a'], 50)).toBe(0);
    expect(rates.take(['a'], 50)).toBe(1);
  });

  test('a flood of addresses is not remembered without end', () => {
    const rates = new KeyedBuckets({ perSecond: 1, burst: 1 });
    for (let index = 0; index < 20_000; index += 1) rates.take([`address ${index}`], 0);
    expect(rates.take(['address 0'], 0)).toBe(1);
    rates.take(['one more'], 0);
    expect(rates.take(['address 0'], 0)).toBe(0);
    expect(rates.take(['address 19999'], 0)).toBe(1);
  });
});

describe('answers that nobody reads', () => {
  const bytes = 16_000_000;

  async function startServer(limits: UnreadLimits): Promise<{ address: string; http: Http; unread: UnreadAnswers }> {
    const http = await createHttp(info, [], silentLog);
    const unread = new UnreadAnswers(limits);
    watchAnswers(http, unread);
    http.get('/large', async () => {
      unread.checkRoom();
      return 'x'.repeat(bytes);
    });
    const address = await http.listen({ host: '127.0.0.1', port: 0, listenTextResolver: () => '' });
    onTestFinished(() => http.close());
    return { address, http, unread };
  }

  test('are ended with their connection, and with that their memory is free', async () => {
    const server = await startServer({ answerMs: 300, totalBytes: bytes * 10 });
    const client = await openRaw(server);
    client.socket.pause();
    client.socket.write(get('/large'));
    await until(() => server.unread.bytes >= bytes);
    await until(() => server.unread.bytes === 0);
    read(client);
    client.socket.resume();
    await until(() => client.isClosed);
    expect(client.text.length).toBeLessThan(bytes);
  });

  test('are no more than fits: what would be too much is refused with 503 until they are read', async () => {
    const server = await startServer({ answerMs: 60_000, totalBytes: bytes * 2 });
    const clients = [await openRaw(server), await openRaw(server)] as const;
    for (const { socket } of clients) {
      socket.pause();
      socket.write(get('/large'));
    }
    await until(() => server.unread.bytes >= bytes * 2);
    const refused = await fetch(`${server.address}/large`);
    expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '60']);
    expect(await refused.json()).toMatchObject({ error: '503', status: 'error' });
    read(clients[0]);
    clients[0].socket.resume();
    await until(() => server.unread.bytes < bytes * 2);
    expect((await fetch(`${server.address}/large`)).status).toBe(200);
  });

  test('that are read leave nothing behind', async () => {
    const server = await startServer({ answerMs: 20_000, totalBytes: bytes * 10 });
    expect((await (await fetch(`${server.address}/large`)).text()).length).toBe(bytes);
    await until(() => server.unread.bytes === 0);
  });
});

describe('connections that are no WebSockets are bounded', () => {
  test('the one that has been idle for longest is closed for a new one', async () => {
    const bridge = await startBridge({ MAX_HTTP_CONNECTIONS: '3' });
    // The one that the test waited with for the bridge is among them, and the first to go.
    const idle = [await openRaw(bridge), await openRaw(bridge), await openRaw(bridge)] as const;
    for (const raw of idle) read(raw);
    idle[0].socket.write(get('/healthz'));
    await until(() => idle[0].text.includes('200 OK'));
    const next = await openRaw(bridge);
    read(next);
    await until(() => idle[1].isClosed);
    next.socket.write(get('/healthz'));
    await until(() => next.text.includes('200 OK'));
    expect([idle[0].isClosed, idle[2].isClosed]).toEqual([false, false]);
  });

  test('WebSockets are none of them', async () => {
    const bridge = await startBridge({ MAX_HTTP_CONNECTIONS: '2' });
    const clients = [];
    for (let index = 0; index < 6; index += 1) clients.push(await openClient(bridge));
    for (const client of clients) await client.ping();
    expect((await rest(bridge, '/healthz')).status).toBe(200);
    for (const client of clients) await client.ping();
  });

  test('on METRICS_PORT as well, where an upgrade is a request like others', async () => {
    const port = await freePort();
    await startBridge({ MAX_HTTP_CONNECTIONS: '2', METRICS_PORT: String(port) });
    const metrics = { address: `http://127.0.0.1:${port}` };
    const idle = [await openRaw(metrics), await openRaw(metrics)];
    for (const raw of idle) read(raw);
    const next = await openRaw(metrics);
    read(next);
    await until(() => idle[0]?.isClosed === true);
    next.socket.write('GET /metrics HTTP/1.1\r\nHost: test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
    await until(() => next.text.includes('horizon_sockets'));
  });

  test('where all are busy a new one is refused: 503, and when to come back', async () => {
    const http = await createHttp(info, [], silentLog);
    limitConnections(http, 2, info);
    const waiting: (() => void)[] = [];
    http.get('/slow', async () => {
      await new Promise<void>((resolve) => waiting.push(resolve));
      return {};
    });
    const address = await http.listen({ host: '127.0.0.1', port: 0, listenTextResolver: () => '' });
    onTestFinished(() => http.close());
    const busy = [await openRaw({ address }), await openRaw({ address })];
    for (const raw of busy) {
      read(raw);
      raw.socket.write(get('/slow'));
    }
    await until(() => waiting.length === 2);
    const refused = await openRaw({ address });
    read(refused);
    await until(() => refused.isClosed);
    expect(refused.text).toMatch(
      /^HTTP\/1\.1 503 Service Unavailable\r\n[\s\S]*Retry-After: 5\r\n\r\n\{[\s\S]*"error":"503"/,
    );
    for (const release of waiting) release();
    await until(() => busy.every(({ text }) => text.includes('200 OK')));
    const next = await openRaw({ address });
    read(next);
    next.socket.write(get('/nothing'));
    await until(() => next.text.includes('404'));
  });
});
