/** The commands that show what is and do something to it, against the demo as a person has it. */
import { createServer } from 'node:http';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { makeToken } from '../../src/auth/token.ts';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { runCommand, startCommand } from '../support/commands.ts';
import { startMediaNode } from '../support/media-node.ts';
import { type StartedServer, startProcess, startServer, useFolder } from '../support/process.ts';
import { freePort } from '../support/rabbit.ts';
import { until } from '../support/until.ts';

/** Of a test that starts many processes. */
const slow = { timeout: 90_000 };

const account = '4b31dd1d32ce6d249897c06332375d65';
const at = (server: StartedServer, more: Record<string, string> = {}) => ({
  EVENT_HORIZON_URL: server.address,
  ...more,
});

const demoAccess = z.object({ data: z.object({ token: z.string(), account_id: z.string() }) });
const legs = z.object({ data: z.array(z.looseObject({ uuid: z.string() })) });

async function accessTo({ address }: StartedServer) {
  return demoAccess.parse(await (await fetch(`${address}/demo`)).json()).data;
}

/** The ids of the legs of now. */
async function callIds(server: StartedServer): Promise<string[]> {
  const { token, account_id: id } = await accessTo(server);
  const response = await fetch(`${server.address}/v2/accounts/${id}/channels`, { headers: { 'X-Auth-Token': token } });
  // Whoever asks so often is told to wait now and then.
  if (!response.ok) return [];
  return legs.parse(await response.json()).data.map(({ uuid }) => uuid);
}

/** A demo in which somebody telephones. */
async function startDemo() {
  const server = await startServer({ REST_RATE_BURST: '100000' });
  await until(async () => (await callIds(server)).length > 0, 'a call');
  return server;
}

/** What a terminal is told to do begins with it. */
const esc = '\u001B';
const steering = new RegExp(`${esc}\\[[\\d?;]*[A-Za-z]`, 'g');

test('what is now is a table for people and JSON for programs, and the demo on this machine wants no token', async () => {
  const server = await startDemo();
  const [calls, registrations, bindings, accounts, sockets] = await Promise.all(
    ['calls', 'registrations', 'bindings', 'accounts', 'sockets'].map((name) => runCommand([name], at(server))),
  );
  expect(calls?.stdout).toMatch(/^ *FOR +STATE +DIRECTION +FROM +TO +CALL\n(.*(ringing|talking|held).*\n)+$/);
  expect(registrations?.stdout).toMatch(/^USER .*\n(user_\w+ .*\n)+$/);
  expect(bindings?.stdout).toContain('call.CHANNEL_CREATE.*');
  expect(accounts?.stdout).toContain('Harbour Lights Spa');
  expect(sockets?.stdout).toBe('no sockets\n');
  expect(calls?.stdout).not.toContain(esc);
  const conferences = await runCommand(['conferences', '--json', '--account', account], at(server));
  expect(JSON.parse(conferences.stdout)).toBeInstanceOf(Array);
});

test('a call is hung up; one that there is not is 1', slow, async () => {
  const server = await startDemo();
  let call = '';
  // One that ends by itself just then isn't there.
  await until(async () => {
    call = (await callIds(server)).at(-1) ?? call;
    if (call === '') return false;
    const { code, stdout } = await runCommand(['hangup', call], at(server));
    return code === 0 && stdout === 'hangup: accepted\n';
  }, 'a call that is hung up');
  await until(async () => !(await callIds(server)).includes(call), 'the end of the call');
  const gone = await runCommand(['transfer', call, '1003', '--attended'], at(server));
  expect(gone).toMatchObject({ code: 1, stderr: expect.stringContaining('event-horizon calls') });
  const flow = await runCommand(['metaflow', 'x', '{"module":"explode"}'], at(server));
  expect(flow).toMatchObject({ code: 2, stderr: expect.stringContaining('must be one of hangup') });
});

