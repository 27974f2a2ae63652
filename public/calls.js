/**
 * The calls of this moment, as far as their events tell. Each Call-ID is a leg of a call, with the person at its end;
 * legs that name each other are one call. Knows nothing of how it is shown.
 */
import { calleeOf, callerOf, field } from './frames.js';
import { causeWords } from './words.js';

/** A call that is over stays for a moment, so that one sees how it ended. */
const farewellMs = 4000;
/** After a lost connection, a leg that nothing more is heard of may have ended unheard. */
const doubtMs = 60_000;
/** Bounds the memory, should ends of calls never come. */
const mostLegs = 300;
const longestCallMs = 86_400_000;

/**
 * @typedef {'calling' | 'ringing' | 'answered' | 'talking' | 'conference' | 'held' | 'parked' | 'ended'} LegState
 *
 * @typedef {object} Leg
 * @property {string} callId
 * @property {string} account
 * @property {string} direction
 * @property {{ name: string, number: string }} party who is at its end
 * @property {{ name: string, number: string }} other whom they speak to, as far as this leg knows
 * @property {string} otherCallId
 * @property {LegState} state
 * @property {string} place where it is parked, or its conference
 * @property {string} conferenceKey the same for all of its members
 * @property {string} cause of its end
 * @property {number} startedAt local time, ms, as all times here
 * @property {number | undefined} answeredAt
 * @property {number | undefined} endedAt
 * @property {number | undefined} doubtedAt
 */

/** What an event makes of its leg. @type {Map<string, LegState>} */
const stateAfter = new Map([
  ['CHANNEL_CREATE', 'ringing'],
  ['CHANNEL_ANSWER', 'answered'],
  ['CHANNEL_BRIDGE', 'talking'],
  ['CHANNEL_HOLD', 'held'],
  ['CHANNEL_UNHOLD', 'talking'],
  ['PARK_PARKED', 'parked'],
  ['PARK_RETRIEVED', 'talking'],
  ['CHANNEL_DESTROY', 'ended'],
]);

export class Calls {
  /** Oldest first. @type {Map<string, Leg>} */
  #legs = new Map();
  /** Calls whose events came since somebody asked which there are: these are newer than the answer. @type {Set<string> | undefined} */
  #heard;
  /** Nothing comes at present: since when. @type {number | undefined} */
  #frozenAt;

