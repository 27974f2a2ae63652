/** What holds for every route: bodies, refusals, pages of other origins, who may. */
import { describe, expect, onTestFinished, test } from 'vitest';
import { z } from 'zod';
import { ActionError, type ActionErrorCode, actionErrors } from '../../src/errors.ts';
import { checkAccess } from '../../src/http/access.ts';
import { createHttp, type Http } from '../../src/http/http-server.ts';
import { silentLog } from '../support/silent-log.ts';

const info = { nodeName: 'node', version: '0.0.0' };

/** A server with these routes. @returns how to ask it */
async function startWith(addRoutes: (http: Http) => void) {
  const http = await createHttp(info, [], silentLog);
  addRoutes(http);
  const address = await http.listen({ host: '127.0.0.1', port: 0, listenTextResolver: () => '' });
  onTestFinished(() => http.close());
  return async (path: string, init: RequestInit = {}) => {
    const response = await fetch(`${address}${path}`, init);
    const text = await response.text();
    return { status: response.status, headers: response.headers, body: text === '' ? undefined : JSON.parse(text) };
  };
}

describe('a body', () => {
  const schema = { body: z.object({ module: z.string(), data: z.record(z.string(), z.unknown()).optional() }) };

  function addRoutes(http: Http): void {
    for (const method of ['POST', 'PUT', 'PATCH'] as const) {
      http.route({ method, url: '/things', schema, handler: async ({ body }) => ({ got: body }) });
    }
    http.delete('/things', async ({ body }) => ({ got: body ?? null }));
  }
  const json = { 'content-type': 'application/json' };

  test.each(['POST', 'PUT', 'PATCH'])('of %s is JSON, and checked by the route’s schema', async (method) => {
    const ask = await startWith(addRoutes);
    const body = JSON.stringify({ module: 'hangup', data: { a: 1 } });
    for (const type of ['application/json', 'application/json; charset=utf-8', 'Application/vnd.api+JSON']) {
      const answer = await ask('/things', { method, headers: { 'content-type': type }, body });
      expect(answer).toMatchObject({ status: 200, body: { got: { module: 'hangup', data: { a: 1 } } } });
    }
    const wrong = await ask('/things', { method, headers: json, body: '{"module":7}' });
    expect(wrong).toMatchObject({
      status: 400,
      body: { error: '400', status: 'error', data: { module: /./ } },
    } as object);
  });

  test.each<[number, string, Record<string, string>, RequestInit['body']]>([
    [415, 'of another type', { 'content-type': 'text/plain' }, '{"module":"hangup"}'],
    [415, 'of a form', { 'content-type': 'application/x-www-form-urlencoded' }, 'module=hangup'],
    [415, 'of no type', { 'content-type': '' }, '{"module":"hangup"}'],
    [415, 'of a type that only looks like it', { 'content-type': 'application/jsonp' }, '{"module":"hangup"}'],
    [413, 'that is too large', json, JSON.stringify({ module: 'x'.repeat(20_000) })],
    [400, 'that is no JSON', json, '{"module":'],
    [400, 'that is not UTF-8', json, new Uint8Array([0x22, 0xff, 0x22])],
    [400, 'that is empty', json, ''],
    [400, 'that is no object', json, '[]'],
    [400, 'that means a prototype', json, '{"module":"a","data":{"__proto__":{"b":1}}}'],
  ])('is refused with %i %s, in the envelope', async (status, _title, headers, body) => {
    const ask = await startWith(addRoutes);
    const answer = await ask('/things', { method: 'POST', headers, ...(body !== undefined && { body }) });
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({
      error: String(status),
      status: 'error',
      node: 'node',
      data: expect.any(Object),
    });
    expect(answer.body.message).toMatch(/\w/);
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
  });

  test('of a method that has none is read to its end and dropped', async () => {
    const ask = await startWith(addRoutes);
    const answer = await ask('/things', { method: 'DELETE', headers: { 'content-type': 'text/plain' }, body: '{"a' });
    expect(answer).toMatchObject({ status: 200, body: { got: null } });
  });

  test('of what isn’t there is no matter: 404', async () => {
    const ask = await startWith(addRoutes);
    const answer = await ask('/nothing', { method: 'POST', headers: { 'content-type': 'text/plain' }, body: 'x' });
    expect(answer).toMatchObject({ status: 404, body: { message: 'not found', error: '404' } });
  });

  test('may have a limit of the route’s own', async () => {
    const ask = await startWith((http) =>
      http.post('/large', { bodyLimit: 100_000 }, async ({ body }) => ({ length: JSON.stringify(body).length })),
    );
    const body = JSON.stringify('x'.repeat(50_000));
    expect(await ask('/large', { method: 'POST', headers: json, body })).toMatchObject({ body: { length: 50_002 } });
  });
});

