/** Messages built from the schemas that the server publishes at `/protocol.json`, so that a new action is tried as well. */
import { z } from 'zod';
import type { Random } from '../../src/simulator/random.ts';
import type { Json } from './mutate.ts';
import type { World } from './world.ts';

const jsonSchema: z.ZodType<JsonSchema> = z.lazy(() =>
  z.looseObject({
    $ref: z.string().optional(),
    const: z.json().optional(),
    enum: z.array(z.json()).optional(),
    anyOf: z.array(jsonSchema).optional(),
    type: z.string().optional(),
    properties: z.record(z.string(), jsonSchema).optional(),
    required: z.array(z.string()).optional(),
    items: jsonSchema.optional(),
  }),
);

interface JsonSchema {
  readonly $ref?: string | undefined;
  readonly const?: z.core.util.JSONType | undefined;
  readonly enum?: readonly z.core.util.JSONType[] | undefined;
  readonly anyOf?: readonly JsonSchema[] | undefined;
  readonly type?: string | undefined;
  readonly properties?: Readonly<Record<string, JsonSchema>> | undefined;
  readonly required?: readonly string[] | undefined;
  readonly items?: JsonSchema | undefined;
}

const documentSchema = z.object({ $defs: z.record(z.string(), jsonSchema) });

export type MakeMessage = (random: Random) => Json;

/** @param protocol the server's `/protocol.json` */
export function messageMaker(protocol: unknown, world: World): MakeMessage {
  const { $defs } = documentSchema.parse(protocol);
  const named = (reference: string): JsonSchema => $defs[reference.replace('#/$defs/', '')] ?? {};
  const client = $defs.ClientMessage ?? {};

  function make(schema: JsonSchema, random: Random, name = ''): Json {
    if (schema.$ref !== undefined) return make(named(schema.$ref), random, name);
    if (schema.const !== undefined) return schema.const as Json;
    if (schema.enum !== undefined) return random.pick(schema.enum) as Json;
    if (schema.anyOf !== undefined) return make(random.pick(schema.anyOf), random, name);
    const words = world.words[name];
    // Filters are objects whose members nobody lists.
    const isWhole = name === 'filter' || (schema.type !== 'array' && schema.type !== 'object');
    if (words !== undefined && isWhole) return random.pick(words);
    if (schema.type === 'object') return makeObject(schema, random);
    // Lists of texts that are read by hand have no type in the schema.
    if (schema.type === 'array' || name === 'bindings') {
      const items = schema.items ?? { type: 'string' };
      return Array.from({ length: random.between(0, 6) }, () => make(items, random, name.replace(/s$/, '')));
    }
    if (schema.type === 'number' || schema.type === 'integer') return random.between(-5, 1000);
    if (schema.type === 'boolean') return random.chance(0.5);
    return schema.type === 'string'
      ? random.hex(random.between(0, 20))
      : random.pick<Json>([null, 1, 'x', [1], { a: 1 }]);
  }

  function makeObject({ properties = {}, required = [] }: JsonSchema, random: Random): Json {
    const made: Record<string, Json> = {};
    for (const [key, schema] of Object.entries(properties)) {
      const isLikely = key === 'data' || key === 'auth_token';
      if (required.includes(key) || random.chance(isLikely ? 0.9 : 0.5)) made[key] = make(schema, random, key);
    }
    return made;
  }

  return (random) => make(client, random);
}
