/** docs/EVENTS.md: what it says of members is so in Kazoo's own messages, and every recipe runs against a server. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { WebSocket } from 'ws';
import { connect } from '../../src/client/client.ts';
import type { Horizon } from '../../src/client/types.ts';
import { normalize } from '../../src/protocol/normalized.ts';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { startBridge } from '../support/embedded.ts';
import { openHorizon } from '../support/horizon.ts';
import { kazooAccount, kazooEvents, kazooMessage, kazooRealm } from '../support/kazoo.ts';
import { until } from '../support/until.ts';

const [reference = '', recipes = ''] = readFileSync('docs/EVENTS.md', 'utf8').split('\n## Recipes\n');
const sections = reference.split('\n## ').slice(1);

type Fields = Record<string, unknown>;

const families: Readonly<Record<string, string>> = {
  Calls: 'call',
  Conferences: 'conference',
  Presence: 'presence',
  Registrations: 'registration',
  Notifications: 'notifications',
  Documents: 'object',
  Faxes: 'fax',
};

const messages = (family: string): Fields[] =>
  kazooEvents
    .filter((event) => event.family === family && event.expect !== 'never')
    .map((event) => normalize(kazooMessage(event).payload) as Fields);

const typeOf = (value: unknown): string => {
  if (typeof value === 'string') return 'text';
  if (typeof value === 'boolean') return 'true or false';
  return Array.isArray(value) ? 'list' : typeof value;
};

const members = sections.flatMap((section) => {
  const family = families[section.split(' ')[0] ?? ''];
  if (family === undefined) return [];
  const [, table = ''] = section.split('| member | type | meaning |\n');
  const rows = [...(table.split('\n\n')[0] ?? '').matchAll(/^\| ((?:`\w+`(?:, )?)+) \| ([^|]+) \|/gm)];
  return rows.flatMap(([, names = '', type = '']) =>
    [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => [family, name, type] as const),
  );
});

test('every family has its members there', () => {
  expect(new Set(members.map(([family]) => family))).toEqual(new Set(Object.values(families)));
  expect(members.length).toBeGreaterThan(80);
});

test.each(members)('%s: %s is a %s', (family, name, type) => {
  const values = messages(family)
    .map((message) => message[name])
    .filter((value) => value !== undefined);
  expect(values.length, 'messages that have it').toBeGreaterThan(0);
  for (const value of values)
    expect(type.split(' or ').length > 1 && type !== 'true or false' ? type.split(' or ') : [type]).toContain(
      typeOf(value),
    );
});

test.each([
  ['call', 'call_direction'],
  ['call', 'channel_call_state'],
  ['call', 'hangup_cause'],
  ['presence', 'state'],
  ['presence', 'direction'],
  ['fax', 'direction'],
  ['fax', 'fax_state'],
])('%s: what %s may be is named', (family, name) => {
  const row = reference.match(new RegExp(`^\\| \`${name}\`.*$`, 'gm'))?.join(' ') ?? '';
  for (const value of new Set(messages(family).map((message) => message[name]))) {
    if (value !== undefined) expect(row).toContain(`\`${value}\``);
  }
});

test('conference events are named', () => {
  for (const event of new Set(messages('conference').map((message) => message.event))) {
    if (event !== undefined) expect(reference).toContain(`\`${event}\``);
  }
});

const examples = [...reference.matchAll(/^`([\w.-]+)`[^\n]*:\n\n```json\n([\s\S]*?)\n```/gm)].map(
  ([, file = '', text = '']) => [file, text] as const,
);

test('every family has an example', () => {
  expect(new Set(examples.map(([file]) => file.split('.')[0]))).toEqual(new Set(Object.values(families)));
});

test.each(examples)('the example of %s is what Kazoo sent', (file, text) => {
  const event = kazooEvents.find((one) => one.file === `${file}.json`);
  if (event === undefined) throw new Error(`no message ${file}`);
  expect(normalize(kazooMessage(event).payload)).toMatchObject(JSON.parse(text) as Fields);
});

const [beginning = '', ...codes] = [...recipes.matchAll(/```js\n([\s\S]*?)```/g)].map(([, code = '']) => code);

/** What a recipe prints when these messages come, one after the other; its own first words left out. */
async function play(
  code: string,
  ...steps: readonly (readonly [message: string, printed?: string | undefined, changes?: Fields])[]
): Promise<void> {
  const { path } = await useAccountsFile([{ id: kazooAccount, realm: kazooRealm }]);
  const bridge = await startBridge({ ACCOUNTS_FILE: path });
  const token = await tokenFor(kazooAccount);
  const { horizon } = openHorizon(bridge, { token });
  const printed: string[] = [];
  const run = new Function('horizon', 'console', code) as (horizon: Horizon, console: object) => void;
  run(horizon, { log: (line: unknown) => printed.push(String(line)) });
  // It is asked behind the subscriptions.
  await horizon.ping();
  for (const [message, expected, changes = {}] of steps) {
    const event = kazooEvents.find(({ file }) => file === `${message}.json`);
    if (event === undefined) throw new Error(`no message ${message}`);
    const { exchange, routingKey, payload } = kazooMessage(event);
    await bridge.broker.publish(exchange, routingKey, { ...payload, ...changes });
    if (expected !== undefined)
      await until(() => printed.at(-1) === expected, `"${expected}" to be printed, not ${printed.at(-1)}`);
  }
}

