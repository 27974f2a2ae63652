/**
 * What a RabbitMQ user must be allowed, as docs/OPERATIONS.md says it: the expressions are read from there, so that what
 * stands there is what works.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type Bridge, startBridge, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import {
  type BusMessage,
  callEvent,
  conferenceEvent,
  documentEvent,
  faxStatus,
  messageWaiting,
  notification,
  publish,
  registration,
} from '../support/events.ts';
import { startMediaNode } from '../support/media-node.ts';
import { projectFolder, useFolder } from '../support/process.ts';
import { management } from '../support/rabbit.ts';
import { rest } from '../support/rest.ts';
import { until } from '../support/until.ts';

const account = '4b31dd1d32ce6d249897c06332375d65';
const realm = 'alpha.example.com';

const events: readonly BusMessage[] = [
  callEvent(account),
  conferenceEvent(account),
  documentEvent(account),
  faxStatus(account),
  messageWaiting(realm),
  registration(account, realm),
  notification(account),
];
const bindings = [
  'call.*.*',
  'conference.event.*',
  'object.doc_edited.*',
  'fax.status.*',
  'presence.mwi_updates.*',
  'registration.success.*',
  'notifications.*.*',
];

interface Permissions {
  readonly configure: string;
  readonly write: string;
  readonly read: string;
}

/** The three expressions of a `rabbitmqctl set_permissions` in the document. */
async function documentedPermissions(user: string): Promise<Permissions> {
  const text = await readFile(join(projectFolder, 'docs/OPERATIONS.md'), 'utf8');
  const found = new RegExp(
    `set_permissions -p / ${user} \\\\\\n\\s*'(.*)' \\\\\\n\\s*'(.*)' \\\\\\n\\s*'(.*)'$`,
    'm',
  ).exec(text);
  const [, configure, write, read] = found ?? [];
  if (configure === undefined || write === undefined || read === undefined)
    throw new Error(`docs/OPERATIONS.md has no permissions for ${user}`);
  return { configure, write, read };
}

/** @returns the address of the broker for a user who may do exactly that */
async function userWith(broker: Broker, permissions: Permissions): Promise<string> {
  const user = `user-${randomUUID()}`;
  await management(broker.rabbit, 'PUT', `/api/users/${user}`, { password: 'p', tags: '' });
  onTestFinished(async () => {
    await management(broker.rabbit, 'DELETE', `/api/users/${user}`);
  });
  await management(broker.rabbit, 'PUT', `/api/permissions/${encodeURIComponent(broker.vhost)}/${user}`, permissions);
  return broker.url.replace('guest:guest', `${user}:p`);
}

/** Two nodes with that user see each other, and every family's events reach a socket. */
async function expectAllWorks(broker: Broker, url: string, more: Record<string, string> = {}): Promise<Bridge> {
  const write = await useFolder();
  const accountsFile = await write('accounts.json', [{ id: account, realm }]);
  const settings = { AMQP_URL: url, ACCOUNTS_FILE: accountsFile, ...more };
  const one = await startBridge({ ...settings, NODE_NAME: 'node1' }, broker);
  const two = await startBridge({ ...settings, NODE_NAME: 'node2' }, broker);
  const token = await tokenFor(account);
  const client = await openClient(one, { token });
  expect(await client.subscribe(bindings)).toMatchObject({ status: 'success' });
  await publish(broker, ...events);
  await client.untilEvents(events.length);
  expect(await client.unsubscribe()).toMatchObject({ status: 'success', data: { subscriptions: [] } });

  const path = `/v2/accounts/${account}/websockets`;
  await until(async () => ((await rest(two, path, { token })).body.data as string[]).length === 1);
  const [id] = (await rest(two, path, { token })).body.data as string[];
  expect((await rest(two, `${path}/${id}`, { method: 'DELETE', token })).status).toBe(200);
  expect(await client.untilClosed()).toMatchObject({ code: 4500 });
  const failures = [...one.logLines, ...two.logLines].filter(({ level }) => level === 'warn' || level === 'error');
  // A stream that has just been made is bound by the first look.
  expect(failures.filter(({ message }) => !message.startsWith('the stream is not bound'))).toEqual([]);
  return one;
}

test('a broker of its own: the user may make exchanges that are missing', async () => {
  const broker = await useBroker();
  await expectAllWorks(broker, await userWith(broker, await documentedPermissions('horizon')));
});

