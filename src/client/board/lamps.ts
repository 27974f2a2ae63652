/**
 * The rules of telephones and lamps: which device is registered, whose telephone rings or is busy, whose mailbox has
 * something new. Pure, as those of calls.
 */
import type { LegFacts } from './legs.ts';
import { afterlifeMs, dropMissing, forgetOld, type Listing, type Told, trustIn } from './listing.ts';
import { type Data, number, ownerOf, ownText, text, unixMs } from './reading.ts';
import type { Lamp, Registration } from './types.ts';

interface RegistrationFacts extends Registration {
  readonly heardAt: number;
}

interface LampFacts {
  readonly key: string;
  readonly account: string;
  /** What was told of it, by the id of the call or of what was set by hand. */
  readonly told: Map<string, { readonly isBusy: boolean; readonly isByHand: boolean; readonly at: number }>;
  readonly legs: Set<LegFacts>;
  newMessages?: number | undefined;
  savedMessages?: number | undefined;
  /** Since when it was seen to have nothing to tell. Unix time, ms */
  darkSince?: number | undefined;
}

/** What the registrar allows a telephone beyond its time. ms */
const graceMs = 5000;

export class Telephones {
  readonly registrations = new Map<string, RegistrationFacts>();
  readonly #touched: (key: string) => void;
  /** When one was last heard to go. */
  readonly #gone = new Map<string, number>();

  /** @param touched told of each registration that has become another or is gone */
  constructor(touched: (key: string) => void) {
    this.#touched = touched;
  }

  take({ account, data, replayed }: Told, now: number): void {
    const isGone = text(data, 'event_name') === 'deregister' || number(data, 'expires') === 0;
    // Kamailio counts the seconds as Unix does, everybody else from the year 0.
    const stamp = number(data, 'event_timestamp');
    const toldAt = stamp !== undefined && stamp < 1e10 ? stamp * 1000 : unixMs(stamp);
    this.#put(data, account, replayed && toldAt !== undefined ? Math.min(toldAt, now) : now, now, isGone);
  }

  #put(data: Data, account: string, from: number, heardAt: number, isGone: boolean): void {
    const username = text(data, 'username');
    if (username === undefined) return;
    const [realm, key] = [realmOf(data), keyOf(data)];
    if (isGone) {
      this.registrations.delete(key);
      this.#gone.set(key, heardAt);
    } else {
      const seconds = number(data, 'expires');
      const contact = text(data, 'contact');
      this.registrations.set(key, {
        ...{ key, account, username, realm, heardAt },
        contact: /<([^>]*)>/.exec(contact ?? '')?.[1] ?? contact,
        userAgent: text(data, 'user_agent'),
        address: text(data, 'source_ip', 'network_ip'),
        ...ownerOf(data),
        expiresAt: seconds === undefined ? undefined : from + seconds * 1000,
      });
    }
    this.#touched(key);
  }

  /** The registrations of an account (`registrations`). @returns whether it is the whole truth, as with calls */
  list(list: readonly Data[], listing: Listing): boolean {
    const { account, now } = listing;
    const listed = new Set<string>();
    for (const entry of list) {
      const key = keyOf(entry);
      listed.add(key);
      // What an event has told is no other, only later.
      const toldAt = this.registrations.get(key)?.heardAt ?? this.#gone.get(key) ?? 0;
      if (trustIn(toldAt, listing) !== 'list') continue;
      this.#put(entry, account, Math.min(unixMs(number(entry, 'last_registration')) ?? now, now), 0, false);
    }
    const isMissing = (one: RegistrationFacts): boolean => one.account === account && !listed.has(one.key);
    return dropMissing(this.registrations.values(), isMissing, listing, ({ key }) => this.#drop(key));
  }

  /** Lets go of those whose time is over. @returns whether there are others */
  sweep(now: number): boolean {
    forgetOld(this.#gone, now);
    for (const { key, expiresAt } of [...this.registrations.values()]) {
      if (expiresAt !== undefined && expiresAt + graceMs < now) this.#drop(key);
    }
    return this.registrations.size > 0;
  }

  #drop(key: string): void {
    this.registrations.delete(key);
    this.#touched(key);
  }
}

