/** What the shipped HAProxy configuration is, and what it lets through. Its nodes' life is in a file beside it. */
import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import type { IncomingHttpHeaders } from 'node:http';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { settingsSchema } from '../../src/config.ts';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { callEvent, publish } from '../support/events.ts';
import { haproxy } from '../support/packages.ts';
import { startProcess } from '../support/process.ts';
import {
  edit,
  type HaproxyFront,
  makeCertificate,
  openHttp2Socket,
  shippedCertificatePath,
  shippedConfiguration,
  startProxy,
  useProxyFolder,
} from '../support/proxy.ts';
import { freePort } from '../support/rabbit.ts';
import { startNeighbour } from '../support/rest.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);

/** A node that answers every request with the head that reached it. */
async function startEcho(): Promise<number> {
  const { address } = await startNeighbour((request, _body, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ url: request.url, headers: request.headers, raw: request.rawHeaders }));
  });
  return Number(new URL(address).port);
}

async function startProxyOfOne(): Promise<HaproxyFront> {
  return startProxy([await startEcho(), await freePort()]);
}

/** The shipped file with the certificate's place edited, and nothing else. */
async function editedFile(): Promise<string> {
  const folder = await useProxyFolder();
  const { path } = await makeCertificate(folder);
  const file = join(folder, 'haproxy.cfg');
  await writeFile(file, edit(await shippedConfiguration(), { [shippedCertificatePath]: path }));
  return file;
}

test('after nothing but the certificate was edited, the check of the configuration says nothing but that it is valid', async () => {
  const { stdout, stderr } = await run(haproxy.path, ['-c', '-f', await editedFile()]);
  expect(stderr).toBe('');
  expect(stdout.trim()).toBe('Configuration file is valid');
});

test('after nothing but the certificate was edited, it starts without a warning, on *:7777', async () => {
  // -dW: it ends at the first warning of its start. That there are no nodes behind it yet is no part of that.
  const proxy = startProcess(haproxy.path, ['-dW', '-W', '-f', await editedFile()]);
  await proxy.text(/Loading success/);
  const socket = connect({ port: 7777, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
  await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject));
  expect(socket.alpnProtocol).toBe('h2');
  socket.destroy();
  const warnings = proxy.output.split('\n').filter((line) => /WARNING|ALERT/.test(line));
  expect(warnings.filter((line) => !/Server nodes\/node[12] is DOWN|has no server available/.test(line))).toEqual([]);
});

test('the time that a tunnel may be silent is a little over three pings, and over a ping and its time-out', async () => {
  const pingSeconds = settingsSchema.shape.PING_INTERVAL_SECONDS.parse(undefined) as number;
  const pongSeconds = settingsSchema.shape.PONG_TIMEOUT_SECONDS.parse(undefined) as number;
  const tunnelSeconds = Number(/^ {4}timeout tunnel (\d+)s$/m.exec(await shippedConfiguration())?.[1]);
  expect(tunnelSeconds).toBeGreaterThan(3 * pingSeconds);
  expect(tunnelSeconds).toBeLessThan(4 * pingSeconds);
  expect(tunnelSeconds).toBeGreaterThan(pingSeconds + pongSeconds);
});

test('WebSocket over HTTP/1.1 and over HTTP/2, and REST, on the two nodes', async () => {
  const broker = await useBroker();
  const [one, two] = [await freePort(), await freePort()];
  await startBridge({ PORT: String(one), NODE_NAME: 'node1' }, broker);
  await startBridge({ PORT: String(two), NODE_NAME: 'node2' }, broker);
  const proxy = await startProxy([one, two]);
  const token = await tokenFor('alpha');

  const plain = await openClient(proxy.socketAddress, { ...proxy.trust, token });
  expect(await plain.subscribe('call.CHANNEL_CREATE.*')).toMatchObject({ status: 'success' });

  const session = await proxy.http2();
  expect(session.alpnProtocol).toBe('h2');
  expect(session.remoteSettings.enableConnectProtocol, 'RFC 8441 is offered').toBe(true);
  const streams = await Promise.all([openHttp2Socket(session), openHttp2Socket(session)]);
  for (const [index, stream] of streams.entries()) {
    expect(stream.head).toBe('HTTP/2 200');
    const data = { binding: 'call.CHANNEL_CREATE.*' };
    stream.send({ action: 'subscribe', request_id: `h2-${index}`, auth_token: token, data });
    await stream.untilFrames(1);
    expect(JSON.parse(stream.texts[0] ?? '')).toMatchObject({ request_id: `h2-${index}`, status: 'success' });
  }

  await publish(broker, callEvent('alpha', 'CHANNEL_CREATE', 'through-the-proxy'));
  const [event] = await plain.untilEvents(1);
  expect(event).toMatchObject({ name: 'CHANNEL_CREATE', args: { 'Call-ID': 'through-the-proxy' } });
  for (const stream of streams) {
    await stream.untilFrames(2);
    expect(JSON.parse(stream.texts[1] ?? '')).toMatchObject({ args: { 'Call-ID': 'through-the-proxy' } });
  }

  const answer = await proxy.get('/v2/accounts/alpha/websockets?dialect=kazoo4', {
    headers: { 'x-auth-token': token },
  });
  const sockets = JSON.parse(answer.text).data as { destination: string }[];
  expect(answer.status).toBe(200);
  expect(sockets).toHaveLength(3);
  expect(new Set(sockets.map(({ destination }) => destination)), 'both have some').toEqual(new Set(['node1', 'node2']));
});

