/** Bindings that are refused, and in which words. Each is refused on sockets of both dialects. */
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { callEvent, databaseOf, publish } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';

const account = '4b31dd1d32ce6d249897c06332375d65';
const other = '00000000000000000000000000000001';

/** Expects that a subscribe with such bindings is refused each time, and that nothing reaches the broker. */
async function expectRefused(bindings: readonly string[], code: string, text: (binding: string) => unknown) {
  const accounts = await useAccountsFile([{ id: account, realm: 'acme.example.com' }, { id: other }]);
  const bridge = await startBridge({ ACCOUNTS_FILE: accounts.path });
  const token = await tokenFor(account);
  for (const dialect of ['classic', 'kazoo4']) {
    const client = await openClient(bridge, { token, path: `/?dialect=${dialect}` });
    for (const binding of bindings) {
      const reply = await client.subscribe(binding);
      expect(reply, binding).toMatchObject({ action: 'reply', status: 'error' });
      expect(reply.data, binding).toEqual({ code, errors: [text(binding)] });
    }
    expect((await client.unsubscribe()).data.subscriptions).toEqual([]);
  }
  expect(await bridge.broker.patterns()).toEqual([]);
}

test('binding_unsupported: no available subscriptions to requested binding', async () => {
  const bindings = [
    'nonsense',
    'nonsense.*.*',
    '*',
    '*.*.*',
    'callevt.call.CHANNEL_CREATE.*',
    'CALL.CHANNEL_CREATE.*',
    ' call.CHANNEL_CREATE.*',
    'dialog.acme%2Eexample%2Ecom.*',
    'nodes.*',
    'websockets.get',
    'sysconf.*',
    'targeted.*',
    'doc_moved.*.user.*',
    '.',
    '__proto__.x.y',
    'constructor',
  ];
  await expectRefused(bindings, 'binding_unsupported', () => 'no available subscriptions to requested binding');
});

test.each([
  ['call.DTMF.*', 'DTMF'],
  ['call.channel_create.*', 'channel_create'],
  ['call.CHANNEL_*.*', 'CHANNEL_*'],
  ['call.status_req.*', 'status_req'],
  ['doc_created.*.trunkstore.*', 'trunkstore'],
  ['object.doc_moved.user', 'doc_moved'],
  ['object.doc_created.trunkstore', 'trunkstore'],
  ['fax.object.doc_moved', 'doc_moved'],
  ['presence.search_req.*', 'search_req'],
])('binding_unsupported: event X not supported (%s)', async (binding, event) => {
  await expectRefused([binding], 'binding_unsupported', () => `event ${event} not supported`);
});

const ofWrongForm: Readonly<Record<string, readonly string[]>> = {
  call: ['call', 'call.*', 'call.CHANNEL_CREATE', 'call.CHANNEL_CREATE.', 'call..x', 'call.*.*.*', 'call.*.a.*'],
  conference: [
    'conference',
    'conference.event',
    'conference.event.',
    'conference.event.*.',
    'conference.event.*.*.*.*',
    'conference.event.7001.a.*',
    'conference.event.lock.7001.a.*',
    'conference.command',
    'conference.command.7001.x',
    'conference.search_req.7001',
    'conference.*.7001',
  ],
  object: [
    'object',
    'object.doc_created',
    'object.doc_created.user.*',
    'doc_created',
    'doc_created.*.user',
    'doc_created.*.user.',
    'doc_created..user.*',
    'doc_edited.*.user.*.*',
  ],
  fax: [
    'fax',
    'fax.status',
    'fax.status.',
    'fax.other.*',
    'fax.*.*',
    'fax.object',
    'fax.object.doc_created.x',
    'fax.status.*.*',
  ],
  presence: ['presence', 'presence.dialog', 'presence.dialog.', 'presence.dialog.*.*'],
  registration: [
    'registration',
    'registration.success',
    'registration.*.*',
    'registration.sync.*',
    'registration.success.*.*',
  ],
  notifications: ['notifications', 'notifications.sip', 'notifications.sip.missed_call.x', 'notifications..x'],
};

test.each(Object.entries(ofWrongForm))(
  'binding_invalid: invalid format for %s subscription',
  async (family, bindings) => {
    await expectRefused(bindings, 'binding_invalid', (binding) =>
      expect.stringMatching(new RegExp(`^invalid format for ${family} subscription : ${escaped(binding)}`)),
    );
  },
);

