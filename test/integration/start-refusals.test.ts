import { createServer } from 'node:net';
import { describe, expect, onTestFinished, test } from 'vitest';
import { useBroker } from '../support/broker.ts';
import { type Environment, startMain, startProcess, startServer, useFolder } from '../support/process.ts';
import { freePort } from '../support/rabbit.ts';

/** @returns the one line that a start that is refused with 78 ends with */
async function refusal(environment: Environment, args: readonly string[] = []): Promise<string> {
  const process = startMain(environment, args);
  expect(await process.ended()).toEqual({ code: 78, signal: null });
  expect(process.stdout).toBe('');
  expect(process.errorLines).toHaveLength(1);
  return process.stderr.trim();
}

const real = { AMQP_URL: 'amqp://127.0.0.1:1', AUTH_JWT_SECRET: 'a secret' };

describe('without AMQP_URL it refuses to start (78) with', () => {
  test.each<[string, Environment]>([
    ['AUTH_JWT_SECRET', { AUTH_JWT_SECRET: 'hunter2hunter2' }],
    ['AUTH_JWKS_URL', { AUTH_JWKS_URL: 'http://127.0.0.1:1/keys' }],
    ['AUTH_JWT_ISSUER', { AUTH_JWT_ISSUER: 'me' }],
    ['AUTH_CROSSBAR_URL', { AUTH_CROSSBAR_URL: 'http://127.0.0.1:1' }],
    ['ACCOUNTS_FILE', { ACCOUNTS_FILE: '/no/such/file' }],
    ['WORKERS', { WORKERS: '2' }],
    ['NODE_ENV=production', { NODE_ENV: 'production' }],
  ])('%s', async (name, environment) => {
    const line = await refusal(environment);
    expect(line).toContain('AMQP_URL');
    expect(line).toContain(name);
    expect(line).not.toContain('hunter2');
  });
});

describe('it refuses to start (78)', () => {
  test('with AMQP_URL and no authenticator, and says which variables to set', async () => {
    const line = await refusal({ AMQP_URL: 'amqp://me:hunter2@127.0.0.1:1' });
    for (const name of ['AUTH_JWT_SECRET', 'AUTH_JWT_PUBLIC_KEY', 'AUTH_JWKS_URL', 'AUTH_CROSSBAR_URL']) {
      expect(line).toContain(name);
    }
    expect(line).not.toContain('hunter2');
  });

  test.each<[string, Environment]>([
    ['PORT', { PORT: 'eighty' }],
    ['AMQP_URL', { AMQP_URL: 'http://me:hunter2@127.0.0.1' }],
    ['AMQP_URL', { AMQP_URL: 'amqp://me:hunter2%@127.0.0.1' }],
    ['AMQP_URL_FILE', { AMQP_URL: '', AMQP_URL_FILE: '/no/such/file' }],
    ['DIALECT', { DIALECT: 'latin' }],
    ['MAX_CONNECTIONS', { MAX_CONNECTIONS: '1e3' }],
    ['ACCOUNTS_FILE', { ACCOUNTS_FILE: '/no/such/file' }],
  ])("with a bad value of %s: the variable's name and the value's problem", async (name, environment) => {
    const line = await refusal({ ...real, ...environment });
    expect(line).toMatch(new RegExp(`^event-horizon: ${name}: .{5}`));
    expect(line).not.toContain('hunter2');
  });

  test.each(['no-such-host.invalid', '192.0.2.1', '2001:db8::1'])('with a HOST that is not here: %s', async (HOST) => {
    const line = await refusal({ ...real, HOST, MAX_CONNECTIONS: '1' });
    expect(line).toMatch(new RegExp(`^event-horizon: HOST: ${HOST} is no address of this machine`));
  });

  test('with a METRICS_PORT that is PORT', async () => {
    const port = String(await freePort());
    const line = await refusal({ ...real, PORT: port, METRICS_PORT: port });
    expect(line).toMatch(new RegExp(`^event-horizon: METRICS_PORT: ${port} is PORT, too`));
  });

  test.each([
    [
      'a cycle',
      [
        { id: 'a', parent_id: 'b' },
        { id: 'b', parent_id: 'a' },
      ],
      'its own ancestor',
    ],
    ['an unknown parent', [{ id: 'a', parent_id: 'b' }], 'unknown ancestor b'],
    [
      'a realm twice',
      [
        { id: 'a', realm: 'x.example.com' },
        { id: 'b', realm: 'X.example.com' },
      ],
      'both a and b',
    ],
    ['no JSON', '[{', 'JSON'],
  ])('with an ACCOUNTS_FILE that has %s', async (_title, content, problem) => {
    const write = await useFolder();
    const line = await refusal({ ...real, ACCOUNTS_FILE: await write('accounts.json', content) });
    expect(line).toContain('ACCOUNTS_FILE');
    expect(line).toContain(problem);
  });

  test('with an ACCOUNTS_FILE of no use and several workers, as well', async () => {
    const write = await useFolder();
    const ACCOUNTS_FILE = await write('accounts.json', [{ id: 'a', parent_id: 'a' }]);
    expect(await refusal({ ...real, WORKERS: '2', ACCOUNTS_FILE })).toContain('ACCOUNTS_FILE');
  });

  test.each([['--chek-config'], ['--check-config=yes'], ['start']])('for %s, which is no option', async (argument) => {
    expect(await refusal({}, [argument])).toContain(argument.split('=')[0]);
  });

  test('for several faults: one line names them all, each once', async () => {
    const line = await refusal({ AMQP_URL: 'amqp://user:pass,word@host', PORT: 'eighty', WORKERS: 'two' });
    for (const name of ['AMQP_URL: ', 'PORT: ', 'WORKERS: ']) expect(line.split(name)).toHaveLength(2);
  });

  test('and npm start passes the exit code on', async () => {
    const process = startProcess('npm', ['start'], { PORT: 'eighty' });
    expect(await process.ended()).toEqual({ code: 78, signal: null });
    expect(process.stderr).toContain('PORT: must be a whole number');
  });
});

