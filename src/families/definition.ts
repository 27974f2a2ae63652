/**
 * A family as data: all that `topic-family.ts` needs to know of one. Some of this server's own families are such
 * definitions, and FAMILIES_FILE adds others (`families-file.ts`).
 */

/** What to do where an exchange is missing: declare it; wait for whoever declares it; or do without, and look again. */
export type WhenMissing = 'declare' | 'wait' | 'ignore';

export interface DefinedExchange {
  readonly name: string;
  readonly type: 'topic' | 'fanout';
  readonly whenMissing: WhenMissing;
  /** Its patterns don't count against MAX_PATTERNS. */
  readonly isUncounted?: true;
}

/** Whose an event is. What is told in several ways has to agree, or the event is nobody's. */
export interface AccountRule {
  /** Paths in the payload; the first that is there counts. */
  readonly payload?: readonly string[];
  /** The place of the routing key that has it. */
  readonly key?: string;
  /** The place of the routing key that has a realm, whose account it is. */
  readonly realm?: string;
  /** Path of the payload's own word for that realm. */
  readonly payloadRealm?: string;
}

export interface FamilyDefinition {
  readonly name: string;
  readonly exchanges: readonly DefinedExchange[];
  /** `order.{STATE}.{ACCOUNT}.{ID}`: a place is one encoded word. */
  readonly routingKey: string;
  /** The last place may be several words: values with dots that are not encoded. */
  readonly lastValueHasDots?: boolean;
  /** What clients write, `orders.{STATE}.{ID}`; its first word is the family's root. */
  readonly binding: string;
  /** What may stand for a place; anything may where there is no list. */
  readonly values?: Readonly<Record<string, readonly string[]>>;
  /** Which values go together, for the places of the binding that have lists, in its order; without it all do. */
  readonly combinations?: readonly (readonly string[])[];
  /** `shared`: events belong to no account, and whoever may subscribe gets them. */
  readonly account: AccountRule | 'shared';
  /** What an event is called, `order_{STATE}`; without it the payload's `Event-Name`. */
  readonly eventName?: string;
  /** What it is called where the payload has no name. */
  readonly fallbackName?: string;
  /** What it is called to those who know events by their name alone, where that is something else. */
  readonly shortName?: string;
  /** The key that events are told under; without it the binding with the account behind its root. */
  readonly subscriptionKey?: string;
}