test('what else is done to a call reaches its call control as it was typed', slow, async () => {
  const broker = await useBroker();
  const bridge = await startBridge({}, broker);
  await startMediaNode(broker, 'one@a', (question) => ({
    'Event-Name': 'query_channels_resp',
    Channels: {
      [String(question['Call-ID'])]: { 'Call-ID': question['Call-ID'], 'Account-ID': 'acme', 'Other-Leg-Call-ID': 'b' },
    },
  }));
  const token = await tokenFor('acme', { scope: 'events commands' });
  const environment = { AMQP_URL: broker.url, EVENT_HORIZON_URL: bridge.address, EVENT_HORIZON_TOKEN: token };
  const control = startCommand(['bus', 'listen', 'metaflow', '#', '--json', '--count', '7'], environment);
  await until(async () => (await broker.patterns()).includes('metaflow #'), 'a call control');
  const given = [
    ['hold', 'a/1'],
    ['resume', 'a/1'],
    ['park', 'a/1'],
    ['transfer', 'a/1', '1003'],
    ['transfer', 'a/1', '+1', '--attended', '--moh', 'm'],
    ['intercept', 'a/1', 'user', 'u', '--unbridged-only'],
    ['metaflow', 'a/1', '{"module":"play","data":{"id":"m"}}'],
  ];
  for (const words of given) {
    expect(await runCommand(words, environment)).toEqual({ code: 0, stdout: `${words[0]}: accepted\n`, stderr: '' });
  }
  await control.ended();
  const bodies = control.stdout
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { body: Record<string, unknown> }).body);
  expect(bodies.map((body) => [body['Call-ID'], body.Action, body.Data ?? body.Flow])).toEqual([
    ['a/1', 'hold', {}],
    ['a/1', 'resume', {}],
    ['a/1', 'park', {}],
    ['a/1', 'transfer', { target: '1003', 'transfer-type': 'blind' }],
    ['a/1', 'transfer', { target: '+1', 'transfer-type': 'attended', moh: 'm' }],
    ['a/1', 'intercept', { target_type: 'user', target_id: 'u', unbridged_only: true }],
    ['a/1', undefined, { module: 'play', data: { id: 'm' } }],
  ]);
  const narrow = { ...environment, EVENT_HORIZON_TOKEN: await tokenFor('acme') };
  expect(await runCommand(['hold', 'a/1'], narrow)).toMatchObject({
    code: 3,
    stderr: expect.stringContaining('(403)'),
  });
});

test('a socket is listed and closed', async () => {
  const server = await startServer();
  const { token } = await accessTo(server);
  const socket = new WebSocket(server.socketAddress, { headers: { 'X-Auth-Token': token } });
  onTestFinished(() => socket.terminate());
  const closed = new Promise((resolve) => socket.once('close', resolve));
  await new Promise((resolve) => socket.once('open', resolve));
  socket.send(JSON.stringify({ action: 'ping', name: 'board', data: { name: 'board' } }));
  const { stdout } = await runCommand(['sockets', '--json'], at(server));
  const [found] = z.array(z.looseObject({ websocket_session_id: z.string() })).parse(JSON.parse(stdout));
  const id = found?.websocket_session_id ?? '';
  expect(await runCommand(['close', id], at(server))).toEqual({ code: 0, stdout: `${id}: closed\n`, stderr: '' });
  expect(await closed).toBe(4500);
  expect(await runCommand(['close', id], at(server))).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('event-horizon sockets'),
  });
});

