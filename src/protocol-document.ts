/** The messages of the WebSocket as one JSON Schema, made from the schemas by which they are read: served at `/protocol.json`. */
import { z } from 'zod';
import type { Action } from './actions/action.ts';
import { actions as allActions } from './actions/actions.ts';
import type { Dialect } from './dialects/dialect.ts';
import { dialects as allDialects } from './dialects/dialects.ts';
import { closeReasons } from './errors.ts';
import { envelopeSchema } from './protocol/client-message.ts';
import { noticeSchema } from './protocol/notice.ts';
import { errorReplySchema, successReplySchema } from './protocol/reply.ts';

type JsonSchema = Record<string, unknown>;

/** A JSON Schema (draft 2020-12). `$defs` has each message; `ClientMessage` and `ServerMessage` are all of a direction. */
export function createProtocolDocument(
  actions: readonly Action[] = allActions,
  dialects: readonly Dialect[] = allDialects,
): JsonSchema {
  const requests = Object.fromEntries(actions.map((action) => [action.name, requestSchema(action)]));
  const replies = Object.fromEntries(
    actions.map(({ name, reply }) => [`${name}.reply`, jsonSchema(successReplySchema(reply), `reply to ${name}`)]),
  );
  const events = Object.fromEntries(
    dialects.map(({ name, schema }) => [`event.${name}`, jsonSchema(schema, `an event in the ${name} dialect`)]),
  );
  const answers = {
    ...replies,
    error: jsonSchema(errorReplySchema, 'a request was refused, or something ended'),
    ...events,
    notice: jsonSchema(
      noticeSchema,
      'an answer to nothing; all but subscription_ended are for sockets that can resume',
    ),
  };
  return {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: '/protocol.json',
    title: 'Event Horizon: messages of the WebSocket',
    anyOf: [{ $ref: '#/$defs/ClientMessage' }, { $ref: '#/$defs/ServerMessage' }],
    $defs: {
      ClientMessage: oneOf(requests),
      ServerMessage: oneOf(answers),
      ...requests,
      ...answers,
    },
    closeCodes: Object.entries(closeReasons).map(([reason, { code, text }]) => ({ code, reason, text })),
  };
}

/** What a client sends for an action: what all messages have, and what is the action's own. */
function requestSchema(action: Action): JsonSchema {
  const envelope = jsonSchema(envelopeSchema.extend({ action: z.literal(action.name) }));
  const own = jsonSchema(action.message);
  const needs = action.access === 'anybody' ? 'needs no token' : 'needs a token';
  return {
    ...envelope,
    description: action.scope === undefined ? needs : `${needs} with the scope ${action.scope}`,
    properties: { ...(envelope.properties as object), ...(own.properties as object) },
    required: [...(envelope.required as string[]), ...((own.required as string[] | undefined) ?? [])],
  };
}

/** Of what is sent or read: members that it doesn't name are no fault. */
function jsonSchema(schema: z.ZodType, description?: string): JsonSchema {
  const { $schema, ...rest } = z.toJSONSchema(schema, { io: 'input', unrepresentable: 'any' });
  return description === undefined ? rest : { description, ...rest };
}

function oneOf(schemas: Readonly<Record<string, unknown>>): JsonSchema {
  return { anyOf: Object.keys(schemas).map((name) => ({ $ref: `#/$defs/${name}` })) };
}
