/** The forms of bindings, what is refused and how, and the settings that narrow what there is. */
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import {
  type BusMessage,
  callEvent,
  conferenceEvent,
  databaseOf,
  documentEvent,
  faxStatus,
  publish,
  withFields,
} from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { callEvents, documentTypes } from '../support/offers.ts';

const account = '4b31dd1d32ce6d249897c06332375d65';
const other = '00000000000000000000000000000001';

async function openFor(settings: Record<string, string> = {}, path = '/') {
  const accounts = await useAccountsFile([{ id: account, realm: 'acme.example.com' }, { id: other }]);
  const bridge = await startBridge({ ACCOUNTS_FILE: accounts.path, ...settings });
  const client = await openClient(bridge, { token: await tokenFor(account), path });
  return { bridge, client };
}

/** How many events of a series come through the binding. */
async function delivered(binding: string, events: readonly BusMessage[], settings?: Record<string, string>) {
  const { bridge, client } = await openFor(settings);
  expect(await client.subscribe(binding)).toMatchObject({ status: 'success' });
  await publish(bridge.broker, ...events);
  await allDelivered(bridge, client);
  return client.events.map(({ args }) => args);
}

/** What the broker sends is sorted out here as well: with so few patterns it sends all that an exchange has. */
const plans = [
  ['fine patterns', {}],
  ['coarse patterns', { MAX_PATTERNS: '8' }],
] as const;

test.each(plans)(
  'call.*.* means the listed call events, nothing else that shares the exchange: %s',
  async (_plan, settings) => {
    const strangers: BusMessage[] = [
      callEvent(account, 'DTMF'),
      callEvent(account, 'CHANNEL_EXECUTE'),
      { ...callEvent(account, 'query_account_channels_req'), routingKey: `call.status_req.${account}` },
      { ...callEvent(account), routingKey: `call.status_req.${account}` },
      { ...callEvent(account), routingKey: 'call.CHANNEL_CREATE' },
      { ...callEvent(account), routingKey: 'call.CHANNEL_CREATE.a.b.c.d' },
      { ...callEvent(account), routingKey: 'publisher.usurp.call-1' },
    ];
    const listed = callEvents.map((event) => callEvent(account, event));
    const came = await delivered('call.*.*', [...strangers, ...listed, ...strangers], settings);
    expect(came.map((args) => (args as Record<string, unknown>)['Event-Name'])).toEqual(callEvents);
  },
);

test.each(callEvents)('call event %s', async (event) => {
  const events = callEvents.map((name) => callEvent(account, name));
  expect(await delivered(`call.${event}.*`, events)).toEqual([callEvent(account, event).body]);
});

test('CALL_EVENTS: which call events may be subscribed to', async () => {
  const { bridge, client } = await openFor({ CALL_EVENTS: 'CHANNEL_CREATE,DTMF' });
  expect(await client.subscribe(['call.DTMF.*', 'call.*.*'])).toMatchObject({ status: 'success' });
  const refused = await client.subscribe('call.CHANNEL_ANSWER.*');
  expect(refused.data).toEqual({
    code: 'binding_unsupported',
    errors: ['event CHANNEL_ANSWER not supported'],
  });
  const names = ['CHANNEL_ANSWER', 'DTMF', 'CHANNEL_DESTROY', 'CHANNEL_CREATE'];
  await publish(bridge.broker, ...names.map((name) => callEvent(account, name)));
  await allDelivered(bridge, client);
  expect(client.events.map(({ name }) => name)).toEqual(['DTMF', 'CHANNEL_CREATE']);
});

test.each(['doc_edited.*.*.*', 'object.doc_edited.*'])('%s means the listed document types alone', async (binding) => {
  const strangers = ['trunkstore', 'webhook', 'users', 'credentials'].map((t) =>
    documentEvent(account, 'doc_edited', t),
  );
  const requests: BusMessage[] = [
    { ...documentEvent(account), routingKey: `doc_moved.${databaseOf(account)}.user.doc-1` },
    { ...documentEvent(account), routingKey: `doc_edited.${databaseOf(account)}.user` },
    { ...documentEvent(account), routingKey: `doc_edited.${databaseOf(account)}.user.doc-1.more` },
    { ...documentEvent(account), routingKey: `doc_type_update.${databaseOf(account)}.user.doc-1` },
  ];
  const listed = documentTypes.map((type) => documentEvent(account, 'doc_edited', type));
  const came = await delivered(binding, [...strangers, ...requests, ...listed]);
  expect(came.map((args) => (args as Record<string, unknown>).Type)).toEqual(documentTypes);
});

test('DOC_TYPES: the same for documents', async () => {
  const { bridge, client } = await openFor({ DOC_TYPES: 'user,webhook' });
  expect(await client.subscribe(['doc_edited.*.webhook.*', 'object.*.*'])).toMatchObject({ status: 'success' });
  for (const binding of ['doc_edited.*.device.*', 'object.doc_edited.device']) {
    const { data } = await client.subscribe(binding);
    expect(data).toEqual({ code: 'binding_unsupported', errors: ['event device not supported'] });
  }
  await publish(
    bridge.broker,
    ...['device', 'webhook', 'user'].map((type) => documentEvent(account, 'doc_edited', type)),
  );
  await allDelivered(bridge, client);
  expect(client.events.map(({ name }) => name)).toEqual(['doc_edited_webhook', 'doc_edited_user']);
});

