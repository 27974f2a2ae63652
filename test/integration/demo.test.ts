import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { startBridge } from '../support/bridge.ts';
import { type Message, openClient, refusedUpgrade } from '../support/client.ts';
import { startMain, startServer } from '../support/process.ts';
import { rawGet, rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

/** The demo, and the account and the token that its banner shows. */
async function startDemo() {
  const server = await startServer();
  const [, token = ''] = await server.process.text(/Token\s+(\S+)/);
  const [, account = ''] = await server.process.text(/Account\s+(\S+)/);
  const [, subAccount = ''] = await server.process.text(/Sub-account\s+(\S+)/);
  return { ...server, token, account, subAccount };
}

describe('without any setting it is demo mode', () => {
  test('a banner on standard output says what is running, that it is a demo, its token, and how to point it at RabbitMQ', async () => {
    const { process, address, socketAddress, token } = await startDemo();
    await process.logged('listening');
    const banner = process.stdout
      .split('\n')
      .filter((line) => !line.startsWith('{'))
      .join('\n');
    expect(banner).toContain('Event Horizon');
    expect(banner).toMatch(/demo/i);
    expect(banner).toContain(`${address}/`);
    expect(banner).toContain(`${socketAddress}/`);
    expect(token).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+$/);
    expect(banner).toContain('RabbitMQ');
    expect(banner).toMatch(/AMQP_URL=amqp:\/\/\S+ AUTH_JWT_SECRET=\S+ npm start/);
    expect(process.stderr).toBe('');
  });

  test('its token works over the WebSocket, and simulated events of all seven families arrive', async () => {
    const demo = await startDemo();
    const client = await openClient(demo, { token: demo.token });
    const bindings = [
      'call.*.*',
      'conference.event.*',
      'object.*.*',
      'fax.status.*',
      'presence.dialog.*',
      'presence.update.*',
      'presence.mwi_updates.*',
      'registration.success.*',
      'notifications.*.*',
    ];
    expect(await client.subscribe(bindings)).toMatchObject({ status: 'success' });
    const categories = () => new Set(client.events.map(({ args }) => (args as Message)['Event-Category']));
    const families = ['call_event', 'conference', 'configuration', 'fax', 'presence', 'directory', 'notification'];
    await until(() => families.every((category) => categories().has(category)));
    const ofAccount = client.events.filter(({ args }) => JSON.stringify(args).includes(demo.account));
    expect(ofAccount.length).toBeGreaterThan(0);
  }, 180_000);

  test('its token may watch the sub-account that the banner names', async () => {
    const demo = await startDemo();
    const client = await openClient(demo, { token: demo.token });
    expect(await client.subscribe('call.*.*', { account_id: demo.subAccount })).toMatchObject({ status: 'success' });
    const [event] = await client.untilEvents(1);
    expect(JSON.stringify(event)).toContain(demo.subAccount);
  });

  test('it keeps its events in memory: a client that comes back is given what it missed, over REST as well', async () => {
    const demo = await startDemo();
    const path = '/?dialect=classic&resume=on';
    const [first, stays] = [
      await openClient(demo, { token: demo.token, path }),
      await openClient(demo, { token: demo.token, path }),
    ];
    for (const client of [first, stays]) await client.subscribe('call.*.*');
    const { cursor } = (await first.untilEvents(1))[0] ?? {};
    first.close();
    const cursorsBehind = () => {
      const cursors = stays.events.map((event) => event.cursor);
      return cursors.slice(cursors.indexOf(cursor) + 1);
    };
    await until(() => cursorsBehind().length >= 2);
    const back = await openClient(demo, { token: demo.token, path });
    expect((await back.subscribe('call.*.*', { since: cursor })).data.recovered).toBe(true);
    const { replayed } = await back.notice('live');
    expect(replayed).toBeGreaterThanOrEqual(2);
    expect(back.events.map((event) => event.cursor).slice(0, 2)).toEqual(cursorsBehind().slice(0, 2));
    const { body } = await rest(demo, `/v2/accounts/${demo.account}/events?binding=call.*.*&since=${cursor}&limit=2`, {
      token: demo.token,
    });
    const { events } = body.data as { events: Message[] };
    expect(events.map((event) => event.cursor)).toEqual(cursorsBehind().slice(0, 2));
  });

  test('it is ready, and REST knows the token', async () => {
    const demo = await startDemo();
    const client = await openClient(demo, { headers: { 'x-auth-token': demo.token } });
    await client.ping();
    expect((await rest(demo, '/readyz')).status).toBe(200);
    const { body } = await rest(demo, `/v2/accounts/${demo.account}/websockets`, { token: demo.token });
    expect(body.data).toHaveLength(1);
  });

  test('what is now is answered at once and whole, by the WebSocket and over REST', async () => {
    const demo = await startDemo();
    const client = await openClient(demo, { token: demo.token });
    const [call] = await client.subscribe('call.CHANNEL_ANSWER.*').then(() => client.untilEvents(1));
    const asked = performance.now();
    for (const name of ['channels', 'conferences', 'registrations']) {
      const reply = await client.request({ action: 'query', data: { name } });
      expect(reply).toMatchObject({ status: 'success', data: { name, account_id: demo.account, partial: false } });
    }
    expect(performance.now() - asked).toBeLessThan(1500);
    const { body } = await rest(demo, `/v2/accounts/${demo.account}/channels`, { token: demo.token });
    expect(body.partial).toBe(false);
    const { 'Call-ID': id } = Object(call?.args);
    expect((body.data as Message[]).map(({ uuid }) => uuid)).toContain(id);
  });

  test('a call is hung up by the line that stands in the README', async () => {
    const demo = await startDemo();
    const client = await openClient(demo, { token: demo.token });
    await client.subscribe('call.CHANNEL_DESTROY.*');
    const line = /^curl .*"action":"hangup".*$/m.exec(readFileSync('README.md', 'utf8'))?.[0] ?? '';
    const env = { PATH: process.env.PATH, TOKEN: demo.token, ACCOUNT: demo.account };
    const command = line.replaceAll('http://127.0.0.1:5555', demo.address);
    // There may be no call at the moment, or the oldest one may have ended by the time that it is hung up.
    await until(async () => {
      const { stdout, stderr } = await promisify(execFile)('sh', ['-c', command], { env });
      return stderr === '' && JSON.parse(stdout).data?.accepted === true;
    }, 'a call that is hung up');
    await until(
      () => client.events.some(({ args }) => (args as Message)['Hangup-Cause'] === 'NORMAL_CLEARING'),
      'the end of the call',
    );
  });

  test('nobody listens to flows in it, as in a Kazoo', async () => {
    const demo = await startDemo();
    const client = await openClient(demo, { headers: { 'x-auth-token': demo.token } });
    await client.subscribe('call.CHANNEL_ANSWER.*');
    const [call] = await client.untilEvents(1);
    const { 'Call-ID': id } = Object(call?.args);
    const data = { call_id: id, action: 'metaflow', data: { module: 'hangup' } };
    expect(await client.request({ action: 'command', data })).toMatchObject({ data: { code: 'source_unavailable' } });
  });

  test('the page is at /', async () => {
    const { address } = await startDemo();
    const response = await fetch(`${address}/`);
    expect(response.status).toBe(200);
    expect(response.headers.get('content-type')).toMatch(/^text\/html/);
  });

  test('its token is made anew at each start', async () => {
    const [one, other] = await Promise.all([startDemo(), startDemo()]);
    expect(one.token).not.toBe(other.token);
    const refusal = await refusedUpgrade(other, { headers: { 'x-auth-token': one.token } });
    expect(refusal.status).toBe(401);
  });

  test.each(['0.0.0.0', '::', '192.0.2.1'])('it listens on loopback only: HOST=%s is refused', async (HOST) => {
    const process = startMain({ HOST });
    expect(await process.ended()).toMatchObject({ code: 78 });
    expect(process.errorLines).toEqual([expect.stringMatching(/HOST.*loopback/)]);
  });

  test('it listens on 127.0.0.1 when nothing else is said', async () => {
    const { address } = await startDemo();
    expect(address).toMatch(/^http:\/\/127\.0\.0\.1:\d+$/);
  });
});

