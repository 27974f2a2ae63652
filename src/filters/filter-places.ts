/**
 * How an account's filters are found for an event. One that asks for certain values somewhere (`Authorizing-ID` is `u1`) is
 * looked up by the event's own value; others are tried one by one, and so are those that share a value with many: an
 * equality that every event has finds them all. So each filter is given the place where fewest are tried beside it, and
 * how many one event would have to try at worst is known and bounded. Pure.
 */
import type { Condition, Filter } from './filter.ts';

/** Filters that one event would have to try one by one, at worst. */
export const maxTried = 1000;
/** Filters of one condition that one event would find at worst: nothing is tried, but somebody is to be told for each. */
const maxFound = 10_000;
/** Paths that an event's values are looked up at: each costs every event. Filters on yet others are tried. */
const maxPaths = 100;
/** Of all the account's different filters, as JSON. */
const maxBytes = 16_777_216;
/** Values that filters are looked up by, counted again for each binding that they narrow: an entry of an index each. */
export const maxValues = 500_000;
/** How much more room there is for what tokens are narrowed to: nobody else's filters keep a token from its own. */
const roomOfTokens = 1.25;

/** A filter that is in use, and where it is found. */
export interface Place {
  readonly filter: Filter;
  /** Its values are looked up; undefined: it is tried. */
  readonly lookup: Condition | undefined;
  /** Where it is found it holds: there is no other condition. */
  readonly isDecided: boolean;
  /** How many use it. */
  holders: number;
  /** The event that it was tried for last, and what came of it: it may be in use for several bindings. */
  triedFor: number;
  held: boolean;
}

/** How many filters there are for each value of a path. */
class Tally {
  readonly #byValue = new Map<string, number>();
  /** How many values have so many. */
  readonly #valuesWith: number[] = [];
  /** The most of any value. */
  worst = 0;

  /** The most of these values. */
  most(values: readonly string[]): number {
    return values.reduce((most, value) => Math.max(most, this.#byValue.get(value) ?? 0), 0);
  }

  change(values: readonly string[], by: 1 | -1): void {
    for (const value of values) {
      const before = this.#byValue.get(value) ?? 0;
      const after = before + by;
      if (after === 0) this.#byValue.delete(value);
      else this.#byValue.set(value, after);
      this.#valuesWith[before] = (this.#valuesWith[before] ?? 0) - 1;
      this.#valuesWith[after] = (this.#valuesWith[after] ?? 0) + 1;
      this.worst = Math.max(this.worst, after);
    }
    while (this.worst > 0 && (this.#valuesWith[this.worst] ?? 0) === 0) this.worst -= 1;
  }
}

/** A path that values are looked up at. */
class Path {
  /** Those that have to be tried where their value is found. */
  readonly tried = new Tally();
  /** Those that hold there. */
  readonly decided = new Tally();
  /** Filters that are found here. */
  count = 0;
}

/** What a place would cost: how many more an event would have to try at worst, and how many share the place. */
interface Choice {
  readonly lookup: Condition | undefined;
  readonly more: number;
  readonly beside: number;
}

/** The filters of one account. */
export class FilterPlaces {
  /** By the filters' keys. */
  readonly #places = new Map<string, Place>();
  readonly #paths = new Map<string, Path>();
  #unfound = 0;
  #worstTried = 0;
  #worstFound = 0;
  #bytes = 0;
  #values = 0;

  get isEmpty(): boolean {
    return this.#places.size === 0;
  }

  /** How many filters an event would have to try at worst. */
  get worst(): number {
    return this.#unfound + this.#worstTried;
  }

  /**
   * Gives a filter its place for one binding, the same for as long as anybody holds it; `release` gives it back.
   * @param isOfToken it is all that a token is narrowed to, and nothing that its client chose
   * @returns undefined where that would be one too many
   */
  hold(filter: Filter, isOfToken = false): Place | undefined {
    const room = isOfToken ? roomOfTokens : 1;
    let place = this.#places.get(filter.key);
    const { lookup, more } = place === undefined ? this.#choose(filter) : { lookup: place.lookup, more: 0 };
    const values = this.#values + valuesOf(lookup);
    if (values > maxValues * room) return undefined;
    if (place === undefined) {
      const bytes = this.#bytes + filter.bytes;
      if (this.worst + more > maxTried * room || bytes > maxBytes * room) return undefined;
      place = { filter, lookup, isDecided: isDecidedBy(lookup, filter), holders: 0, triedFor: 0, held: false };
      this.#places.set(filter.key, place);
      this.#bytes = bytes;
      this.#change(place, 1);
    }
    this.#values = values;
    place.holders += 1;
    return place;
  }

  release(place: Place): void {
    place.holders -= 1;
    this.#values -= valuesOf(place.lookup);
    if (place.holders > 0) return;
    this.#places.delete(place.filter.key);
    this.#bytes -= place.filter.bytes;
    this.#change(place, -1);
  }

  #choose(filter: Filter): Choice {
    let best: Choice = { lookup: undefined, more: 1, beside: Infinity };
    for (const condition of filter.conditions) {
      const choice = this.#lookedUpBy(condition, filter);
      if (choice !== undefined && isBetter(choice, best)) best = choice;
    }
    return best;
  }

  #lookedUpBy(condition: Condition, filter: Filter): Choice | undefined {
    const { path, test } = condition;
    if (test.kind !== 'any') return undefined;
    const known = this.#paths.get(path.text);
    if (known === undefined && this.#paths.size >= maxPaths) return undefined;
    const isDecided = isDecidedBy(condition, filter);
    const tally = isDecided ? known?.decided : known?.tried;
    const beside = tally?.most(test.of) ?? 0;
    const more = Math.max(0, beside + 1 - (tally?.worst ?? 0));
    if (!isDecided) return { lookup: condition, more, beside };
    return this.#worstFound + more > maxFound ? undefined : { lookup: condition, more: 0, beside };
  }

  #change({ lookup, isDecided }: Place, by: 1 | -1): void {
    if (lookup === undefined || lookup.test.kind !== 'any') {
      this.#unfound += by;
      return;
    }
    const { text } = lookup.path;
    const path = this.#paths.get(text) ?? new Path();
    this.#paths.set(text, path);
    const tally = isDecided ? path.decided : path.tried;
    const before = tally.worst;
    tally.change(lookup.test.of, by);
    if (isDecided) this.#worstFound += tally.worst - before;
    else this.#worstTried += tally.worst - before;
    path.count += by;
    if (path.count === 0) this.#paths.delete(text);
  }
}

/** Whether a filter holds wherever one of its conditions does. */
function isDecidedBy(lookup: Condition | undefined, { conditions }: Filter): boolean {
  return lookup !== undefined && conditions.length === 1;
}

function valuesOf(lookup: Condition | undefined): number {
  return lookup?.test.kind === 'any' ? lookup.test.of.length : 1;
}

/** Any look-up is better than none, for the events that don't have the value. */
function isBetter(one: Choice, other: Choice): boolean {
  return one.more === other.more ? one.beside < other.beside : one.more < other.more;
}
