import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, onTestFinished, test } from 'vitest';
import { controlBindings } from '../../src/cluster/messages.ts';
import { secret, tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { startProcess } from '../support/process.ts';
import { copyHouse, readRecipes } from '../support/recipes.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

const account = 'acme';

/** The copy's own modules, compiled: what it is made of is known here by the house's types. */
async function load<T>(folder: string, file: string): Promise<T> {
  return import(pathToFileURL(join(folder, 'dist', file)).href);
}

/** A server built from a copy of the house in which all recipes were followed. */
async function startHouse() {
  const folder = copyHouse(readRecipes().values());
  // Fails, with the compiler's words, where a recipe's types don't hold.
  execFileSync(join('node_modules', '.bin', 'tsc'), ['-p', folder], { stdio: 'pipe', encoding: 'utf8' });
  const { createApp } = await load<typeof import('../../src/app.ts')>(folder, 'app.js');
  const { readConfig } = await load<typeof import('../../src/config.ts')>(folder, 'config.js');
  const { EmbeddedBus } = await load<typeof import('../../src/embedded-bus/embedded-bus.ts')>(
    folder,
    'embedded-bus/embedded-bus.js',
  );
  const { EmbeddedControl } = await load<typeof import('../../src/embedded-bus/embedded-control.ts')>(
    folder,
    'embedded-bus/embedded-control.js',
  );
  const settings = { AMQP_URL: 'amqp://127.0.0.1:1', AUTH_JWT_SECRET: secret, PORT: '0', DRAIN_SECONDS: '0' };
  const lines: unknown[] = [];
  const write = (...line: unknown[]): void => void lines.push(line);
  const log = { trace: write, debug: write, info: write, warn: write, error: write, fatal: write };
  const bus = new EmbeddedBus();
  const broker = { bus, control: new EmbeddedControl(bus, controlBindings) };
  const app = await createApp(readConfig(settings), { log, version: '0.0.0', usedMemory: () => 1, broker });
  const address = await app.start();
  onTestFinished(() => app.stop());
  return { folder, bus, lines, address, socketAddress: address.replace('http', 'ws') };
}

test('each recipe of docs/ARCHITECTURE.md has a file and its line', () => {
  const recipes = readRecipes();
  expect([...recipes.keys()]).toEqual(['action', 'family', 'dialect', 'part', 'command']);
  for (const blocks of recipes.values()) {
    expect(blocks.filter(({ kind }) => kind === 'ts')).toHaveLength(1);
    // The import and the line.
    expect(blocks.filter(({ kind }) => kind === 'diff')).toHaveLength(2);
  }
});

describe('who follows the recipes', () => {
  // It compiles the whole house.
  test('has a new action, family, dialect, part and command', { timeout: 120_000 }, async () => {
    const house = await startHouse();
    const token = await tokenFor(account);
    const [one, other] = await Promise.all(
      ['plain', 'kazoo4'].map((dialect) => openClient(house, { token, path: `/?dialect=${dialect}` })),
    );

    expect((await one?.request({ action: 'whoami' }))?.data.code).toBe('token_required');
    expect(await one?.request({ action: 'whoami', auth_token: token })).toMatchObject({
      status: 'success',
      data: { account_id: account },
    });

    for (const client of [one, other]) {
      expect((await client?.subscribe('parcel.*.*'))?.data.subscribed).toEqual(['parcel.*.*']);
    }
    house.bus.publish({
      exchange: 'parcels',
      routingKey: 'parcel.delivered.p1',
      payload: { 'Event-Name': 'delivered', 'Account-ID': account, Weight: 3 },
    });
    house.bus.publish({
      exchange: 'parcels',
      routingKey: 'parcel.delivered.p2',
      payload: { 'Account-ID': 'somebody else' },
    });
    for (const client of [one, other]) await client?.ping();
    expect(one?.events).toEqual([
      { event: 'delivered', account, payload: { 'Event-Name': 'delivered', 'Account-ID': account, Weight: 3 } },
    ]);
    expect(other?.events).toEqual([
      expect.objectContaining({ subscription_key: 'parcel.acme.*.*', data: expect.objectContaining({ weight: 3 }) }),
    ]);

    const { body } = await rest(house, '/v2/websockets?dialect=plain');
    expect(body.data).toMatchObject({ parcel: ['parcel.*.*'] });
    const schemas = await (await fetch(`${house.address}/protocol.json`)).json();
    expect(Object.keys(schemas.$defs)).toEqual(expect.arrayContaining(['whoami', 'whoami.reply', 'event.plain']));

    await until(
      () => house.lines.some((line) => /^\[\{"sockets":\d\},"census"\]$/.test(JSON.stringify(line))),
      'a census',
    );

    const run = async (...words: string[]) => {
      const command = startProcess(process.execPath, [join(house.folder, 'dist', 'cli', 'event-horizon.js'), ...words]);
      await command.ended();
      return command.stdout;
    };
    expect(await run('--help')).toMatch(/^ {2}ready +Whether a server may take traffic$/m);
    await until(async () => (await run('ready', '--url', house.address)) === 'ready\n', 'a house that is ready');
  });
});
