/** Files of families for tests: the example of docs/FAMILIES.md, and what is parsed from any text. */
import { readFileSync } from 'node:fs';
import type { FamilyDefinition } from '../../src/families/definition.ts';
import { parseFamilies } from '../../src/families/families-file.ts';

/** The JSON that the document shows. */
export function documentedFamilies(): string {
  const text = readFileSync(new URL('../../docs/FAMILIES.md', import.meta.url), 'utf8');
  const json = /```json\n([\s\S]*?)```/.exec(text)?.[1];
  if (json === undefined) throw new Error('docs/FAMILIES.md shows no JSON');
  return json;
}

/** The least that a family needs, with other members. */
export function family(members: Readonly<Record<string, unknown>> = {}): Record<string, unknown> {
  return {
    name: 'orders',
    exchange: 'shop',
    routing_key: 'order.{STATE}.{ACCOUNT}.{ID}',
    binding: 'orders.{STATE}.{ID}',
    values: { STATE: ['created', 'paid', 'shipped'] },
    account: { payload: 'tenant.id', key: 'ACCOUNT' },
    ...members,
  };
}

/** @throws Error with what is wrong */
export function definitions(...families: readonly object[]): readonly FamilyDefinition[] {
  const outcome = parseFamilies(JSON.stringify(families));
  if ('faults' in outcome) throw new Error(outcome.faults.join('\n'));
  return outcome.definitions;
}
