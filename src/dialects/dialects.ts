/** The dialects that this server speaks. A new one is a file beside this and a line here. */
import { classic } from './classic.ts';
import type { Dialect } from './dialect.ts';
import { kazoo4 } from './kazoo4.ts';

const all = [classic, kazoo4] as const;

export const dialects: readonly Dialect[] = all;

export type DialectName = (typeof all)[number]['name'];

/** For schemas. */
export const dialectNames: readonly DialectName[] = all.map(({ name }) => name);

/** What is spoken where neither client nor setting asks for another. */
export const defaultDialect: DialectName = classic.name;

/** That of servers beside a Kazoo: Monster UI speaks it. */
export const dialectBesideKazoo: DialectName = kazoo4.name;

const byName: ReadonlyMap<string, Dialect> = new Map(all.map((dialect) => [dialect.name, dialect]));

export function isDialectName(name: string): name is DialectName {
  return byName.has(name);
}

export function dialectNamed(name: DialectName): Dialect {
  return byName.get(name) as Dialect;
}
