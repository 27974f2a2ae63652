/**
 * A binding of an account, understood once: what the broker must route to this node for it, and which of its interests an
 * event that matches it concerns. However many filters it has, it is one to the broker and to the index.
 */
import type { Binding, BusEvent, FamilyName, Pattern, Payload } from '../families/family.ts';
import { Fields } from '../filters/fields.ts';
import { FilterIndex } from '../filters/filter-index.ts';
import type { Place } from '../filters/filter-places.ts';
import type { Interest } from './subscription.ts';

type FilteredInterest = Interest & { readonly place: Place };

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
  readonly #filtered = new FilterIndex<FilteredInterest>();
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

  add(interest: Interest): void {
    if (isFiltered(interest)) this.#filtered.add(interest);
    else this.#unfiltered = interest;
  }

  delete(interest: Interest): void {
    if (isFiltered(interest)) this.#filtered.delete(interest);
    else this.#unfiltered = undefined;
  }

  /**
   * Appends the interests that an event concerns. Hot: called for every event of every binding that matches it.
   * @param fields the event's, where somebody asked for them before
   * @returns the fields, if they were needed
   */
  collect(payload: Payload, fields: Fields | undefined, found: Interest[]): Fields | undefined {
    if (this.#unfiltered !== undefined) found.push(this.#unfiltered);
    if (this.#filtered.isEmpty) return fields;
    const known = fields ?? new Fields(payload);
    this.#filtered.collect(known, found);
    return known;
  }
}

function isFiltered(interest: Interest): interest is FilteredInterest {
  return interest.place !== undefined;
}
