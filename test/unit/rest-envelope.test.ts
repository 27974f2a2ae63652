import { once } from 'node:events';
import { type IncomingMessage, request } from 'node:http';
import { describe, expect, test } from 'vitest';
import { tokenFor } from '../support/bridge.ts';
import { type EmbeddedBridge, startBridge } from '../support/embedded.ts';
import { type Envelope, rawGet, rest } from '../support/rest.ts';

const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

/** Looks at what every envelope has. */
function checkStamp(body: Envelope, bridge: EmbeddedBridge): void {
  expect(body.request_id).toMatch(/^\S+$/);
  expect(body.node).toBe(bridge.config.NODE_NAME);
  expect(body.version).toBe('0.0.0');
  expect(body.timestamp).toMatch(isoTime);
  expect(Math.abs(Date.parse(body.timestamp) - Date.now())).toBeLessThan(60_000);
}

describe('every body under /v2 and of the health routes is an envelope', () => {
  test('a success has data, status, request_id, node, version and timestamp', async () => {
    const bridge = await startBridge();
    const token = await tokenFor('acme');
    for (const path of ['/v2/websockets', '/v2/accounts/acme/websockets', '/healthz', '/readyz']) {
      const { status, headers, body } = await rest(bridge, path, { token });
      expect(status).toBe(200);
      expect(headers.get('content-type')).toMatch(/^application\/json/);
      expect(Object.keys(body).sort()).toEqual(['data', 'node', 'request_id', 'status', 'timestamp', 'version']);
      expect(body.status).toBe('success');
      checkStamp(body, bridge);
    }
  });

  test.each<[number, string, string, Record<string, string>]>([
    [404, 'not found', '/v2/nothing', {}],
    [404, 'not found', '/v2/accounts/acme/websockets/nobody', { 'x-auth-token': 'GOOD' }],
    [401, 'authentication token required', '/v2/accounts/acme/websockets', {}],
    [401, 'failed to authenticate token', '/v2/accounts/acme/websockets', { 'x-auth-token': 'bad' }],
    [403, 'unauthorized account id', '/v2/accounts/other/websockets', { 'x-auth-token': 'GOOD' }],
    [400, 'dialect', '/v2/websockets?dialect=latin', {}],
    [400, 'account', '/v2/accounts/a.b/websockets', { 'x-auth-token': 'GOOD' }],
  ])('an error %i says "%s" at %s', async (status, message, path, headers) => {
    const bridge = await startBridge();
    const token = await tokenFor('acme');
    const given = Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value === 'GOOD' ? token : value]),
    );
    const answer = await rest(bridge, path, { headers: given });
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ status: 'error', error: String(status), data: expect.any(Object) });
    expect(answer.body.message).toContain(message);
    checkStamp(answer.body, bridge);
  });

  test('a 404 is `not found` to the letter', async () => {
    const { body } = await rest(await startBridge(), '/v2/nothing');
    expect(body).toMatchObject({ data: {}, error: '404', message: 'not found', status: 'error' });
  });

  test.each([
    [400, 'GET', '/v2/accounts/%zz/websockets'],
    [400, 'GET', '/%'],
  ])('an error %i that comes before any route, at %s %s', async (status, method, path) => {
    const bridge = await startBridge();
    const answer = await rest(bridge, path, { method, headers: { 'x-request-id': 'mine-1' } });
    expect(answer.status).toBe(status);
    expect(answer.headers.get('x-request-id')).toBe('mine-1');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.body).toMatchObject({ data: {}, error: String(status), status: 'error', request_id: 'mine-1' });
    checkStamp(answer.body, bridge);
  });

  test('an account id may have 128 characters', async () => {
    const bridge = await startBridge();
    const account = 'a'.repeat(128);
    const path = `/v2/accounts/${account}/websockets`;
    expect((await rest(bridge, path, { token: await tokenFor(account) })).status).toBe(200);
    for (const more of [1, 129, 5000]) {
      const { status, body } = await rest(bridge, `/v2/accounts/${account}${'a'.repeat(more)}/websockets`);
      expect([status, body.message]).toEqual([400, expect.stringContaining('account: must be 1 to 128 characters')]);
    }
  });

  test.each([
    ['application/json', ''],
    ['application/json', '{"bad'],
    ['application/x-www-form-urlencoded', ''],
    ['application/x-www-form-urlencoded', 'a=b'],
    ['multipart/form-data; boundary=x', '--x--'],
  ])('no route takes a body, and one that comes is no fault: %s, %j', async (type, text) => {
    const bridge = await startBridge();
    const response = await fetch(`${bridge.address}/v2/accounts/acme/websockets/nobody`, {
      method: 'DELETE',
      headers: { 'content-type': type, 'x-auth-token': await tokenFor('acme') },
      body: text,
    });
    expect(response.status).toBe(404);
    expect(await response.json()).toMatchObject({ message: 'not found', error: '404' });
  });

  test('but for one that is too large', async () => {
    const bridge = await startBridge();
    const response = await fetch(`${bridge.address}/v2/accounts/acme/websockets/nobody`, {
      method: 'DELETE',
      headers: { 'x-auth-token': await tokenFor('acme') },
      body: 'x'.repeat(100_000),
    });
    expect(response.status).toBe(413);
    expect(await response.json()).toMatchObject({ status: 'error', error: '413' });
  });

  test('a body or a method that there is not gets one as well', async () => {
    const bridge = await startBridge();
    for (const method of ['POST', 'PUT', 'PATCH', 'DELETE']) {
      const { status, body } = await rest(bridge, '/v2/websockets', { method });
      expect(status).toBe(404);
      checkStamp(body, bridge);
    }
  });
});