test('# is refused, wherever it stands', async () => {
  const bindings = [
    'call.#',
    'call.#.#',
    'call.CHANNEL_CREATE.#',
    'call.*.a#b',
    'conference.event.#',
    'conference.event.7001.#',
    'conference.command.#',
    'doc_created.#.user.*',
    'doc_created.*.user.#',
    'object.#.#',
    'fax.status.#',
    'fax.object.#',
    'presence.dialog.#',
    'registration.success.#',
    'notifications.#',
    'notifications.sip.#',
  ];
  await expectRefused(bindings, 'binding_invalid', (binding) => {
    const family = { doc_created: 'object' }[binding.split('.')[0] ?? ''] ?? binding.split('.')[0];
    return expect.stringMatching(new RegExp(`^invalid format for ${family} subscription : ${escaped(binding)}`));
  });
});

test('a value that would make a routing key of over 255 bytes', async () => {
  const long = 'x'.repeat(256);
  const bindings = [
    `call.CHANNEL_CREATE.${long}`,
    // 84 characters, 252 bytes once they are encoded.
    `call.CHANNEL_CREATE.${'@'.repeat(84)}`,
    `call.CHANNEL_CREATE.${'☎'.repeat(28)}`,
    // Too long with the shortest of the events, PARK_PARKED.
    `call.*.${'x'.repeat(239)}`,
    `conference.event.7001.${long}`,
    `conference.event.lock.${long}.*`,
    `conference.event.${long}`,
    `conference.command.${long}`,
    `doc_created.*.user.${long}`,
    `fax.status.${long}`,
    `presence.dialog.${long}`,
    `registration.success.${long}`,
    `notifications.${'x'.repeat(130)}.${'y'.repeat(130)}`,
  ];
  await expectRefused(bindings, 'binding_invalid', () =>
    expect.stringMatching(/^invalid format for [a-z]+ subscription : .*255/),
  );
});

test('a value that makes a routing key of 255 bytes is in order, and its events come', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor('alpha') });
  const callId = 'x'.repeat(255 - 'call.CHANNEL_CREATE.'.length);
  expect(await client.subscribe(`call.CHANNEL_CREATE.${callId}`)).toMatchObject({ status: 'success' });
  expect((await client.subscribe(`call.CHANNEL_CREATE.${callId}x`)).data.code).toBe('binding_invalid');
  await publish(bridge.broker, callEvent('alpha', 'CHANNEL_CREATE', callId));
  await client.untilEvents(1);
});

test('of the databases only the account’s own may stand for the *', async () => {
  const own = databaseOf(account);
  const foreign = databaseOf(other);
  const bindings = [
    `doc_created.${foreign}.user.*`,
    `doc_created.${decodeURIComponent(foreign)}.user.*`,
    `doc_created.${foreign}-202611.mailbox_message.*`,
    `doc_created.${own}x.user.*`,
    `doc_created.${own.toLowerCase()}.user.*`,
    'doc_created.accounts.user.*',
    'doc_created.account%2F*.user.*',
  ].filter((binding) => !binding.includes(`${own}.`));
  await expectRefused(bindings, 'binding_invalid', (binding) => `invalid format for object subscription : ${binding}`);
});

test('presence needs the account’s realm: without one it is binding_unsupported, and says why', async () => {
  const accounts = await useAccountsFile([{ id: account }, { id: other, realm: 'other.example.com' }]);
  for (const settings of [{}, { ACCOUNTS_FILE: accounts.path }]) {
    const bridge = await startBridge(settings);
    const client = await openClient(bridge, { token: await tokenFor(account) });
    for (const kind of ['dialog', 'update', 'mwi_updates']) {
      const reply = await client.subscribe(`presence.${kind}.*`);
      expect(reply.data).toEqual({ code: 'binding_unsupported', errors: [expect.stringContaining('realm')] });
    }
    expect(await bridge.broker.patterns()).toEqual([]);
  }
});

test('an account without a realm gets its registrations by Account-ID', async () => {
  const bridge = await startBridge();
  const client = await openClient(bridge, { token: await tokenFor(account) });
  expect(await client.subscribe('registration.success.*')).toMatchObject({ status: 'success' });
  const body = { 'Event-Name': 'reg_success', Realm: 'any.example.com', Username: '1' };
  const key = 'registration.success.any%2Eexample%2Ecom.1';
  await bridge.broker.publish('registrar', key, body);
  await bridge.broker.publish('registrar', key, { ...body, 'Account-ID': other });
  await bridge.broker.publish('callmgr', key, { ...body, 'Account-ID': account });
  await allDelivered(bridge, client);
  expect(client.events.map(({ args }) => args)).toEqual([{ ...body, 'Account-ID': account }]);
});

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