const realmOf = (data: Data): string | undefined => ownText(data, 'realm') ?? ownText(data, 'account_realm');
const keyOf = (data: Data): string => `${text(data, 'username')}@${realmOf(data)}`.toLowerCase();

export class Lamps {
  readonly lamps = new Map<string, LampFacts>();
  readonly #touched: (key: string) => void;
  readonly #hasEnded: (callId: string) => boolean;

  /**
   * @param touched told of each lamp that has become another
   * @param hasEnded whether a call's end was heard: what comes behind it is late
   */
  constructor(touched: (key: string) => void, hasEnded: (callId: string) => boolean) {
    this.#touched = touched;
    this.#hasEnded = hasEnded;
  }

  take({ account, data }: Told, now: number): void {
    const [name, id] = [text(data, 'event_name'), text(data, 'call_id') ?? ''];
    const isMailbox = name === 'mwi_update';
    const lamp = this.#of(text(data, isMailbox ? 'to' : 'presence_id'), account);
    if (lamp === undefined) return;
    if (isMailbox) {
      lamp.newMessages = number(data, 'messages_new');
      lamp.savedMessages = number(data, 'messages_saved');
    } else {
      const state = text(data, 'state');
      const isBusy = state === 'confirmed';
      const isLit = (isBusy || state === 'early') && !this.#hasEnded(id);
      if (isLit) lamp.told.set(id, { isBusy, isByHand: name === 'update', at: now });
      else lamp.told.delete(id);
    }
    this.#touched(lamp.key);
  }

  /** A leg lights the lamp of whose it is, whatever presence has told: after a gap that is all there is. */
  follow(leg: LegFacts): void {
    const lamp = leg.who.isOutside === true ? undefined : this.#of(leg.who.presenceId, leg.account);
    if (lamp === undefined) return;
    if (leg.endedAt === undefined) lamp.legs.add(leg);
    else {
      lamp.legs.delete(leg);
      lamp.told.delete(leg.id);
    }
    this.#touched(lamp.key);
  }

  /** A complete list of calls is here: what was told before of calls that aren't there is over. */
  compare(listing: Listing, isLiving: (callId: string) => boolean): void {
    for (const lamp of this.lamps.values()) {
      for (const [id, { isByHand, at }] of lamp.account === listing.account ? lamp.told : []) {
        if (isByHand || trustIn(at, listing) !== 'list' || isLiving(id)) continue;
        lamp.told.delete(id);
        this.#touched(lamp.key);
      }
    }
  }

  /** Forgets those that have told nothing for a while. @returns whether there are others */
  sweep(now: number): boolean {
    for (const lamp of this.lamps.values()) {
      const { key, told, legs, newMessages, savedMessages } = lamp;
      for (const leg of legs) {
        // Whose it is has changed since it lit this one.
        if (leg.endedAt !== undefined && legs.delete(leg)) this.#touched(key);
      }
      if (legs.size + told.size > 0 || (newMessages ?? savedMessages) !== undefined) continue;
      lamp.darkSince ??= now;
      if (now - lamp.darkSince >= afterlifeMs && this.lamps.delete(key)) this.#touched(key);
    }
    return this.lamps.size > 0;
  }

  #of(address: string | undefined, account: string): LampFacts | undefined {
    const key = address?.replace(/^sips?:/, '').toLowerCase();
    if (key === undefined || !key.includes('@')) return undefined;
    const lamp: LampFacts = this.lamps.get(key) ?? { key, account, told: new Map(), legs: new Set<LegFacts>() };
    lamp.darkSince = undefined;
    this.lamps.set(key, lamp);
    return lamp;
  }
}

/** A lamp as it is shown. */
export function lampView({ key, account, told, legs, newMessages, savedMessages }: LampFacts): Lamp {
  // What a leg says counts more than what was told of it.
  const lights = new Map([...told].map(([id, { isBusy }]) => [id, isBusy]));
  for (const { id, isAnswered } of legs) lights.set(id, isAnswered);
  const state = [...lights.values()].includes(true) ? 'busy' : lights.size > 0 ? 'ringing' : 'idle';
  return { key, account, user: key.split('@')[0] ?? key, state, newMessages, savedMessages };
}
