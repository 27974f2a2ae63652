/** Commands to calls: what is read, who may, what goes onto the bus, what is told of it. */
import { readFileSync } from 'node:fs';
import { describe, expect, onTestFinished, test } from 'vitest';
import { AccountTree } from '../../src/auth/accounts.ts';
import { createAuthenticator } from '../../src/auth/authenticator.ts';
import { identityOf } from '../../src/auth/identity.ts';
import { commandActions, readCommand } from '../../src/commands/command.ts';
import { type CommandSurroundings, Commands } from '../../src/commands/commands.ts';
import { readConfig } from '../../src/config.ts';
import { ActionError } from '../../src/errors.ts';
import { checkAccess } from '../../src/http/access.ts';
import { addCommandRoutes } from '../../src/http/command-routes.ts';
import { createHttp } from '../../src/http/http-server.ts';
import { createLog, type Log } from '../../src/log.ts';
import type { LogOutput } from '../../src/log-output.ts';
import { headerToken } from '../../src/socket/upgrade.ts';
import { secret, tokenFor } from '../support/bridge.ts';
import { silentLog } from '../support/silent-log.ts';

type Fields = Readonly<Record<string, unknown>>;

const account = 'acme';
const callId = 'ZjE5OTk.b64+a/c=@192.0.2.10';
const accounts = new AccountTree([{ id: account }, { id: 'branch', parent_id: account }, { id: 'neighbour' }]);
const someone = (claims: object = {}) =>
  identityOf({ account_id: account, exp: 4e9, scope: 'commands', owner_id: 'ana', ...claims }, `${Math.random()}`);

function createWorld(changes: Partial<CommandSurroundings> = {}) {
  const published: [string, string, Fields, unknown][] = [];
  const counted: string[] = [];
  const logged: Fields[] = [];
  const asked: string[] = [];
  const log = { info: (fields: Fields) => void logged.push(fields) } as unknown as Log;
  const commands = new Commands(
    {
      accounts,
      async publish(exchange, key, payload, options) {
        published.push([exchange, key, payload as Fields, options]);
        return 'published';
      },
      async findChannel(of, id) {
        asked.push(`${of} ${id}`);
        return of === account && id === callId ? { call_id: id, other_leg_call_id: 'other' } : undefined;
      },
      onCommand: (action, outcome) => void counted.push(`${action} ${outcome}`),
      ...changes,
    },
    log,
  );
  const run = (action: unknown, members: Fields = {}, identity = someone(), more: object = {}) =>
    commands.run({ account, callId, source: '192.0.2.1', action, members, ...more }, () => identity);
  return { commands, run, published, counted, logged, asked };
}

const captured = (file: string) =>
  JSON.parse(readFileSync(new URL(`../fixtures/kazoo/metaflow.${file}.json`, import.meta.url), 'utf8')) as {
    routing_key: string;
    body: Fields;
  };

describe('what goes onto the bus is what Kazoo’s Crossbar sends', () => {
  test.each<[string, string, Fields]>([
    ['action.hangup', 'hangup', {}],
    ['action.transfer', 'transfer', { target: '1003', transfer_type: 'blind' }],
    ['action.transfer', 'transfer', { target: '1003', 'transfer-type': 'blind' }],
    ['action.intercept', 'intercept', { target_type: 'device', target_id: 'd509114b66efabf32dfd78dc464b46dd' }],
    ['action.intercept', 'intercept', { 'target-type': 'device', 'target-id': 'd509114b66efabf32dfd78dc464b46dd' }],
    ['flow', 'metaflow', { data: { module: 'hangup', data: {} } }],
  ])('%s', async (file, action, members) => {
    const { run, published } = createWorld();
    await run(action, members);
    const { routing_key: key, body } = captured(file);
    const { Node: _node, 'Msg-ID': _id, 'App-Name': _app, 'App-Version': _version, ...fields } = body;
    expect(published).toEqual([['metaflow', key, fields, { mandatory: true }]]);
  });
});

