/** The dialect of Kazoo 4 and Monster UI: `action: "event"`, the subscription's keys, and the payload with normalized keys. */
import { z } from 'zod';
import type { Payload } from '../families/family.ts';
import { requestIdSchema } from '../protocol/client-message.ts';
import { EventMessage, tailOf } from '../protocol/event-message.ts';
import { normalize } from '../protocol/normalized.ts';
import { type Dialect, payloadSchema, type ReadEvent, type Rendering, type SubscribedBinding } from './dialect.ts';

/** Headers of the bus that are no client's business. */
const privateHeaders = new Set([
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
]);

export const kazoo4 = {
  name: 'kazoo4',
  perSubscription: true,
  schema: z.object({
    action: z.literal('event'),
    subscribed_key: z.string().describe("the client's own binding to the letter"),
    subscription_key: z.string(),
    name: z.string(),
    routing_key: z.string(),
    account_id: z.string().describe("the event's account; * where that can't be told"),
    cursor: z.string().optional().describe('on a socket that can resume: everything up to and with this event'),
    data: payloadSchema.describe("the body with normalized keys, less the bus's private headers"),
    request_id: requestIdSchema
      .optional()
      .describe('that of the subscription, if it has options and was made with one'),
  }),
  render: (event) => new Kazoo4Rendering(event),
  offer: ({ form }) => form,
  socketsAs: 'records',
  // Of others `subscribed_key` tells enough.
  tail: (requestId, hasOptions) => (hasOptions ? tailOf({ request_id: requestId }) : undefined),
} as const satisfies Dialect;

class Kazoo4Rendering implements Rendering {
  /** `data` as JSON. */
  #data: string | undefined;

  constructor(private readonly read: ReadEvent) {}

  message(binding: SubscribedBinding, cursor?: string): EventMessage {
    const { event, payload } = this.read;
    this.#data ??= JSON.stringify(normalize(withoutPrivateHeaders(payload)));
    const head = JSON.stringify({
      action: 'event',
      subscribed_key: binding.text,
      subscription_key: binding.subscriptionKey(event),
      name: event.eventName,
      routing_key: event.routingKey,
      account_id: event.account ?? binding.account,
      // Left out by JSON where there is none.
      cursor,
    });
    return new EventMessage([Buffer.from(`${head.slice(0, -1)},"data":${this.#data}`)]);
  }
}

function withoutPrivateHeaders(payload: Payload): Payload {
  return Object.fromEntries(Object.entries(payload).filter(([name]) => !privateHeaders.has(name)));
}
