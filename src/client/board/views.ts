/** Calls as they are shown: each is made anew when something of it has changed. */
import { type CallFacts, isLiving, type LegFacts } from './legs.ts';
import type { Call, CallState, Leg, Party } from './types.ts';

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
  const { farName: _, farNumber: __, ...own } = who;
  const times = { since, isAnswered, answeredAt, endedAt, cause };
  const state = isLiving(leg) ? stateOf([leg]) : 'ended';
  return { id, account, state, direction, ...own, isLoopback, otherLegId: other, ...times };
}
