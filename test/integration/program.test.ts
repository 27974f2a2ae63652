import { execFileSync } from 'node:child_process';
import { describe, expect, test } from 'vitest';
import { commands } from '../../src/cli/commands.ts';
import { useBroker } from '../support/broker.ts';
import { runCommand, startCommand } from '../support/commands.ts';
import { projectFolder, startProcess } from '../support/process.ts';
import { until } from '../support/until.ts';

describe('event-horizon', () => {
  test('alone, with --help and with help, lists its commands', async () => {
    const [bare, asked, help] = await Promise.all([runCommand([]), runCommand(['--help']), runCommand(['help'])]);
    expect(bare).toMatchObject({ code: 0, stderr: '' });
    expect(asked).toEqual(bare);
    expect(help).toEqual(bare);
    for (const { name } of commands) expect(bare.stdout).toContain(`  ${name} `);
  });

  test('lists the commands of a family', async () => {
    const [asked, help] = await Promise.all([runCommand(['bus', '--help']), runCommand(['help', 'bus'])]);
    expect(asked).toMatchObject({
      code: 0,
      stdout: expect.stringMatching(/bus listen EXCHANGE KEY[\s\S]*bus query/),
      stderr: '',
    });
    expect(asked.stdout).not.toContain('simulate');
    expect(help).toEqual(asked);
  });

  test('tells its version', async () => {
    expect((await runCommand(['--version'])).stdout).toMatch(/^\d+\.\d+\.\d+\n$/);
  });

  test.each(commands)('$name --help shows how it is used, with examples', async ({ name, examples }) => {
    const { code, stdout, stderr } = await runCommand([...name.split(' '), '--help']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toContain(`event-horizon ${name}`);
    for (const [line] of examples) expect(stdout).toContain(line);
    expect((await runCommand(['help', ...name.split(' ')])).stdout).toBe(stdout);
  });

  test.each([
    [['tokne'], 'there is no command tokne; did you mean token? (see event-horizon --help)'],
    [['token', '--acount', 'x'], "Unknown option '--acount'; did you mean --account? (see event-horizon token --help)"],
    [['bus'], 'what to do is missing; there are bus listen, bus publish, bus query (see event-horizon --help)'],
    [['bus', 'lsiten'], 'there is no bus lsiten; there are bus listen'],
    [['token'], '--account: is missing'],
    [['completion', 'tcsh'], 'SHELL: tcsh is none of bash, zsh, fish'],
    [['simulate'], 'AMQP_URL: not set'],
  ])('%j is bad usage: 2, and a line that says what to do', async (words, message) => {
    const { code, stdout, stderr } = await runCommand(words);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(/^event-horizon: [^\n]+\n$/);
    expect(stderr).toContain(message);
  });

  test('token, simulate, history and check-config are those of npm', async () => {
    const secret = { AUTH_JWT_SECRET: 'a secret of this test, which is long enough' };
    const token = await runCommand(['token', '--account', 'acme'], secret);
    expect(token).toMatchObject({ code: 0, stdout: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+\n$/) });
    const gone = { AMQP_URL: 'amqp://127.0.0.1:9' };
    expect(await runCommand(['simulate'], gone)).toMatchObject({ code: 4 });
    expect(await runCommand(['history', '--show'], gone)).toMatchObject({ code: 4 });
    expect(await runCommand(['check-config'], { PORT: '1234' })).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('PORT=1234'),
    });
    expect(await runCommand(['check-config'], { PORT: 'x' })).toMatchObject({
      code: 78,
      stderr: expect.stringContaining('PORT'),
    });
  });

  test('serve is what npm start is: a demo, or several processes beside a broker', async () => {
    const { url } = await useBroker();
    const secret = 'a secret of this test, which is long enough';
    const several = startCommand(['serve'], { PORT: '0', AMQP_URL: url, AUTH_JWT_SECRET: secret, WORKERS: '2' });
    await until(() => several.log.filter(({ msg }) => msg === 'listening').length === 2, 'two processes that listen');
    several.signal('SIGTERM');
    expect(await several.ended()).toEqual({ code: 0, signal: null });
    const demo = startCommand(['serve'], { PORT: '0' });
    await demo.logged('listening');
    await demo.text(/Event Horizon: demo mode/);
    demo.signal('SIGTERM');
    expect(await demo.ended()).toEqual({ code: 0, signal: null });
  });

  test('whose output is cut off ends quietly', async () => {
    const piped = startProcess('bash', [
      '-c',
      'set -o pipefail; node dist/cli/event-horizon.js serve --help | head -1',
    ]);
    expect(await piped.ended()).toEqual({ code: 0, signal: null });
    expect(piped.stderr).toBe('');
    expect(piped.stdout.split('\n')).toHaveLength(2);
  });
});

describe('completion of bash', () => {
  const completed = (...words: string[]): string[] => {
    const script = `eval "$(node dist/cli/event-horizon.js completion bash)"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _event_horizon; echo "\${COMPREPLY[@]}"`;
    const text = execFileSync('bash', ['-c', script, 'bash', 'event-horizon', ...words], {
      cwd: projectFolder,
      encoding: 'utf8',
    });
    return text
      .trim()
      .split(' ')
      .filter((word) => word !== '');
  };

  test('knows commands, their options and the words that they take', () => {
    expect(completed('se')).toEqual(['serve']);
    expect(completed('token', '--s')).toEqual(['--secret', '--superduper-admin', '--scope']);
    expect(completed('completion', '')).toEqual(['bash', 'zsh', 'fish', '--help']);
    expect(completed('bus', '')).toEqual(['listen', 'publish', 'query']);
    expect(completed('bus', 'listen', '--d')).toEqual(['--durable']);
    expect(completed('listen', '--token-file', 'packag').sort()).toEqual(['package-lock.json', 'package.json']);
  });
});
