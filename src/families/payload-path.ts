/**
 * Where in a payload a value is: members separated by dots, `[N]` for a place in a list (`tenant.id`,
 * `Custom-Channel-Vars.Account-ID`, `parties[0].account`). Names are compared in lower case with `-` as `_`, and are own
 * members only. Pure.
 */
import { normalizedKey } from '../normalized-key.ts';
import type { Payload } from './family.ts';

const pathForm = /^[^.[\]]+(\[\d{1,4}\])*(\.[^.[\]]+(\[\d{1,4}\])*)*$/;

/** A member's name, or a place in a list. */
type Step = string | number;

export function isPayloadPath(text: string): boolean {
  return pathForm.test(text);
}

/**
 * What a payload has at a path: a text, or a whole number as its text; undefined where there is nothing (nor null, nor an
 * empty text).
 * @returns `ambiguous` where there is something else, or where members whose names only differ in spelling have different values
 */
export type ValueAt = (payload: Payload) => string | undefined | { readonly isAmbiguous: true };

const ambiguous = { isAmbiguous: true } as const;

/** @param path of the right form, see `isPayloadPath` */
export function valueAt(path: string): ValueAt {
  const steps = stepsOf(path);
  return (payload) => {
    const found = new Set<string>();
    for (const value of valuesAt(payload, steps, 0)) {
      if (value === undefined || value === null || value === '') continue;
      if (typeof value === 'string') found.add(value);
      else if (Number.isSafeInteger(value)) found.add(String(value));
      else return ambiguous;
    }
    if (found.size > 1) return ambiguous;
    return [...found][0];
  };
}

function stepsOf(path: string): Step[] {
  return path.split('.').flatMap((part) => {
    const [name = '', ...places] = part.split('[');
    return [normalizedKey(name), ...places.map((place) => Number(place.slice(0, -1)))];
  });
}

function* valuesAt(value: unknown, steps: readonly Step[], at: number): Generator<unknown> {
  const step = steps[at];
  if (step === undefined) {
    yield value;
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  if (typeof step === 'number') {
    if (Array.isArray(value)) yield* valuesAt(value[step], steps, at + 1);
    return;
  }
  if (Array.isArray(value)) return;
  for (const [name, member] of Object.entries(value)) {
    if (normalizedKey(name) === step) yield* valuesAt(member, steps, at + 1);
  }
}