describe('who is refused, or reaches nobody', () => {
  const secret = 'another secret, which the demo does not know';

  test('is told so: 3 for tokens and accounts, 4 for servers', slow, async () => {
    const server = await startServer();
    const foreign = await makeToken(secret, { account_id: account }, 60);
    const write = await useFolder();
    const file = await write('token', `${foreign}\n`);
    for (const args of [
      ['--token', foreign],
      ['--token-file', file],
      ['--token', 'nonsense'],
      ['--account', 'neighbour'],
    ]) {
      const { code, stderr } = await runCommand(['calls', ...args], at(server));
      expect({ args, code }).toEqual({ args, code: 3 });
      expect(stderr).toMatch(/^event-horizon: [^\n]+ refuses \(40[13]\): [^\n]+\n$/);
      expect(stderr).not.toContain(foreign);
    }
    const nobody = { EVENT_HORIZON_URL: `http://127.0.0.1:${await freePort()}/` };
    for (const args of [['calls'], ['hangup', 'x', '--token', foreign], ['bindings']]) {
      const { code, stderr } = await runCommand(args, nobody);
      expect({ args, code }).toEqual({ args, code: 4 });
      expect(stderr).toContain("can't be reached: nobody listens there");
    }
  });

  test('with a token that tells no account is asked for it, where the token is good: 2', async () => {
    const crossbar = createServer((request, response) => {
      const isKnown = request.headers['x-auth-token'] === 'opaque';
      const isOwn = request.url?.startsWith('/v2/accounts/acme/') === true;
      response.writeHead(isKnown ? (isOwn ? 200 : 403) : 401);
      const outcome = isKnown && isOwn ? { status: 'success', data: [] } : { status: 'error', data: {}, message: 'no' };
      response.end(JSON.stringify(outcome));
    });
    await new Promise<void>((resolve) => crossbar.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void crossbar.close());
    const url = `http://127.0.0.1:${(crossbar.address() as { port: number }).port}`;
    const asked = (...words: string[]) => runCommand(['calls', '--url', url, ...words]);
    expect(await asked('--token', 'opaque')).toMatchObject({ code: 2, stderr: expect.stringContaining('--account: ') });
    expect(await asked('--token', 'opaque', '--account', 'acme')).toMatchObject({ code: 0, stdout: 'no calls\n' });
    expect(await asked('--token', 'unknown')).toMatchObject({ code: 3 });
  });

  test('reads what it is that answers there, if that is something else', async () => {
    const paths: string[] = [];
    const other = createServer((request, response) => {
      paths.push(request.url ?? '');
      const moved = request.url?.startsWith('/moved');
      response.writeHead(
        moved ? 302 : request.url?.startsWith('/proxy') ? 503 : 200,
        moved ? { location: '/else' } : {},
      );
      response.end('<html>');
    });
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    onTestFinished(() => void other.close());
    const { port } = other.address() as { port: number };
    const asked = (path: string) =>
      runCommand(['calls', '--token', 't', '--account', 'a', '--url', `http://127.0.0.1:${port}/${path}`]);
    expect(await asked('')).toMatchObject({ code: 1, stderr: expect.stringContaining('is no Event Horizon') });
    expect(await asked('moved')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('leads elsewhere, to /else'),
    });
    expect(paths).not.toContain('/else');
    expect(await asked('proxy')).toMatchObject({ code: 4, stderr: expect.stringContaining('no server is behind it') });
  });
});

describe('--watch', () => {
  /** Under a terminal of its own. */
  const atTerminal = (words: string, environment: Record<string, string>) =>
    startProcess(
      'script',
      ['-qfec', `stty rows 12 cols 60; echo pid $$; exec node dist/cli/event-horizon.js ${words}`, '/dev/null'],
      {
        TERM: 'xterm',
        ...environment,
      },
    );

  test('keeps a table on the screen of a terminal, in colours, says when it is out of date, and leaves it as it was', async () => {
    const server = await startDemo();
    const watched = atTerminal('calls --watch --every 100ms', at(server));
    await watched.text(
      new RegExp(`${esc}\\[\\?1049h[^]*${esc}\\[1m\\d+ calls?[^]*${esc}\\[3[236]m(talking|ringing|held)`),
    );
    server.process.signal('SIGKILL');
    await watched.text(/out of date since /);
    // As Ctrl-C does: to what runs in the terminal.
    const [, pid] = await watched.text(/pid (\d+)/);
    process.kill(Number(pid), 'SIGINT');
    await watched.ended();
    expect(watched.stdout).toMatch(new RegExp(`${esc}\\[\\?25h${esc}\\[\\?1049l\\s*$`));
    const lines = watched.stdout.split(new RegExp(`\\r\\n|${esc}\\[H`)).map((line) => line.replaceAll(steering, ''));
    expect(lines.filter((line) => [...line].length > 60)).toEqual([]);
  });

  test('prints again and again elsewhere, until nobody reads it', async () => {
    const server = await startDemo();
    const piped = startProcess(
      'bash',
      ['-c', 'set -o pipefail; node dist/cli/event-horizon.js calls --json --watch --every 50ms | head -2'],
      at(server),
    );
    expect(await piped.ended()).toEqual({ code: 0, signal: null });
    expect(piped.stderr).toBe('');
    expect(
      piped.stdout
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)),
    ).toHaveLength(2);
  });

  test('has no colours for who wants none', async () => {
    const server = await startDemo();
    const plain = atTerminal('calls', at(server, { NO_COLOR: '1' }));
    await plain.ended();
    expect(plain.stdout).toMatch(/STATE/);
    expect(plain.stdout).not.toContain(esc);
    const painted = atTerminal('calls', at(server));
    await painted.ended();
    expect(painted.stdout).toContain(`${esc}[2m`);
  });
});

test('one that is ended by a signal ends as signals do', async () => {
  const server = await startServer();
  const watched = startCommand(['bindings', '--watch'], at(server));
  await watched.text(/FAMILY/);
  watched.signal('SIGINT');
  expect(await watched.ended()).toMatchObject({ signal: 'SIGINT' });
});
