/**
 * What the broker must hold for this node, and no more: the patterns that the interests need, each once, and never more
 * than MAX_PATTERNS of them. When a queue is closed, publishers to its exchanges wait 15 to 40 ms per 100 bindings, and
 * the publisher is call processing. So before the limit is passed, the family with the most patterns gives way to its
 * coarse one, and what is too much is sorted out by the index. Pure: `binder.ts` makes it so at the broker.
 */
import type { FamilyName, Pattern } from '../families/family.ts';

/** How long a family must have had room before it goes fine again, so that it doesn't flap around the limit. */
export const calmMs = 60_000;

/** Exchange names have no blanks. */
export function patternKey(pattern: Pattern): string {
  return `${pattern.exchange} ${pattern.routingPattern}`;
}

interface Demand {
  readonly coarse: ReadonlyMap<string, Pattern>;
  /** The patterns that interests asked for, and how many of them did. */
  readonly fine: Map<string, { readonly pattern: Pattern; count: number }>;
  /** Keys of the coarse patterns that don't count. */
  readonly uncounted: readonly string[];
  isCoarse: boolean;
  /** Since when it would have had room to be fine; undefined: it hasn't. */
  roomSince: number | undefined;
}

export class Plan {
  readonly #demands = new Map<FamilyName, Demand>();
  /** Patterns planned over all families; kept up to date, so that a subscribe doesn't count them all. */
  #size = 0;

  /**
   * @param families their names and coarse patterns
   * @param maxPatterns MAX_PATTERNS
   */
  constructor(
    families: Iterable<{ readonly name: FamilyName; readonly coarse: readonly Pattern[] }>,
    private readonly maxPatterns: number,
  ) {
    for (const { name, coarse } of families) {
      const byKey = new Map(coarse.map((pattern) => [patternKey(pattern), pattern]));
      const uncounted = coarse.filter(({ isUncounted }) => isUncounted).map(patternKey);
      this.#demands.set(name, { coarse: byKey, fine: new Map(), uncounted, isCoarse: false, roomSince: undefined });
    }
  }

  /** Patterns planned. */
  get size(): number {
    return this.#size;
  }

  /**
   * Adds what an interest needs.
   * @returns the families that gave way to coarse patterns; undefined when it can't be had within the limit, and nothing was
   *   added
   */
  add(family: FamilyName, patterns: readonly Pattern[]): Set<FamilyName> | undefined {
    const demand = this.#demand(family);
    const before = planned(demand);
    for (const pattern of patterns) {
      const key = patternKey(pattern);
      const known = demand.fine.get(key);
      if (known === undefined) demand.fine.set(key, { pattern, count: 1 });
      else known.count += 1;
    }
    this.#size += planned(demand) - before;
    const changed = this.#coarsen();
    if (changed === undefined) {
      this.remove(family, patterns);
      return undefined;
    }
    return changed;
  }

  /** @returns whether the family went from coarse to nothing */
  remove(family: FamilyName, patterns: readonly Pattern[]): boolean {
    const demand = this.#demand(family);
    const before = planned(demand);
    for (const pattern of patterns) {
      const key = patternKey(pattern);
      const known = demand.fine.get(key);
      if (known === undefined) continue;
      known.count -= 1;
      if (known.count === 0) demand.fine.delete(key);
    }
    const endsCoarse = demand.isCoarse && demand.fine.size === 0;
    this.#size += planned(demand) - before;
    if (endsCoarse) this.#switch(demand, false);
    return endsCoarse;
  }

  /** What the broker shall hold for a family, by key. */
  *target(family: FamilyName): Generator<readonly [key: string, pattern: Pattern]> {
    const demand = this.#demand(family);
    if (demand.isCoarse) yield* demand.coarse;
    else for (const [key, { pattern }] of demand.fine) yield [key, pattern];
  }

  /** Whether a pattern is in the family's target. */
  wants(family: FamilyName, key: string): boolean {
    const demand = this.#demand(family);
    return demand.isCoarse ? demand.coarse.has(key) : demand.fine.has(key);
  }

  isCoarse(family: FamilyName): boolean {
    return this.#demand(family).isCoarse;
  }

  coarsePatterns(family: FamilyName): ReadonlyMap<string, Pattern> {
    return this.#demand(family).coarse;
  }

  /**
   * Lets families go fine again that would have left the plan below half of the limit for a minute.
   * @returns those that did
   */
  refine(now: number): FamilyName[] {
    const refined: FamilyName[] = [];
    for (const [family, demand] of this.#demands) {
      const sizeIfFine = this.#size - planned(demand) + finely(demand);
      if (!demand.isCoarse || sizeIfFine * 2 >= this.maxPatterns) {
        demand.roomSince = undefined;
        continue;
      }
      demand.roomSince ??= now;
      if (now - demand.roomSince < calmMs) continue;
      this.#switch(demand, false);
      refined.push(family);
    }
    return refined;
  }

  /** @returns the families that gave way; undefined when all have and it is still too much */
  #coarsen(): Set<FamilyName> | undefined {
    const coarsened = new Map<FamilyName, Demand>();
    while (this.#size > this.maxPatterns) {
      const widest = this.#widest();
      if (widest === undefined) {
        for (const demand of coarsened.values()) this.#switch(demand, false);
        return undefined;
      }
      this.#switch(widest.demand, true);
      coarsened.set(widest.family, widest.demand);
    }
    return new Set(coarsened.keys());
  }

  #switch(demand: Demand, isCoarse: boolean): void {
    this.#size -= planned(demand);
    demand.isCoarse = isCoarse;
    demand.roomSince = undefined;
    this.#size += planned(demand);
  }

  #widest(): { family: FamilyName; demand: Demand } | undefined {
    let widest: { family: FamilyName; demand: Demand } | undefined;
    for (const [family, demand] of this.#demands) {
      if (demand.isCoarse || finely(demand) <= coarsely(demand)) continue;
      if (widest === undefined || finely(demand) > finely(widest.demand)) widest = { family, demand };
    }
    return widest;
  }

  #demand(family: FamilyName): Demand {
    const demand = this.#demands.get(family);
    if (demand === undefined) throw new Error(`no family ${family} in the plan`);
    return demand;
  }
}

function planned(demand: Demand): number {
  return demand.isCoarse ? coarsely(demand) : finely(demand);
}

function coarsely({ coarse, uncounted }: Demand): number {
  return coarse.size - uncounted.length;
}

function finely({ fine, uncounted }: Demand): number {
  return fine.size - uncounted.filter((key) => fine.has(key)).length;
}
