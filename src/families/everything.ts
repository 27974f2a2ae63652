/** What must be bound so that whatever clients may ask for is there: the patterns of all bindings that are offered. */
import type { Catalogue } from './catalogue.ts';
import { everyAccount, type FamilyName } from './family.ts';

/** The patterns of an exchange. */
export interface ExchangePatterns {
  readonly exchange: string;
  readonly routingPatterns: readonly string[];
  /** The families whose events come through it. */
  readonly families: readonly FamilyName[];
  /** It is bound where it is there, and never declared. */
  readonly isOptional: boolean;
}

/** Each family's bindings with a `*` in every place, for every account: requests, which share the exchanges, are not among them. */
export function patternsOfEverything(catalogue: Catalogue): readonly ExchangePatterns[] {
  const found = new Map<string, { patterns: Set<string>; families: Set<FamilyName>; isOptional: boolean }>();
  for (const { offers } of catalogue.families) {
    for (const { sample, form } of offers) {
      for (const text of [sample?.binding, form]) {
        if (text === undefined) continue;
        const { eventFamily, patterns } = catalogue.parse(text.replaceAll(/\{\w+\}/g, '*'), everyAccount);
        for (const { exchange, routingPattern, isOptional, isAwaited } of patterns) {
          const known = found.get(exchange) ?? { patterns: new Set(), families: new Set(), isOptional: true };
          known.isOptional &&= isOptional === true || isAwaited === true;
          found.set(exchange, known);
          known.patterns.add(routingPattern);
          known.families.add(eventFamily);
        }
      }
    }
  }
  return [...found].map(([exchange, { patterns, families, isOptional }]) => ({
    exchange,
    routingPatterns: withoutCovered([...patterns]).toSorted(),
    families: [...families],
    isOptional,
  }));
}

/** Leaves out what another pattern brings as well. */
function withoutCovered(patterns: readonly string[]): string[] {
  return patterns.filter((one) => !patterns.some((other) => other !== one && covers(other.split('.'), one.split('.'))));
}

/** Where both have the same words but for a `*`, the one with the `*` covers the other; a `#`, here at the end alone, all that follows. */
function covers(wide: readonly string[], narrow: readonly string[]): boolean {
  const isOpen = wide.at(-1) === '#';
  const words = isOpen ? wide.slice(0, -1) : wide;
  if (isOpen ? narrow.length < words.length : narrow.length !== words.length) return false;
  return words.every((word, at) => word === narrow[at] || (word === '*' && narrow[at] !== '#'));
}
