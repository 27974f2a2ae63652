import { describe, expect, test } from 'vitest';
import { secret, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { openClient, refusedUpgrade } from '../support/client.ts';
import { type Environment, startMain, startProcess, startServer, useFolder } from '../support/process.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

/** @returns what `--check-config` prints, by name */
async function checkConfig(environment: Environment): Promise<Record<string, string>> {
  const process = startMain(environment, ['--check-config']);
  expect(await process.ended()).toEqual({ code: 0, signal: null });
  expect(process.stderr).toBe('');
  const lines = process.stdout.trim().split('\n');
  return Object.fromEntries(lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]));
}

describe('CONFIG_FILE', () => {
  test('has the same names as the environment, which wins', async () => {
    const write = await useFolder();
    const { url } = await useBroker();
    const CONFIG_FILE = await write('horizon.json', {
      AMQP_URL: url,
      AUTH_JWT_SECRET: secret,
      NODE_NAME: 'of-the-file',
      DIALECT: 'kazoo4',
      CALL_EVENTS: ['CHANNEL_CREATE', 'DTMF'],
    });
    const server = await startServer({ CONFIG_FILE, NODE_NAME: 'of-the-environment' });
    const { body } = await rest(server, '/v2/websockets');
    expect(body.node).toBe('of-the-environment');
    expect(body.data).toMatchObject({ call: ['call.CHANNEL_CREATE.{CALL_ID}', 'call.DTMF.{CALL_ID}'] });
    const client = await openClient(server, { token: await tokenFor('acme') });
    expect(await client.subscribe('call.DTMF.*')).toMatchObject({ status: 'success' });
  });

  test('an unknown name in it is an error', async () => {
    const write = await useFolder();
    const process = startMain({ CONFIG_FILE: await write('horizon.json', { PROT: 1 }) });
    expect(await process.ended()).toEqual({ code: 78, signal: null });
    expect(process.errorLines).toEqual([expect.stringContaining('PROT')]);
  });
});

describe('any secret may be given as NAME_FILE, a path', () => {
  test('and works', async () => {
    const write = await useFolder();
    const { url } = await useBroker();
    const server = await startServer({
      AMQP_URL_FILE: await write('url', `${url}\n`),
      AUTH_JWT_SECRET_FILE: await write('secret', 'another secret of the tests\n'),
      AUTH_JWT_PREVIOUS_SECRET_FILE: await write('previous', secret),
    });
    const client = await openClient(server, { headers: { 'x-auth-token': await tokenFor('acme') } });
    await client.ping();
    const refusal = await refusedUpgrade(server, { headers: { 'x-auth-token': 'x' } });
    expect(refusal.status).toBe(401);
  });
});

describe('AMQP_URL', () => {
  test('several are tried in turn, and kazoo:// is the same as amqp://', async () => {
    const { url } = await useBroker();
    const AMQP_URL = `amqp://127.0.0.1:1, ${url.replace('amqp:', 'kazoo:')}`;
    const server = await startServer({ AMQP_URL, AUTH_JWT_SECRET: secret });
    await until(async () => (await rest(server, '/readyz')).status === 200);
    expect(server.process.output).toMatch(/127\.0\.0\.1:1\D/);
  });
});

describe('npm start -- --check-config', () => {
  test('prints what is in force, secrets hidden, and exits', async () => {
    const write = await useFolder();
    const CONFIG_FILE = await write('horizon.json', {
      DIALECT: 'kazoo4',
      AUTH_JWT_PREVIOUS_SECRET: 'hunter2-previous',
    });
    const settings = await checkConfig({
      CONFIG_FILE,
      PORT: '6000',
      AMQP_URL: 'amqp://me:hunter2-amqp@broker.example.com',
      AUTH_JWT_SECRET_FILE: await write('secret', 'hunter2-secret'),
    });
    expect(settings).toMatchObject({ PORT: '6000', DIALECT: 'kazoo4', MAX_CONNECTIONS: '50000', HOST: '127.0.0.1' });
    expect(settings.AMQP_URL).toContain('broker.example.com');
    expect(settings.AUTH_JWT_SECRET).not.toBe('');
    expect(JSON.stringify(settings)).not.toContain('hunter2');
  });

  test('works through npm, and for the demo', async () => {
    const process = startProcess('npm', ['start', '--', '--check-config']);
    expect(await process.ended()).toEqual({ code: 0, signal: null });
    expect(process.stdout).toMatch(/^PORT=5555$/m);
  });

  test('says what is wrong instead, ACCOUNTS_FILE included', async () => {
    const write = await useFolder();
    const real = { AMQP_URL: 'amqp://127.0.0.1', AUTH_JWT_SECRET: 'a secret' };
    const ACCOUNTS_FILE = await write('accounts.json', [{ id: 'a', parent_id: 'b' }]);
    for (const fault of [{ PORT: 'x' }, { ACCOUNTS_FILE }]) {
      const process = startMain({ ...real, ...fault }, ['--check-config']);
      expect(await process.ended()).toEqual({ code: 78, signal: null });
      expect(process.stdout).toBe('');
      expect(process.errorLines).toEqual([expect.stringContaining(Object.keys(fault)[0] ?? '')]);
    }
  });
});

describe('npm start -- --help', () => {
  test('lists every setting and exits', async () => {
    const process = startMain({}, ['--help']);
    expect(await process.ended()).toEqual({ code: 0, signal: null });
    for (const name of Object.keys(await checkConfig({}))) expect(process.stdout).toContain(`  ${name} `);
    expect(process.stdout).toContain('CONFIG_FILE');
    expect(process.stdout).toContain('NAME_FILE');
  });

  test('even where the settings are of no use', async () => {
    expect(await startMain({ PORT: 'x' }, ['--help']).ended()).toEqual({ code: 0, signal: null });
  });
});

describe('LOG_LEVEL and LOG_PRETTY', () => {
  test('the log is JSON, one object a line, and for people with LOG_PRETTY', async () => {
    const plain = await startServer();
    expect(await plain.process.logged('listening')).toMatchObject({ level: 'info', node: expect.any(String) });
    const pretty = startMain({ LOG_PRETTY: 'true' });
    await pretty.text(/INFO.*listening/);
    expect(pretty.log).toEqual([]);
  });

  test('LOG_LEVEL leaves out what is below it', async () => {
    const process = startMain({ LOG_LEVEL: 'silent' });
    await process.text(/Token/);
    process.signal('SIGTERM');
    expect(await process.ended()).toEqual({ code: 0, signal: null });
    expect(process.log).toEqual([]);
  });
});
