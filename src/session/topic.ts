/**
 * A binding of an account, understood once: what the broker must route to this node for it, and which of its interests an
 * event that matches it concerns. However many filters it has, it is one to the broker and to the index.
 */
import type { Binding, BusEvent, FamilyName, Pattern, Payload } from '../families/family.ts';
import { Fields } from '../filters/fields.ts';
import type { Filter } from '../filters/filter.ts';
import { FilterIndex } from '../filters/filter-index.ts';
import type { Place } from '../filters/filter-places.ts';
import type { Interest } from './subscription.ts';

type FilteredInterest = Interest & { readonly place: Place };

interface Filtered {
  readonly byKey: Map<string, FilteredInterest>;
  readonly index: FilterIndex<FilteredInterest>;
}

export class Topic {
  readonly family: FamilyName;
  readonly eventFamily: FamilyName;
  /** Its events are every account's. */
  readonly isShared: boolean;
  /** What its events' words are, one way or another. */
  readonly wordings: readonly (readonly string[])[];
  /** Holds on all of its interests; when nobody holds one, it is dropped. */
  holders = 0;
  /** The one that all of its events concern. */
  #unfiltered: Interest | undefined;
  /** The others: most topics have none. */
  #filtered: Filtered | undefined;
  #binding: Binding;

  /**
   * @param account the account asked for, or `*`
   * @param text the client's binding to the letter
   * @param includesSubaccounts asked for with the accounts below
   */
  constructor(
    readonly account: string,
    readonly text: string,
    readonly includesSubaccounts: boolean,
    binding: Binding,
  ) {
    this.#binding = binding;
    this.family = binding.family;
    this.eventFamily = binding.eventFamily;
    this.isShared = binding.isShared === true;
    this.wordings = binding.wordings;
  }

  get binding(): Binding {
    return this.#binding;
  }

  /** What the broker must route to this node for it. */
  get patterns(): readonly Pattern[] {
    return this.#binding.patterns;
  }

  subscriptionKey(event: BusEvent): string {
    return this.#binding.subscriptionKey(event);
  }

  /** The same binding, understood again with another account tree: its patterns may differ. */
  reinterpret(binding: Binding): void {
    this.#binding = binding;
  }

  /** Its interest with these filters: a subscription's own, and its token's. */
  find(own: Filter | undefined, ofToken: Filter | undefined): Interest | undefined {
    if (own === undefined && ofToken === undefined) return this.#unfiltered;
    return this.#filtered?.byKey.get(keyOf(own, ofToken));
  }

  add(interest: Interest): void {
    if (!isFiltered(interest)) {
      this.#unfiltered = interest;
      return;
    }
    this.#filtered ??= { byKey: new Map(), index: new FilterIndex() };
    this.#filtered.byKey.set(keyOf(interest.narrowing.filter, interest.tokenFilter), interest);
    this.#filtered.index.add(interest);
  }

  delete(interest: Interest): void {
    if (!isFiltered(interest)) {
      this.#unfiltered = undefined;
      return;
    }
    this.#filtered?.index.delete(interest);
    this.#filtered?.byKey.delete(keyOf(interest.narrowing.filter, interest.tokenFilter));
    if (this.#filtered?.index.isEmpty) this.#filtered = undefined;
  }

  /**
   * Appends the interests that an event concerns. Hot: called for every event of every binding that matches it.
   * @param fields the event's, where somebody asked for them before
   * @returns the fields, if they were needed
   */
  collect(payload: Payload, fields: Fields | undefined, found: Interest[]): Fields | undefined {
    if (this.#unfiltered !== undefined) found.push(this.#unfiltered);
    if (this.#filtered === undefined) return fields;
    const known = fields ?? new Fields(payload);
    this.#filtered.index.collect(known, found);
    return known;
  }
}

function isFiltered(interest: Interest): interest is FilteredInterest {
  return interest.place !== undefined;
}

/** The length tells where the first ends: no two have one key. */
function keyOf(own: Filter | undefined, ofToken: Filter | undefined): string {
  const key = own?.key ?? '';
  return `${key.length} ${key}${ofToken?.key ?? ''}`;
}
