/** Entries of media nodes' answers: looked at by own members alone, normalised, and freed of what is no client's business. */
import { setImmediate } from 'node:timers/promises';
import { normalize } from '../protocol/normalized.ts';

/** A normalised entry. It has no prototype, so that every member of it is its own. */
export type Entry = Readonly<Record<string, unknown>>;

/** How the platform is built, and the bus's own headers. */
const privateMembers = new Set([
  ...['node', 'switch_url', 'switch_hostname', 'switch_nodename', 'switch_external_ip', 'media_node', 'context'],
  ...['dialplan', 'precedence', 'profile', 'fetch_id', 'bridge_id', 'handling_locally', 'account_db'],
  ...['registrar_node', 'registrar_hostname', 'app_name', 'app_version', 'event_category', 'event_name', 'msg_id'],
  'server_id',
]);
/** Its members are the account's own inventions: no name in there means what it means elsewhere. */
const ownInventions = 'custom_application_vars';

/** No media node nests its entries as deeply; whoever does would have the stack end, here or where the reply is made. */
const maxLevels = 64;

/** @returns undefined where it is no object, or nested too deeply */
export function entryOf(value: unknown): Entry | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
  return isDeeperThan(maxLevels, value) ? undefined : (normalize(value) as Entry);
}

function isDeeperThan(levels: number, value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return levels === 0 || Object.values(value).some((member) => isDeeperThan(levels - 1, member));
}

/** The entry as clients see it. */
export function shown(entry: Entry): Entry {
  return withoutPrivate(entry) as Entry;
}

function withoutPrivate(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutPrivate);
  if (typeof value !== 'object' || value === null) return value;
  const result: Record<string, unknown> = Object.create(null);
  for (const [name, member] of Object.entries(value)) {
    if (privateMembers.has(name)) continue;
    result[name] = name === ownInventions ? member : withoutPrivate(member);
  }
  return result;
}

/** A member that is a non-empty text; anything else counts as absent. */
export function textOf(entry: Entry, name: string): string | undefined {
  const value = entry[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** A list among an answer's own members; empty where there is none. */
export function listIn(answer: object, name: string): readonly unknown[] {
  const value = ownMember(answer, name);
  return Array.isArray(value) ? value : [];
}

/** The own members of an object among an answer's own members. */
export function membersIn(answer: object, name: string): readonly (readonly [string, unknown])[] {
  const value = ownMember(answer, name);
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

export function ownMember(value: object, name: string): unknown {
  return Object.hasOwn(value, name) ? (value as Record<string, unknown>)[name] : undefined;
}

/** How long entries are worked on at a time: events wait meanwhile. ms */
const sliceMs = 5;

/** Does something with each item, and lets events pass now and then: an answer may have ten thousands. */
export async function inSlices<T>(items: Iterable<T>, task: (item: T) => void): Promise<void> {
  let until = performance.now() + sliceMs;
  for (const item of items) {
    task(item);
    if (performance.now() < until) continue;
    await setImmediate();
    until = performance.now() + sliceMs;
  }
}
