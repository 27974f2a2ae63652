/** The commands that work on the bus itself, against a real broker. */
import { describe, expect, test } from 'vitest';
import { type Broker, useBroker } from '../support/broker.ts';
import { runCommand, startCommand } from '../support/commands.ts';
import { startMediaNode } from '../support/media-node.ts';
import { startProcess, useFolder } from '../support/process.ts';
import { freePort } from '../support/rabbit.ts';
import { until } from '../support/until.ts';

const on = (broker: Broker) => ({ AMQP_URL: broker.url });

/** Listens, and is there. */
async function listening(broker: Broker, ...words: string[]) {
  const bound = (await broker.bindings()).length;
  const listener = startCommand(['bus', 'listen', ...words], on(broker));
  await until(async () => (await broker.bindings()).length > bound || listener.exit !== undefined, 'a binding');
  return listener;
}

describe('bus listen', () => {
  test('prints what passes: time, key and body, or JSON; as many as are wanted', async () => {
    const broker = await useBroker();
    const people = await listening(broker, 'callevt', 'call.*.{enc:a.1}', '--count', '2');
    const programs = await listening(broker, 'callevt:topic', '#', '--json', '--count', '3');
    await broker.publish('callevt', 'call.CHANNEL_CREATE.a%2E1', { 'Event-Name': 'CHANNEL_CREATE' });
    await broker.publish('callevt', 'call.status_req.other', { 'Event-Name': 'channel_status_req' });
    await broker.publish('callevt', 'call.CHANNEL_DESTROY.a%2E1', Buffer.from('\u001B[31mno JSON'));
    expect(await people.ended()).toEqual({ code: 0, signal: null });
    expect(people.stdout).toMatch(
      /^\d\d:\d\d:\d\d\.\d{3} {2}call\.CHANNEL_CREATE\.a%2E1 {2}\{"Event-Name":"CHANNEL_CREATE"\}\n.* {2}\\u\{1b\}\[31mno JSON\n$/,
    );
    expect(people.stderr).toBe('there was no exchange callevt: it is declared now (topic)\n');
    expect(await programs.ended()).toEqual({ code: 0, signal: null });
    const lines = programs.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { routing_key: string });
    expect(lines.map((line) => line.routing_key.split('.')[1])).toEqual([
      'CHANNEL_CREATE',
      'status_req',
      'CHANNEL_DESTROY',
    ]);
    expect(lines[0]).toMatchObject({ exchange: 'callevt', body: { 'Event-Name': 'CHANNEL_CREATE' } });
  });

  test('ends when its time is over, and leaves no queue behind', async () => {
    const broker = await useBroker();
    expect(await runCommand(['bus', 'listen', 'nodes', '', '--for', '300ms'], on(broker))).toMatchObject({ code: 0 });
    expect(await broker.queues()).toEqual([]);
    // It is declared as Kazoo has it: the broker takes no other type from here on.
    const channel = await broker.channel();
    await channel.assertExchange('nodes', 'fanout', { durable: false });
  });

  test('makes a queue that stays, and acknowledges what it has printed', async () => {
    const broker = await useBroker();
    const options = [
      'dialoginfo:direct',
      'BLF-proxy1',
      '--queue',
      'BLF-QUEUE',
      '--durable',
      '--no-auto-delete',
      '--ack',
    ];
    const first = await listening(broker, ...options, '--count', '1');
    const channel = await broker.channel();
    await channel.assertExchange('dialoginfo', 'direct', { durable: false });
    const publish = async (n: number) => {
      channel.publish('dialoginfo', 'BLF-proxy1', Buffer.from(JSON.stringify({ n })));
      await channel.waitForConfirms();
    };
    await publish(1);
    expect(await first.ended()).toEqual({ code: 0, signal: null });
    expect(await broker.queues()).toMatchObject([
      { name: 'BLF-QUEUE', durable: true, auto_delete: false, exclusive: false },
    ]);
    // What comes while nobody listens is still there, and what was printed isn't.
    await publish(2);
    const second = startCommand(['bus', 'listen', ...options, '--count', '1'], on(broker));
    expect(await second.ended(), second.stderr).toEqual({ code: 0, signal: null });
    expect(second.stdout).toContain('{"n":2}');
    const other = await runCommand(['bus', 'listen', 'dialoginfo', 'x', '--queue', 'BLF-QUEUE'], on(broker));
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringMatching(/^event-horizon: the broker: PRECONDITION_FAILED - [^\n]+\n$/),
    });
  });

  test('comes back to a broker that it has lost, and says so', async () => {
    const broker = await useBroker();
    const listener = await listening(broker, 'callevt', '#');
    await broker.killConnections();
    await listener.text(/the broker is away: [^\n]+; messages may be missing\nthe broker is back: /);
    await until(async () => (await broker.bindings()).length === 1, 'the binding again');
    await broker.publish('callevt', 'call.x', { again: true });
    await listener.text(/\{"again":true\}/);
  });

  test('whose output nobody reads ends quietly', async () => {
    const broker = await useBroker();
    const piped = startProcess(
      'bash',
      ['-c', 'set -o pipefail; node dist/cli/event-horizon.js bus listen callevt "#" | head -1'],
      on(broker),
    );
    await until(async () => (await broker.bindings()).length > 0, 'a binding');
    await until(async () => {
      await broker.publish('callevt', 'call.x', {});
      return piped.exit !== undefined;
    }, 'the end of the pipe');
    expect(piped.exit).toEqual({ code: 0, signal: null });
    expect(piped.stderr).not.toMatch(/EPIPE|Error/);
  });
});

