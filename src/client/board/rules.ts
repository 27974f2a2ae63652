/**
 * The rules of the board: which events make, join, move and end a call, and what a list of the server adds and removes.
 * No clock, no timers, no network: whoever calls says what time it is (Unix time, ms).
 *
 * Legs that name each other as their other end are one call. What is known of a leg comes from its events, and from lists
 * where no event of late says otherwise. Facts of Kazoo's: ecallmgr_fs_channel, cf_park.
 */
import {
  type CallFacts,
  directionOf,
  groupsOf,
  isLiving,
  type LegFacts,
  merge,
  nobodyYet,
  wait,
  whoseLeg,
} from './legs.ts';
import { dropMissing, forgetOld, type Listing, lagMs, type Told, trustIn } from './listing.ts';
import { type Data, flag, number, ServerClock, text, unixMs } from './reading.ts';

/** A call that is over stays for so long, and so does a leg that has left its call: one sees how it ended. ms */
const lingerMs = 5000;
/** The events that make a leg known, besides the first. All of them are of one that was answered, but an early bridge. */
const ofAnswered = new Set([
  ...['CHANNEL_ANSWER', 'CHANNEL_BRIDGE', 'CHANNEL_UNBRIDGE', 'CHANNEL_HOLD', 'CHANNEL_UNHOLD'],
  ...['PARK_PARKED', 'PARK_RETRIEVED', 'PARK_ABANDONED'],
]);

/** The legs that live, and the calls that they are. */
export class Calls {
  /** By their id. */
  readonly legs = new Map<string, LegFacts>();
  readonly calls = new Map<string, CallFacts>();
  readonly #clock = new ServerClock();
  /** By the id that they name as their other end, be that one known or not. */
  readonly #naming = new Map<string, Set<LegFacts>>();
  /** Ends that events told, oldest first. */
  readonly #ended = new Map<string, number>();
  /** Calls that are over, and calls that a leg has left: when, oldest first. */
  readonly #lingering = new Map<CallFacts, number>();
  #order = 0;

  /** @param touched told of each call that has become another or is gone, by its id, and of the leg that it is for */
  constructor(private readonly touched: (callId: string, leg?: LegFacts) => void) {}

  /** Whether an event has told its end, of late. */
  hasEnded(legId: string): boolean {
    return this.#ended.has(legId);
  }

  take({ account, data, replayed }: Told, now: number): void {
    const name = text(data, 'event_name') ?? '';
    const id = text(data, 'call_id');
    if (id === undefined || this.#ended.has(id)) return;
    const toldAt = unixMs(number(data, 'timestamp'));
    if (!replayed) this.#clock.hear(toldAt, now);
    // Seconds are coarse: what has just come has just happened.
    const told = this.#clock.local(toldAt, now);
    const at = now - told > lagMs ? told : now;
    const known = this.legs.get(id);
    if (name === 'CHANNEL_DESTROY') {
      this.#ended.set(id, now);
      if (known === undefined) return;
      this.#describe(known, data, true);
      known.cause = text(data, 'hangup_cause');
      this.#end(known, at, now);
    } else if (name === 'CHANNEL_CREATE' || ofAnswered.has(name)) {
      const createdMs = number(data, 'channel_created_time');
      const since = this.#clock.local(createdMs === undefined ? toldAt : createdMs / 1000, now);
      const leg = known ?? this.#enter(id, account, data, createdMs === undefined ? at : since);
      leg.isSketch = false;
      leg.heardAt = now;
      this.#describe(leg, data, true);
      const other = text(data, 'other_leg_call_id');
      if (other !== undefined) this.#link(leg, other, now);
      this.#change(leg, name, data, at, now);
      this.#touch(leg);
    }
  }

  #change(leg: LegFacts, name: string, data: Data, at: number, now: number): void {
    if (name === 'CHANNEL_ANSWER' && !leg.isAnswered) leg.answeredAt = at;
    // A bridge may be there before the answer, so that the caller hears what the far side plays.
    const isEarly = name === 'CHANNEL_BRIDGE' && /^(DOWN|RINGING|EARLY)$/.test(text(data, 'channel_call_state') ?? '');
    leg.isAnswered ||= ofAnswered.has(name) && !isEarly;
    const other = this.legs.get(leg.other ?? '');
    if (name === 'CHANNEL_BRIDGE') {
      wait(leg, now, leg.isHeld);
      // One of the two tells it for both.
      if (other !== undefined) {
        this.#link(other, leg.id, now);
        other.isAnswered ||= !isEarly;
        wait(other, now, other.isHeld);
      }
    }
    if (name === 'CHANNEL_UNBRIDGE' || name === 'PARK_PARKED') {
      this.#link(leg, undefined, now);
      if (other?.other === leg.id && name === 'CHANNEL_UNBRIDGE') this.#link(other, undefined, now);
    }
    if (name.endsWith('HOLD')) wait(leg, now, name === 'CHANNEL_HOLD', leg.isParked, leg.slot);
    if (name.startsWith('PARK_')) {
      wait(leg, now, leg.isHeld, name === 'PARK_PARKED', text(data, 'parking_slot'));
    }
  }

