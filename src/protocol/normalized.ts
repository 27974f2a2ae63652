/** The form in which kazoo4's clients get the bus's objects: keys in lower case with `_` for `-`, nulls left out. Pure. */

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

const knownKeys = new Map<string, string>();
const maxKnownKeys = 5000;
/** A longer name is not remembered: a publisher that invents long ones would have them all kept for good. */
const maxKnownKeyLength = 64;

/** Events repeat the same few hundred keys; publishers may still invent others, so the memory of them is bounded. */
function normalizedKey(name: string): string {
  let key = knownKeys.get(name);
  if (key === undefined) {
    key = name.toLowerCase().replaceAll('-', '_');
    if (name.length <= maxKnownKeyLength && knownKeys.size < maxKnownKeys) knownKeys.set(name, key);
  }
  return key;
}
