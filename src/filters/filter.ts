/** What a narrow subscription asks of an event's payload, understood: conditions, each of a path, that must all hold. Pure. */
import type { Step } from '../payload-steps.ts';
import { type Fields, withoutText } from './fields.ts';

/** A filter as clients write it: paths and their conditions. */
export type FilterSource = Readonly<Record<string, unknown>>;

export interface FieldPath {
  /** The same for all spellings of a path. */
  readonly text: string;
  readonly steps: readonly Step[];
}

/** What a value must be. Values are compared as texts. */
export type Test =
  /** One of these. */
  | { readonly kind: 'any'; readonly of: readonly string[] }
  /** None of these; a missing value is none of them. */
  | { readonly kind: 'none'; readonly of: readonly string[] }
  | { readonly kind: 'prefix'; readonly text: string }
  | { readonly kind: 'exists'; readonly isThere: boolean };

export interface Condition {
  readonly path: FieldPath;
  readonly test: Test;
}

export interface Filter {
  /** The same for filters that are equal as JSON, the order of members aside, and for no others. */
  readonly key: string;
  /** Of its JSON. */
  readonly bytes: number;
  readonly conditions: readonly Condition[];
}

/** One that somebody asked for. */
export interface AskedFilter extends Filter {
  /** To the letter. */
  readonly source: FilterSource;
}

/** What both of two filters ask for. Its key is no other filter's, not even that of one which asks for the same in other words. */
export function both(one: Filter | undefined, other: Filter | undefined): Filter | undefined {
  if (one === undefined || other === undefined) return one ?? other;
  return {
    key: `${one.key}&${other.key}`,
    bytes: one.bytes + other.bytes,
    conditions: [...one.conditions, ...other.conditions],
  };
}

/** Whether an event's fields are what a filter asks for. */
export function holds({ conditions }: Filter, fields: Fields): boolean {
  return conditions.every((condition) => isMet(condition, fields));
}

function isMet({ path, test }: Condition, fields: Fields): boolean {
  const value = fields.at(path);
  switch (test.kind) {
    case 'any':
      return typeof value === 'string' && test.of.includes(value);
    case 'none':
      return value === undefined || value === withoutText || !test.of.includes(value);
    case 'prefix':
      return typeof value === 'string' && value.startsWith(test.text);
    case 'exists':
      return (value !== undefined) === test.isThere;
  }
}
