import { describe, expect, test } from 'vitest';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { type Environment, type StartedProcess, startProcess, useFolder } from '../support/process.ts';
import { until } from '../support/until.ts';

const account = '4b31dd1d32ce6d249897c06332375d65';
const realm = 'harbour.example.com';

describe('npm run token', () => {
  test('prints a token that works', async () => {
    const secret = 'a secret that both know';
    const bridge = await startBridge({ AUTH_JWT_SECRET: secret });
    const options = ['--account', 'acme', '--secret', secret, '--expires', '1h', '--families', 'call,object'];
    const process = startProcess('npm', ['run', '-s', 'token', '--', ...options, '--scope', 'events sockets:read']);
    expect(await process.ended()).toEqual({ code: 0, signal: null });
    const client = await openClient(bridge, { token: process.stdout.trim() });
    expect(await client.subscribe('call.*.*')).toMatchObject({ status: 'success' });
    expect(await client.subscribe('fax.status.*')).toMatchObject({ data: { code: 'scope_missing' } });
  });

  test('--superduper-admin makes one that may watch every account', async () => {
    const bridge = await startBridge();
    const token = async (...options: string[]) => {
      const process = startProcess('node', ['dist/cli/token.js', '--account', 'acme', ...options], {
        AUTH_JWT_SECRET: bridge.config.AUTH_JWT_SECRET ?? '',
      });
      await process.ended();
      return process.stdout.trim();
    };
    const admin = await openClient(bridge, { token: await token('--superduper-admin') });
    expect(await admin.subscribe('call.*.*', { account_id: '*' })).toMatchObject({ status: 'success' });
    const plain = await openClient(bridge, { token: await token() });
    expect(await plain.subscribe('call.*.*', { account_id: '*' })).toMatchObject({ status: 'error' });
  });
});

describe('npm run simulate', () => {
  function simulate(options: readonly string[], environment: Environment): StartedProcess {
    return startProcess('node', ['dist/cli/simulate.js', ...options], environment);
  }

  /** Everything that is published to the exchanges of the three families, in the order in which it came. */
  async function listen(broker: Broker): Promise<{ key: string; id: unknown }[]> {
    const channel = await broker.channel();
    const { queue } = await channel.assertQueue('', { exclusive: true });
    for (const exchange of ['callevt', 'conference', 'configuration']) {
      await channel.assertExchange(exchange, 'topic', { durable: false });
      await channel.bindQueue(queue, exchange, '#');
    }
    const heard: { key: string; id: unknown }[] = [];
    const onMessage = (message: { content: Buffer; fields: { routingKey: string } } | null): void => {
      if (message === null) return;
      heard.push({ key: message.fields.routingKey, id: JSON.parse(message.content.toString())['Msg-ID'] });
    };
    await channel.consume(queue, onMessage, { noAck: true });
    return heard;
  }

  test('plays the same PBX onto a real AMQP_URL, and the same again with the same --seed', async () => {
    // Half a person's pace and a seed whose first messages lie half a second apart: no delay changes their order.
    const play = async (seed: number) => {
      const broker = await useBroker();
      const heard = await listen(broker);
      const options = [`--seed=${seed}`, '--speed=0.5', `--account=${account}=${realm}`];
      simulate(options, { AMQP_URL: broker.url });
      await until(() => heard.length >= 8);
      return heard.slice(0, 8);
    };
    const [one, again, other] = await Promise.all([play(20), play(20), play(21)]);
    expect(again).toEqual(one);
    expect(other).not.toEqual(one);
  });

  test('its events reach the clients of a bridge', async () => {
    const bridge = await startBridge();
    const client = await openClient(bridge, { token: await tokenFor(account) });
    await client.subscribe(['call.*.*', 'conference.event.*', 'doc_created.*.*.*', 'doc_edited.*.*.*']);
    const npm = startProcess('npm', ['run', '-s', 'simulate', '--', '--speed', '20'], { AMQP_URL: bridge.broker.url });
    const categories = () => new Set(client.events.map(({ args }) => Object(args)['Event-Category']));
    await until(() => ['call_event', 'conference', 'configuration'].every((name) => categories().has(name)));
    expect(npm.stdout).toMatch(/seed \d+/);
    expect(npm.output).not.toContain('guest:guest');
  });

  test('its media nodes answer, and its calls obey', async () => {
    const bridge = await startBridge();
    const token = await tokenFor(account, { scope: 'events commands' });
    const client = await openClient(bridge, { headers: { 'x-auth-token': token } });
    simulate([`--account=${account}=${realm}`], { AMQP_URL: bridge.broker.url });
    const ids = async (): Promise<string[]> => {
      const { status, data } = await client.request({ action: 'query', data: { name: 'channels' } });
      return status === 'success' ? (data as { result: { uuid: string }[] }).result.map(({ uuid }) => uuid) : [];
    };
    await until(async () => (await ids()).length > 0);
    await client.subscribe('call.CHANNEL_DESTROY.*');
    const [id] = await ids();
    const data = { call_id: id, action: 'hangup' };
    expect(await client.request({ action: 'command', data })).toMatchObject({ status: 'success' });
    const [event] = await client.untilEvents(1);
    expect(event?.args).toMatchObject({ 'Hangup-Cause': expect.any(String) });
  });

  test('of several addresses each is tried', async () => {
    const broker = await useBroker();
    const process = simulate(['--speed', '20'], { AMQP_URL: `amqp://me:hunter2@127.0.0.1:1,${broker.url}` });
    await process.text(/Playing onto/);
    process.signal('SIGINT');
    expect(await process.ended()).toEqual({ code: 0, signal: null });
  });

  test('a signal ends it with 0 and a word on what was played', async () => {
    const broker = await useBroker();
    const process = simulate(['--speed', '20'], { AMQP_URL: broker.url });
    await process.text(/Playing onto/);
    process.signal('SIGINT');
    expect(await process.ended()).toEqual({ code: 0, signal: null });
    expect(process.stdout).toMatch(/\d+ events in all/);
  });

  test.each<[string, readonly string[], Environment, number, string]>([
    ['no broker named', [], {}, 78, 'AMQP_URL'],
    ['no broker named, but a secret', [], { AUTH_JWT_SECRET: 's' }, 78, 'name the broker to play onto'],
    ['an address of no use', [], { AMQP_URL: 'http://a' }, 78, 'AMQP_URL'],
    ['a speed of no use', ['--speed', '0'], { AMQP_URL: 'amqp://a' }, 78, '--speed'],
    ['an account without a realm', ['--account', 'a'], { AMQP_URL: 'amqp://a' }, 78, '--account'],
    ['an option that there is not', ['--sped', '1'], { AMQP_URL: 'amqp://a' }, 78, '--sped'],
    ['a broker that is away', [], { AMQP_URL: 'amqp://me:hunter2@127.0.0.1:1' }, 1, 'nobody listens there'],
  ])('%s: it ends with one line', async (_title, options, environment, code, problem) => {
    const process = simulate(options, environment);
    expect(await process.ended()).toEqual({ code, signal: null });
    expect(process.errorLines).toEqual([expect.stringContaining(problem)]);
    expect(process.output).not.toContain('hunter2');
  });
});

