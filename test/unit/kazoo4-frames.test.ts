/** The kazoo4 dialect’s frames, every field for every family. */
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import { databaseOf } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { callAccount, fixture, fixtureAccount, fixtureRealm } from '../support/fixtures.ts';

const account = fixtureAccount;
const database = databaseOf(account);
const memberId = 'a1b2c3@media1.example.com';
const callId = 'at6dmu4ffk97vnlp6qfq';

interface Expected {
  readonly file: string;
  readonly binding: string;
  readonly subscriptionKey: string;
  readonly name: string;
  /** Where it is not the AMQP routing key. */
  readonly routingKey?: string;
  readonly account?: string;
}

const frames: readonly Expected[] = [
  {
    file: 'call.CHANNEL_CREATE.json',
    binding: 'call.CHANNEL_CREATE.*',
    subscriptionKey: `call.${callAccount}.CHANNEL_CREATE.*`,
    name: 'CHANNEL_CREATE',
    routingKey: `call.${callAccount}.CHANNEL_CREATE.${callId}`,
    account: callAccount,
  },
  {
    file: 'call.CHANNEL_DESTROY.json',
    binding: `call.CHANNEL_DESTROY.${callId}`,
    subscriptionKey: `call.${callAccount}.CHANNEL_DESTROY.${callId}`,
    name: 'CHANNEL_DESTROY',
    routingKey: `call.${callAccount}.CHANNEL_DESTROY.${callId}`,
    account: callAccount,
  },
  {
    file: 'conference.add-member.json',
    binding: 'conference.event.add-member.7001.*',
    subscriptionKey: `conference.event.add-member.${account}.7001.*`,
    name: 'event',
  },
  {
    file: 'conference.add-member.json',
    binding: `conference.event.add-member.*.${memberId}`,
    subscriptionKey: `conference.event.add-member.${account}.*.${memberId}`,
    name: 'event',
  },
  {
    file: 'conference.legacy.json',
    binding: 'conference.event.start-talking.7001.*',
    subscriptionKey: `conference.event.start-talking.${account}.7001.*`,
    name: 'participant_event',
  },
  {
    file: 'object.doc_created.user.json',
    binding: 'object.doc_created.user',
    subscriptionKey: `doc_created.${database}.user.*`,
    name: 'doc_created',
  },
  {
    file: 'object.doc_edited.device.json',
    binding: 'object.doc_edited.device',
    subscriptionKey: `doc_edited.${database}.device.*`,
    name: 'doc_edited',
  },
  {
    file: 'object.doc_created.mailbox_message.json',
    binding: 'object.doc_created.mailbox_message',
    subscriptionKey: `doc_created.${database}-202611.mailbox_message.*`,
    name: 'doc_created',
  },
  {
    file: 'fax.status.json',
    binding: 'fax.status.*',
    subscriptionKey: `fax.status.${account}.*`,
    name: 'status',
  },
  {
    file: 'fax.status.json',
    binding: 'fax.status.202611-f00d',
    subscriptionKey: `fax.status.${account}.202611-f00d`,
    name: 'status',
  },
  {
    file: 'presence.dialog.json',
    binding: 'presence.dialog.*',
    subscriptionKey: 'dialog.acme%2Eexample%2Ecom.*',
    name: 'dialog_update',
  },
  {
    file: 'presence.mwi_update.json',
    binding: 'presence.mwi_updates.*',
    subscriptionKey: 'mwi_updates.acme%2Eexample%2Ecom.*',
    name: 'mwi_update',
  },
  {
    file: 'registration.success.json',
    binding: 'registration.success.*',
    subscriptionKey: 'registration.success.acme%2Eexample%2Ecom.*',
    name: 'reg_success',
  },
  {
    file: 'notifications.missed_call.json',
    binding: 'notifications.sip.missed_call',
    subscriptionKey: 'notifications.sip.missed_call',
    name: 'missed_call',
  },
];

test.each(frames)('$file through $binding: every field', async (expected) => {
  const owner = expected.account ?? account;
  const accounts = await useAccountsFile([{ id: account, realm: fixtureRealm }]);
  const bridge = await startBridge({ ACCOUNTS_FILE: accounts.path });
  const client = await openClient(bridge, { token: await tokenFor(owner), path: '/?dialect=kazoo4' });
  await client.subscribe(expected.binding);
  await bridge.broker.publishFixture(expected.file);
  await allDelivered(bridge, client);
  const { payload, routingKey } = fixture(expected.file);
  expect(client.events).toEqual([
    {
      action: 'event',
      subscribed_key: expected.binding,
      subscription_key: expected.subscriptionKey,
      name: expected.name,
      routing_key: expected.routingKey ?? routingKey,
      account_id: owner,
      data: normalized(payload),
    },
  ]);
  const text = client.texts.find((each) => each.startsWith('{"action":"event"')) ?? '';
  const order = ['action', 'subscribed_key', 'subscription_key', 'name', 'routing_key', 'account_id', 'data'];
  expect(Object.keys(JSON.parse(text))).toEqual(order);
});

/** The fixtures’ only private header is `Node`, and they have no nulls. */
function normalized({ Node, ...payload }: Record<string, unknown>): unknown {
  expect(Node).toBeTypeOf('string');
  const text = JSON.stringify(payload);
  return JSON.parse(
    text.replace(/"([A-Za-z-]+)":/g, (_, key: string) => `"${key.toLowerCase().replaceAll('-', '_')}":`),
  );
}
