/**
 * The rules of telephones and lamps: which device is registered, whose telephone rings or is busy, whose mailbox has
 * something new. Pure, as those of calls.
 */
import type { LegFacts } from './legs.ts';
import { type Listing, type Told, trustIn } from './listing.ts';
import { type Data, number, part, text, unixMs } from './reading.ts';

/** A telephone that is registered. */
export interface Registration {
  /** `username@realm`: there is one for each, as with Kazoo's own registrar. */
  readonly key: string;
  readonly account: string;
  readonly username: string;
  readonly realm: string | undefined;
  /** Where it is reached: `sip:…`. */
  readonly contact: string | undefined;
  readonly userAgent: string | undefined;
  readonly address: string | undefined;
  readonly userId: string | undefined;
  readonly deviceId: string | undefined;
  /** Unix time, ms; undefined: nobody has said. */
  readonly expiresAt: number | undefined;
}

/** A lamp on a telephone, as far as anything was heard of it. */
export interface Lamp {
  /** `1001@realm`. */
  readonly key: string;
  readonly account: string;
  /** `1001`, or `*3101` for a parking slot. */
  readonly user: string;
  readonly state: 'idle' | 'ringing' | 'busy';
  /** Of the mailbox; undefined: nothing was heard of it. */
  readonly newMessages: number | undefined;
  readonly savedMessages: number | undefined;
}

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
}

/** What the registrar allows a telephone beyond its time. ms */
const graceMs = 5000;

export class Telephones {
  readonly registrations = new Map<string, RegistrationFacts>();
  /** When one was last heard to go. */
  readonly #gone = new Map<string, number>();

  /** @param touched told of each registration that has become another or is gone */
  constructor(private readonly touched: (key: string) => void) {}

  take({ account, data, replayed }: Told, now: number): void {
    const isGone = text(data, 'event_name') === 'deregister' || number(data, 'expires') === 0;
    // Kamailio counts the seconds as Unix does, everybody else from the year 0.
    const stamp = number(data, 'event_timestamp');
    const toldAt = stamp !== undefined && stamp < 1e10 ? stamp * 1000 : unixMs(stamp);
    this.#put(data, account, replayed && toldAt !== undefined ? Math.min(toldAt, now) : now, now, isGone);
  }

  #put(data: Data, account: string, from: number, heardAt: number, isGone: boolean): string | undefined {
    const username = text(data, 'username');
    if (username === undefined) return undefined;
    const own = { ...data, ...part(data, 'custom_channel_vars') };
    const realm = text(data, 'realm') ?? text(own, 'account_realm');
    const key = `${username}@${realm ?? ''}`.toLowerCase();
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
        userId: text(own, 'owner_id'),
        deviceId: text(own, 'authorizing_id'),
        expiresAt: seconds === undefined ? undefined : from + seconds * 1000,
      });
    }
    this.touched(key);
    return key;
  }

  /** The registrations of an account (`registrations`). @returns whether it is the whole truth, as with calls */
  list(list: readonly Data[], listing: Listing): boolean {
    const { account, now, isComplete } = listing;
    const listed = new Set<string>();
    for (const entry of list) {
      const username = text(entry, 'username');
      const realm = text(entry, 'realm', 'account_realm');
      const key = `${username ?? ''}@${realm ?? ''}`.toLowerCase();
      listed.add(key);
      // What an event has told is no other, only later.
      const toldAt = this.registrations.get(key)?.heardAt ?? this.#gone.get(key) ?? 0;
      if (trustIn(toldAt, listing) !== 'list') continue;
      this.#put(entry, account, Math.min(unixMs(number(entry, 'last_registration')) ?? now, now), 0, false);
    }
    let isWhole = true;
    for (const one of isComplete ? [...this.registrations.values()] : []) {
      if (one.account !== account || listed.has(one.key)) continue;
      const trust = trustIn(one.heardAt, listing);
      if (trust === 'list') this.#drop(one.key);
      isWhole &&= trust !== 'none';
    }
    return isWhole;
  }

  /** Lets go of those whose time is over. @returns whether there are others */
  sweep(now: number): boolean {
    for (const [key, at] of this.#gone) if (now - at > 60_000) this.#gone.delete(key);
    for (const { key, expiresAt } of [...this.registrations.values()]) {
      if (expiresAt !== undefined && expiresAt + graceMs < now) this.#drop(key);
    }
    return this.registrations.size > 0;
  }

  #drop(key: string): void {
    this.registrations.delete(key);
    this.touched(key);
  }
}

export class Lamps {
  readonly lamps = new Map<string, LampFacts>();

  /**
   * @param touched told of each lamp that has become another
   * @param hasEnded whether a call's end was heard: what comes behind it is late
   */
  constructor(
    private readonly touched: (key: string) => void,
    private readonly hasEnded: (callId: string) => boolean,
  ) {}

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
      const isLit = (isBusy || state === 'early') && !this.hasEnded(id);
      if (isLit) lamp.told.set(id, { isBusy, isByHand: name === 'update', at: now });
      else lamp.told.delete(id);
    }
    this.touched(lamp.key);
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
    this.touched(lamp.key);
  }

  /** A complete list of calls is here: what was told before of calls that aren't there is over. */
  compare(listing: Listing, isLiving: (callId: string) => boolean): void {
    for (const lamp of this.lamps.values()) {
      for (const [id, { isByHand, at }] of lamp.account === listing.account ? lamp.told : []) {
        if (isByHand || trustIn(at, listing) !== 'list' || isLiving(id)) continue;
        lamp.told.delete(id);
        this.touched(lamp.key);
      }
    }
  }

  #of(address: string | undefined, account: string): LampFacts | undefined {
    const key = address?.replace(/^sips?:/, '').toLowerCase();
    if (key === undefined || !key.includes('@')) return undefined;
    const lamp = this.lamps.get(key) ?? { key, account, told: new Map(), legs: new Set<LegFacts>() };
    this.lamps.set(key, lamp);
    return lamp;
  }
}

/** A lamp as it is shown. */
export function lampView({ key, account, told, legs, newMessages, savedMessages }: LampFacts): Lamp {
  const known = new Set([...legs].map(({ id }) => id));
  const lights = [...told].filter(([id]) => !known.has(id)).map(([, { isBusy }]) => isBusy);
  for (const { isAnswered } of legs) lights.push(isAnswered);
  const state = lights.includes(true) ? 'busy' : lights.length > 0 ? 'ringing' : 'idle';
  return { key, account, user: key.split('@')[0] ?? key, state, newMessages, savedMessages };
}
