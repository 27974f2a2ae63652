import { randomUUID } from 'node:crypto';
import { expect, inject, onTestFinished, test } from 'vitest';
import { makeToken } from '../../src/auth/token.ts';
import { useBroker } from '../support/broker.ts';
import { openClient, refusedUpgrade } from '../support/client.ts';
import { type Environment, startMain, useFolder } from '../support/process.ts';
import { freePort, management } from '../support/rabbit.ts';
import { answerJson, rest, startNeighbour } from '../support/rest.ts';

const amqpPassword = 'hunter2/amqp@password';
const secret = 'hunter2 the shared secret';
const previous = 'hunter2 the previous secret';

/** A virtual host whose broker wants a password that is to stay secret. */
async function useSecretBroker() {
  const broker = await useBroker();
  const user = `user-${randomUUID()}`;
  await management(broker.rabbit, 'PUT', `/api/users/${user}`, { password: amqpPassword, tags: '' });
  onTestFinished(async () => void (await management(inject('rabbit'), 'DELETE', `/api/users/${user}`)));
  await management(broker.rabbit, 'PUT', `/api/permissions/${encodeURIComponent(broker.vhost)}/${user}`, {
    configure: '.*',
    write: '.*',
    read: '.*',
  });
  const url = (password: string): string =>
    broker.url.replace('guest:guest', `${user}:${encodeURIComponent(password)}`);
  return { broker, url };
}

/** Every way to show a token, good or bad, and every way to fail. */
async function showTokens(
  server: { readonly address: string; readonly socketAddress: string },
  good: string,
  others: readonly string[],
): Promise<void> {
  const client = await openClient(server, { headers: { authorization: `Bearer ${good}` }, token: good });
  await client.subscribe('call.*.*', { name: 'a name' });
  for (const token of others) {
    await client.request({ action: 'ping', auth_token: token });
    await client.request({ action: 'subscribe', auth_token: token, data: { binding: 'call.*.*' } });
    await client.request({ action: token, auth_token: token, data: { binding: token } });
    client.send(`{"auth_token": "${token}"`);
    for (const headers of [{ 'x-auth-token': token }, { authorization: `Bearer ${token}` }]) {
      // One of them is good: what matters is that it was shown.
      await refusedUpgrade(server, { headers, path: `/?token=${token}` }).catch(() => undefined);
    }
    for (const path of ['/v2/accounts/acme/websockets', `/v2/accounts/${token}/websockets?auth_token=${token}`, '/x']) {
      await rest(server, path, { token, headers: { authorization: `Bearer ${token}` } });
    }
  }
  await client.ping();
  await rest(server, '/v2/accounts/acme/websockets', { token: good });
}

test.each<[string, Environment]>([
  ['as JSON', {}],
  ['for people', { LOG_PRETTY: 'true' }],
])('secrets never appear in logs, not even at LOG_LEVEL=trace, %s', async (_title, style) => {
  const { broker, url } = await useSecretBroker();
  const crossbar = await startNeighbour((request, _body, response) => {
    // Neither knows it nor forbids it: the server tries every way of asking that it has, and is then told nothing.
    if (request.method === 'POST') answerJson(response, 405, {});
    else response.destroy();
  });
  const port = await freePort();
  const process = startMain({
    AMQP_URL: url(amqpPassword),
    AUTH_JWT_SECRET: secret,
    AUTH_JWT_PREVIOUS_SECRET: previous,
    AUTH_CROSSBAR_URL: crossbar.address,
    LOG_LEVEL: 'trace',
    DRAIN_SECONDS: '0',
    PORT: String(port),
    ...style,
  });
  const good = await makeToken(secret, { account_id: 'acme' }, 600);
  const bad = [
    await makeToken(previous, { account_id: 'other' }, 600),
    await makeToken(secret, { account_id: 'acme' }, -60),
    await makeToken('another secret', { account_id: 'acme' }, 600),
    'hunter2-an-opaque-token',
  ];
  await process.text(/listening/);
  await process.text(/the broker is connected/);
  const server = { address: `http://127.0.0.1:${port}`, socketAddress: `ws://127.0.0.1:${port}` };
  await showTokens(server, good, bad);
  await broker.publish('callevt', 'call.CHANNEL_CREATE.1', Buffer.from('no JSON'));
  await broker.killConnections();
  await process.text(/broker is away/);
  process.signal('SIGTERM');
  expect(await process.ended()).toEqual({ code: 0, signal: null });

  const { output } = process;
  expect(output).not.toMatch(/hunter2/);
  expect(output).not.toContain(encodeURIComponent(amqpPassword));
  for (const token of [good, ...bad]) {
    expect(output).not.toContain(token);
    // A part of it would be enough for who has the rest.
    expect(output).not.toContain(token.split('.').at(-1));
  }
});

test('a password that the broker refuses is not logged either', async () => {
  const { url } = await useSecretBroker();
  const process = startMain({ AMQP_URL: url('hunter2-wrong'), AUTH_JWT_SECRET: secret, LOG_LEVEL: 'trace' });
  await process.text(/broker is away/);
  await process.text(/ACCESS_REFUSED|Handshake|403/i);
  process.signal('SIGTERM');
  await process.ended();
  expect(process.output).not.toMatch(/hunter2/);
});

test('nor is what a CONFIG_FILE holds that can not be read', async () => {
  const write = await useFolder();
  const CONFIG_FILE = await write('horizon.json', '{"AUTH_JWT_SECRET": hunter2}');
  const process = startMain({ CONFIG_FILE });
  expect(await process.ended()).toEqual({ code: 78, signal: null });
  expect(process.output).not.toMatch(/hunt/);
});
