/** Where payload and routing key disagree about whose an event is, it is nobody's, not even "*"'s. */
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { tokenFor } from '../support/bridge.ts';
import { type Client, openClient } from '../support/client.ts';
import { startBridge } from '../support/embedded.ts';
import {
  type BusMessage,
  conferenceEvent,
  databaseOf,
  documentEvent,
  faxStatus,
  messageWaiting,
  presenceDialog,
  publish,
  realmWord,
  registration,
  withFields,
} from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';

const mine = '0000000000000000000000000000000a';
const theirs = '0000000000000000000000000000000b';
const myRealm = 'mine.example.com';
const theirRealm = 'theirs.example.com';

function lyingKey(message: BusMessage): BusMessage {
  const routingKey = message.routingKey
    .replace(databaseOf(mine), databaseOf(theirs))
    .replace(mine, theirs)
    .replace(realmWord(myRealm), realmWord(theirRealm));
  return { ...message, routingKey };
}

const document = documentEvent(mine);
const theirDatabase = decodeURIComponent(databaseOf(theirs));
const monthly = withFields(
  { ...documentEvent(mine, 'doc_created', 'fax'), routingKey: `doc_created.${databaseOf(mine)}-202611.fax.1` },
  { Database: `${decodeURIComponent(databaseOf(mine))}-202611` },
);
const update: BusMessage = {
  ...withFields(presenceDialog(myRealm), { 'Presentity-Realm': undefined }),
  routingKey: `update.${realmWord(myRealm)}.call-1`,
};

/** The truth, and what is made of it. */
const lies: readonly (readonly [string, BusMessage, BusMessage])[] = [
  ['conference: the key’s account', conferenceEvent(mine), lyingKey(conferenceEvent(mine))],
  ['conference: the payload’s', conferenceEvent(mine), withFields(conferenceEvent(mine), { 'Account-ID': theirs })],
  ...inChannelVariables(),
  ['document: the key’s database', document, lyingKey(document)],
  ['document: the payload’s account', document, withFields(document, { 'Account-ID': theirs })],
  ['document: the payload’s database', document, withFields(document, { Database: theirDatabase })],
  [
    'document: account and database of the payload',
    document,
    withFields(document, { 'Account-ID': theirs, Database: theirDatabase }),
  ],
  [
    'document: the database, without an account',
    withFields(document, { 'Account-ID': undefined }),
    withFields(document, { 'Account-ID': undefined, Database: theirDatabase }),
  ],
  [
    'document: the key, without a database in the payload',
    withFields(document, { Database: undefined }),
    lyingKey(withFields(document, { Database: undefined })),
  ],
  ['monthly document: the key’s database', monthly, lyingKey(monthly)],
  ['monthly document: the payload’s account', monthly, withFields(monthly, { 'Account-ID': theirs })],
  ['fax: the key’s account', faxStatus(mine), lyingKey(faxStatus(mine))],
  ['fax: the payload’s account', faxStatus(mine), withFields(faxStatus(mine), { 'Account-ID': theirs })],
  ['presence dialog: the key’s realm', presenceDialog(myRealm), lyingKey(presenceDialog(myRealm))],
  [
    'presence dialog: the payload’s realm',
    presenceDialog(myRealm),
    withFields(presenceDialog(myRealm), { 'Presentity-Realm': theirRealm }),
  ],
  [
    'presence dialog: the payload’s account',
    presenceDialog(myRealm),
    withFields(presenceDialog(myRealm), { 'Account-ID': theirs }),
  ],
  [
    'presence dialog: whose presence it is',
    withFields(presenceDialog(myRealm), { 'Presentity-Realm': undefined }),
    withFields(presenceDialog(myRealm), { 'Presentity-Realm': undefined, 'Presence-ID': `1001@${theirRealm}` }),
  ],
  ['presence update: the key’s realm', update, lyingKey(update)],
  ['message waiting: the key’s realm', messageWaiting(myRealm), lyingKey(messageWaiting(myRealm))],
  [
    'message waiting: the payload’s account',
    messageWaiting(myRealm),
    withFields(messageWaiting(myRealm), { 'Account-ID': theirs }),
  ],
  ['registration: the key’s realm', registration(mine, myRealm), lyingKey(registration(mine, myRealm))],
  [
    'registration: the key’s realm, without an account',
    registration(undefined, myRealm),
    lyingKey(registration(undefined, myRealm)),
  ],
  [
    'registration: the payload’s account',
    registration(mine, myRealm),
    withFields(registration(mine, myRealm), { 'Account-ID': theirs }),
  ],
  [
    'registration: the payload’s realm',
    registration(mine, myRealm),
    withFields(registration(mine, myRealm), { Realm: theirRealm }),
  ],
  [
    'registration on callmgr',
    { ...registration(mine, myRealm), exchange: 'callmgr' },
    { ...lyingKey(registration(mine, myRealm)), exchange: 'callmgr' },
  ],
];

/** A conference event whose account stands among the channel variables. */
function inChannelVariables(): (readonly [string, BusMessage, BusMessage])[] {
  const move = (account: string) => ({ 'Account-ID': undefined, 'Custom-Channel-Vars': { 'Account-ID': account } });
  const honest = withFields(conferenceEvent(mine), move(mine));
  return [['conference: the channel variables’', honest, withFields(honest, move(theirs))]];
}

const bindings = [
  'conference.event.*.*',
  'conference.event.*.7001.*',
  'object.*.*',
  'doc_edited.*.user.doc-1',
  'fax.status.*',
  'presence.dialog.*',
  'presence.update.*',
  'presence.mwi_updates.*',
  'registration.success.*',
];

test.each(lies)('%s', async (_name, truth, lie) => {
  const accounts = await useAccountsFile([
    { id: mine, realm: myRealm },
    { id: theirs, realm: theirRealm },
  ]);
  const bridge = await startBridge({ ACCOUNTS_FILE: accounts.path });
  const clients: Client[] = [];
  for (const account_id of [mine, theirs, '*']) {
    const token = await tokenFor(account_id === '*' ? mine : account_id, { superduper_admin: true });
    const client = await openClient(bridge, { token });
    expect(await client.subscribe(bindings, { account_id })).toMatchObject({ status: 'success' });
    clients.push(client);
  }
  await publish(bridge.broker, lie);
  await allDelivered(bridge, ...clients);
  expect(clients.map(({ events }) => events)).toEqual([[], [], []]);
  expect(await bridge.metric('horizon_events_dropped_total', { reason: 'contradiction' })).toBe(1);
  await publish(bridge.broker, truth);
  await allDelivered(bridge, ...clients);
  const [own, foreign, all] = clients.map(({ events }) => events.map(({ args }) => args));
  expect(own).toEqual([truth.body]);
  expect(foreign).toEqual([]);
  expect(all).toEqual([truth.body]);
});
