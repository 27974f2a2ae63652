/** The calls of an account as rows: both legs of a call are one. Pure. */
import { shown, spanOf } from './terminal.ts';

/** An entry of `GET /v2/accounts/{A}/channels?details=true`: one leg. */
export type Leg = Readonly<Record<string, unknown>>;

export interface Call {
  /** Of the leg that began it: what commands are given to. */
  readonly id: string;
  readonly state: 'ringing' | 'talking' | 'held';
  /** As its account sees it; unknown where the media nodes don't tell who is at the ends. */
  readonly direction: 'inbound' | 'outbound' | 'internal' | undefined;
  readonly from: string;
  readonly to: string;
  readonly seconds: number;
}

const idOf = (leg: Leg): string => shown(leg.uuid ?? leg.call_id);
const otherOf = (leg: Leg): string | undefined => {
  const other = leg.other_leg_call_id ?? leg.other_leg;
  return typeof other === 'string' && other !== '' ? other : undefined;
};
/** Whoever calls makes an inbound channel. */
const begins = (leg: Leg): boolean => (leg.direction ?? leg.call_direction) === 'inbound';

/** @returns the calls, the longest first */
export function callsOf(legs: readonly Leg[]): Call[] {
  const byId = new Map(legs.map((leg) => [idOf(leg), leg]));
  const seen = new Set<string>();
  const calls: Call[] = [];
  for (const leg of [...legs].sort((one, other) => Number(begins(other)) - Number(begins(one)))) {
    if (seen.has(idOf(leg))) continue;
    const other = byId.get(otherOf(leg) ?? '') ?? legs.find((one) => one !== leg && otherOf(one) === idOf(leg));
    seen.add(idOf(leg));
    if (other !== undefined) seen.add(idOf(other));
    calls.push(callOf(leg, other));
  }
  return calls.sort((one, other) => other.seconds - one.seconds);
}

function callOf(leg: Leg, other: Leg | undefined): Call {
  return {
    id: idOf(leg),
    state: stateOf(leg, other),
    direction: directionOf(leg, other),
    from: party(leg.caller_id_number, leg.caller_id_name),
    to: party(
      leg.callee_id_number ?? other?.callee_id_number ?? leg.destination,
      leg.callee_id_name ?? other?.callee_id_name,
    ),
    seconds: Math.max(secondsOf(leg), other === undefined ? 0 : secondsOf(other)),
  };
}

function stateOf(leg: Leg, other: Leg | undefined): Call['state'] {
  const both = other === undefined ? [leg] : [leg, other];
  if (both.some((one) => one.is_on_hold === true || one.is_onhold === true)) return 'held';
  return both.every((one) => one.answered === true) ? 'talking' : 'ringing';
}

/** A carrier is a resource; telephones are devices. */
function directionOf(leg: Leg, other: Leg | undefined): Call['direction'] {
  const isOutside = (one: Leg | undefined): boolean | undefined =>
    one?.authorizing_type === undefined ? undefined : one.authorizing_type === 'resource';
  if (isOutside(leg)) return begins(leg) ? 'inbound' : 'outbound';
  if (isOutside(other)) return 'outbound';
  return isOutside(leg) === false && isOutside(other) === false ? 'internal' : undefined;
}

function secondsOf({ elapsed_s: short, elapsed_seconds: long }: Leg): number {
  const seconds = Number(short ?? long ?? 0);
  return Number.isFinite(seconds) ? seconds : 0;
}

/** A number and a name, where there are both and they differ. */
export function party(number: unknown, name: unknown): string {
  const [first, second] = [shown(number), shown(name)];
  if (first === '') return second;
  return second === '' || second === first ? first : `${first} ${second}`;
}

export function callRow({ id, state, direction, from, to, seconds }: Call): string[] {
  return [spanOf(seconds), state, direction ?? '', from, to, id];
}