describe("the demo's token reaches the page through a same-origin request whose Host is checked", () => {
  test('with a loopback Host and from the same origin it is given', async () => {
    const { address, token, account, subAccount } = await startDemo();
    const { port } = new URL(address);
    for (const host of [`127.0.0.1:${port}`, `localhost:${port}`, `[::1]:${port}`]) {
      for (const from of [{}, { 'sec-fetch-site': 'same-origin' }, { origin: `http://${host}` }]) {
        const answer = await rawGet(`${address}/demo`, { host, ...from });
        expect(answer.status).toBe(200);
        expect(JSON.parse(answer.text).data).toEqual({
          token,
          account_id: account,
          sub_account: { id: subAccount, name: expect.any(String) },
        });
        expect(answer.headers['access-control-allow-origin']).toBeUndefined();
        expect(answer.headers['cache-control']).toBe('no-store');
      }
    }
  });

  test.each<[string, Record<string, string>]>([
    ['a Host that is no loopback address', { host: 'evil.example.com' }],
    ['a Host that only begins like one', { host: '127.0.0.1.evil.example.com' }],
    ['a Host that only ends like one', { host: 'evil.localhost' }],
    ['another origin', { origin: 'https://evil.example.com' }],
    ['another port of this machine', { origin: 'http://127.0.0.1:1' }],
    ['an origin that hides itself', { origin: 'null' }],
    ['a request that the browser calls cross-site', { 'sec-fetch-site': 'cross-site' }],
    ['a request that the browser calls same-site', { 'sec-fetch-site': 'same-site' }],
    ['a proxy that claims a Host', { host: 'evil.example.com', 'x-forwarded-host': 'localhost' }],
  ])('%s is refused', async (_title, headers) => {
    const { address, token } = await startDemo();
    const answer = await rawGet(`${address}/demo`, headers);
    expect(answer.status).toBe(403);
    expect(answer.text).not.toContain(token);
  });
});

test('with AMQP_URL set it is the real thing: no demo token, no simulator, no banner', async () => {
  const { broker } = await startBridge();
  const server = await startServer({ AMQP_URL: broker.url, AUTH_JWT_SECRET: 'a secret' });
  const answer = await fetch(`${server.address}/demo`);
  expect([answer.status, await answer.text()]).toEqual([204, '']);
  expect(await server.process.logged('listening')).toMatchObject({ demo: false });
  expect(server.process.stdout).not.toMatch(/Token|invented/);
});
