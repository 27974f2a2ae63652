/** Every sample event against every kind of receiver. */
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { openClient } from '../support/client.ts';
import { allDelivered, withoutFences } from '../support/fence.ts';
import { callAccount, fixture, fixtureAccount, fixtureFiles, fixtureRealm } from '../support/fixtures.ts';

const parent = 'ffffffffffffffffffffffffffffff01';
const foreign = 'ffffffffffffffffffffffffffffff02';

const bindings: Readonly<Record<string, readonly string[]>> = {
  call: ['call.*.*', 'call.*.at6dmu4ffk97vnlp6qfq'],
  conference: ['conference.event.7001', 'conference.event.*.7001.*'],
  object: ['doc_created.*.*.*', 'doc_edited.*.*.*', 'object.*.*'],
  fax: ['fax.status.*', 'fax.status.202611-f00d'],
  presence: ['presence.dialog.*', 'presence.mwi_updates.*'],
  registration: ['registration.success.*', 'registration.success.1001'],
  notifications: ['notifications.*.*', 'notifications.sip.missed_call'],
};

test.each(fixtureFiles)(
  '%s: its own account gets it, and "*"; a foreign account with the same binding does not',
  async (file) => {
    const accounts = await useAccountsFile([
      { id: parent, realm: 'parent.example.com', superduper_admin: true },
      { id: fixtureAccount, realm: fixtureRealm, parent_id: parent },
      { id: callAccount, realm: 'calls.example.com', parent_id: parent },
      { id: foreign, realm: 'foreign.example.com' },
    ]);
    const bridge = await startBridge({ ACCOUNTS_FILE: accounts.path });
    const [family = ''] = file.split('.');
    const owner = family === 'call' ? callAccount : fixtureAccount;
    const { body } = fixture(file);

    async function watch(account: string, account_id: string, dialect = 'classic') {
      const client = await openClient(bridge, { token: await tokenFor(account), path: `/?dialect=${dialect}` });
      const reply = await client.subscribe(bindings[family] ?? [], { account_id, request_id: 'r' });
      expect(reply).toMatchObject({ status: 'success' });
      return client;
    }
    const getting = [
      await watch(owner, owner),
      await watch(parent, owner),
      await watch(parent, '*'),
      await watch(owner, owner, 'kazoo4'),
      await watch(parent, '*', 'kazoo4'),
    ];
    const notGetting = [
      await watch(foreign, foreign),
      await watch(parent, parent),
      await watch(family === 'call' ? fixtureAccount : callAccount, family === 'call' ? fixtureAccount : callAccount),
      await watch(foreign, foreign, 'kazoo4'),
    ];
    await bridge.broker.publishFixture(file);
    await allDelivered(bridge, ...getting, ...notGetting);
    for (const client of notGetting) expect(client.events).toEqual([]);
    for (const client of getting.slice(0, 3)) {
      expect(withoutFences(client)).toHaveLength(1);
      const text = client.texts.find((each) => each.startsWith('{"name"'));
      expect(text).toContain(`,"args":${body},"request_id":"r"}`);
    }
    for (const client of getting.slice(3)) {
      expect(withoutFences(client).length).toBeGreaterThan(0);
      for (const event of withoutFences(client)) expect(event).toMatchObject({ action: 'event', account_id: owner });
    }
  },
);
