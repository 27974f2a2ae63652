/** What a payload has at a path, where it must be clear beyond doubt: whose an event is. Own members only. Pure. */
import { normalizedKey } from '../normalized-key.ts';
import { type Step, stepsOf } from '../payload-steps.ts';
import type { Payload } from './family.ts';

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
