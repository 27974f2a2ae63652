/** The kazoo4 dialect’s rules. Every field of its frames: kazoo4-frames. */
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { type BusMessage, callEvent, databaseOf, documentEvent, publish, withFields } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { callAccount, fixtureAccount, fixtureRealm } from '../support/fixtures.ts';

async function openFor(account: string, settings: Record<string, string> = {}) {
  const accounts = await useAccountsFile([
    { id: 'top' },
    { id: fixtureAccount, realm: fixtureRealm, parent_id: 'top' },
  ]);
  const bridge = await startBridge({ ACCOUNTS_FILE: accounts.path, DIALECT: 'kazoo4', ...settings });
  const client = await openClient(bridge, { token: await tokenFor(account) });
  return { bridge, client };
}

const account = fixtureAccount;
const database = databaseOf(account);
const memberId = 'a1b2c3@media1.example.com';
const memberWord = 'a1b2c3%40media1%2Eexample%2Ecom';

test('the call fixture, written out', async () => {
  const { bridge, client } = await openFor(callAccount);
  await client.subscribe('call.CHANNEL_CREATE.*');
  await bridge.broker.publishFixture('call.CHANNEL_CREATE.json');
  const [event] = await client.untilEvents(1);
  expect(event?.data).toMatchObject({
    app_name: 'ecallmgr',
    call_direction: 'inbound',
    call_id: 'at6dmu4ffk97vnlp6qfq',
    msg_id: '1443672756993309',
    custom_channel_vars: { account_id: callAccount, authorizing_id: 'd509114b66efabf32dfd78dc464b46dd' },
    custom_sip_headers: { x_auth_ip: '192.168.25.203' },
    timestamp: 63610891956,
  });
  expect(event?.data).not.toHaveProperty('node');
});

test('an event with every call id and account: routing_key has the encoded call id behind the account', async () => {
  const { bridge, client } = await openFor('top');
  await client.subscribe(`call.*.${memberId}`);
  await publish(bridge.broker, callEvent('top', 'CHANNEL_HOLD', memberWord));
  const [event] = await client.untilEvents(1);
  expect(event).toMatchObject({
    subscribed_key: `call.*.${memberId}`,
    subscription_key: `call.top.CHANNEL_HOLD.${memberId}`,
    routing_key: `call.top.CHANNEL_HOLD.${memberWord}`,
  });
});

test('keys are lower-cased with - made _, at every depth, and nulls are dropped', async () => {
  const { bridge, client } = await openFor('alpha');
  await client.subscribe('notifications.*.*');
  await bridge.broker.publish(
    'notifications',
    'notifications.sip.register',
    Buffer.from(`{"Event-Name":"b","Account-ID":"alpha","UPPER":1,"already_so":2,"Mixed-Case_And-More":3,
      "Null":null,"Empty":"","False":false,"Zero":0,"Big":63610891956,"Float":0.25,
      "Deep-Object":{"X-Y":{"Z-Z":[{"In-List":1,"Gone":null,"Kept-Too":[]},"Text-Stays",[{"A-B":null,"C-D":{}}]],"Gone":null}},
      "Values":"Keep-Their-Case","Ünï-Cødé":4,"__Proto__":{"A-B":1}}`),
  );
  const [event] = await client.untilEvents(1);
  expect(JSON.parse(JSON.stringify(event?.data))).toEqual(
    JSON.parse(`{"event_name":"b","account_id":"alpha","upper":1,"already_so":2,"mixed_case_and_more":3,
      "empty":"","false":false,"zero":0,"big":63610891956,"float":0.25,
      "deep_object":{"x_y":{"z_z":[{"in_list":1,"kept_too":[]},"Text-Stays",[{"c_d":{}}]]}},
      "values":"Keep-Their-Case","ünï_cødé":4,"__proto__":{"a_b":1}}`),
  );
});

test('the bus’s private headers are not shown', async () => {
  const secrets = [
    'Access-Group',
    'Defer-Response',
    'Destination-Server',
    'Geo-Location',
    'System-Log-ID',
    'Raw-Headers',
    'Node',
    'Server-ID',
    'Server-Queue-ID',
    'Request-From-PID',
    'Reply-To-PID',
    'Deliver-To-PID',
    'AMQP-Broker',
    'AMQP-Broker-Zone',
    'Tenant-ID',
  ];
  const { bridge, client } = await openFor('alpha');
  await client.subscribe('call.*.*');
  const fields = Object.fromEntries(secrets.map((name) => [name, { secret: 'hidden' }]));
  await publish(bridge.broker, withFields(callEvent('alpha'), { ...fields, 'Account-ID': 'alpha', 'Msg-ID': 'm' }));
  await allDelivered(bridge, client);
  expect(client.events[0]?.data).toEqual({
    event_category: 'call_event',
    event_name: 'CHANNEL_CREATE',
    call_id: 'call-1',
    msg_id: 'm',
    account_id: 'alpha',
    custom_channel_vars: { account_id: 'alpha' },
  });
  expect(client.texts.join()).not.toContain('hidden');
});

