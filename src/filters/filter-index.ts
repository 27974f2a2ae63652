/** From an event to those of many filters that hold for it: what asks for certain values is looked up by the event's own. */
import type { Fields } from './fields.ts';
import { type FieldPath, holds } from './filter.ts';
import type { Place } from './filter-places.ts';

/** Anything that has a filter with a place. */
export interface Filtered {
  readonly place: Place;
}

/** A path, and what is found by the value there. */
interface Lookup<T> {
  readonly path: FieldPath;
  /** Mostly there is one, which takes a fifth of the memory that a set of one would. */
  readonly byText: Map<string, T | Set<T>>;
}

export class FilterIndex<T extends Filtered> {
  /** By the paths' texts. */
  readonly #lookups = new Map<string, Lookup<T>>();
  readonly #tried = new Set<T>();

  get isEmpty(): boolean {
    return this.#lookups.size === 0 && this.#tried.size === 0;
  }

  add(entry: T): void {
    const { lookup } = entry.place;
    if (lookup?.test.kind !== 'any') {
      this.#tried.add(entry);
      return;
    }
    const { path, test } = lookup;
    let known = this.#lookups.get(path.text);
    if (known === undefined) {
      known = { path, byText: new Map() };
      this.#lookups.set(path.text, known);
    }
    for (const text of test.of) {
      const entries = known.byText.get(text);
      if (entries === undefined) known.byText.set(text, entry);
      else if (entries instanceof Set) entries.add(entry);
      else known.byText.set(text, new Set([entries, entry]));
    }
  }

  delete(entry: T): void {
    const { lookup } = entry.place;
    if (lookup?.test.kind !== 'any') {
      this.#tried.delete(entry);
      return;
    }
    const { path, test } = lookup;
    const known = this.#lookups.get(path.text);
    for (const text of test.of) {
      const entries = known?.byText.get(text);
      if (entries instanceof Set) entries.delete(entry);
      if (entries === entry || (entries instanceof Set && entries.size === 0)) known?.byText.delete(text);
    }
    if (known?.byText.size === 0) this.#lookups.delete(path.text);
  }

  /** Appends what holds for an event to `found`. Hot: called for every event of those who have filters. */
  collect(fields: Fields, found: Pick<T[], 'push'>): void {
    for (const { path, byText } of this.#lookups.values()) {
      const text = fields.at(path);
      const entries = typeof text === 'string' ? byText.get(text) : undefined;
      if (entries === undefined) continue;
      if (!(entries instanceof Set)) collectOne(entries, fields, found);
      else for (const entry of entries) collectOne(entry, fields, found);
    }
    for (const entry of this.#tried) if (isHeld(entry.place, fields)) found.push(entry);
  }
}

function collectOne<T extends Filtered>(entry: T, fields: Fields, found: Pick<T[], 'push'>): void {
  if (entry.place.isDecided || isHeld(entry.place, fields)) found.push(entry);
}

/** Once an event, for however many bindings the filter is in use. */
function isHeld(place: Place, fields: Fields): boolean {
  if (place.triedFor !== fields.number) {
    place.triedFor = fields.number;
    place.held = holds(place.filter, fields);
  }
  return place.held;
}
