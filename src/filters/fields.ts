/** The fields of an event's payload as filters see them: looked up by their paths, each understood once. Pure. */
import { normalizedKey } from '../normalized-key.ts';
import type { FieldPath } from './filter.ts';

/** There is a value, and it has no text: an object or a list. */
export const withoutText = Symbol('a value without a text');

/** A value's text (`1001` for a number, `true`), or that it has none; undefined: it is missing, or null. */
export type FieldText = string | typeof withoutText | undefined;

/** From so many looks on, an object's members are put into a map: that takes as long as six looks or so. */
const fewLooks = 6;

let fieldsMade = 0;

export class Fields {
  /** No other fields have it. */
  readonly number = ++fieldsMade;
  /** What was found, by the paths' texts. */
  readonly #texts = new Map<string, FieldText>();
  /** The members of the objects that were looked into, by their normalised names. */
  readonly #members = new Map<object, ReadonlyMap<string, unknown>>();
  #looks = 0;

  constructor(private readonly payload: object) {}

  at(path: FieldPath): FieldText {
    const known = this.#texts.get(path.text);
    if (known !== undefined || this.#texts.has(path.text)) return known;
    const text = textOf(this.#walk(path));
    this.#texts.set(path.text, text);
    return text;
  }

  #walk({ steps }: FieldPath): unknown {
    let value: unknown = this.payload;
    for (const step of steps) {
      if (typeof value !== 'object' || value === null) return undefined;
      // Own members only: a list's places, an object's names, and neither where the other is meant.
      if (Array.isArray(value)) value = typeof step === 'number' ? value[step] : undefined;
      else value = typeof step === 'string' ? this.#memberOf(value as Members, step) : undefined;
    }
    return value;
  }

  #memberOf(object: Members, name: string): unknown {
    const known = this.#members.get(object);
    if (known !== undefined) return known.get(name);
    this.#looks += 1;
    if (this.#looks <= fewLooks) return memberOf(object, name);
    const members = new Map<string, unknown>();
    for (const own of Object.keys(object)) {
      if (object[own] !== null) members.set(normalizedKey(own), object[own]);
    }
    this.#members.set(object, members);
    return members.get(name);
  }
}

type Members = Readonly<Record<string, unknown>>;

/**
 * An own member of an object, by its normalised name. Of names that only differ in spelling the last one counts that is not
 * null, as where kazoo4's clients see them.
 */
export function memberOf(object: Members, name: string): unknown {
  let found: unknown;
  for (const own of Object.keys(object)) {
    if (normalizedKey(own) === name && object[own] !== null) found = object[own];
  }
  return found;
}

function textOf(value: unknown): FieldText {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'object') return withoutText;
  // JSON's reader has rounded it: its text is that of other numbers, too, which a filter may mean to keep away.
  if (typeof value === 'number' && Math.abs(value) > Number.MAX_SAFE_INTEGER) return withoutText;
  return String(value);
}