test('one frame per matching subscription', async () => {
  const { bridge, client } = await openFor('alpha');
  const bindings = ['call.CHANNEL_CREATE.*', 'call.*.*', 'call.CHANNEL_CREATE.call-1', 'call.CHANNEL_ANSWER.*'];
  await client.subscribe(bindings);
  await publish(bridge.broker, callEvent('alpha'));
  await allDelivered(bridge, client);
  const keys = client.events.map(({ subscribed_key }) => subscribed_key);
  expect(keys.sort()).toEqual(bindings.slice(0, 3).sort());
  await client.unsubscribe('call.*.*');
  await publish(bridge.broker, callEvent('alpha', 'CHANNEL_CREATE', 'call-2'));
  await allDelivered(bridge, client);
  expect(client.events.slice(3).map(({ subscribed_key }) => subscribed_key)).toEqual(['call.CHANNEL_CREATE.*']);
});

test('a binding on * for the call event is one subscription and stands for every listed event', async () => {
  const { bridge, client } = await openFor('alpha');
  const reply = await client.subscribe('call.*.*');
  expect(reply.data).toEqual({ subscribed: ['call.*.*'], subscriptions: ['call.*.*'] });
  const names = ['CHANNEL_CREATE', 'CHANNEL_ANSWER', 'PARK_PARKED'];
  await publish(bridge.broker, ...names.map((name) => callEvent('alpha', name)));
  await allDelivered(bridge, client);
  expect(client.events.map(({ name, subscribed_key }) => [name, subscribed_key])).toEqual(
    names.map((name) => [name, 'call.*.*']),
  );
});

test.each([
  ['doc_edited.*.user.*'],
  [`doc_edited.${database}.user.doc-1`],
  [`doc_edited.${decodeURIComponent(database)}.user.*`],
  ['object.*.user'],
  ['object.*.*'],
  ['doc_edited.*.*.doc-1'],
])('subscribed_key is the client’s own binding to the letter, of either column: %s', async (binding) => {
  const { bridge, client } = await openFor(account);
  await client.subscribe(binding);
  await publish(bridge.broker, documentEvent(account));
  await allDelivered(bridge, client);
  expect(client.events).toMatchObject([{ subscribed_key: binding, routing_key: documentEvent(account).routingKey }]);
});

test('account_id tells the accounts that one socket watches apart', async () => {
  const { bridge, client } = await openFor('top');
  await client.subscribe('call.CHANNEL_CREATE.*');
  await client.subscribe('call.CHANNEL_CREATE.*', { account_id: account });
  await publish(bridge.broker, callEvent(account), callEvent('top'));
  await allDelivered(bridge, client);
  expect(client.events.map((event) => [event.account_id, event.subscription_key])).toEqual([
    [account, `call.${account}.CHANNEL_CREATE.*`],
    ['top', 'call.top.CHANNEL_CREATE.*'],
  ]);
});

test('through "*", account_id is the event’s account', async () => {
  const { bridge } = await openFor('top');
  const client = await openClient(bridge, { token: await tokenFor('top', { superduper_admin: true }) });
  await client.subscribe('call.CHANNEL_CREATE.*', { account_id: '*' });
  await publish(bridge.broker, callEvent('alpha'), callEvent('beta'));
  await allDelivered(bridge, client);
  expect(client.events.map((event) => [event.account_id, event.routing_key])).toEqual([
    ['alpha', 'call.alpha.CHANNEL_CREATE.call-1'],
    ['beta', 'call.beta.CHANNEL_CREATE.call-1'],
  ]);
});

test('fax documents through the fax family, and conference commands', async () => {
  const { bridge, client } = await openFor(account);
  await client.subscribe(['fax.object.doc_created', 'conference.command.7001']);
  const command: BusMessage = {
    exchange: 'conference',
    routingKey: 'conference.command.7001',
    body: { 'Event-Name': 'command', 'Account-ID': account },
  };
  await publish(bridge.broker, documentEvent(account, 'doc_created', 'fax', 'f'), command);
  await allDelivered(bridge, client);
  expect(client.events).toMatchObject([
    {
      subscribed_key: 'fax.object.doc_created',
      subscription_key: `doc_created.${database}.fax.*`,
      name: 'doc_created',
    },
    { subscribed_key: 'conference.command.7001', subscription_key: 'conference.command.7001', name: 'command' },
  ]);
});

test('a request_id stands in no event frame', async () => {
  const { bridge, client } = await openFor('alpha');
  await client.subscribe('call.*.*', { request_id: 'mine' });
  await publish(bridge.broker, callEvent('alpha'));
  const [event] = await client.untilEvents(1);
  expect(event).not.toHaveProperty('request_id');
});
