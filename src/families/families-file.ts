/** FAMILIES_FILE: families of other buses, as definitions. Read once, at the start. */
import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { messageOf } from '../errors.ts';
import { isPayloadPath } from '../payload-steps.ts';
import { createCatalogue } from './catalogue.ts';
import type { FamilyDefinition } from './definition.ts';
import { maxRoutingKeyBytes } from './routing-key.ts';
import { placesOf, templateWords } from './template.ts';

const maxFamilies = 50;
const maxExchanges = 20;
const maxValues = 100;
/** All values of a binding's places, each with each: so many bindings at the broker a subscription may come to. */
const maxCombinations = 1000;

/** They carry the nodes' own conversation, which is no client's business. */
const ownExchanges = new Set(['nodes', 'sysconf', 'targeted']);

const placeName = z.string().regex(/^[A-Z][A-Z0-9_]{0,31}$/, 'must be the name of a place: A-Z, 0-9 and _');
const path = z.string().max(256).refine(isPayloadPath, 'must be a path in the payload, tenant.id for instance');
const template = z
  .string()
  .refine(
    (text) => templateWords(text) !== undefined,
    'must be words with dots between them, each a text or a {PLACE}, no place twice',
  )
  .refine((text) => Buffer.byteLength(text) <= maxRoutingKeyBytes, `must have at most ${maxRoutingKeyBytes} bytes`);
const value = z.string().regex(/^[^.*#\s]{1,128}$/, 'must be 1 to 128 characters without dots, blanks, "*" and "#"');

const accountRule = z.strictObject({
  payload: path.optional(),
  key: placeName.optional(),
  realm: placeName.optional(),
});

const entrySchema = z.strictObject({
  name: z.string().regex(/^[a-z0-9_]{1,32}$/, 'must be 1 to 32 characters of a-z, 0-9 and _'),
  exchange: z
    .string()
    .regex(/^\S{1,127}$/, 'must be the name of an exchange, without blanks')
    .refine((name) => !ownExchanges.has(name), "carries the nodes' own conversation and no events"),
  exchange_type: z.enum(['topic', 'fanout'], 'must be topic or fanout').default('topic'),
  routing_key: template,
  binding: template,
  values: z.record(placeName, z.array(value).min(1).max(maxValues)).optional(),
  account: z.union([z.literal('shared'), accountRule]).default({}),
  event_name: z.string().min(1).max(128).optional(),
  last_value_has_dots: z.boolean().default(false),
});
type Entry = z.output<typeof entrySchema>;

const fileSchema = z.array(entrySchema).max(maxFamilies, `must have at most ${maxFamilies} families`);

export type FamiliesOutcome =
  | { readonly definitions: readonly FamilyDefinition[] }
  /** A sentence each, with its place in the file: `0.routing_key: …`. */
  | { readonly faults: readonly string[] };

/** Reads a file of definitions. */
export function readFamiliesFile(file: string): FamiliesOutcome {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    return { faults: [`it can't be read (${messageOf(error)})`] };
  }
  return parseFamilies(text);
}

/** @param text the file's content */
export function parseFamilies(text: string): FamiliesOutcome {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return { faults: ['it is not valid JSON'] };
  }
  const parsed = fileSchema.safeParse(json);
  if (!parsed.success) return { faults: parsed.error.issues.flatMap((issue) => sentences(issue, [])) };
  const faults = [...parsed.data.flatMap(entryFaults), ...fileFaults(parsed.data)];
  return faults.length > 0 ? { faults } : { definitions: parsed.data.map(definitionOf) };
}

/** Of what can be one thing or another, the nearest is taken: the one that was understood furthest. */
function sentences(issue: z.core.$ZodIssue, before: readonly PropertyKey[]): string[] {
  const place = [...before, ...issue.path];
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    const depth = (issues: readonly z.core.$ZodIssue[]): number => Math.max(...issues.map((each) => each.path.length));
    const nearest = issue.errors.reduce((best, each) => (depth(each) >= depth(best) ? each : best));
    return nearest.flatMap((each) => sentences(each, place));
  }
  return [`${place.map(String).join('.') || 'the file'}: ${issue.message}`];
}