describe('what is read', () => {
  const flow = (data: Fields, module = 'play') => ({ data: { module, data } });
  test.each<[string, Fields, Fields]>([
    ['hold', {}, {}],
    ['resume', {}, {}],
    ['park', {}, {}],
    ['hangup', { nothing: null }, {}],
    [
      'transfer',
      { target: '1', 'transfer-type': 'attended', moh: 'm1' },
      { target: '1', 'transfer-type': 'attended', moh: 'm1' },
    ],
    [
      'intercept',
      { target_type: 'user', target_id: 'u', unbridged_only: true },
      { target_type: 'user', target_id: 'u', unbridged_only: true },
    ],
    ['metaflow', flow({ id: 'medium', leg: 'self' }), { module: 'play', data: { id: 'medium', leg: 'self' } }],
    ['metaflow', { data: { module: 'record_call' } }, { module: 'record_call', data: {} }],
  ])('%s %j', (action, members, data) => expect(readCommand(action, members)).toEqual({ action, data }));

  const long = 'x'.repeat(257);
  /** It can be read, and not be printed again. */
  const deep = JSON.parse(`{"a":${'['.repeat(30_000)}${']'.repeat(30_000)}}`) as Fields;
  test.each<[unknown, Fields, string]>([
    ['explode', {}, 'data.action'],
    ['toString', {}, 'data.action'],
    [undefined, {}, 'data.action'],
    [7, {}, 'data.action'],
    ['hangup', { when: 'now' }, 'data.when'],
    ['hangup', JSON.parse('{"__proto__": {}}') as Fields, 'data.__proto__'],
    ['transfer', { transfer_type: 'blind' }, 'data.target'],
    ['transfer', { target: '1' }, 'data.transfer_type'],
    ['transfer', { target: '', transfer_type: 'blind' }, 'data.target'],
    ['transfer', { target: long, transfer_type: 'blind' }, 'data.target'],
    ['transfer', { target: ['1'], transfer_type: 'blind' }, 'data.target'],
    ['transfer', { target: '1', transfer_type: 'loud' }, 'data.transfer_type'],
    ['transfer', { target: '1', transfer_type: 'blind', 'transfer-type': 'blind' }, 'data.transfer-type'],
    ['transfer', { target: '1', transfer_type: 'blind', moh: '/neighbour/m' }, 'data.moh'],
    ['intercept', { target_type: 'group', target_id: 'g' }, 'data.target_type'],
    ['intercept', { target_type: 'user' }, 'data.target_id'],
    ['intercept', { target_type: 'user', target_id: 'u', unbridged_only: 'yes' }, 'data.unbridged_only'],
    ['metaflow', {}, 'data.data'],
    ['metaflow', { data: [] }, 'data.data'],
    ['metaflow', { data: { module: 'hangup' }, more: 1 }, 'data.more'],
    ['metaflow', { data: { module: 'hangup', children: {} } }, 'data.data.children'],
    ['metaflow', { data: { module: 'callflow' } }, 'data.data.module'],
    ['metaflow', { data: { data: {} } }, 'data.data.module'],
    ['metaflow', { data: { module: 'say', data: 'hello' } }, 'data.data.data'],
    ['metaflow', flow({ id: 'neighbour/medium' }), 'data.data.data.id'],
    ['metaflow', flow({ moh: 'a/b' }, 'transfer'), 'data.data.data.moh'],
    ['metaflow', flow({ 'MOH-Aleg': 'a/b' }, 'hold'), 'data.data.data.MOH-Aleg'],
    ['metaflow', flow({ moh_bleg: 'a/b' }, 'hold'), 'data.data.data.moh_bleg'],
    ['metaflow', flow({ text: long }, 'tts'), 'data.data.data.text'],
    ['metaflow', flow({ text: { children: 1 } }, 'tts'), 'data.data.data.text'],
    ['metaflow', flow({ url: 'http://a' }, 'record_call'), 'data.data.data.url'],
    ['metaflow', flow({ URL: 'http://a' }, 'record_call'), 'data.data.data.URL'],
    ['metaflow', { data: deep }, 'data.data'],
    ['metaflow', flow({ text: deep }, 'tts'), 'data.data'],
    [
      'metaflow',
      flow(Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`a${index}`, 'x'.repeat(250)]))),
      'data.data',
    ],
  ])('%s is refused with its place (%#)', (action, members, place) => {
    expect(() => readCommand(action, members)).toThrow(
      expect.objectContaining({
        code: 'invalid_message',
        message: expect.stringContaining(`invalid message: ${place}: `),
      }),
    );
  });
});