  /**
   * What the media nodes list of an account's legs (`channels`, in either form).
   * @returns whether it is the whole truth; otherwise it has to be asked for again
   */
  list(list: readonly Data[], listing: Listing): boolean {
    const { account, now } = listing;
    const listed = new Set<string>();
    let isWhole = true;
    const isCallee = (entry: Data): boolean => directionOf(entry) === 'outbound';
    // Who calls first, so that a call is named after them.
    for (const entry of [...list.filter((one) => !isCallee(one)), ...list.filter(isCallee)]) {
      const id = text(entry, 'uuid', 'call_id');
      if (id === undefined || this.#ended.has(id)) continue;
      listed.add(id);
      isWhole = this.#compare(id, entry, listing) && isWhole;
    }
    const isMissing = (leg: LegFacts): boolean => leg.account === account && !listed.has(leg.id);
    return dropMissing(this.legs.values(), isMissing, listing, (leg) => this.#end(leg, now, now)) && isWhole;
  }

  #compare(id: string, entry: Data, listing: Listing): boolean {
    const { account, now } = listing;
    const createdAt = unixMs(number(entry, 'timestamp'));
    const ageSeconds = number(entry, 'elapsed_s') ?? number(entry, 'elapsed_seconds');
    if (createdAt !== undefined && ageSeconds !== undefined) this.#clock.hear(createdAt + ageSeconds * 1000, now);
    const leg = this.legs.get(id) ?? this.#enter(id, account, entry, this.#clock.local(createdAt, now));
    this.#describe(leg, entry, false);
    // The long form alone calls it so.
    if (text(entry, 'call_direction') !== undefined) leg.isSketch = false;
    leg.isAnswered ||= flag(entry, 'answered') === true;
    const other = text(entry, 'other_leg', 'other_leg_call_id');
    const isHeld = flag(entry, 'is_onhold') ?? flag(entry, 'is_on_hold') ?? leg.isHeld;
    // No list tells a slot; but who has another end waits in none.
    const isParked = leg.isParked && other === undefined;
    const isOtherEnd = leg.other !== other;
    const isOtherWait = leg.isHeld !== isHeld || leg.isParked !== isParked;
    const [end, waiting] = [trustIn(leg.otherToldAt, listing), trustIn(leg.waitToldAt, listing)];
    if (isOtherEnd && end === 'list') this.#link(leg, other);
    if (isOtherWait && waiting === 'list') Object.assign(leg, { isHeld, isParked });
    this.#touch(leg);
    return !(isOtherEnd && end === 'none') && !(isOtherWait && waiting === 'none');
  }

  /** Lets go of what has been over for a while. @returns whether there is more, for later */
  sweep(now: number): boolean {
    forgetOld(this.#ended, now);
    for (const [call, at] of this.#lingering) {
      if (now - at < lingerMs) break;
      this.#lingering.delete(call);
      if (call.overAt !== undefined) this.calls.delete(call.id);
      for (const leg of call.legs) if (!isLiving(leg)) call.legs.delete(leg);
      // What the one that left has held together may be two calls now.
      if (call.overAt === undefined) this.#regroup([call]);
      this.touched(call.id);
    }
    return this.#lingering.size + this.#ended.size > 0;
  }

  #enter(id: string, account: string, data: Data, since: number): LegFacts {
    const call = this.#newCall(id, since);
    // Written out: there are many, and a spread costs more than all the rest.
    const leg: LegFacts = {
      id,
      account,
      since,
      call,
      direction: directionOf(data) ?? 'inbound',
      who: nobodyYet,
      other: undefined,
      twin: undefined,
      isLoopback: false,
      isAnswered: false,
      answeredAt: undefined,
      isHeld: false,
      isParked: false,
      slot: undefined,
      cause: undefined,
      endedAt: undefined,
      isSketch: true,
      heardAt: 0,
      waitToldAt: 0,
      otherToldAt: 0,
    };
    call.legs.add(leg);
    this.legs.set(id, leg);
    // Others may have named it before it was known.
    this.#regroup([call, ...[...(this.#naming.get(id) ?? [])].map((naming) => naming.call)]);
    return leg;
  }

  #newCall(id: string, since: number): CallFacts {
    this.#order += 1;
    const call = { id, order: this.#order, since, legs: new Set<LegFacts>(), overAt: undefined };
    this.calls.set(id, call);
    return call;
  }

  #describe(leg: LegFacts, data: Data, isNewer: boolean): void {
    leg.direction = directionOf(data) ?? leg.direction;
    const { name, number } = leg.who;
    leg.who = merge(leg.who, whoseLeg(leg.direction, data), isNewer);
    // Who has answered stays who they are, also where a transfer makes the switch tell caller and callee the other way round.
    if (leg.isAnswered && number !== undefined) leg.who = { ...leg.who, name, number };
    leg.isLoopback ||= flag(data, 'channel_is_loopback') === true || flag(data, 'is_loopback') === true;
    const twin = text(data, 'channel_loopback_other_leg_id', 'loopback_other_leg');
    if (twin === undefined || twin === leg.twin) return;
    this.#index(leg, leg.twin, twin);
    leg.twin = twin;
    this.#regroup([leg.call, this.legs.get(twin)?.call]);
  }