test('a value in a path may be as long as a call id is', async () => {
  const ask = await startWith((http) => {
    http.get(
      '/calls/:call',
      { schema: { params: z.object({ call: z.string().max(2000) }) } },
      async ({ params }) => params,
    );
  });
  const call = `${'x'.repeat(1900)}@192.0.2.1`;
  expect((await ask(`/calls/${encodeURIComponent(call)}`)).body).toEqual({ call });
  expect((await ask(`/calls/${'x'.repeat(2001)}`)).status).toBe(400);
});

describe('what refuses a message on a WebSocket refuses a request', () => {
  test.each(Object.entries(actionErrors))('%s', async (code, { text, status }) => {
    const ask = await startWith((http) => {
      http.get('/', async () => {
        throw new ActionError(code as ActionErrorCode);
      });
    });
    const answer = await ask('/');
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ error: String(status), message: text, status: 'error' });
    expect(answer.headers.has('retry-after')).toBe([429, 503].includes(status));
  });
});

describe('pages of other origins', () => {
  function addRoutes(http: Http): void {
    http.get('/things/:id', async () => ({}));
    http.post('/things/:id', { config: { crossOrigin: true } }, async () => ({ done: true }));
    http.put('/things/:id', { config: { crossOrigin: true } }, async () => ({}));
    http.delete('/things/:id', async () => ({}));
  }
  const preflight = (method: string): RequestInit => ({
    method: 'OPTIONS',
    headers: { origin: 'https://console.example.com', 'access-control-request-method': method },
  });

  test('are told the methods that a path’s routes declare, beside GET', async () => {
    const ask = await startWith(addRoutes);
    const answer = await ask('/things/7', preflight('POST'));
    expect(answer.status).toBe(204);
    expect(answer.headers.get('access-control-allow-methods')).toBe('GET, HEAD, POST, PUT');
    expect(answer.headers.get('access-control-allow-origin')).toBe('*');
    expect(answer.headers.get('access-control-allow-headers')).toContain('X-Auth-Token');
    const made = await ask('/things/7', { method: 'POST', headers: { origin: 'https://console.example.com' } });
    expect(made).toMatchObject({ status: 200, body: { done: true } });
    expect(made.headers.get('access-control-allow-origin')).toBe('*');
  });

  test('and of all other paths GET alone', async () => {
    const ask = await startWith(addRoutes);
    for (const path of ['/things', '/things/7/8', '/']) {
      const answer = await ask(path, preflight('DELETE'));
      expect(answer.headers.get('access-control-allow-methods')).toBe('GET, HEAD');
    }
  });
});

test('a route of an account can’t be added without saying which scope a token needs', async () => {
  const http = await createHttp(info, [], silentLog);
  checkAccess(http, {
    accounts: {
      isWithin: () => true,
      isSuperduperAdmin: () => false,
      accountOfRealm: () => undefined,
      realmOf: () => undefined,
    },
    authenticator: { identify: () => Promise.reject(new ActionError('token_invalid')) },
    tokenOf: () => undefined,
  });
  expect(() => http.get('/v2/accounts/:account/things', async () => ({}))).toThrow(/GET .*scope/);
  http.get('/v2/accounts/:account/others', { config: { scope: 'sockets:read' } }, async () => ({}));
  http.get('/v2/things', async () => ({}));
});