describe('who may', () => {
  test.each<[string, object, object, string]>([
    ['nobody whose token does not name the scope', { scope: undefined }, {}, 'scope_missing'],
    ['no superduper admin without it', { scope: undefined, superduper_admin: true }, {}, 'scope_missing'],
    ['nobody of other scopes', { scope: 'events sockets:close' }, {}, 'scope_missing'],
    ['nobody who may not see calls', { families: ['conference'] }, {}, 'scope_missing'],
    ['no neighbour', { account_id: 'neighbour' }, {}, 'account_unauthorized'],
    ['no child', { account_id: 'branch' }, {}, 'account_unauthorized'],
    ['nobody for all accounts', { superduper_admin: true }, { account: '*' }, 'account_unauthorized'],
    ['nobody for a call of another account', {}, { account: 'branch' }, 'not_found'],
    ['nobody for a call that there is not', {}, { callId: 'none' }, 'not_found'],
    ['nobody for a call whose id is too long for the bus', {}, { callId: 'x'.repeat(250) }, 'invalid_message'],
  ])('%s', async (_title, claims, more, code) => {
    const { run, published, counted, logged } = createWorld();
    await expect(run('hangup', {}, someone(claims), more)).rejects.toMatchObject({ code });
    expect(published).toEqual([]);
    expect(counted).toEqual([`hangup ${code}`]);
    expect(logged).toEqual([expect.objectContaining({ action: 'hangup', outcome: code })]);
  });

  test('who may no longer when the media nodes have answered, may not', async () => {
    const { commands, published } = createWorld();
    const good = someone();
    let calls = 0;
    const who = () => {
      calls += 1;
      if (calls > 2) throw new ActionError('token_expired');
      return good;
    };
    const request = { account, callId, source: 's', action: 'hangup', members: {} };
    await expect(commands.run(request, who)).rejects.toMatchObject({ code: 'token_expired' });
    expect(published).toEqual([]);
  });

  test('a call with one end is not transferred', async () => {
    const { run } = createWorld({ findChannel: async () => ({ call_id: callId }) });
    await expect(run('transfer', { target: '1', transfer_type: 'blind' })).rejects.toMatchObject({
      code: 'invalid_message',
    });
    await run('hangup');
  });
});

describe('nobody listens', () => {
  const refused = { code: 'source_unavailable', message: 'no call control is listening' };
  test('to the key, or there is no exchange', async () => {
    await expect(createWorld({ publish: async () => 'unroutable' }).run('hangup')).rejects.toMatchObject(refused);
    const missing = createWorld({
      publish: () => Promise.reject(Object.assign(new Error('NOT_FOUND'), { code: 404 })),
    });
    await expect(missing.run('hangup')).rejects.toMatchObject(refused);
  });

  test('the broker is away', async () => {
    const { run, counted } = createWorld({ publish: () => Promise.reject(new Error('away')) });
    await expect(run('hangup')).rejects.toMatchObject({ code: 'source_unavailable' });
    expect(counted).toEqual(['hangup source_unavailable']);
  });
});

describe('what is told of it', () => {
  test('one line: who, on which call, what and what came of it; nothing of what was said with it', async () => {
    const { run, logged, counted } = createWorld();
    const identity = someone();
    await run('metaflow', { data: { module: 'tts', data: { text: 'the vault is open' } } }, identity);
    expect(logged).toEqual([
      {
        account,
        owner: 'ana',
        tokenDigest: `sha256:${identity.tokenDigest.slice(0, 12)}`,
        source: '192.0.2.1',
        call: callId,
        action: 'metaflow',
        outcome: 'accepted',
      },
    ]);
    expect(JSON.stringify(logged)).not.toContain('vault');
    // What looks like a secret is hidden in the log's lines: the digest must not.
    const lines: string[] = [];
    const output = { write: (line: string) => lines.push(line) } as unknown as LogOutput;
    createLog({ LOG_LEVEL: 'info', LOG_PRETTY: false, NODE_NAME: 'n' }, output, false).info(logged[0]);
    expect(lines.join()).toContain(`"sha256:${identity.tokenDigest.slice(0, 12)}"`);
    await expect(run('x'.repeat(5000))).rejects.toMatchObject({ code: 'invalid_message' });
    expect(counted).toEqual(['metaflow accepted', 'unknown invalid_message']);
  });

  test('ten a second of a token; that there were more is logged once', async () => {
    const { run, counted, logged, asked } = createWorld();
    const identity = someone();
    const outcomes = await Promise.allSettled(Array.from({ length: 30 }, () => run('hold', {}, identity)));
    const failures = outcomes.filter(({ status }) => status === 'rejected');
    expect(failures.length).toBeGreaterThanOrEqual(18);
    expect(asked.length).toBe(30 - failures.length);
    expect(counted.filter((one) => one === 'hold rate_limited')).toHaveLength(failures.length);
    expect(logged.filter(({ outcome }) => outcome === 'rate_limited')).toHaveLength(1);
    await run('hold');
  });
});

