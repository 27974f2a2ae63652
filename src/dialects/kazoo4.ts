/** The dialect of Kazoo 4 and Monster UI: `action: "event"`, the subscription's keys, and the payload with normalized keys. */
import type { Payload } from '../families/family.ts';
import { Frame } from '../protocol/frame.ts';
import type { Dialect, EventInTransit } from './dialect.ts';

/** Headers of the bus that are no client's business. */
const privateHeaders = new Set([
  'Access-Group',
  'Defer-Response',
  'Destination-Server',
  'Geo-Location',
  'Log-ID',
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

export const kazoo4: Dialect = {
  framePerSubscription: true,

  frame(transit, binding) {
    const { event } = transit;
    transit.normalized ??= normalizedText(transit);
    if (transit.normalized === '') return undefined;
    const head = JSON.stringify({
      action: 'event',
      subscribed_key: binding.text,
      subscription_key: binding.subscriptionKey(event),
      name: event.eventName,
      routing_key: event.routingKey,
      account_id: event.account ?? binding.account,
    });
    return new Frame([Buffer.from(`${head.slice(0, -1)},"data":${transit.normalized}`)]);
  },

  tail: () => undefined,
};

function normalizedText(transit: EventInTransit): string {
  try {
    return JSON.stringify(normalize(withoutPrivateHeaders(transit.payload)));
  } catch (error) {
    // Nested so deeply that the stack ends. Those who get it in the publisher's own words lose nothing.
    transit.failure = error;
    return '';
  }
}

function withoutPrivateHeaders(payload: Payload): Payload {
  return Object.fromEntries(Object.entries(payload).filter(([name]) => !privateHeaders.has(name)));
}

/** Keys in lower case with `_` for `-`, at every depth; members that are null are left out. */
function normalize(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalize);
  if (typeof value !== 'object' || value === null) return value;
  // No prototype: a member called `__proto__` is a member like any other.
  const result: Record<string, unknown> = Object.create(null);
  for (const [name, member] of Object.entries(value)) {
    if (member !== null) result[normalizedKey(name)] = normalize(member);
  }
  return result;
}

const knownKeys = new Map<string, string>();
const maxKnownKeys = 5000;

/** Events repeat the same few hundred keys; publishers may still invent others, so the memory of them is bounded. */
function normalizedKey(name: string): string {
  let key = knownKeys.get(name);
  if (key === undefined) {
    key = name.toLowerCase().replaceAll('-', '_');
    if (knownKeys.size < maxKnownKeys) knownKeys.set(name, key);
  }
  return key;
}