test('X-Forwarded-For is set to the client and not appended to; X-Forwarded-Proto says https', async () => {
  const proxy = await startProxyOfOne();
  const forged = {
    'X-Forwarded-For': '203.0.113.9',
    'x-forwarded-proto': 'http',
    'X-Forwarded-Host': 'evil.example',
    'X-Real-IP': '203.0.113.9',
    Forwarded: 'for=203.0.113.9',
  };
  const check = (text: string): void => {
    const seen = JSON.parse(text) as { headers: IncomingHttpHeaders; raw: string[] };
    expect(seen.headers['x-forwarded-for']).toBe('127.0.0.2');
    expect(seen.raw.filter((name) => name.toLowerCase() === 'x-forwarded-for')).toHaveLength(1);
    expect(seen.headers['x-forwarded-proto']).toBe('https');
    expect(seen.headers).not.toHaveProperty('forwarded');
    expect(seen.headers).not.toHaveProperty('x-forwarded-host');
    expect(seen.headers).not.toHaveProperty('x-real-ip');
  };
  check((await proxy.get('/', { localAddress: '127.0.0.2', headers: forged })).text);
  const twice = ['X-Forwarded-For', '203.0.113.9', 'X-Forwarded-For', '203.0.113.10', 'Host', 'localhost'];
  check((await proxy.get('/', { localAddress: '127.0.0.2', headers: twice as never })).text);

  const session = await proxy.http2({ localAddress: '127.0.0.2' });
  const lower = Object.fromEntries(Object.entries(forged).map(([name, value]) => [name.toLowerCase(), value]));
  const stream = session.request({ ':path': '/', ...lower });
  let text = '';
  stream.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  await new Promise((resolve) => stream.once('end', resolve));
  check(text);
});

test('the source of a socket, as REST shows it, is the client behind the proxy, whatever it claims to be', async () => {
  const port = await freePort();
  await startBridge({ PORT: String(port) });
  const proxy = await startProxy([port, await freePort()]);
  const token = await tokenFor('alpha');
  const headers = { 'x-auth-token': token, 'x-forwarded-for': '203.0.113.9' };
  const options = { ...proxy.trust, headers, localAddress: '127.0.0.3', family: 4 };
  await openClient(proxy.socketAddress.replace('localhost', '127.0.0.1'), options);
  const session = await proxy.http2({ localAddress: '127.0.0.4' });
  await openHttp2Socket(session, headers);
  const { text } = await proxy.get('/v2/accounts/alpha/websockets?dialect=kazoo4', { headers });
  const sources = (JSON.parse(text).data as { source: string }[]).map(({ source }) => source);
  expect(sources.sort()).toEqual(['127.0.0.3', '127.0.0.4']);
});

test('each source may have so many connections and sockets, and no more; others are not touched by it', async () => {
  const port = await freePort();
  await startBridge({ PORT: String(port) });
  const proxy = await startProxy([port, await freePort()], {
    '{ sc1_conn_cur gt 2000 }': '{ sc1_conn_cur gt 2 }',
    '{ sc0_conn_cur gt 2500 }': '{ sc0_conn_cur gt 4 }',
  });
  const session = await proxy.http2({ localAddress: '127.0.0.5' });
  const sockets = [await openHttp2Socket(session), await openHttp2Socket(session), await openHttp2Socket(session)];
  expect(
    sockets.map(({ head }) => head),
    'in one connection',
  ).toEqual(['HTTP/2 200', 'HTTP/2 200', 'HTTP/2 429']);
  const refused = await proxy.get('/healthz', { localAddress: '127.0.0.5' });
  expect(refused).toMatchObject({ status: 429, headers: { 'retry-after': '5' } });
  expect(JSON.parse(refused.text)).toEqual({
    data: {},
    error: '429',
    message: 'too many connections from your address',
    status: 'error',
  });
  expect((await proxy.get('/healthz', { localAddress: '127.0.0.6' })).status).toBe(200);

  for (let count = 1; count < 4; count += 1) await proxy.http2({ localAddress: '127.0.0.5' });
  await expect(proxy.get('/healthz', { localAddress: '127.0.0.5' }), 'refused before TLS').rejects.toThrow();
  expect((await proxy.get('/healthz', { localAddress: '127.0.0.6' })).status).toBe(200);
  session.destroy();
  await until(async () => {
    const answer = await proxy.get('/healthz', { localAddress: '127.0.0.5' }).catch(() => undefined);
    return answer?.status === 200;
  });
});

test('each source may open so many connections in ten seconds', async () => {
  const proxy = await startProxy([await startEcho(), await freePort()], {
    '{ sc0_conn_rate gt 1000 }': '{ sc0_conn_rate gt 3 }',
  });
  const ask = (localAddress: string): Promise<unknown> => proxy.get('/', { localAddress });
  for (let count = 0; count < 3; count += 1) await ask('127.0.0.7');
  await expect(ask('127.0.0.7')).rejects.toThrow();
  await ask('127.0.0.8');
});

test('statistics are on loopback alone, and not served by the front', async () => {
  const proxy = await startProxyOfOne();
  const page = await fetch(`http://127.0.0.1:${proxy.statisticsPort}/;csv`);
  expect(await page.text()).toContain('nodes,node1,');
  expect(await shippedConfiguration()).toMatch(/^ {4}bind 127\.0\.0\.1:8404$/m);
  expect((await proxy.get('/haproxy')).text, 'the seed had them there').toContain('"url":"/haproxy"');
});