test('to ask and to act takes the right to write to four exchanges, and all else works without it', async () => {
  const broker = await useBroker();
  const documented = await documentedPermissions('horizon');
  const id = 'call-1';
  await startMediaNode(broker, 'media@a', () => ({
    'Event-Category': 'call_event',
    'Event-Name': 'query_channels_resp',
    Channels: { [id]: { 'Call-ID': id, 'Account-ID': account } },
  }));
  const control = await broker.channel();
  await control.assertExchange('metaflow', 'topic', { durable: false });
  await control.bindQueue(
    (await control.assertQueue('', { exclusive: true })).queue,
    'metaflow',
    'metaflow.action.*.*',
  );
  const token = await tokenFor(account, { scope: 'events commands' });
  const outcomes = async (write: string) => {
    const url = await userWith(broker, { ...documented, write });
    const bridge = await startBridge({ AMQP_URL: url }, broker);
    const client = await openClient(bridge, { token, headers: { 'x-auth-token': token } });
    const ask = () => client.request({ action: 'query', data: { name: 'channel', call_id: id } });
    // The nodes' conversation has a connection of its own, and may be there a moment later.
    await until(async () => (await ask()).status === 'success');
    const asked = await ask();
    const done = await client.request({ action: 'command', data: { call_id: id, action: 'hangup' } });
    expect(await client.subscribe('call.CHANNEL_CREATE.*')).toMatchObject({ status: 'success' });
    return [
      (asked.data as { result: unknown }).result !== null,
      done.status === 'success' ? 'success' : (done.data as { errors: string[] }).errors[0],
    ];
  };
  expect(await outcomes(documented.write)).toEqual([true, 'success']);
  expect(await outcomes(documented.write.replace('|metaflow', ''))).toEqual([
    true,
    'the event source is not available',
  ]);
  expect(await outcomes(documented.write.replace('|callevt|conference|registrar|metaflow', ''))).toEqual([
    false,
    'no answer from every media node: whose call it is, is not known',
  ]);
});

test('with a history: the user makes the stream, binds it, and writes canaries', async () => {
  const broker = await useBroker();
  const url = await userWith(broker, await documentedPermissions('horizon-history'));
  await expectAllWorks(broker, url, { HISTORY: 'stream' });
});

test('beside a Kazoo cluster: the exchanges are there, used as they are, and the user may make nothing but its queues', async () => {
  const broker = await useBroker();
  const channel = await broker.channel();
  for (const { exchange } of events) await channel.assertExchange(exchange, 'topic', { durable: false });
  for (const exchange of ['callmgr', 'sysconf']) await channel.assertExchange(exchange, 'topic', { durable: false });
  await channel.assertExchange('nodes', 'fanout', { durable: false });
  await channel.assertExchange('targeted', 'direct', { durable: false });
  const permissions = await documentedPermissions('horizon-beside-kazoo');
  await expectAllWorks(broker, await userWith(broker, permissions));
});

test('an exchange that is missing and that the user may not make: the subscribe is refused, until it is there', async () => {
  const broker = await useBroker();
  const url = await userWith(broker, await documentedPermissions('horizon-beside-kazoo'));
  const bridge = await startBridge({ AMQP_URL: url }, broker);
  const client = await openClient(bridge, { token: await tokenFor(account) });
  expect(await client.subscribe('call.CHANNEL_CREATE.*')).toMatchObject({ data: { code: 'source_unavailable' } });
  expect(bridge.logLines.map(({ message }) => message)).toContain('the broker refused');
  await (await broker.channel()).assertExchange('callevt', 'topic', { durable: false });
  expect(await client.subscribe('call.CHANNEL_CREATE.*')).toMatchObject({ status: 'success' });
  await publish(broker, callEvent(account));
  expect(await client.untilEvents(1)).toMatchObject([{ name: 'CHANNEL_CREATE' }]);
});

test('a user who may read an exchange no more: the subscribe is refused, and the socket and the others live on', async () => {
  const broker = await useBroker();
  const permissions = await documentedPermissions('horizon');
  const url = await userWith(broker, { ...permissions, read: permissions.read.replace('|faxes', '') });
  const bridge = await startBridge({ AMQP_URL: url }, broker);
  const client = await openClient(bridge, { token: await tokenFor(account) });
  expect(await client.subscribe('call.CHANNEL_CREATE.*')).toMatchObject({ status: 'success' });
  expect(await client.subscribe('fax.status.*')).toMatchObject({ data: { code: 'source_unavailable' } });
  await publish(broker, callEvent(account));
  expect(await client.untilEvents(1)).toMatchObject([{ name: 'CHANNEL_CREATE' }]);
});