test.each([
  ['conference.event.lock.7001', 'classic, for it has four parts', 'lock', '7001'],
  ['conference.event.7001.a.b', 'classic, for 7001 is no event', '7001', 'a.b'],
  ['conference.event.7001.lock.b', 'classic, for 7001 is no event', '7001', 'lock.b'],
  ['conference.event.locked.7001.b', 'classic, for locked is no event', 'locked', '7001.b'],
  ['conference.event.lock.7001.b', 'kazoo4', '7001', 'b'],
  ['conference.event.lock.7001.b.c.d', 'kazoo4, with dots in the call id', '7001', 'b.c.d'],
  ['conference.event.*.7001.b', 'kazoo4, for * stands where events stand', '7001', 'b'],
])('%s is %s', async (binding, _form, conference, id) => {
  const encoded = id.replaceAll('.', '%2E');
  const events = [
    conferenceEvent(account, 'lock', conference, encoded),
    conferenceEvent(account, 'lock', conference, 'other'),
    conferenceEvent(account, 'lock', 'other', encoded),
  ];
  expect(await delivered(binding, events)).toEqual([events[0]?.body]);
});

test('conference.event.{ID} means all events of that conference', async () => {
  const all = ['conference-create', 'conference-destroy', 'lock', 'unlock', 'add-member', 'del-member', 'stop-talking'];
  const more = ['start-talking', 'mute-member', 'unmute-member', 'deaf-member', 'undeaf-member'];
  const events = [...all, ...more].map((event) => conferenceEvent(account, event));
  const strangers = [conferenceEvent(account, 'lock', '7002'), conferenceEvent(account, 'play-file')];
  const requests: BusMessage[] = [
    { ...conferenceEvent(account), routingKey: 'conference.search_req' },
    { ...conferenceEvent(account), routingKey: `conference.discovery.${account}` },
    withFields({ ...conferenceEvent(account), routingKey: 'conference.event.7001' }, { Event: 'play-file' }),
    withFields({ ...conferenceEvent(account), routingKey: 'conference.event.7001' }, { Event: undefined }),
  ];
  const came = await delivered('conference.event.7001', [...strangers, ...requests, ...events]);
  expect(came).toEqual(events.map(({ body }) => body));
});

test.each([
  ['call.CHANNEL_CREATE.', 'call.CHANNEL_CREATE.', 'callevt', callEvent(account).body],
  [
    'conference.event.7001.',
    `conference.event.lock.${account}.7001.`,
    'conference',
    conferenceEvent(account, 'lock').body,
  ],
  [
    'conference.event.lock.7001.',
    `conference.event.lock.${account}.7001.`,
    'conference',
    conferenceEvent(account, 'lock').body,
  ],
])('call ids may contain dots, and anything else: %s…', async (binding, key, exchange, body) => {
  const callIds = [
    ['1.2.3', '1%2E2%2E3'],
    ['a1b2c3@media1.example.com', 'a1b2c3%40media1%2Eexample%2Ecom'],
    ['with space', 'with+space'],
    ['plus+and%25', 'plus%2Band%2525'],
    ['☎~-_', '%E2%98%8E~-_'],
  ];
  const { bridge, client } = await openFor();
  for (const [callId] of callIds) {
    expect(await client.subscribe(`${binding}${callId}`), callId).toMatchObject({ status: 'success' });
  }
  for (const [callId, word] of [...callIds, ['1.2.4', '1%2E2%2E4']]) {
    await publish(bridge.broker, { exchange, routingKey: `${key}${word}`, body: { ...body, 'Call-ID': callId } });
  }
  await allDelivered(bridge, client);
  expect(client.events).toHaveLength(callIds.length);
});

test('documents of monthly databases come whatever the month', async () => {
  const months = ['-202611', '-202612', '-201901', ''];
  const events = months.flatMap((month) =>
    ['fax', 'mailbox_message'].map((type) => {
      const event = documentEvent(account, 'doc_created', type, `doc${month}`);
      const [action, database, ...rest] = event.routingKey.split('.');
      const routingKey = [action, `${database}${month}`, ...rest].join('.');
      return withFields({ ...event, routingKey }, { Database: `${event.body.Database}${month}` });
    }),
  );
  const bodies = events.map(({ body }) => body);
  const foreign = events.map((event) => {
    const theirs = (text: string) => text.replaceAll(databaseOf(account), databaseOf(other));
    const Database = decodeURIComponent(theirs(encodeURIComponent(String(event.body.Database))));
    return withFields({ ...event, routingKey: theirs(event.routingKey) }, { 'Account-ID': other, Database });
  });
  for (const binding of ['doc_created.*.*.*', 'object.*.*']) {
    expect(await delivered(binding, [...foreign, ...events]), binding).toEqual(bodies);
  }
  const faxes = bodies.filter(({ Type }) => Type === 'fax');
  for (const binding of ['doc_created.*.fax.*', 'object.doc_created.fax', 'fax.object.doc_created']) {
    expect(await delivered(binding, [...foreign, ...events]), binding).toEqual(faxes);
  }
});

test('accounts of other systems: any id without a dot is its own database’s name', async () => {
  const bridge = await startBridge();
  const id = 'Acme-Corp_7';
  const client = await openClient(bridge, { token: await tokenFor(id) });
  const bindings = [
    `doc_edited.${id}.user.*`,
    'doc_edited.*.media.*',
    'call.*.*',
    'fax.status.*',
    'conference.event.7001',
  ];
  expect(await client.subscribe(bindings)).toMatchObject({ status: 'success' });
  const documents = ['user', 'media'].map((type) => ({
    exchange: 'configuration',
    routingKey: `doc_edited.${id}.${type}.1`,
    body: { 'Event-Name': 'doc_edited', Database: id, Type: type },
  }));
  const events = [...documents, callEvent(id), faxStatus(id), conferenceEvent(id)];
  await publish(bridge.broker, ...events, documentEvent(other), callEvent(`${id}x`), faxStatus('Acme-Corp'));
  await allDelivered(bridge, client);
  expect(client.events.map(({ args }) => args)).toEqual(events.map(({ body }) => body));
});