/** What a schema of single fields can't see. */
function entryFaults(entry: Entry, index: number): string[] {
  const faults: string[] = [];
  const fault = (field: string, sentence: string): void => void faults.push(`${index}.${field}: ${sentence}`);
  const places = new Set(placesOf(entry.routing_key));
  const unknownPlaces = (names: readonly string[]): string[] => names.filter((name) => !places.has(name));
  const [root = ''] = entry.binding.split('.');
  if (root.startsWith('{')) fault('binding', 'must begin with a word of its own, the root of its bindings');
  for (const name of unknownPlaces(placesOf(entry.binding))) fault('binding', `{${name}} is no place of routing_key`);
  for (const name of unknownPlaces(Object.keys(entry.values ?? {})))
    fault(`values.${name}`, 'is no place of routing_key');
  for (const name of unknownPlaces(placesOf(entry.event_name ?? '')))
    fault('event_name', `{${name}} is no place of routing_key`);
  if (entry.account !== 'shared') {
    const { key, realm } = entry.account;
    if (key !== undefined && !places.has(key)) fault('account.key', `${key} is no place of routing_key`);
    if (realm !== undefined && !places.has(realm)) fault('account.realm', `${realm} is no place of routing_key`);
  }
  if (entry.last_value_has_dots && !entry.routing_key.endsWith('}')) {
    fault('last_value_has_dots', 'the last word of routing_key is no place');
  }
  const lists = placesOf(entry.binding).map((place) => entry.values?.[place]?.length ?? 1);
  if (lists.reduce((product, length) => product * length, 1) > maxCombinations) {
    fault('values', `the values of the binding's places can be combined in more than ${maxCombinations} ways`);
  }
  return faults;
}

function fileFaults(entries: readonly Entry[]): string[] {
  const faults: string[] = [];
  const names = entries.map(({ name }) => name);
  for (const [index, name] of names.entries()) {
    if (names.indexOf(name) !== index) faults.push(`${index}.name: ${name} is there twice`);
  }
  const roots = new Map(
    ownFamilies()
      .filter(({ name }) => !names.includes(name))
      .flatMap(({ name, roots: own }) => own.map((root) => [root, name])),
  );
  for (const [index, { name, binding }] of entries.entries()) {
    const [root = ''] = binding.split('.');
    const owner = roots.get(root);
    if (owner !== undefined && owner !== name)
      faults.push(`${index}.binding: ${root} is the root of the family ${owner}`);
    else roots.set(root, name);
  }
  if (new Set(entries.map(({ exchange }) => exchange)).size > maxExchanges) {
    faults.push(`the file: must have at most ${maxExchanges} exchanges`);
  }
  return faults;
}

/** The families that there are without a file. */
function ownFamilies() {
  const nobody = { accountOfRealm: () => undefined, realmOf: () => undefined };
  return createCatalogue({ callEvents: [], documentTypes: [], notifications: [] }, nobody).families;
}

function definitionOf(entry: Entry): FamilyDefinition {
  const { account } = entry;
  // Exchanges of this server's own families are declared as for those; of others nobody knows what their publishers want.
  const isOwn = ownFamilies().some(({ coarse }) =>
    coarse.some(({ exchange, isOptional }) => exchange === entry.exchange && !isOptional),
  );
  return {
    name: entry.name,
    exchanges: [{ name: entry.exchange, type: entry.exchange_type, whenMissing: isOwn ? 'declare' : 'wait' }],
    routingKey: entry.routing_key,
    lastValueHasDots: entry.last_value_has_dots,
    binding: entry.binding,
    ...(entry.values !== undefined && { values: entry.values }),
    account: account === 'shared' ? account : ruleOf(account),
    ...(entry.event_name !== undefined && { eventName: entry.event_name }),
  };
}

function ruleOf({ payload, key, realm }: z.output<typeof accountRule>) {
  return {
    ...(payload !== undefined && { payload: [payload] }),
    ...(key !== undefined && { key }),
    ...(realm !== undefined && { realm }),
  };
}

/** A definition in a line, for people. */
export function describeFamily({ name, exchanges, routingKey, binding, account }: FamilyDefinition): string {
  const from = exchanges.map((exchange) => `${exchange.name} (${exchange.type})`).join(', ');
  return `${name}: ${routingKey} on ${from}; bindings ${binding}; ${describeAccount(account)}`;
}

function describeAccount(account: FamilyDefinition['account']): string {
  if (account === 'shared') return 'shared by all accounts';
  const { payload = [], key, realm } = account;
  const ways = [
    ...payload.map((each) => `the payload's ${each}`),
    ...(key === undefined ? [] : [`the key's {${key}}`]),
    ...(realm === undefined ? [] : [`the realm in the key's {${realm}}`]),
  ];
  return ways.length === 0 ? 'of no account that could be told' : `the account is ${ways.join(' and ')}`;
}
