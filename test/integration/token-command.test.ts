import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { decodeJwt, decodeProtectedHeader } from 'jose';
import { describe, expect, onTestFinished, test } from 'vitest';
import { createJwtAuthenticator } from '../../src/auth/jwt.ts';
import { projectFolder } from '../support/process.ts';

const run = promisify(execFile);
const secret = 'the secret of this file';

/** Runs the compiled command with nothing else in its environment. */
async function tokenCommand(args: readonly string[], environment: Record<string, string> = {}) {
  const command = run(process.execPath, ['dist/cli/token.js', ...args], { cwd: projectFolder, env: environment });
  return command.then(
    ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
    ({ code, stdout, stderr }) => ({ code: Number(code), stdout: String(stdout), stderr: String(stderr) }),
  );
}

async function tokenOf(args: readonly string[], environment?: Record<string, string>): Promise<string> {
  const { code, stdout, stderr } = await tokenCommand(args, environment);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
  return stdout.trim();
}

describe('npm run token', () => {
  test('prints a token of the account, good for eight hours, that may do all but commands', async () => {
    const token = await tokenOf(['--account', 'acme', '--secret', secret]);
    expect(decodeProtectedHeader(token)).toEqual({ alg: 'HS256', typ: 'JWT' });
    const { iat = 0, exp, ...claims } = decodeJwt(token);
    expect(claims).toEqual({ account_id: 'acme' });
    expect(exp).toBe(iat + 8 * 3600);
    expect(Math.abs(iat - Date.now() / 1000)).toBeLessThan(60);
    const identity = await createJwtAuthenticator({ secrets: [secret] }).identify(token);
    expect(identity).toMatchObject({ accountId: 'acme', superduperAdmin: false });
    expect([...identity.scopes]).toEqual(['events', 'sockets:read', 'sockets:close']);
  });

  test('takes every option', async () => {
    const options = ['--expires', '90m', '--superduper-admin', '--families', 'call, object', '--owner', 'me'];
    const token = await tokenOf(['--account=acme', `--secret=${secret}`, ...options, '--scope', 'events commands']);
    const { iat = 0, exp, ...claims } = decodeJwt(token);
    expect(exp).toBe(iat + 5400);
    expect(claims).toEqual({
      account_id: 'acme',
      owner_id: 'me',
      superduper_admin: true,
      families: ['call', 'object'],
      scope: 'events commands',
    });
    const identity = await createJwtAuthenticator({ secrets: [secret] }).identify(token);
    expect(identity).toMatchObject({ superduperAdmin: true, families: new Set(['call', 'object']) });
  });

  test('--filter makes a token that is given certain events and may do nothing else', async () => {
    const filter = { 'Custom-Channel-Vars.Authorizing-ID': ['u1', 2], 'Call-Direction': { not: 'inbound' } };
    const options = ['--account', 'acme', '--secret', secret, '--filter', JSON.stringify(filter)];
    const token = await tokenOf(options);
    expect(decodeJwt(token).filter).toEqual(filter);
    const identity = await createJwtAuthenticator({ secrets: [secret] }).identify(token);
    expect([...identity.scopes]).toEqual(['events']);
    expect(identity.filter?.conditions).toHaveLength(2);
  });

  test.each([
    ['45s', 45],
    ['2h', 7200],
    ['7d', 604_800],
  ])('--expires %s is %i seconds', async (text, seconds) => {
    const { iat = 0, exp } = decodeJwt(await tokenOf(['--account', 'a', '--secret', secret, '--expires', text]));
    expect(exp).toBe(iat + seconds);
  });

  test('takes the secret of the server where none is given: AUTH_JWT_SECRET, its file, CONFIG_FILE', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'event-horizon-token-'));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const secretFile = join(folder, 'secret');
    const configFile = join(folder, 'config.json');
    writeFileSync(secretFile, `${secret}\n`);
    writeFileSync(configFile, JSON.stringify({ AUTH_JWT_SECRET: secret }));
    const { identify } = createJwtAuthenticator({ secrets: [secret] });
    for (const environment of [
      { AUTH_JWT_SECRET: secret },
      { AUTH_JWT_SECRET_FILE: secretFile },
      { CONFIG_FILE: configFile },
    ]) {
      await expect(identify(await tokenOf(['--account', 'a'], environment))).resolves.toMatchObject({ accountId: 'a' });
    }
  });

  test.each([
    ['no account', ['--secret', secret], '--account: '],
    ['an account that can be none', ['--secret', secret, '--account', 'a.b'], '--account: '],
    ['no secret', ['--account', 'a'], '--secret: '],
    ['a time without a unit', ['--account', 'a', '--secret', secret, '--expires', '8'], '--expires: 8 is no time'],
    ['no time at all', ['--account', 'a', '--secret', secret, '--expires', '0h'], '--expires: 0h is no time'],
    [
      'a filter that is no JSON',
      ['--account', 'a', '--secret', secret, '--filter', 'Call-ID=x'],
      '--filter: it is not JSON',
    ],
    [
      'a filter that is none',
      ['--account', 'a', '--secret', secret, '--filter', '{"a..b":1}'],
      '--filter: a..b: must be',
    ],
    ['an option that there is not', ['--acount', 'a'], "Unknown option '--acount'"],
  ])('ends with 78 and one line for %s', async (_title, args, problem) => {
    const { code, stdout, stderr } = await tokenCommand(args);
    expect({ code, stdout }).toEqual({ code: 78, stdout: '' });
    expect(stderr).toMatch(/^token: [^\n]+\n$/);
    expect(stderr).toContain(problem);
    expect(stderr).not.toContain(secret);
  });

  test('--help names every option', async () => {
    const { code, stdout } = await tokenCommand(['--help']);
    expect(code).toBe(0);
    for (const option of ['account', 'secret', 'expires', 'superduper-admin', 'families', 'scope', 'filter']) {
      expect(stdout).toContain(`--${option}`);
    }
  });
});
