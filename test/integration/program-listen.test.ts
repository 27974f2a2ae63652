/** `event-horizon listen`: against the demo as a person has it, and through everything that happens to servers and brokers. */
import { describe, expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { runCommand, startCommand } from '../support/commands.ts';
import { callEvent, publish } from '../support/events.ts';
import { startMain, startProcess, startServer, useFolder } from '../support/process.ts';
import { freePort } from '../support/rabbit.ts';
import { until } from '../support/until.ts';

/** Of a test that starts many processes, or waits until a client comes back. */
const slow = { timeout: 90_000 };

interface Frame {
  readonly action: string;
  readonly name: string;
  readonly cursor: string;
  readonly account_id: string;
  readonly data: Readonly<Record<string, unknown>>;
}

const framesIn = (text: string): Frame[] =>
  text
    .trim()
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Frame);
const idsIn = (text: string): unknown[] => framesIn(text).map(({ data }) => data.call_id);

/** A server of the test's own, and a listener that is there. */
async function listening(settings: Record<string, string>, words: readonly string[], account = 'acme', claims = {}) {
  const broker = await useBroker();
  const bridge = await startBridge(settings, broker);
  const environment = { EVENT_HORIZON_URL: bridge.address, EVENT_HORIZON_TOKEN: await tokenFor(account, claims) };
  const listener = startCommand(['listen', ...words], environment);
  await until(
    async () => (await bridge.metric('horizon_subscriptions')) > 0 || listener.exit !== undefined,
    'a subscription',
  );
  return { broker, bridge, listener, environment };
}

describe('the demo on this machine', () => {
  test('is listened to without a word: a readable line an event', async () => {
    const server = await startServer();
    const { code, stdout, stderr } = await runCommand(['listen', '--count', '4'], {
      EVENT_HORIZON_URL: server.address,
    });
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines).toHaveLength(4);
    for (const line of lines) {
      expect(line).toMatch(
        /^\d\d:\d\d:\d\d\.\d{3} {2}(CHANNEL|PARK)_\w+ +\S+.* → \S+.* {2}(ringing|answered|talking|held|ended|parked|taken|gave up)/,
      );
    }
  });

  test('tells its frames, and goes on behind any of them', async () => {
    const server = await startServer();
    const at = { EVENT_HORIZON_URL: server.address };
    const first = framesIn((await runCommand(['listen', '--json', '--count', '3'], at)).stdout);
    expect(first[0]).toMatchObject({
      action: 'event',
      subscribed_key: 'call.*.*',
      cursor: expect.any(String),
      data: { event_category: 'call_event' },
    });
    const again = await runCommand(['listen', '--json', '--since', first[0]?.cursor ?? '', '--count', '2'], at);
    expect(framesIn(again.stdout)).toEqual(first.slice(1));
    expect(again.stderr).toBe('');
    const lost = await runCommand(['listen', '--since', 'nonsensenonsense-nonse', '--for', '300ms'], at);
    expect(lost).toMatchObject({
      code: 0,
      stderr: expect.stringMatching(/^events may be missing \(the server has another history now\): call\.\*\.\*\n$/),
    });
  });

  test(
    'is waited for while it starts anew, with its new token; that something may be missing is said',
    slow,
    async () => {
      const port = String(await freePort());
      const demo = startMain({ PORT: port });
      await demo.logged('listening');
      const listener = startCommand(['listen', '--json'], { EVENT_HORIZON_URL: `http://127.0.0.1:${port}` });
      await listener.text(/"action":"event"/);
      await demo.insist('SIGKILL');
      await listener.text(/the connection is away: [^\n]+; what is missed comes when it is back\n/);
      const heard = listener.stdout.length;
      await startMain({ PORT: port }).logged('listening');
      await listener.text(
        /the connection is back\n[\s\S]*events may be missing \(the server has another history now\)/,
      );
      await until(() => listener.stdout.length > heard, 'an event of the new demo');
      listener.signal('SIGINT');
      expect(await listener.ended()).toMatchObject({ signal: 'SIGINT' });
    },
  );
});