describe('bus publish', () => {
  test('says that somebody took it, or that nobody listens', async () => {
    const broker = await useBroker();
    const listener = await listening(broker, 'registrar', 'registration.success.*.1001', '--count', '2');
    const key = 'registration.success.{enc:a.example.com}';
    const publish = (suffix: string, json: string) =>
      runCommand(['bus', 'publish', 'registrar', `${key}.${suffix}`, json], on(broker));
    expect(await publish('1001', '{"Username":"1001"}')).toEqual({
      code: 0,
      stdout: 'published to registrar, registration.success.a%2Eexample%2Ecom.1001\n',
      stderr: '',
    });
    expect(await publish('1002', '{}')).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('nobody listens'),
    });
    const write = await useFolder();
    const body = await write('body.json', '{"from": "a file"}');
    const piped = startProcess(
      'bash',
      ['-c', `node dist/cli/event-horizon.js bus publish registrar '${key}.1001' - < ${body}`],
      on(broker),
    );
    expect(await piped.ended()).toEqual({ code: 0, signal: null });
    expect(await listener.ended()).toEqual({ code: 0, signal: null });
    expect(listener.stdout).toMatch(/\{"Username":"1001"\}\n.*\{"from":"a file"\}/);
  });

  test('of what can not be published says why', async () => {
    const broker = await useBroker();
    const publish = (...words: string[]) => runCommand(['bus', 'publish', ...words], on(broker));
    expect(await publish('nowhere', 'x', '{}')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("no exchange 'nowhere'"),
    });
    expect(await publish('callevt', 'x', '{')).toMatchObject({ code: 2, stderr: expect.stringContaining('JSON') });
    expect(await runCommand(['bus', 'publish', 'a', 'b', '{}'])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('AMQP_URL'),
    });
  });
});

describe('bus query', () => {
  const key = 'call.status_req.{enc:acme}';
  const question = '{"Event-Category":"call_event","Event-Name":"query_account_channels_req","Account-ID":"acme"}';

  test('prints the answers to its own question, or a place in them', async () => {
    const broker = await useBroker();
    const node = await startMediaNode(broker, 'one@a', (asked, self) => {
      void self.answer({ ...asked, 'Msg-ID': 'somebody else’s' }, { Channels: [{ switch_url: 'wrong' }] });
      return { Channels: [{ switch_url: 'sip:media1', 'Call-ID': '1' }] };
    });
    await startMediaNode(broker, 'two@a', () => ({ Channels: [] }));
    const query = (...words: string[]) => runCommand(['bus', 'query', 'callevt', key, question, ...words], on(broker));
    const whole = await query('--count', '2');
    expect(whole).toMatchObject({ code: 0, stderr: '' });
    const answers = whole.stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { Node: string });
    expect(answers.map(({ Node }) => Node).sort()).toEqual(['one@a', 'two@a']);
    expect(node.questions[0]).toMatchObject({
      'Event-Name': 'query_account_channels_req',
      'Msg-ID': expect.any(String),
      'Server-ID': expect.stringMatching(/^amq\.gen/),
      'App-Name': 'event-horizon',
    });
    expect(await query('--count', '2', '--select', 'Channels[0].switch_url')).toEqual({
      code: 0,
      stdout: 'sip:media1\n',
      stderr: '',
    });
    expect(await query('--for', '300ms', '--select', 'Channels[7].switch_url')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('2 answered, and none has anything at Channels[7].switch_url'),
    });
  });

  test('says that nobody listens, or that nobody has answered', async () => {
    const broker = await useBroker();
    await startMediaNode(broker, 'silent@a', () => undefined);
    const query = (to: string) => runCommand(['bus', 'query', 'callevt', to, question, '--for', '300ms'], on(broker));
    expect(await query('nobody.here')).toMatchObject({ code: 1, stderr: expect.stringContaining('nobody listens') });
    expect(await query(key)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nobody answered within 300ms'),
    });
  });
});

test('several brokers are tried in turn; who reaches none ends with 4, who is let into none with 3', async () => {
  const broker = await useBroker();
  const gone = `amqp://127.0.0.1:${await freePort()}`;
  const channel = await broker.channel();
  await channel.assertExchange('callevt', 'topic', { durable: false });
  const publish = (urls: string) => runCommand(['bus', 'publish', 'callevt', 'x', '{}'], { AMQP_URL: urls });
  expect(await publish(`${gone},${broker.url}`)).toMatchObject({
    code: 1,
    stderr: expect.stringContaining('nobody listens'),
  });
  const none = await publish(`${gone.replace('//', '//me:hunter2@')},${gone}`);
  expect(none).toMatchObject({ code: 4, stderr: expect.stringContaining('nobody listens there') });
  expect(none.stderr).not.toContain('hunter2');
  const wrong = await publish(broker.url.replace('guest:guest', 'guest:hunter2'));
  expect(wrong).toMatchObject({ code: 3, stderr: expect.stringContaining('ACCESS') });
  expect(wrong.stderr).not.toContain('hunter2');
  expect(await publish(`${broker.url}-not`)).toMatchObject({ code: 3 });
});
