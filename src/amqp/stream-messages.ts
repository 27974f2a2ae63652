/**
 * What the nodes write into the stream themselves, beside the events: which history it is, where it may have holes, and
 * the small messages by which they find those. All nodes of a cluster read all of them.
 */
import { createHash } from 'node:crypto';
import type { ConsumeMessage, Options } from 'amqplib';
import { z } from 'zod';

import { encodeWord } from '../families/routing-key.ts';
import { isCursorKey } from '../history/cursor.ts';

/** The property `type` of our own messages begins with it. */
const ownType = 'event-horizon.';
/** First word of the canaries' routing keys. They have two words, which no family's patterns match. */
const canaryWord = 'event-horizon';

const epoch = z.object({
  id: z.string().min(1).max(64),
  key: z.string().refine(isCursorKey),
});

const ownMessage = z.discriminatedUnion('kind', [
  /** What the history is called and how its cursors are enciphered. The first one in the stream counts. */
  epoch.extend({ kind: z.literal('epoch') }),
  /** Sent through an exchange: who reads it knows that the exchange's bindings are there. */
  z.object({ kind: z.literal('canary'), look: z.string().max(64), exchange: z.string().max(255) }),
  /** Sent behind the canaries of a look, and straight to the stream. */
  z.object({
    kind: z.literal('fence'),
    look: z.string().max(64),
    /** Unix time, ms. */
    time: z.number(),
    /** The patterns that the sender knows; another set of them says nothing of ours. */
    scope: z.string().max(64),
    /** The exchanges that its canaries went through, and those that are not there. */
    looked: z.array(z.string().max(255)).max(100),
    missing: z.array(z.string().max(255)).max(100),
    /** With the position of the message that named it. */
    epoch: epoch.extend({ born: z.number().int().nonnegative() }).optional(),
  }),
  /** Events may be missing before it: of some families, or of all. */
  z.object({
    kind: z.literal('mark'),
    /** Before what was lost is bound again, or behind it. */
    when: z.enum(['before', 'behind']),
    families: z.array(z.string().max(64)).max(64).optional(),
  }),
]);

export type OwnMessage = z.output<typeof ownMessage>;
export type Fence = Extract<OwnMessage, { kind: 'fence' }>;

/** @returns the message's body and properties */
export function encodeOwn(message: OwnMessage): [body: Buffer, properties: Options.Publish] {
  const { kind } = message;
  // Canaries reach whoever is bound to everything of an exchange: they look like a message of the bus.
  const named = { 'Event-Category': 'event_horizon', 'Event-Name': kind, ...message };
  return [Buffer.from(JSON.stringify(named)), { type: ownType + kind, contentType: 'application/json' }];
}

/** @returns undefined for an event; `nothing` for a message of ours that this version doesn't understand */
export function decodeOwn(message: ConsumeMessage, stream: string): OwnMessage | 'nothing' | undefined {
  const { exchange, routingKey } = message.fields;
  const isDirect = exchange === '' && routingKey === stream;
  if (!isDirect && !routingKey.startsWith(`${canaryWord}.`)) return undefined;
  if (!String(message.properties.type).startsWith(ownType)) return isDirect ? 'nothing' : undefined;
  const parsed = ownMessage.safeParse(parse(message.content));
  if (!parsed.success) return 'nothing';
  // A canary is one only where it came through its exchange, and all else only where it did not.
  if (parsed.data.kind === 'canary') return parsed.data.exchange === exchange ? parsed.data : 'nothing';
  return isDirect ? parsed.data : 'nothing';
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch {
    // Somebody else's: what can't be read is passed over.
    return undefined;
  }
}

/**
 * The routing key of an exchange's canary. It stands for all the patterns, so it has a hash of them: nodes with others
 * don't take each other's canaries for their own.
 */
export function canaryKey(stream: string, patterns: readonly string[]): string {
  return `${canaryWord}.${encodeWord(stream)}-${digest([stream, ...patterns])}`;
}

/** 16 hex digits that stand for these texts, in any order. */
export function digest(texts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(texts.toSorted())).digest('hex').slice(0, 16);
}