describe('a port that is in use ends the start with 1 and one line', () => {
  async function occupyPort(): Promise<string> {
    const server = createServer();
    const port = await freePort();
    await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve));
    onTestFinished(() => void server.close());
    return String(port);
  }

  test('of the listener', async () => {
    const PORT = await occupyPort();
    const process = startMain({ PORT });
    expect(await process.ended()).toEqual({ code: 1, signal: null });
    expect(process.errorLines).toEqual([expect.stringMatching(`127.0.0.1:${PORT} is in use.* set PORT to`)]);
  });

  test('of METRICS_PORT', async () => {
    const METRICS_PORT = await occupyPort();
    const process = startMain({ METRICS_PORT });
    expect(await process.ended()).toEqual({ code: 1, signal: null });
    expect(process.errorLines).toEqual([
      expect.stringMatching(`127.0.0.1:${METRICS_PORT} is in use.* set METRICS_PORT to`),
    ]);
  });

  test('of several workers', async () => {
    const PORT = await occupyPort();
    const process = startMain({ ...real, PORT, WORKERS: '2' });
    expect(await process.ended()).toEqual({ code: 1, signal: null });
    expect(process.errorLines[0]).toMatch(`127.0.0.1:${PORT} is in use`);
  });
});

describe('a start with too few file handles for MAX_CONNECTIONS warns', () => {
  const start = async (handles: number, environment: Environment) => {
    const process = startProcess('sh', ['-c', `ulimit -n ${handles}; exec node dist/main.js`], {
      PORT: '0',
      ...environment,
    });
    const { address } = await process.logged('listening');
    return { process, address: String(address) };
  };

  test('the real thing, and the demo, there behind the banner', async () => {
    const { url } = await useBroker();
    const AUTH_JWT_SECRET = 'of 32 bytes at least, as it should be';
    for (const environment of [{ AMQP_URL: url, AUTH_JWT_SECRET }, {}]) {
      const { process } = await start(1000, { ...environment, MAX_CONNECTIONS: '1000' });
      const { index } = await process.text(/too few file handles .* 1000 files, and 1000 sockets need 1200/);
      expect(process.stdout.indexOf('demo mode')).toBeLessThan(index);
      expect(process.log.filter(({ level }) => level === 'warn')).toHaveLength(1);
    }
  });

  test('and one with enough does not', async () => {
    const { process, address } = await start(1000, { MAX_CONNECTIONS: '500' });
    // Answered after whatever the start had to say.
    await fetch(`${address}/healthz`);
    expect(process.log.filter(({ level }) => level === 'warn')).toEqual([]);
  });
});

test('an empty variable counts as unset', async () => {
  const { process } = await startServer({ AMQP_URL: '', AUTH_JWT_SECRET: '', WORKERS: '', DIALECT: '' });
  expect(await process.logged('listening')).toMatchObject({ demo: true });
});