describe('what is listened to', () => {
  test('is given once each, in order, over a restart of the server and what happened meanwhile', slow, async () => {
    const port = String(await freePort());
    const { broker, bridge, listener } = await listening({ PORT: port, HISTORY: 'stream' }, ['--json', '--count', '4']);
    await publish(broker, callEvent('acme', 'CHANNEL_CREATE', '1'), callEvent('acme', 'CHANNEL_CREATE', '2'));
    await until(() => idsIn(listener.stdout).length === 2, 'two events');
    await bridge.stop();
    await listener.text(/the connection is away/);
    await publish(broker, callEvent('acme', 'CHANNEL_CREATE', '3'), callEvent('other', 'CHANNEL_CREATE', 'x'));
    await startBridge({ PORT: port, HISTORY: 'stream' }, broker);
    await until(() => idsIn(listener.stdout).length === 3, 'the event that was missed');
    await publish(broker, callEvent('acme', 'CHANNEL_CREATE', '4'));
    expect(await listener.ended()).toEqual({ code: 0, signal: null });
    expect(idsIn(listener.stdout)).toEqual(['1', '2', '3', '4']);
    expect(listener.stderr).toMatch(/^the connection is away: [^\n]+\nthe connection is back\n/);
    expect(listener.stderr).not.toContain('missing');
  });

  test('may have been missed where the server keeps no history, and that is said', slow, async () => {
    const port = String(await freePort());
    const { broker, bridge, listener } = await listening({ PORT: port }, ['--json']);
    await bridge.stop();
    await listener.text(/the connection is away/);
    await publish(broker, callEvent('acme', 'CHANNEL_CREATE', 'missed'));
    await startBridge({ PORT: port }, broker);
    await listener.text(/events may be missing \(the server keeps none\): call\.\*\.\*\n/);
    await publish(broker, callEvent('acme', 'CHANNEL_CREATE', 'after'));
    await until(() => idsIn(listener.stdout).includes('after'), 'the event after it');
    expect(idsIn(listener.stdout)).toEqual(['after']);
  });

  test('may be narrowed by a filter, and widened to the accounts below', async () => {
    const { path } = await useAccountsFile([{ id: 'acme' }, { id: 'branch', parent_id: 'acme' }]);
    const filter = '{"Call-ID":{"prefix":"wanted"}}';
    const words = ['call.CHANNEL_CREATE.*', '--filter', filter, '--subaccounts', '--count', '2'];
    const { broker, listener } = await listening({ ACCOUNTS_FILE: path }, words);
    for (const [account, id] of [
      ['acme', 'unwanted'],
      ['acme', 'wanted-1'],
      ['branch', 'wanted-2'],
    ] as const) {
      await publish(broker, callEvent(account, 'CHANNEL_CREATE', id));
    }
    expect(await listener.ended()).toEqual({ code: 0, signal: null });
    expect(listener.stdout.replaceAll(/^\S+ +/gm, '').replaceAll(/ +/g, ' ')).toBe(
      'CHANNEL_CREATE ringing wanted-1 acme\nCHANNEL_CREATE ringing wanted-2 branch\n',
    );
  });

  test('comes once, however many bindings it fits', async () => {
    const { broker, listener } = await listening({ HISTORY: 'stream' }, [
      'call.*.*',
      'call.CHANNEL_CREATE.*',
      '--count',
      '2',
    ]);
    await publish(broker, callEvent('acme', 'CHANNEL_CREATE', '1'), callEvent('acme', 'CHANNEL_CREATE', '2'));
    expect(await listener.ended()).toEqual({ code: 0, signal: null });
    expect(listener.stdout).toMatch(/^[^\n]* 1\n[^\n]* 2\n$/);
  });

  test('is not there while the broker is away, and that is said', async () => {
    const { broker, bridge, listener } = await listening({ HISTORY: 'stream' }, ['--json']);
    await broker.killConnections();
    await listener.text(/the server's broker is away: nothing comes\n[\s\S]*the server's broker is back\n/);
    await until(async () => (await fetch(`${bridge.address}/readyz`)).ok, 'a bridge that is ready');
    await publish(broker, callEvent('acme', 'CHANNEL_CREATE', 'after'));
    await until(() => idsIn(listener.stdout).includes('after'), 'the event after it');
  });
});