describe('over REST', () => {
  async function startRest() {
    const world = createWorld();
    const authenticator = createAuthenticator(readConfig({ AMQP_URL: 'amqp://127.0.0.1:1', AUTH_JWT_SECRET: secret }));
    const http = await createHttp({ nodeName: 'node', version: '0' }, [], silentLog);
    checkAccess(http, { accounts, authenticator, tokenOf: headerToken });
    addCommandRoutes(http, { info: { nodeName: 'node', version: '0' }, commands: world.commands });
    const address = await http.listen({ host: '127.0.0.1', port: 0, listenTextResolver: () => '' });
    onTestFinished(() => http.close());
    const ask = async (method: string, body: unknown, token?: string, of = account) => {
      const response = await fetch(`${address}/v2/accounts/${of}/channels/${encodeURIComponent(callId)}`, {
        method,
        headers: {
          'content-type': 'application/json',
          'x-auth-token': token ?? (await tokenFor(account, { scope: 'commands' })),
        },
        body: JSON.stringify(body),
      });
      return { status: response.status, body: (await response.json()) as { data: unknown; message?: string } };
    };
    return { ...world, ask, address };
  }

  test.each<[string, unknown]>([
    ['POST', { data: { action: 'hangup' } }],
    ['POST', { action: 'hangup' }],
    ['POST', { action: 'hangup', data: {} }],
    ['POST', { data: { action: 'transfer', target: '1', 'transfer-type': 'blind' } }],
    ['POST', { action: 'transfer', data: { target: '1', transfer_type: 'blind' } }],
    ['POST', { data: { action: 'metaflow', data: { module: 'hangup' } } }],
    ['PUT', { data: { action: 'metaflow', data: { module: 'hangup' } } }],
    ['PUT', { action: 'metaflow', data: { module: 'hangup' } }],
  ])('%s %j is accepted', async (method, body) => {
    const { ask, published } = await startRest();
    expect(await ask(method, body)).toMatchObject({
      status: 202,
      body: { data: { accepted: true }, status: 'success' },
    });
    expect(published).toHaveLength(1);
  });

  test.each<[string, unknown]>([
    ['POST', { data: { action: 'explode' } }],
    ['POST', { data: {} }],
    ['POST', {}],
    ['POST', { data: { action: 'transfer', target: '1' } }],
    ['PUT', { data: { action: 'hangup' } }],
    ['PUT', { data: { module: 'hangup' } }],
  ])('%s %j is 400, with the place', async (method, body) => {
    const { ask, published } = await startRest();
    expect(await ask(method, body)).toMatchObject({ status: 400, body: { message: expect.stringContaining('data.') } });
    expect(published).toEqual([]);
  });

  test('who may not: 401, 403; whose call it is not: 404. Whoever has a token is logged', async () => {
    const { ask, published, logged } = await startRest();
    const hangup = { data: { action: 'hangup' } };
    expect((await ask('POST', hangup, 'bad')).status).toBe(401);
    expect((await ask('POST', hangup, await tokenFor(account, { scope: 'commands' }, -1))).status).toBe(401);
    expect(logged).toEqual([]);
    for (const [token, code] of [
      [await tokenFor(account), 'scope_missing'],
      [await tokenFor(account, { superduper_admin: true }), 'scope_missing'],
      [await tokenFor('neighbour', { scope: 'commands' }), 'account_unauthorized'],
      [await tokenFor('branch', { scope: 'commands' }), 'account_unauthorized'],
      [await tokenFor(account, { scope: 'commands', families: ['presence'] }), 'scope_missing'],
    ] as const) {
      expect((await ask('POST', hangup, token)).status).toBe(403);
      expect(logged.splice(0)).toEqual([expect.objectContaining({ action: 'hangup', outcome: code })]);
    }
    expect((await ask('POST', hangup, undefined, 'branch')).status).toBe(404);
    expect(published).toEqual([]);
  });

  test('pages of other origins may POST and PUT', async () => {
    const { address } = await startRest();
    const response = await fetch(`${address}/v2/accounts/${account}/channels/1`, {
      method: 'OPTIONS',
      headers: { origin: 'https://console.example.com', 'access-control-request-method': 'PUT' },
    });
    expect(response.headers.get('access-control-allow-methods')).toMatch(/POST.*PUT/);
  });
});

test('every action is known', () => {
  expect(commandActions).toEqual(['hangup', 'hold', 'resume', 'park', 'transfer', 'intercept', 'metaflow']);
});