describe('recipes', () => {
  test('all begin with a connection', async () => {
    const bridge = await startBridge();
    const token = await tokenFor(kazooAccount);
    const code = beginning
      .replaceAll(/^import .*\n/gm, '')
      .replace('ws://127.0.0.1:5555/', bridge.socketAddress)
      .replace('TOKEN', token);
    const begin = new Function('connect', 'WebSocket', `${code}; return horizon;`) as (...given: unknown[]) => Horizon;
    const horizon = begin(connect, WebSocket);
    await until(() => horizon.state === 'open', 'a connection');
    horizon.close();
  });

  const [
    byFilter = '',
    byBoard = '',
    busy = '',
    told = '',
    untold = '',
    talks = '',
    parked = '',
    registered = '',
    ...more
  ] = codes;

  test('there are no others', () => expect(more).toEqual([]));

  test('who is calling this user, by a filter', () =>
    play(byFilter, ['call.CHANNEL_CREATE.a-leg'], ['call.CHANNEL_CREATE.b-leg', 'Ana Sousa (1001) is calling']));

  test('who is calling this user, by the board', () =>
    play(
      byBoard,
      ['call.CHANNEL_CREATE.a-leg'],
      ['call.CHANNEL_CREATE.b-leg', 'calling: Ana Sousa'],
      ['call.CHANNEL_ANSWER.b-leg'],
      ['call.CHANNEL_ANSWER.a-leg', 'calling: nobody'],
    ));

  test('is this extension busy', () =>
    play(
      busy,
      ['call.CHANNEL_CREATE.b-leg', '1002 is ringing'],
      ['call.CHANNEL_ANSWER.b-leg', '1002 is busy'],
      ['call.CHANNEL_DESTROY.b-leg', '1002 is idle'],
    ));

  test('missed calls, as they are told', () =>
    play(told, ['notifications.sip.missed_call', '1002 has missed Ana Sousa (1001)']));

  test('missed calls that nobody tells of', () =>
    play(
      untold,
      ['call.CHANNEL_CREATE.a-leg'],
      ['call.CHANNEL_CREATE.b-leg'],
      ['call.CHANNEL_DESTROY.b-leg'],
      ['call.CHANNEL_DESTROY.a-leg', 'missed: Ana Sousa, for Zoë Müller'],
    ));

  test('a call that was answered is not missed', async () => {
    await play(
      untold,
      ['call.CHANNEL_CREATE.a-leg'],
      ['call.CHANNEL_CREATE.b-leg'],
      ['call.CHANNEL_ANSWER.b-leg'],
      ['call.CHANNEL_DESTROY.b-leg'],
      ['call.CHANNEL_DESTROY.a-leg'],
      ['call.CHANNEL_CREATE.a-leg', undefined, { 'Call-ID': 'x', 'Caller-ID-Name': 'Bea' }],
      ['call.CHANNEL_CREATE.b-leg', undefined, { 'Call-ID': 'y', 'Other-Leg-Call-ID': 'x', 'Caller-ID-Name': 'Bea' }],
      ['call.CHANNEL_DESTROY.b-leg', undefined, { 'Call-ID': 'y' }],
      ['call.CHANNEL_DESTROY.a-leg', 'missed: Bea, for Zoë Müller', { 'Call-ID': 'x', 'Caller-ID-Name': 'Bea' }],
    );
  });

  test('who talks in a room', () =>
    play(
      talks,
      ['conference.add-member', 'talks: nobody'],
      ['conference.start-talking', 'talks: Ana Sousa'],
      ['conference.stop-talking', 'talks: nobody'],
    ));

  test('who waits in which slot', () =>
    play(
      parked,
      ['call.CHANNEL_CREATE.a-leg', 'parked: nobody'],
      ['call.PARK_PARKED', 'parked: Ana Sousa in 101'],
      ['call.PARK_RETRIEVED', 'parked: nobody'],
    ));

  test('which telephones are registered', () =>
    play(
      registered,
      ['registration.success.kamailio', 'registered: Yealink SIP-T46S 66.86.0.15'],
      ['notifications.sip.deregister', 'registered: none'],
    ));
});
