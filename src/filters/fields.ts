/** The fields of an event's payload as filters see them: looked up by their paths, each object understood once. Pure. */
import { normalizedKey } from '../normalized-key.ts';
import type { Step } from '../payload-steps.ts';

/** There is a value, and it has no text: an object or a list. */
export const withoutText = Symbol('a value without a text');

/** A value's text (`1001` for a number, `true`), or that it has none; undefined: it is missing, or null. */
export type FieldText = string | typeof withoutText | undefined;

let fieldsMade = 0;

export class Fields {
  /** No other fields have it. */
  readonly number = ++fieldsMade;
  /** The members of the objects that were looked into, by their normalised names. */
  readonly #members = new Map<object, ReadonlyMap<string, unknown>>();

  constructor(private readonly payload: object) {}

  at(steps: readonly Step[]): FieldText {
    let value: unknown = this.payload;
    for (const step of steps) {
      if (typeof value !== 'object' || value === null) return undefined;
      // Own members only: a list's places, an object's names, and neither where the other is meant.
      if (Array.isArray(value)) value = typeof step === 'number' ? value[step] : undefined;
      else value = typeof step === 'string' ? this.#membersOf(value).get(step) : undefined;
    }
    if (value === undefined || value === null) return undefined;
    return typeof value === 'object' ? withoutText : String(value);
  }

  #membersOf(object: object): ReadonlyMap<string, unknown> {
    const known = this.#members.get(object);
    if (known !== undefined) return known;
    const members = new Map<string, unknown>();
    for (const [name, value] of Object.entries(object)) {
      // Of names that only differ in spelling the last one counts, as where kazoo4's clients see them.
      if (value !== null) members.set(normalizedKey(name), value);
    }
    this.#members.set(object, members);
    return members;
  }
}
