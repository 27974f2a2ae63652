/** The form in which kazoo4's clients get the bus's objects: keys in lower case with `_` for `-`, nulls left out. Pure. */
import { normalizedKey } from '../normalized-key.ts';

/** At every depth; what is no object or list is returned as it is. */
export function normalize(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(normalize);
  if (typeof value !== 'object' || value === null) return value;
  // No prototype: a member called `__proto__` is a member like any other.
  const result: Record<string, unknown> = Object.create(null);
  for (const [name, member] of Object.entries(value)) {
    if (member !== null) result[normalizedKey(name)] = normalize(member);
  }
  return result;
}