describe('a token that ends', () => {
  test('is read again from its file, and ends who was given it for good: 3', async () => {
    const broker = await useBroker();
    const bridge = await startBridge({ HISTORY: 'stream' }, broker);
    const write = await useFolder();
    const ending = await tokenFor('acme', {}, 3);
    const file = await write('token', ending);
    const at = { EVENT_HORIZON_URL: bridge.address };
    const reading = startCommand(['listen', '--json', '--count', '1', '--token-file', file], at);
    const given = startCommand(['listen', '--json'], { ...at, EVENT_HORIZON_TOKEN: ending });
    await until(async () => (await bridge.metric('horizon_subscriptions')) === 2, 'two who listen');
    await write('token', `${await tokenFor('acme')}\n`);
    expect(await given.ended()).toEqual({ code: 3, signal: null });
    expect(given.stderr).toMatch(/^event-horizon: [^\n]*it has expired[^\n]*\n$/);
    await publish(broker, callEvent('acme', 'CHANNEL_CREATE', 'afterwards'));
    expect(await reading.ended()).toEqual({ code: 0, signal: null });
    expect(idsIn(reading.stdout)).toEqual(['afterwards']);
    expect(reading.stderr).toBe('');
  });
});

describe('who may not, or can not, listen', () => {
  test('is told why: 2, 3 or 4', slow, async () => {
    const broker = await useBroker();
    const bridge = await startBridge({}, broker);
    const at = { EVENT_HORIZON_URL: bridge.address, EVENT_HORIZON_TOKEN: await tokenFor('acme') };
    for (const [code, words, text] of [
      [2, ['call.NONSENSE.*'], 'event NONSENSE not supported (binding_unsupported); `event-horizon bindings` lists'],
      [2, ['--filter', '{"a":{"odd":1}}'], '(invalid_message)'],
      [2, ['--filter', '{'], '--filter'],
      [2, ['--for', 'ever'], '--for'],
      [3, ['--account', 'neighbour'], '(account_unauthorized)'],
      [3, ['--token', 'nonsense'], 'failed to authenticate token'],
      [4, ['--url', `ws://127.0.0.1:${await freePort()}`], "can't be reached"],
    ] as const) {
      const ended = await runCommand(['listen', ...words], at);
      expect({ words, code: ended.code, stdout: ended.stdout }).toEqual({ words, code, stdout: '' });
      expect(ended.stderr).toMatch(/^event-horizon: [^\n]+\n$/);
      expect(ended.stderr).toContain(text);
    }
  });

  test('whose socket an administrator closes stays away: 3', async () => {
    const { listener, environment } = await listening({}, ['--json']);
    const { stdout } = await runCommand(['sockets', '--json'], environment);
    const [socket] = JSON.parse(stdout) as { websocket_session_id: string }[];
    await runCommand(['close', socket?.websocket_session_id ?? ''], environment);
    expect(await listener.ended()).toEqual({ code: 3, signal: null });
    expect(listener.stderr).toMatch(/^event-horizon: [^\n]*closed by an administrator[^\n]*\n$/);
  });
});

describe('who reads', () => {
  test('no further than that ends it quietly', async () => {
    const server = await startServer();
    const piped = startProcess('bash', ['-c', 'set -o pipefail; node dist/cli/event-horizon.js listen | head -2'], {
      EVENT_HORIZON_URL: server.address,
    });
    expect(await piped.ended()).toEqual({ code: 0, signal: null });
    expect(piped.stderr).toBe('');
    expect(piped.stdout.trim().split('\n')).toHaveLength(2);
  });

  test('at a terminal sees colours and what is listened to', async () => {
    const server = await startServer();
    const words = 'exec node dist/cli/event-horizon.js listen --count 1';
    const shown = startProcess('script', ['-qfec', words, '/dev/null'], {
      TERM: 'xterm',
      EVENT_HORIZON_URL: server.address,
    });
    await shown.ended();
    expect(shown.stdout).toContain('listening to call.*.* at http://127.0.0.1:');
    const esc = '\u001B';
    const line = `${esc}\\[2m\\d\\d:\\d\\d:\\d\\d\\.\\d{3}${esc}\\[0m {2}${esc}\\[3\\dmCHANNEL_`;
    expect(shown.stdout).toMatch(new RegExp(line));
  });
});
