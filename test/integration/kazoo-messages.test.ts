/** Kazoo's own messages on a real broker, one of each family, on exchanges declared as Kazoo declares them. */
import { randomUUID } from 'node:crypto';
import { expect, test } from 'vitest';
import { useAccountsFile } from '../support/accounts-file.ts';
import { startBridge, tokenFor } from '../support/bridge.ts';
import { type Broker, useBroker } from '../support/broker.ts';
import { openClient } from '../support/client.ts';
import { faxStatus } from '../support/events.ts';
import { allDelivered } from '../support/fence.ts';
import { kazooAccount, kazooEvents, kazooExchanges, kazooMessage, kazooRealm } from '../support/kazoo.ts';
import { management } from '../support/rabbit.ts';
import { until } from '../support/until.ts';

const stranger = 'ffffffffffffffffffffffffffffff02';

const rows = [
  ['call.CHANNEL_CREATE.odd-call-id.json', 'call.*.*'],
  ['conference.add-member.dotted-name.json', 'conference.event.*'],
  ['object.doc_created.call_recording.json', 'object.doc_created.call_recording'],
  ['object.doc_edited.user.json', 'object.doc_edited.user'],
  ['fax.status.outgoing-page.json', 'fax.status.*'],
  ['presence.dialog.parked.json', 'presence.dialog.*'],
  ['registration.success.kamailio.json', 'registration.success.*'],
  ['notifications.voicemail.new.json', 'notifications.*.*'],
  ['conference.command.mute.json', 'conference.command.*'],
] as const;
const bindings = rows.map(([, binding]) => binding);

function find(file: string) {
  const event = kazooEvents.find((each) => each.file === file);
  if (event === undefined) throw new Error(`no message ${file}`);
  return { event, message: kazooMessage(event) };
}

/** A broker with the exchanges of a Kazoo cluster. */
async function useKazooBroker(): Promise<Broker> {
  const broker = await useBroker();
  const channel = await broker.channel();
  for (const [name, { type, durable, auto_delete }] of Object.entries(kazooExchanges)) {
    await channel.assertExchange(name, type, { durable, autoDelete: auto_delete });
  }
  return broker;
}

test('one of each family arrives for its account, in both dialects, and for nobody else', async () => {
  const broker = await useKazooBroker();
  const accounts = await useAccountsFile([
    { id: kazooAccount, realm: kazooRealm },
    { id: stranger, realm: 'stranger.example.com' },
  ]);
  const bridge = await startBridge({ ACCOUNTS_FILE: accounts.path }, broker);
  const open = async (account: string, dialect: string) => {
    const client = await openClient(bridge, { token: await tokenFor(account), path: `/?dialect=${dialect}` });
    expect(await client.subscribe(bindings, { request_id: 'r' })).toMatchObject({ status: 'success' });
    return client;
  };
  const [own, ownClassic, theirs] = [
    await open(kazooAccount, 'kazoo4'),
    await open(kazooAccount, 'classic'),
    await open(stranger, 'kazoo4'),
  ];
  const channel = await broker.channel();
  // The command's conference has been seen before.
  for (const file of ['conference.add-member.json', ...rows.map(([name]) => name), 'notifications.user.new.json']) {
    const { exchange, routingKey, body, contentType } = find(file).message;
    channel.publish(exchange, routingKey, body, { contentType, messageId: randomUUID() });
  }
  await channel.waitForConfirms();
  await allDelivered(bridge, own, ownClassic, theirs);
  const came = ['conference.add-member.json', ...rows.map(([file]) => file)].map((file) => find(file));
  expect(own.events.map(({ name, routing_key, account_id }) => [name, routing_key, account_id])).toEqual(
    came.map(({ event }) => [event.kazoo4?.name, event.kazoo4?.routing_key, kazooAccount]),
  );
  expect(ownClassic.texts.filter((text) => text.startsWith('{"name"'))).toEqual(
    came.map(({ event, message }) => `{"name":"${event.classic?.name}","args":${message.body},"request_id":"r"}`),
  );
  expect(theirs.events).toEqual([]);
  expect(bridge.logLines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
});

test('the fanout of faxes before Kazoo 4.1 is never declared, and bound once it is there', async () => {
  const broker = await useKazooBroker();
  const bridge = await startBridge({}, broker);
  const client = await openClient(bridge, { token: await tokenFor(kazooAccount) });
  expect(await client.subscribe('fax.status.*')).toMatchObject({ status: 'success' });
  const names = async () =>
    JSON.stringify(await management(broker.rabbit, 'GET', `/api/exchanges/${encodeURIComponent(broker.vhost)}`));
  expect(await names()).not.toContain('"fax"');
  // A node of Kazoo 4.0 starts after us.
  const channel = await broker.channel();
  await channel.assertExchange('fax', 'fanout', { durable: false });
  const { routingKey, body } = faxStatus(kazooAccount);
  // Looked for within a second at first: what is published until then is nobody's loss here.
  await until(async () => {
    channel.publish('fax', routingKey, Buffer.from(JSON.stringify(body)));
    await channel.waitForConfirms();
    await allDelivered(bridge);
    return client.events.length > 0;
  }, 'a fax of the fanout');
  expect(client.events[0]).toMatchObject({ name: 'fax.status', args: body });
  expect(await broker.patterns()).toContain('fax fax.status.*.*');
  expect(bridge.logLines.filter(({ level }) => level === 'warn' || level === 'error')).toEqual([]);
});
