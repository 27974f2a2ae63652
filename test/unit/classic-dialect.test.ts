/** The classic dialect. */
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { callEvent, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { callAccount, fixture, fixtureAccount, fixtureFiles, fixtureRealm } from '../support/fixtures.ts';

async function openFor(account: string, settings: Record<string, string> = {}) {
  const bridge = await startBridge(settings);
  const client = await openClient(bridge, { headers: { 'x-auth-token': await tokenFor(account) } });
  return { bridge, client };
}

/** The event frames as they came, to the letter. */
function textsOf(client: Client): string[] {
  return client.texts.filter((text) => !text.startsWith('{"action":"reply"'));
}

/** Subscribes without a `request_id`, which the client of the tests would make. */
async function subscribeWithoutId(client: Client, binding: string): Promise<void> {
  client.send({ action: 'subscribe', data: { binding } });
  await client.ping();
}

const names: Readonly<Record<string, string>> = {
  'call.CHANNEL_CREATE.json': 'CHANNEL_CREATE',
  'call.CHANNEL_ANSWER.json': 'CHANNEL_ANSWER',
  'call.CHANNEL_DESTROY.json': 'CHANNEL_DESTROY',
  'conference.add-member.json': 'event',
  'conference.legacy.json': 'participant_event',
  'object.doc_created.user.json': 'doc_created_user',
  'object.doc_edited.device.json': 'doc_edited_device',
  'object.doc_created.mailbox_message.json': 'doc_created_mailbox_message',
  'fax.status.json': 'fax.status',
  'presence.dialog.json': 'dialog_update',
  'presence.mwi_update.json': 'mwi_update',
  'registration.success.json': 'reg_success',
  'notifications.missed_call.json': 'missed_call',
};

const widest: Readonly<Record<string, string>> = {
  call: 'call.*.*',
  conference: 'conference.event.*.*',
  object: 'object.*.*',
  fax: 'fax.status.*',
  presence: 'presence.dialog.*',
  registration: 'registration.success.*',
  notifications: 'notifications.*.*',
};

test.each(fixtureFiles)('%s: {"name": NAME, "args": PAYLOAD}, the AMQP body to the letter', async (file) => {
  const accounts = await useAccountsFile([{ id: fixtureAccount, realm: fixtureRealm }]);
  const account = file.startsWith('call.') ? callAccount : fixtureAccount;
  const { bridge, client } = await openFor(account, { ACCOUNTS_FILE: accounts.path });
  const binding = file.startsWith('presence.mwi') ? 'presence.mwi_updates.*' : widest[file.split('.')[0] ?? ''];
  await subscribeWithoutId(client, binding ?? '');
  await bridge.broker.publishFixture(file);
  await allDelivered(bridge, client);
  expect(textsOf(client)).toEqual([`{"name":${JSON.stringify(names[file])},"args":${fixture(file).body}}`]);
});

const inside = '"Event-Name":"CHANNEL_CREATE","Custom-Channel-Vars":{"Account-ID":"alpha"}';

test.each([
  ['key order and spelling', `{"b-B":1,"A_a":2,"10":3,"9":4,${inside}}`],
  ['white space', `  {\n\t"x" :\r\n 1 ,${inside} }\n`],
  ['numbers', `{"a":1.0,"b":1e2,"c":12345678901234567890,"d":-0,"e":0.10000000000000000001,${inside}}`],
  ['escapes', `{"a":"\\u00e9\\/\\u2028\\b","b":"é\u2028☎\u{1f4de}",${inside}}`],
  ['a key twice', `{"a":1,"a":2,${inside}}`],
  ['a prototype', `{"__proto__":{"a":1},"constructor":null,${inside}}`],
  ['nulls and empty things', `{"a":null,"b":{},"c":[],"d":"",${inside}}`],
  ['70 KB', `{${inside},"p":"${'p'.repeat(70_000)}"}`],
  ['900 KB', `{${inside},"p":"${'☎'.repeat(300_000)}"}`],
])('args is the body’s text: %s', async (_name, body) => {
  const { bridge, client } = await openFor('alpha');
  await subscribeWithoutId(client, 'call.*.*');
  const withId = await openClient(bridge, { token: await tokenFor('alpha') });
  await withId.subscribe('call.*.*', { request_id: 'r' });
  await bridge.broker.publish('callevt', 'call.CHANNEL_CREATE.x', Buffer.from(body));
  await allDelivered(bridge, client, withId);
  expect(textsOf(client)).toEqual([`{"name":"CHANNEL_CREATE","args":${body}}`]);
  expect(textsOf(withId)).toEqual([`{"name":"CHANNEL_CREATE","args":${body},"request_id":"r"}`]);
});

test('args is the body’s text, whatever length the frame has', async () => {
  const { bridge, client } = await openFor('alpha');
  await subscribeWithoutId(client, 'call.*.*');
  const withId = await openClient(bridge, { token: await tokenFor('alpha') });
  await withId.subscribe('call.*.*', { request_id: 'r' });
  const frameOf = (pad: number): string => `{"name":"n","args":${bodyOf(pad)}}`;
  const bodyOf = (pad: number): string => `{"Account-ID":"alpha","Event-Name":"n","p":"${'p'.repeat(pad)}"}`;
  // A WebSocket frame's header grows at 126 and at 65536 bytes; the request_id is 17 more.
  const lengths = [
    107, 108, 109, 110, 124, 125, 126, 127, 65_517, 65_518, 65_519, 65_520, 65_534, 65_535, 65_536, 65_537,
  ];
  const pads = lengths.map((length) => length - frameOf(0).length);
  for (const pad of pads) await bridge.broker.publish('callevt', 'call.CHANNEL_CREATE.x', Buffer.from(bodyOf(pad)));
  await allDelivered(bridge, client, withId);
  expect(textsOf(client)).toEqual(pads.map(frameOf));
  expect(textsOf(client).map(({ length }) => length)).toEqual(lengths);
  expect(textsOf(withId)).toEqual(pads.map((pad) => `${frameOf(pad).slice(0, -1)},"request_id":"r"}`));
});

test('of a gzipped body args is what was zipped', async () => {
  const { bridge, client } = await openFor('alpha');
  await subscribeWithoutId(client, 'call.*.*');
  const body = `{ ${inside}, "x": 1.0 }`;
  await bridge.broker.publish('callevt', 'call.CHANNEL_CREATE.x', gzipSync(body), { contentEncoding: 'gzip' });
  await allDelivered(bridge, client);
  expect(textsOf(client)).toEqual([`{"name":"CHANNEL_CREATE","args":${body}}`]);
});

test.each([
  [
    'the Application-Name of a conference event',
    { 'Application-Name': 'conference_x', 'Event-Name': 'event' },
    'conference_x',
  ],
  ['else the Event-Name', { 'Event-Name': 'event' }, 'event'],
  ['else, with an empty one, the Event-Name', { 'Application-Name': '', 'Event-Name': 'event' }, 'event'],
])('NAME: %s', async (_name, fields, name) => {
  const { bridge, client } = await openFor('alpha');
  await client.subscribe('conference.event.*.*');
  const body = { 'Account-ID': 'alpha', Event: 'lock', ...fields };
  await bridge.broker.publish('conference', 'conference.event.lock.alpha.7001.x', body);
  await bridge.broker.publish('conference', 'conference.event.7001', body);
  await allDelivered(bridge, client);
  expect(client.events.map((event) => event.name)).toEqual([name, name]);
});

test('NAME is the payload’s, whatever characters it has', async () => {
  const { bridge, client } = await openFor('alpha');
  await subscribeWithoutId(client, 'notifications.*.*');
  const body = JSON.stringify({ 'Event-Name': 'a "quoted"\n☎ name', 'Account-ID': 'alpha' });
  await bridge.broker.publish('notifications', 'notifications.sip.register', Buffer.from(body));
  await allDelivered(bridge, client);
  expect(client.events).toEqual([{ name: 'a "quoted"\n☎ name', args: JSON.parse(body) }]);
});

test('NAME of documents: doc_created_user, from the payload’s Event-Name and Type', async () => {
  const { bridge, client } = await openFor('alpha');
  await client.subscribe('object.*.*');
  for (const [action, type] of [
    ['doc_created', 'user'],
    ['doc_edited', 'callflow'],
    ['doc_deleted', 'vmbox'],
  ]) {
    const body = { 'Event-Name': action, Type: type, 'Account-ID': 'alpha' };
    await bridge.broker.publish('configuration', `${action}.alpha.${type}.1`, body);
  }
  await allDelivered(bridge, client);
  expect(client.events.map(({ name }) => name)).toEqual([
    'doc_created_user',
    'doc_edited_callflow',
    'doc_deleted_vmbox',
  ]);
});

test.each([['text'], [''], ['"quoted" \\ ☎'], [7], [-0.5], [0], ['x'.repeat(256)]])(
  'the subscription’s request_id follows as a third member: %j',
  async (request_id) => {
    const { bridge, client } = await openFor('alpha');
    await client.request({ action: 'subscribe', request_id, data: { binding: 'call.*.*' } });
    const body = `{${inside}}`;
    await bridge.broker.publish('callevt', 'call.CHANNEL_CREATE.x', Buffer.from(body));
    await allDelivered(bridge, client);
    const expected = `{"name":"CHANNEL_CREATE","args":${body},"request_id":${JSON.stringify(request_id)}}`;
    expect(textsOf(client)).toEqual([expected]);
  },
);

test('sockets whose request_ids are of one length, or of another, each get their own', async () => {
  const bridge = await startBridge();
  const ids = ['a', 'b', 'cc', 'dd', 'c', 'eee', 1, 22, 'b'];
  const clients: Client[] = [];
  for (const request_id of ids) {
    const client = await openClient(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
    await client.request({ action: 'subscribe', request_id, data: { binding: 'call.*.*' } });
    clients.push(client);
  }
  const plain = await openClient(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
  await subscribeWithoutId(plain, 'call.*.*');
  await publish(bridge.broker, callEvent('alpha'), callEvent('alpha', 'CHANNEL_ANSWER'));
  await allDelivered(bridge, plain, ...clients);
  expect(clients.map(({ events }) => events.map(({ request_id }) => request_id))).toEqual(ids.map((id) => [id, id]));
  expect(plain.events.map((event) => Object.keys(event))).toEqual([
    ['name', 'args'],
    ['name', 'args'],
  ]);
});

test('several match: one frame per event, with the oldest’s request_id', async () => {
  const { bridge, client } = await openFor('alpha');
  const bindings = ['call.CHANNEL_CREATE.call-1', 'call.*.*', 'call.CHANNEL_CREATE.*', 'call.*.call-1'];
  for (const [index, binding] of bindings.entries()) await client.subscribe(binding, { request_id: `id-${index}` });
  await publish(bridge.broker, callEvent('alpha'));
  // That the broker has the event doesn't mean that it has come here: it is to find the bindings of its time.
  await client.untilEvents(1);
  await client.unsubscribe(bindings[0]);
  await publish(bridge.broker, callEvent('alpha'));
  await client.untilEvents(2);
  await client.unsubscribe(bindings[1]);
  // The oldest once, it is the youngest now.
  await client.subscribe(bindings[0] ?? '', { request_id: 'again' });
  await publish(bridge.broker, callEvent('alpha'));
  await allDelivered(bridge, client);
  expect(client.events.map(({ request_id }) => request_id)).toEqual(['id-0', 'id-1', 'id-2']);
});

test('several match in one message’s bindings, and across accounts: still one frame per event', async () => {
  const { bridge } = await openFor('alpha');
  const client = await openClient(bridge, { token: await tokenFor('alpha', { superduper_admin: true }) });
  await client.subscribe('call.*.*', { account_id: '*', request_id: 'all' });
  await client.subscribe(['call.*.*', 'call.CHANNEL_CREATE.*'], { request_id: 'own' });
  await publish(bridge.broker, callEvent('alpha'), callEvent('beta'));
  await allDelivered(bridge, client);
  expect(client.events.map(({ request_id }) => request_id)).toEqual(['all', 'all']);
  await client.unsubscribe(undefined, { account_id: '*' });
  await publish(bridge.broker, callEvent('alpha'), callEvent('beta'));
  await allDelivered(bridge, client);
  expect(client.events.map(({ request_id }) => request_id)).toEqual(['all', 'all', 'own']);
});

test('events of one node come in order, and each frame is right, whatever else is sent in the same turn', async () => {
  const bridge = await startBridge();
  const sources = [
    ['callevt', 'call.CHANNEL_CREATE.x', 'call.*.*'],
    ['notifications', 'notifications.sip.register', 'notifications.*.*'],
    ['faxes', 'fax.status.alpha.x', 'fax.status.*'],
  ] as const;
  for (const [exchange, key] of sources) await bridge.broker.publish(exchange, key, { 'Account-ID': 'alpha' });
  const idsOfClients = [
    ['a', 'b', 'c'],
    // As long as those, and others.
    ['d', 'e', 'f'],
    ['a', 'bb', 'ccc'],
    ['same', 'same', 'same'],
    [1, 'x'.repeat(200), 'c'],
  ];
  const clients: Client[] = [];
  for (const ids of idsOfClients) {
    const client = await openClient(bridge, { headers: { 'x-auth-token': await tokenFor('alpha') } });
    for (const [index, [, , binding]] of sources.entries()) {
      await client.request({ action: 'subscribe', request_id: ids[index], data: { binding } });
    }
    clients.push(client);
  }
  const bodies: string[] = [];
  for (let index = 0; index < 90; index += 1) {
    const [exchange, key] = sources[index % 3] ?? sources[0];
    const pad = 'p'.repeat((index % 7) ** 6);
    bodies.push(`{"Event-Name":"n","Account-ID":"alpha","Index":${index},"Pad":"${pad}"}`);
    void bridge.broker.publish(exchange, key, Buffer.from(bodies[index] ?? ''));
    if (index % 10 === 0) for (const client of clients) client.send({ action: 'ping' });
  }
  await allDelivered(bridge, ...clients);
  for (const [number, client] of clients.entries()) {
    const ids = idsOfClients[number] ?? [];
    const expected = bodies.map((body, index) => {
      const name = index % 3 === 2 ? 'fax.status' : 'n';
      return `{"name":"${name}","args":${body},"request_id":${JSON.stringify(ids[index % 3])}}`;
    });
    expect(textsOf(client)).toEqual(expected);
  }
});
