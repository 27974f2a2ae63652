/** Calls as they are shown: who with whom, in which state, since when. Each is made anew when something of it has changed. */
import { type CallFacts, isLiving, type LegFacts } from './legs.ts';

export type CallState = 'ringing' | 'talking' | 'held' | 'parked' | 'ended';

/** Somebody at the end of a call. What isn't known is undefined. */
export interface Party {
  readonly name: string | undefined;
  readonly number: string | undefined;
  /** Of the account's users and devices (`Owner-ID`, `Authorizing-ID`): undefined for somebody outside as well. */
  readonly userId: string | undefined;
  readonly deviceId: string | undefined;
}

/** One person's line in a call. Times are Unix time, ms, by this machine's clock. */
export interface Leg extends Party {
  /** `Call-ID`: what `command` wants. */
  readonly id: string;
  readonly account: string;
  readonly state: CallState;
  /** As the switch sees it: `inbound` is who calls, `outbound` who is called. */
  readonly direction: 'inbound' | 'outbound';
  readonly username: string | undefined;
  /** `1001@realm`, the lamp that it lights. */
  readonly presenceId: string | undefined;
  /** A carrier's line, and none of the account's devices; undefined: nobody has said. */
  readonly isOutside: boolean | undefined;
  /** A line that the switch has to itself: nobody's. */
  readonly isLoopback: boolean;
  readonly otherLegId: string | undefined;
  readonly since: number;
  readonly isAnswered: boolean;
  /** undefined: not answered, or nobody saw when. */
  readonly answeredAt: number | undefined;
  readonly endedAt: number | undefined;
  /** Why it ended (`Hangup-Cause`). */
  readonly cause: string | undefined;
}

/** Both legs of a call, or all that it has, as one. */
export interface Call {
  /** The `Call-ID` of the leg that it began with, and the same for as long as it goes on, whoever leaves it. */
  readonly id: string;
  readonly account: string;
  readonly state: CallState;
  /** As the account sees it: from outside, to the outside, or neither. Until a line to the outside is seen, it is `internal`. */
  readonly direction: 'inbound' | 'outbound' | 'internal';
  readonly from: Party;
  readonly to: Party;
  /** Times are Unix time, ms, by this machine's clock. */
  readonly since: number;
  /** Since when these two talk; undefined: they don't, or nobody saw when it began. */
  readonly answeredAt: number | undefined;
  readonly endedAt: number | undefined;
  readonly cause: string | undefined;
  /** The parking slot that it waits in; undefined: it doesn't, or nobody saw where. */
  readonly slot: string | undefined;
  /** The conference that one of its legs is in: its `key`. */
  readonly conference: string | undefined;
  /** Living ones first, in the order from, to. Ended ones stay for a few seconds. */
  readonly legs: readonly Leg[];
  /** Only a list without details told of some of it: `board.look` gets the rest. */
  readonly isSketch: boolean;
}

/** @param conferenceOf the conference of a leg, by the leg's id */
export function callView(call: CallFacts, conferenceOf: (legId: string) => string | undefined): Call {
  const all = [...call.legs].sort(callersFirst);
  const living = all.filter(isLiving);
  const present = living.length > 0 ? living : all;
  const persons = present.some(isPersons) ? present.filter(isPersons) : present;
  const [first, ...others] = persons;
  // A ringing group is called by the number that was dialled, until one of it answers.
  const last = others.findLast(({ isAnswered }) => isAnswered) ?? (others.length === 1 ? others[0] : undefined);
  const isCaller = first?.direction === 'inbound';
  const state = living.length === 0 ? 'ended' : stateOf(persons);
  const talk = [first, last].filter((leg) => leg !== undefined);
  const began = talk.map(({ answeredAt }) => answeredAt ?? Number.NaN);
  const answeredAt = talk.every(({ isAnswered }) => isAnswered) ? Math.max(...began) : Number.NaN;
  const ended = all.map(({ endedAt }) => endedAt ?? 0);
  return {
    id: call.id,
    account: first?.account ?? '',
    state,
    direction: directionOf(all.filter(isPersons)),
    from: isCaller || last !== undefined ? own(first) : far(first),
    to: last !== undefined ? own(last, far(first)) : isCaller ? far(first) : own(first),
    since: Math.min(call.since, ...all.map(({ since }) => since)),
    answeredAt: state === 'ringing' || Number.isNaN(answeredAt) ? undefined : answeredAt,
    endedAt: state === 'ended' ? Math.max(...ended) : undefined,
    cause: state === 'ended' ? all.find(({ cause }) => cause !== undefined)?.cause : undefined,
    slot: living.find(({ isParked }) => isParked)?.slot,
    conference: living.map(({ id }) => conferenceOf(id)).find((key) => key !== undefined),
    legs: [...living, ...all.filter((leg) => !isLiving(leg))].map(legView),
    isSketch: living.some(({ isSketch }) => isSketch),
  };
}

const isPersons = ({ isLoopback }: LegFacts): boolean => !isLoopback;
const callersFirst = (a: LegFacts, b: LegFacts): number =>
  Number(a.direction === 'outbound') - Number(b.direction === 'outbound') || a.since - b.since;

function stateOf(living: readonly LegFacts[]): CallState {
  if (living.some(({ isParked }) => isParked)) return 'parked';
  if (living.some(({ isHeld }) => isHeld)) return 'held';
  const answered = living.filter(({ isAnswered }) => isAnswered).length;
  // A menu or a queue has answered the caller before anybody's telephone rings.
  const isRinging = living.some(({ direction, isAnswered }) => direction === 'outbound' && !isAnswered);
  return answered === 0 || (answered === 1 && isRinging) ? 'ringing' : 'talking';
}

/** A leg that isn't there, though it is named, is one that the account doesn't see: a carrier's. */
function directionOf(legs: readonly LegFacts[]): Call['direction'] {
  const [callers, callees] = [legs.filter(isInbound), legs.filter((leg) => !isInbound(leg))];
  if (callers.some(({ who }) => who.isOutside === true)) return 'inbound';
  if (callees.some(({ who }) => who.isOutside === true)) return 'outbound';
  const [only, second] = callees;
  return callers.length === 0 && only?.other !== undefined && second === undefined ? 'inbound' : 'internal';
}

const isInbound = ({ direction }: LegFacts): boolean => direction === 'inbound';
const nobody: Party = { name: undefined, number: undefined, userId: undefined, deviceId: undefined };

/** @param seen what the other end sees of it */
function own(leg: LegFacts | undefined, seen: Party = nobody): Party {
  if (leg === undefined) return nobody;
  const { name = seen.name, number = seen.number, userId, deviceId } = leg.who;
  return { name, number, userId, deviceId };
}

function far(leg: LegFacts | undefined): Party {
  return { ...nobody, name: leg?.who.farName, number: leg?.who.farNumber };
}

function legView(leg: LegFacts): Leg {
  const { id, account, direction, isLoopback, since, isAnswered, answeredAt, endedAt, cause, other, who } = leg;
  const { username, presenceId, isOutside } = who;
  const state = isLiving(leg) ? stateOf([leg]) : 'ended';
  const known = { id, account, state, direction, ...own(leg), username, presenceId, isOutside, isLoopback };
  return { ...known, otherLegId: other, since, isAnswered, answeredAt, endedAt, cause };
}
