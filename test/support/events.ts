/** Events of every family, as a publisher of the bus would send them for some account: exchange, routing key, payload. */
import type { TestBus } from './bridge.ts';

export interface BusMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Readonly<Record<string, unknown>>;
}

type Fields = Readonly<Record<string, unknown>>;

/** The word of an account's database in routing keys, for ids of 32 hex characters. */
export function databaseOf(account: string): string {
  return `account%2F${account.slice(0, 2)}%2F${account.slice(2, 4)}%2F${account.slice(4)}`;
}

/** A realm inside a routing key. The realms of the tests have no other characters to encode than dots. */
export function realmWord(realm: string): string {
  return realm.replaceAll('.', '%2E');
}

export function callEvent(account: string, event = 'CHANNEL_CREATE', callId = 'call-1', more: Fields = {}): BusMessage {
  return {
    exchange: 'callevt',
    routingKey: `call.${event}.${callId}`,
    body: {
      'Event-Category': 'call_event',
      'Event-Name': event,
      'Call-ID': callId,
      'Custom-Channel-Vars': { 'Account-ID': account },
      ...more,
    },
  };
}

export function conferenceEvent(
  account: string,
  event = 'add-member',
  conference = '7001',
  callId = 'call-1',
): BusMessage {
  return {
    exchange: 'conference',
    routingKey: `conference.event.${event}.${account}.${conference}.${callId}`,
    body: {
      'Event-Category': 'conference',
      'Event-Name': 'event',
      Event: event,
      'Account-ID': account,
      'Conference-ID': conference,
      'Call-ID': callId,
    },
  };
}

export function documentEvent(account: string, action = 'doc_edited', type = 'user', id = 'doc-1'): BusMessage {
  const database = databaseOf(account);
  return {
    exchange: 'configuration',
    routingKey: `${action}.${database}.${type}.${id}`,
    body: {
      'Event-Category': 'configuration',
      'Event-Name': action,
      'Account-ID': account,
      Database: database,
      Type: type,
      ID: id,
    },
  };
}

export function faxStatus(account: string, job = 'job-1'): BusMessage {
  return {
    exchange: 'faxes',
    routingKey: `fax.status.${account}.${job}`,
    body: { 'Event-Category': 'fax', 'Event-Name': 'status', 'Account-ID': account, 'Job-ID': job },
  };
}

export function presenceDialog(realm: string, callId = 'call-1'): BusMessage {
  return {
    exchange: 'presence',
    routingKey: `dialog.${realmWord(realm)}.${callId}`,
    body: {
      'Event-Category': 'presence',
      'Event-Name': 'dialog',
      'Presence-ID': `1001@${realm}`,
      'Presentity-Realm': realm,
      'Call-ID': callId,
      State: 'early',
    },
  };
}

export function messageWaiting(realm: string, user = '1001'): BusMessage {
  return {
    exchange: 'presence',
    routingKey: `mwi_updates.${realmWord(realm)}.${user}`,
    body: { 'Event-Category': 'presence', 'Event-Name': 'mwi_update', To: `${user}@${realm}`, 'Messages-New': 1 },
  };
}

export function registration(account: string | undefined, realm: string, username = '1001'): BusMessage {
  return {
    exchange: 'registrar',
    routingKey: `registration.success.${realmWord(realm)}.${username}`,
    body: {
      'Event-Category': 'directory',
      'Event-Name': 'reg_success',
      ...(account !== undefined && { 'Account-ID': account }),
      Realm: realm,
      Username: username,
    },
  };
}

export function notification(account: string, category = 'sip', name = 'missed_call'): BusMessage {
  return {
    exchange: 'notifications',
    routingKey: `notifications.${category}.${name}`,
    body: { 'Event-Category': 'notification', 'Event-Name': name, 'Account-ID': account },
  };
}

/** The same event with other fields; those that are undefined are left out. */
export function withFields(message: BusMessage, fields: Fields): BusMessage {
  return { ...message, body: JSON.parse(JSON.stringify({ ...message.body, ...fields })) };
}

export async function publish(broker: Pick<TestBus, 'publish'>, ...messages: readonly BusMessage[]): Promise<void> {
  for (const { exchange, routingKey, body } of messages) await broker.publish(exchange, routingKey, body);
}
