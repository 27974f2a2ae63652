/** What nodes say to each other, in the bus's own vocabulary, so that Kazoo's Crossbar and Blackhole can ask and answer too. */
import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import type { ControlBinding, ExchangeSpec } from '../bus.ts';
import { subscriptionOptionsSchema } from '../protocol/subscription-options.ts';

const appName = 'event-horizon';

/** The exchanges of the conversation. */
export const nodesExchange: ExchangeSpec = { name: 'nodes', type: 'fanout' };
export const questionsExchange: ExchangeSpec = { name: 'sysconf', type: 'topic' };
export const answersExchange: ExchangeSpec = { name: 'targeted', type: 'direct' };

export const getKey = 'websockets.get';
export const closeKey = 'websockets.close';

/** What a node's control queue is bound to. */
export const controlBindings: readonly ControlBinding[] = [
  { exchange: nodesExchange, routingKey: '' },
  { exchange: questionsExchange, routingKey: getKey },
  { exchange: questionsExchange, routingKey: closeKey },
  { exchange: answersExchange, routingKey: undefined },
];

/** What a message says that this server can do without, and that others write as they like. */
const loose = <T extends z.ZodType>(schema: T) => schema.optional().catch(undefined);

const common = {
  /** Crossbar takes it from a header of its client's, of whatever length. */
  'Msg-ID': z.string().max(4096).optional(),
  Node: z.string().min(1).max(256),
  /** Ours alone: two processes may carry one name. */
  'Instance-ID': z.string().max(64).optional(),
  'App-Name': loose(z.string()),
};

export const advertiseSchema = z.object({
  ...common,
  'Event-Category': z.literal('nodes'),
  'Event-Name': z.literal('advertise'),
  Expires: z.number().min(0).max(3_600_000),
  /** Its queue: who comes back with another one has missed what was said meanwhile. */
  'Server-ID': loose(z.string()),
  /** The applications that it runs, with what there is to say of each, or their names alone. */
  WhApps: loose(z.union([z.record(z.string(), z.unknown()), z.array(z.string())])),
});

const question = {
  ...common,
  Node: common.Node.optional(),
  'Event-Category': z.literal('websockets'),
  'Server-ID': z.string().min(1).max(255),
};

export const getRequestSchema = z.object({
  ...question,
  'Event-Name': z.literal('get_req'),
  'Account-ID': z.string().min(1).max(128).optional(),
  /** The account of who asks: Crossbar lists its sockets beside those of the account that is asked about. */
  'Auth-Account-ID': z.string().max(128).optional(),
  'Socket-ID': z.string().min(1).max(256).optional(),
  /** Between nodes of our own kind: the page that is wanted of the list. */
  'Start-Key': loose(z.string().max(256)),
  Limit: loose(z.int().min(1)),
  'Ids-Only': loose(z.literal(true)),
});

export const closeRequestSchema = z.object({
  ...question,
  'Event-Name': z.literal('close_req'),
  'Account-ID': z.string().min(1).max(128),
  'Socket-ID': z.string().min(1).max(256),
});

/** A socket as nodes tell each other of it: what the REST bodies of both dialects need. */
const socketRecordSchema = z.object({
  account_id: z.string().nullish(),
  auth_token: z.string().optional(),
  bindings: z.array(z.string()).default([]),
  options: z.array(z.unknown()).default([]).describe('of each binding; null where there are none'),
  websocket_session_id: z.string(),
  name: z.string().nullish(),
  metadata: z.unknown().optional(),
  timestamp: z.union([z.number(), z.string()]).optional(),
  source: z.string().optional(),
  destination: z.string().optional(),
  watching: z
    .literal(true)
    .optional()
    .describe('the socket of an account above, with subscriptions for this one: only those are shown'),
});

/** Of what a Blackhole tells, its sockets' ids and accounts must be right; the rest is passed on as far as it can be. */
const receivedRecordSchema = socketRecordSchema
  .extend({
    auth_token: loose(z.string()),
    bindings: z.array(z.string()).catch([]),
    options: z.array(z.unknown()).catch([]),
    name: loose(z.string()),
    timestamp: loose(z.union([z.number(), z.string()])),
    source: loose(z.string()),
    destination: loose(z.string()),
    watching: loose(z.literal(true)),
  })
  // Who knows of no options tells none.
  .transform((record) => ({ ...record, options: record.bindings.map((_, at) => shownOptions(record.options[at])) }));

export type SocketRecord = z.output<typeof socketRecordSchema>;

function shownOptions(options: unknown): unknown {
  return subscriptionOptionsSchema.safeParse(options).data ?? null;
}

/** Whatever comes to this node's own queue: of which question it is. */
export const receivedSchema = z.looseObject({ 'Msg-ID': z.string() });

export const answerSchema = z.discriminatedUnion('Event-Name', [
  z.object({
    ...common,
    'Event-Name': z.literal('get_resp'),
    'Msg-ID': z.string(),
    Data: z.union([z.array(receivedRecordSchema), receivedRecordSchema]).default([]),
    /** Of our own kind: what the next page begins with. */
    'Next-Start-Key': loose(z.string().max(256)),
  }),
  z.object({ ...common, 'Event-Name': z.literal('close_resp'), 'Msg-ID': z.string(), Closed: z.boolean() }),
]);

export type Answer = z.output<typeof answerSchema>;

/** The headers that every message of a node carries. */
export interface Sender {
  readonly nodeName: string;
  readonly instanceId: string;
  readonly version: string;
  /** Bytes. */
  usedMemory(): number;
}

/** A name as the bus has them, `NAME@HOST`: Kazoo's own list of nodes (`sup kz_nodes status`) crashes on one without `@`. */
function busNameOf(nodeName: string): string {
  return nodeName.includes('@') ? nodeName : `${appName}@${nodeName}`;
}

/** Whether a node of this kind sent it: it may know of a socket what Crossbar would show to everybody. */
export function isFromOurKind(message: { readonly 'App-Name'?: string | undefined }): boolean {
  return message['App-Name'] === appName;
}

/** A record as it goes to a Kazoo: Crossbar passes on whatever it gets. */
export function withoutOwner({
  account_id,
  auth_token,
  ...record
}: SocketRecord): Omit<SocketRecord, 'account_id' | 'auth_token'> {
  return record;
}

export function headersOf(sender: Sender): Record<string, string> {
  return {
    'App-Name': appName,
    'App-Version': sender.version,
    Node: busNameOf(sender.nodeName),
    'Instance-ID': sender.instanceId,
    'Msg-ID': randomUUID(),
  };
}
