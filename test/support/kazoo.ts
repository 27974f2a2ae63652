/** Kazoo's own messages, as they were captured, with what its own Blackhole makes of each. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import type { CarriedMessage } from './carrier.ts';

const folder = new URL('../fixtures/kazoo/', import.meta.url);
const readJson = (file: string): unknown => JSON.parse(readFileSync(new URL(file, folder), 'utf8'));

const names = z.object({ name: z.string(), routing_key: z.string().optional() });
const frame = z.object({
  blackhole: z.array(z.string()),
  subscription_key: z.string(),
  name: z.string(),
  routing_key: z.string(),
});
const indexSchema = z.object({
  account_id: z.string(),
  realm: z.string(),
  exchanges: z.record(z.string(), z.object({ type: z.string(), durable: z.boolean(), auto_delete: z.boolean() })),
  events: z.array(
    z.object({
      file: z.string(),
      family: z.string(),
      exchange: z.string(),
      routing_key: z.string(),
      account: z.string().nullable(),
      expect: z.enum(['must', 'may', 'never']),
      classic: names.optional(),
      kazoo4: names.optional(),
      blackhole: z.array(z.object({ binding: z.string(), frames: z.array(frame).optional() })),
    }),
  ),
});
const messageSchema = z.object({
  content_type: z.string(),
  mandatory: z.boolean(),
  body: z.record(z.string(), z.unknown()),
  blackhole_data: z.record(z.string(), z.unknown()).optional(),
});

const index = indexSchema.parse(readJson('index.json'));

export const { account_id: kazooAccount, realm: kazooRealm, exchanges: kazooExchanges } = index;

export type KazooEvent = z.output<typeof indexSchema>['events'][number];

/** All of them, questions and answers among them. */
export const kazooEvents = index.events;

export interface KazooMessage extends CarriedMessage {
  readonly payload: Readonly<Record<string, unknown>>;
  readonly contentType: string;
  /** Blackhole's `data`, where the event is one of its. */
  readonly blackholeData: Readonly<Record<string, unknown>> | undefined;
}

export function kazooMessage({ file, exchange, routing_key }: KazooEvent): KazooMessage {
  const { body, content_type, blackhole_data } = messageSchema.parse(readJson(file));
  return {
    exchange,
    routingKey: routing_key,
    body: Buffer.from(JSON.stringify(body)),
    payload: body,
    contentType: content_type,
    blackholeData: blackhole_data,
  };
}

const encode = (value: string): string =>
  encodeURIComponent(value)
    .replace(/[.!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)
    .replaceAll('%20', '+');

export interface KazooBindings {
  /** Every form of binding that asks for the event, from the widest to the narrowest. */
  readonly matching: readonly string[];
  /** Bindings of its family that ask for others. */
  readonly others: readonly string[];
}

/** Worked out from the message itself. Undefined for what is no event of a family, or not offered. */
export function bindingsFor(event: KazooEvent): KazooBindings | undefined {
  const { payload, routingKey } = kazooMessage(event);
  const field = (name: string): string => String(payload[name] ?? '');
  const [first = '', second = '', third = '', last = ''] = routingKey.split('.');
  switch (event.family) {
    case 'call': {
      const callId = field('Call-ID');
      // A client can't write a "#".
      const ids = ['*', encode(callId), callId].filter((id) => !id.includes('#'));
      const other = second === 'CHANNEL_HOLD' ? 'CHANNEL_UNHOLD' : 'CHANNEL_HOLD';
      return {
        matching: ids.flatMap((id) => [`call.*.${id}`, `call.${second}.${id}`]),
        others: [`call.${other}.*`, `call.${second}.another`, 'call.*.c2c-6f0d2b9a@acme'],
      };
    }
    case 'conference': {
      if (second === 'command') {
        return {
          matching: [`conference.command.${third}`, 'conference.command.*'],
          others: ['conference.command.7002', 'conference.event.*.*', `conference.event.${third}`],
        };
      }
      const conference = encode(field('Conference-ID'));
      const callId = routingKey.split('.').at(-1) ?? '';
      const ids = ['*', callId, decodeURIComponent(callId)];
      const other = third === 'lock' ? 'unlock' : 'lock';
      return {
        matching: [
          'conference.event.*',
          `conference.event.${conference}`,
          ...ids.flatMap((id) => [
            `conference.event.${conference}.${id}`,
            `conference.event.${conference}.${id}.${third}`,
            `conference.event.*.${conference}.${id}`,
            `conference.event.${third}.${conference}.${id}`,
            `conference.event.${third}.*.${id}`,
          ]),
          `conference.event.${conference}.*.*`,
        ],
        others: [
          'conference.event.7002',
          `conference.event.${conference}.another`,
          `conference.event.${other}.${conference}.*`,
          `conference.event.${conference}.*.${other}`,
          `conference.command.${conference}`,
        ],
      };
    }
    case 'object': {
      const actions = ['doc_created', 'doc_edited', 'doc_deleted'];
      if (!actions.includes(first) || third === 'cdr') return undefined;
      const other = first === 'doc_edited' ? 'doc_created' : 'doc_edited';
      return {
        matching: [
          'object.*.*',
          `object.${first}.*`,
          `object.*.${third}`,
          `object.${first}.${third}`,
          `${first}.*.*.*`,
          `${first}.*.${third}.*`,
          `${first}.*.${third}.${last}`,
          ...(third === 'fax' ? [`fax.object.${first}`, 'fax.object.*'] : []),
        ],
        others: [
          `object.${other}.*`,
          `object.${first}.${third === 'user' ? 'device' : 'user'}`,
          `${first}.*.${third}.another`,
          'fax.status.*',
        ],
      };
    }
    case 'fax':
      if (second !== 'status') return undefined;
      return {
        matching: ['fax.status.*', `fax.status.${field('Job-ID')}`],
        others: ['fax.status.another', 'fax.object.*'],
      };
    case 'presence': {
      if (!['dialog', 'update', 'mwi_updates'].includes(first)) return undefined;
      const id = first === 'mwi_updates' ? field('To-User') : field('Call-ID');
      return {
        matching: ['*', encode(id), id].map((value) => `presence.${first}.${value}`),
        others: [`presence.${first}.another`, `presence.${first === 'dialog' ? 'update' : 'dialog'}.*`],
      };
    }
    case 'registration':
      return {
        matching: ['registration.success.*', `registration.success.${field('Username')}`],
        others: ['registration.success.another'],
      };
    case 'notifications':
      if (second === 'user') return undefined;
      return {
        matching: [`notifications.*.*`, `notifications.${second}.*`, `notifications.*.${third}`, routingKey],
        others: [second === 'fax' ? 'notifications.voicemail.new' : 'notifications.fax.*'],
      };
    default:
      return undefined;
  }
}