describe('npm run history', () => {
  const history = (broker: Broker, ...options: string[]) => historyWith({ AMQP_URL: broker.url }, ...options);
  const historyWith = (environment: Environment, ...options: string[]) =>
    startProcess('node', ['dist/cli/history.js', ...options], environment);

  test('--show says what the stream holds, and which exchanges it is bound to', async () => {
    const bridge = await startBridge({ HISTORY: 'stream' });
    await bridge.broker.deleteExchange('faxes');
    const process = history(bridge.broker, '--show');
    expect(await process.ended(), process.output).toEqual({ code: 0, signal: null });
    expect(process.stdout).toMatch(/^epoch {3}[0-9a-f-]{36}$/m);
    expect(process.stdout).toMatch(/^first {3}0, not later than \d{4}-/m);
    expect(process.stdout).toMatch(/^last {4}\d+, \d{4}-/m);
    expect(process.stdout).toMatch(/^bound {5}callevt$/m);
    // Optional, and not there: nothing is wrong.
    expect(process.stdout).toMatch(/^absent {4}fax$/m);
  });

  test('--show tells exchanges that are not bound from those that this user may not write to', async () => {
    const bridge = await startBridge({ HISTORY: 'stream' });
    const { broker } = bridge;
    await bridge.stop();
    await broker.deleteExchange('presence');
    const channel = await broker.channel();
    await channel.assertExchange('presence', 'topic', { durable: false });
    const user = await broker.addUser({ configure: '', write: '^(presence|amq\\.default)$', read: '.*' });
    const process = historyWith({ AMQP_URL: user }, '--show');
    expect(await process.ended(), process.output).toEqual({ code: 0, signal: null });
    expect(process.stdout).toMatch(/^NOT bound presence$/m);
    expect(process.stdout).toMatch(/^not known callevt$/m);
  });

  test('--show looks as the nodes do: with families of other buses, and secrets that are in files', async () => {
    const write = await useFolder();
    const others = [{ name: 'steps', exchange: 'callevt', routing_key: 'step.{ID}', binding: 'step.{ID}' }];
    const families = await write('families.json', others);
    const bridge = await startBridge({ HISTORY: 'stream', FAMILIES_FILE: families });
    const process = historyWith(
      {
        AMQP_URL: bridge.broker.url,
        FAMILIES_FILE: families,
        AUTH_JWT_SECRET_FILE: await write('secret', 'a secret that is in a file, as containers have it'),
      },
      '--show',
    );
    expect(await process.ended(), process.output).toEqual({ code: 0, signal: null });
    expect(process.stdout).toMatch(/^bound {5}callevt$/m);
  });

  test('--remove deletes it, and where there is none says so', async () => {
    const broker = await useBroker();
    const channel = await broker.channel();
    await channel.assertQueue('horizon.history', { durable: true, arguments: { 'x-queue-type': 'stream' } });
    const process = history(broker, '--remove');
    expect(await process.ended(), process.output).toEqual({ code: 0, signal: null });
    const again = history(broker, '--remove');
    expect(await again.ended()).toEqual({ code: 1, signal: null });
    expect(again.stderr).toBe('history: there is no stream horizon.history\n');
    const wrong = history(broker);
    expect(await wrong.ended()).toEqual({ code: 78, signal: null });
  });
});
