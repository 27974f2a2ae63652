/**
 * What a family of events is: which bindings it offers to clients, how a client's binding becomes AMQP patterns, whose
 * an event is, and what it is called. One file a family implements this; `catalogue.ts` lists them.
 */
import { ActionError } from '../errors.ts';

/** As tokens, metrics and `GET /v2/websockets` have it. */
export type FamilyName = string;

/** `*` as a subscription's account: every account. For superduper admins. */
export const everyAccount = '*';

/** A pattern at the broker: an exchange and what is bound there. */
export interface Pattern {
  readonly exchange: string;
  readonly routingPattern: string;
  /**
   * The exchange is somebody else's to declare, and may never be there: it is bound where it is found, looked for again now
   * and then, and nobody waits for it.
   */
  readonly isOptional?: true;
  /** The exchange is somebody else's to declare, and waited for: what needs it is confirmed when it is there. */
  readonly isAwaited?: true;
  /** Not counted against MAX_PATTERNS: there is one of it, on an exchange that hardly any bus still has. */
  readonly isUncounted?: true;
}

/** The JSON object of a bus message. Nothing about its fields is known until looked at. */
export type Payload = Readonly<Record<string, unknown>>;

/** What the families ask of the account tree. */
export interface RealmDirectory {
  /** The account whose realm it is. Realms are compared without regard to case. */
  accountOfRealm(realm: string): string | undefined;
  /** The realm of an account, as it stands in routing keys. */
  realmOf(accountId: string): string | undefined;
}

/** A client's binding for one account, understood. */
export interface Binding {
  /** The family that a token's `families` must name. */
  readonly family: FamilyName;
  /** The family whose events it asks for: `fax.object.*` are documents. */
  readonly eventFamily: FamilyName;
  /**
   * What is compared with an event's `words`: an encoded value or `*` for each. Several, where a client's text can be read
   * in more than one way; an event that fits any of them is asked for.
   */
  readonly wordings: readonly (readonly string[])[];
  /** What the broker must route to this node, at its finest. */
  readonly patterns: readonly Pattern[];
  /** Its events belong to no account: they are for whoever may subscribe, whatever the account. */
  readonly isShared?: true;
  /** The key that its events are told under, with the account in it: like their routing key, with `*` where it asks for any. */
  subscriptionKey(event: BusEvent): string;
}

/** An event of a family, ready to be compared with bindings. */
export interface BusEvent {
  readonly family: FamilyName;
  /** The account that it belongs to; undefined where that can't be told. */
  readonly account: string | undefined;
  /** It belongs to no account, and is for every one. */
  readonly isShared?: true;
  /** Encoded values; as many as the bindings of its family have, and in the same order. */
  readonly words: readonly string[];
  /** What it is called to those who tell events of a family apart by their name alone: `doc_created_user`. */
  readonly name: string;
  /** Its `Event-Name`. */
  readonly eventName: string;
  /** As clients are told: the bus's, with the account where the bus has none in it. */
  readonly routingKey: string;
  /** Documents: the word of the database in the routing key. */
  readonly database?: string;
}

/**
 * What a message is to a family: an event; `foreign`, a message that shares the exchange but is no listed event; or
 * `contradiction`, one whose payload and routing key name different accounts, which is nobody's.
 */
export type Reading = BusEvent | 'foreign' | 'contradiction';

/** A line of `GET /v2/websockets`; each dialect takes from it what it shows. */
export interface Offer {
  /** A binding that can be used as it stands, and what it brings. */
  readonly sample?: { readonly binding: string; readonly event: string };
  /** The form of bindings, a word in braces for each value that the client chooses: `call.CHANNEL_CREATE.{CALL_ID}`. */
  readonly form?: string;
}

export interface Family {
  readonly name: FamilyName;
  /** First words of the bindings that it understands. */
  readonly roots: readonly string[];
  /** Exchanges that carry its events. */
  readonly exchanges: readonly string[];
  /** What is bound instead of the fine patterns when those become too many: everything of the family. */
  readonly coarse: readonly Pattern[];
  readonly offers: readonly Offer[];
  /**
   * @param words the client's binding, split at the dots
   * @param account an account id or `*`
   * @throws ActionError binding_unsupported or binding_invalid
   */
  parse(words: readonly string[], account: string): Binding;
  /** @param isPast it was read before, when it came: nothing is to be learnt from it */
  read(routingKey: string, payload: Payload, isPast?: boolean): Reading;
}

/** A text field of a payload; anything else than a non-empty text counts as absent. */
export function textField(payload: Payload, name: string): string | undefined {
  const value = payload[name];
  return typeof value === 'string' && value !== '' ? value : undefined;
}

/** `Account-ID`, else the one among the custom channel variables: calls, conferences and Kamailio's registrations have it there. */
export function accountField(payload: Payload): string | undefined {
  const own = textField(payload, 'Account-ID');
  if (own !== undefined) return own;
  const variables = payload['Custom-Channel-Vars'];
  if (typeof variables !== 'object' || variables === null) return undefined;
  return textField(variables as Payload, 'Account-ID');
}

/** `invalid format for call subscription : …`, the text that clients of this field know. */
export function invalidFormat(family: FamilyName, words: readonly string[]): ActionError {
  return new ActionError('binding_invalid', `invalid format for ${family} subscription : ${words.join('.')}`);
}

export function unsupportedEvent(event: string): ActionError {
  return new ActionError('binding_unsupported', `event ${event} not supported`);
}

/**
 * The value behind the first `from` words of a binding. Call ids may contain dots, so all that is left is one value;
 * but `*` stands for a whole value and never for a part of one.
 */
export function lastValue(family: FamilyName, words: readonly string[], from: number): string {
  const parts = words.slice(from);
  if (parts.length > 1 && parts.includes('*')) throw invalidFormat(family, words);
  return parts.join('.');
}