describe('an upgrade to something else than a WebSocket is not made, and the request answered', () => {
  const h2c = { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAARAAAAAAAIAAAAA' };

  test.each([{}, { upgrade: 'H2C' }, { upgrade: 'TLS/1.0' }])('%j', async (other) => {
    const bridge = await startBridge();
    const { status, headers, text } = await rawGet(`${bridge.address}/healthz`, {
      ...h2c,
      ...other,
      'x-request-id': 'mine-1',
    });
    expect(status).toBe(200);
    expect(headers).toMatchObject({ 'x-request-id': 'mine-1', connection: 'close' });
    expect(JSON.parse(text)).toMatchObject({ status: 'success', request_id: 'mine-1' });
  });

  test('with its token and its body', async () => {
    const bridge = await startBridge();
    const { hostname, port } = new URL(bridge.address);
    const asked = request({
      hostname,
      port,
      method: 'DELETE',
      path: '/v2/accounts/acme/websockets/nobody',
      headers: { ...h2c, 'transfer-encoding': 'chunked', 'x-auth-token': await tokenFor('acme') },
    });
    asked.write('{"begun":');
    const answered = once(asked, 'response');
    asked.end('"and ended"}');
    const [response] = (await answered) as [IncomingMessage];
    response.resume();
    expect(response.statusCode).toBe(404);
  });

  test('and it does not keep the server from stopping', async () => {
    const bridge = await startBridge();
    await rawGet(`${bridge.address}/healthz`, h2c);
    await bridge.stop();
  });
});

describe('X-Request-ID is honoured', () => {
  test('in body and header, of a success and of an error', async () => {
    const bridge = await startBridge();
    for (const path of ['/v2/websockets', '/v2/nothing', '/v2/accounts/a/websockets', '/healthz']) {
      const { headers, body } = await rest(bridge, path, { headers: { 'x-request-id': 'mine-1' } });
      expect(body.request_id).toBe('mine-1');
      expect(headers.get('x-request-id')).toBe('mine-1');
    }
  });

  test('without one the server makes one, another each time', async () => {
    const bridge = await startBridge();
    const answers = [await rest(bridge, '/healthz'), await rest(bridge, '/healthz')];
    expect(new Set(answers.map(({ body }) => body.request_id)).size).toBe(2);
    for (const { headers, body } of answers) expect(headers.get('x-request-id')).toBe(body.request_id);
  });

  test('one that could do harm in a log is replaced', async () => {
    const bridge = await startBridge();
    for (const id of ['x'.repeat(129), 'a b']) {
      const { body } = await rest(bridge, '/healthz', { headers: { 'x-request-id': id } });
      expect(body.request_id).not.toBe(id);
    }
  });
});

describe('CORS', () => {
  const origin = 'https://console.example.com';

  test('is open for GET', async () => {
    const bridge = await startBridge();
    for (const path of ['/v2/websockets', '/v2/accounts/a/websockets', '/healthz', '/openapi.json', '/v2/nothing']) {
      const { headers } = await rest(bridge, path, { headers: { origin } });
      expect(headers.get('access-control-allow-origin')).toBe('*');
    }
  });

  test('the preflight allows X-Auth-Token and Authorization', async () => {
    const bridge = await startBridge();
    for (const name of ['x-auth-token', 'authorization', 'x-request-id']) {
      const { status, headers } = await fetch(`${bridge.address}/v2/accounts/acme/websockets`, {
        method: 'OPTIONS',
        headers: { origin, 'access-control-request-method': 'GET', 'access-control-request-headers': name },
      });
      expect(status).toBe(204);
      expect(headers.get('access-control-allow-origin')).toBe('*');
      expect(headers.get('access-control-allow-methods')).toContain('GET');
      expect(headers.get('access-control-allow-headers')?.toLowerCase()).toContain(name);
    }
  });

  test('and no page may close sockets from afar', async () => {
    const bridge = await startBridge();
    const { headers } = await fetch(`${bridge.address}/v2/accounts/acme/websockets/x`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'DELETE' },
    });
    expect(headers.get('access-control-allow-methods')).not.toContain('DELETE');
  });

  test('an OPTIONS that is no preflight is told the same', async () => {
    const bridge = await startBridge();
    const response = await fetch(`${bridge.address}/v2/websockets`, { method: 'OPTIONS' });
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, HEAD');
  });
});
