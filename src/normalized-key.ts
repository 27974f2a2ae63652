/** Names of the bus's fields in the form in which kazoo4's clients know them, and paths in payloads are compared: lower case, `_` for `-`. */

const known = new Map<string, string>();
const maxKnown = 5000;
/** A longer name is not remembered: a publisher that invents long ones would have them all kept for good. */
const maxKnownLength = 64;

/** Events repeat the same few hundred names; publishers may still invent others, so the memory of them is bounded. */
export function normalizedKey(name: string): string {
  let key = known.get(name);
  if (key === undefined) {
    key = normalizedName(name);
    if (name.length <= maxKnownLength && known.size < maxKnown) known.set(name, key);
  }
  return key;
}

/** The same of a name that nobody repeats: it takes no place among those that are remembered. */
export function normalizedName(name: string): string {
  return name.toLowerCase().replaceAll('-', '_');
}