  /** @param now when an event told it; without: a list did */
  #link(leg: LegFacts, other: string | undefined, now?: number): void {
    if (now !== undefined) leg.otherToldAt = now;
    if (leg.other === other) return;
    const former = this.legs.get(leg.other ?? '');
    this.#index(leg, leg.other, other);
    leg.other = other;
    const joined = this.legs.get(other ?? '')?.call ?? leg.call;
    // Most often it is the same call, named from its other side.
    if (former !== undefined || joined !== leg.call) this.#regroup([leg.call, former?.call, joined]);
  }

  #index(leg: LegFacts, from: string | undefined, to: string | undefined): void {
    const named = this.#naming.get(from ?? '');
    if (named?.delete(leg) && named.size === 0) this.#naming.delete(from ?? '');
    if (to !== undefined) this.#naming.set(to, (this.#naming.get(to) ?? new Set<LegFacts>()).add(leg));
  }

  #end(leg: LegFacts, at: number, now: number): void {
    leg.endedAt = Math.max(at, leg.since);
    this.legs.delete(leg.id);
    this.#index(leg, leg.other, undefined);
    this.#index(leg, leg.twin, undefined);
    const { call } = leg;
    if (![...call.legs].some(isLiving)) call.overAt = now;
    // The rest stays together for a moment: mostly it ends as well.
    this.#lingering.delete(call);
    this.#lingering.set(call, now);
    this.#touch(leg);
  }

  /** Which of the legs of these calls are one call now. An older call takes in a younger one's legs. */
  #regroup(among: readonly (CallFacts | undefined)[]): void {
    const calls = [...new Set(among)].filter((call) => call !== undefined).sort((a, b) => a.order - b.order);
    // One that nobody names stays what it is.
    if (calls.length === 1 && calls[0]?.legs.size === 1) return;
    const isFirst = (leg: LegFacts): boolean => leg.id === leg.call.id;
    const groups = groupsOf(calls, (leg) => [
      this.legs.get(leg.other ?? ''),
      this.legs.get(leg.twin ?? ''),
      ...(this.#naming.get(leg.id) ?? []),
    ]).sort((a, b) => Number(b.some(isFirst)) - Number(a.some(isFirst)));
    const free = new Set(calls);
    const owners = groups.map((group) => {
      const find = (isIts: (leg: LegFacts) => boolean): CallFacts | undefined =>
        calls.find((call) => free.has(call) && group.some((leg) => leg.call === call && isIts(leg)));
      // The leg that a call began with keeps it; without that one, any of its legs.
      const owner = find(isFirst) ?? find(() => true) ?? this.#newCall(group[0].id, group[0].since);
      free.delete(owner);
      for (const leg of group) move(leg, owner);
      this.touched(owner.id);
      return owner;
    });
    const [oldest] = owners;
    if (oldest === undefined) return;
    for (const call of free) {
      // Who has left it goes along, to be forgotten in time.
      for (const leg of call.legs) move(leg, oldest);
      const leftAt = this.#lingering.get(call);
      if (leftAt !== undefined) this.#lingering.set(oldest, leftAt);
      this.calls.delete(call.id);
      this.touched(call.id);
    }
  }

  #touch(leg: LegFacts): void {
    this.touched(leg.call.id, leg);
  }
}

function move(leg: LegFacts, to: CallFacts): void {
  leg.call.legs.delete(leg);
  leg.call = to;
  to.legs.add(leg);
}