  /** @param {import('./frames.js').EventFrame} frame */
  take({ family, account, payload }) {
    if (family === 'conference') this.#takeConference(account, payload);
    if (family !== 'call') return;
    const state = stateAfter.get(field(payload, 'Event-Name'));
    const callId = field(payload, 'Call-ID');
    if (state === undefined || callId === '') return;
    this.#heard?.add(callId);
    if (state !== 'ended' || this.#legs.has(callId)) this.#update(callId, account, state, payload);
  }

  /** Something may have been missed: what is known may be over. */
  doubt() {
    for (const leg of this.#legs.values()) if (leg.endedAt === undefined) leg.doubtedAt ??= Date.now();
  }

  /**
   * Nothing was missed after all.
   * @param {(account: string) => boolean} isOf whose calls that is said of
   */
  trust(isOf) {
    for (const leg of this.#legs.values()) if (isOf(leg.account)) leg.doubtedAt = undefined;
  }

  /** @returns {string[]} accounts that have calls in doubt */
  doubtfulAccounts() {
    const doubtful = [...this.#legs.values()].filter(({ doubtedAt }) => doubtedAt !== undefined);
    return [...new Set(doubtful.map(({ account }) => account))];
  }

  /** @returns {number} the time that timers show: that at which events stopped, while none can come */
  get now() {
    return this.#frozenAt ?? Date.now();
  }

  /** @param {boolean} isFrozen whether nothing can come, so that nobody knows how long a call lasts */
  freeze(isFrozen) {
    if (isFrozen === (this.#frozenAt !== undefined)) return;
    this.#frozenAt = isFrozen ? Date.now() : undefined;
    // Only where something can be heard does silence tell anything.
    for (const leg of this.#legs.values()) if (leg.doubtedAt !== undefined) leg.doubtedAt = Date.now();
  }

  /**
   * To be called before the question is sent, and `endSnapshot` in any case when it is over. One at a time.
   * @returns {(account: string, entries: readonly unknown[], answer: { isComplete: boolean, adds: boolean }) => void}
   * takes the answer: an account's calls in the server's short form; `isComplete`: what isn't in it is over; `adds`: what is new is put on the board
   */
  beginSnapshot() {
    const heard = new Set();
    this.#heard = heard;
    return (account, entries, { isComplete, adds }) => {
      const listed = new Set(heard);
      for (const entry of entries) {
        const callId = field(entry, 'uuid');
        if (callId === '' || listed.has(callId)) continue;
        listed.add(callId);
        const leg = this.#legs.get(callId) ?? (adds ? this.#enter(callId, account, entry) : undefined);
        if (leg !== undefined && leg.endedAt === undefined) compare(leg, entry);
      }
      if (isComplete) this.#endMissing(account, listed);
    };
  }

  endSnapshot() {
    this.#heard = undefined;
  }

  /**
   * @param {string} callId
   * @param {string} account
   * @param {unknown} entry
   */
  #enter(callId, account, entry) {
    const payload = /** @type {import('./frames.js').Payload} */ (entry);
    const now = Date.now();
    const ageMs = Number(field(payload, 'elapsed_s')) * 1000;
    const leg = newLeg(callId, account, payload, now);
    leg.direction = field(payload, 'direction') === 'outbound' ? 'outbound' : 'inbound';
    leg.state = leg.direction === 'inbound' ? 'calling' : 'ringing';
    if (ageMs > 0 && ageMs < longestCallMs) leg.startedAt = now - ageMs;
    leg.otherCallId = field(payload, 'other_leg') || field(payload, 'other_leg_call_id');
    Object.assign(leg, partiesOf(leg.direction, payload));
    const called = leg.direction === 'outbound' ? leg.party : leg.other;
    called.number ||= field(payload, 'destination');
    this.#keep(leg);
    return leg;
  }

  /**
   * @param {string} account
   * @param {ReadonlySet<unknown>} listed
   */
  #endMissing(account, listed) {
    for (const leg of this.#legs.values()) {
      if (leg.account !== account || leg.endedAt !== undefined || listed.has(leg.callId)) continue;
      Object.assign(leg, { state: 'ended', endedAt: Date.now(), doubtedAt: undefined });
    }
  }

  clear() {
    this.#legs.clear();
  }

  /** Once a second: lets go of what is over, or has been in doubt for too long. */
  tick() {
    const now = Date.now();
    for (const leg of this.#legs.values()) {
      const isOver = leg.endedAt !== undefined && now - leg.endedAt >= farewellMs;
      const isLost = leg.doubtedAt !== undefined && this.#frozenAt === undefined && now - leg.doubtedAt >= doubtMs;
      if (isOver || isLost) this.#legs.delete(leg.callId);
    }
  }

  /** @returns {Leg[][]} calls, oldest first; each has its legs, oldest first */
  joined() {
    return joinLegs([...this.#legs.values()]);
  }

  /**
   * Who is in a conference is on a call, be it one that began before this page came.
   * @param {string} account whose conference it is: numbers are the account's own
   * @param {import('./frames.js').Payload} payload
   */
  #takeConference(account, payload) {
    const callId = field(payload, 'Call-ID');
    const event = field(payload, 'Event');
    const known = this.#legs.get(callId);
    this.#heard?.add(callId);
    if (event === 'del-member') {
      if (known?.state === 'conference') known.state = 'answered';
      return;
    }
    if (!event.endsWith('-member') && !event.endsWith('-talking')) return;
    if (callId === '' || known?.endedAt !== undefined) return;
    const leg = known ?? newLeg(callId, account, payload, Date.now());
    if (known === undefined) Object.assign(leg, partiesOf(leg.direction, payload));
    leg.state = 'conference';
    leg.place = field(payload, 'Conference-ID');
    leg.conferenceKey = `${account} ${leg.place}`;
    leg.answeredAt ??= Date.now();
    leg.doubtedAt = undefined;
    this.#keep(leg);
  }

  /** @param {Leg} leg */
  #keep(leg) {
    this.#legs.set(leg.callId, leg);
    if (this.#legs.size > mostLegs) this.#legs.delete(/** @type {string} */ (this.#legs.keys().next().value));
  }

  /**
   * @param {string} callId
   * @param {string} account
   * @param {LegState} state
   * @param {import('./frames.js').Payload} payload
   */
  #update(callId, account, state, payload) {
    const now = Date.now();
    const leg = this.#legs.get(callId) ?? newLeg(callId, account, payload, now);
    if (leg.endedAt !== undefined) return;
    this.#keep(leg);
    const isCalling = state === 'ringing' && leg.direction === 'inbound';
    leg.state = isCalling ? 'calling' : state;
    leg.doubtedAt = undefined;
    leg.otherCallId = field(payload, 'Other-Leg-Call-ID');
    leg.place = field(payload, 'Parking-Slot');
    Object.assign(leg, partiesOf(leg.direction, payload));
    if (!['calling', 'ringing', 'ended'].includes(leg.state)) leg.answeredAt ??= now;
    if (state === 'ended') {
      leg.endedAt = now;
      leg.cause = causeWords(field(payload, 'Hangup-Cause'));
    }
    // Only one of the two legs says that they were joined.
    const other = this.#legs.get(leg.otherCallId);
    if (state === 'talking' && (other?.state === 'answered' || other?.state === 'parked')) other.state = 'talking';
    if (state === 'ended' && other?.state === 'talking') other.state = 'answered';
  }
}

/**
 * What the server's list says of a leg that was known, or has just been entered.
 * @param {Leg} leg
 * @param {unknown} entry
 */
function compare(leg, entry) {
  leg.doubtedAt = undefined;
  const { answered, is_onhold: isOnHold } = /** @type {Record<string, unknown>} */ (entry);
  if (answered !== true) return;
  leg.answeredAt ??= leg.startedAt;
  if (leg.state === 'calling' || leg.state === 'ringing') leg.state = leg.otherCallId === '' ? 'answered' : 'talking';
  if (isOnHold === true && leg.state !== 'parked') leg.state = 'held';
  else if (isOnHold === false && leg.state === 'held') leg.state = 'talking';
}

/**
 * @param {string} callId
 * @param {string} account
 * @param {import('./frames.js').Payload} payload
 * @param {number} now
 * @returns {Leg}
 */
function newLeg(callId, account, payload, now) {
  // A call that was under way when this page came: the server's two times tell its age, whatever our own clock says.
  const gregorianOffset = 62_167_219_200;
  const createdMs = Number(field(payload, 'Channel-Created-Time')) / 1000;
  const age = (Number(field(payload, 'Timestamp')) - gregorianOffset) * 1000 - createdMs;
  return {
    callId,
    account,
    direction: field(payload, 'Call-Direction') === 'outbound' ? 'outbound' : 'inbound',
    party: { name: '', number: '' },
    other: { name: '', number: '' },
    otherCallId: '',
    state: 'ringing',
    place: '',
    conferenceKey: '',
    cause: '',
    startedAt: createdMs > 0 && age > 0 && age < longestCallMs ? now - age : now,
    answeredAt: undefined,
    endedAt: undefined,
    doubtedAt: undefined,
  };
}

/**
 * The switch sees whoever calls as inbound, whoever is called as outbound.
 * @param {string} direction
 * @param {import('./frames.js').Payload} payload
 */
function partiesOf(direction, payload) {
  const [caller, callee] = [callerOf(payload), calleeOf(payload)];
  return direction === 'outbound' ? { party: callee, other: caller } : { party: caller, other: callee };
}

/**
 * Legs that name each other are one call, and so are the members of a conference.
 * @param {Leg[]} legs oldest first
 * @returns {Leg[][]} calls, oldest first; each has its legs, oldest first
 */
function joinLegs(legs) {
  const callOf = new Map(legs.map((leg) => [leg.callId, [leg]]));
  const firstOf = new Map(legs.filter(isConferring).map((leg) => [leg.conferenceKey, leg.callId]));
  for (const leg of legs) {
    const other = isConferring(leg) ? firstOf.get(leg.conferenceKey) : leg.otherCallId;
    const [own, others] = [callOf.get(leg.callId), callOf.get(other ?? '')];
    if (own === undefined || others === undefined || own === others) continue;
    const joined = [...own, ...others].sort((a, b) => legs.indexOf(a) - legs.indexOf(b));
    for (const { callId } of joined) callOf.set(callId, joined);
  }
  return [...new Set(legs.map(({ callId }) => /** @type {Leg[]} */ (callOf.get(callId))))];
}

/** @param {Leg} leg */
export function isConferring({ state }) {
  return state === 'conference';
}
