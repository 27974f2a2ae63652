/** Legs and calls as the rules keep them, and which leg is whose. */
import { type Data, ownerOf, ownText, text } from './reading.ts';

/** Who is at the end of a leg, and whom they see as the other one. What nobody has said is undefined. */
export interface Who {
  readonly name: string | undefined;
  readonly number: string | undefined;
  readonly farName: string | undefined;
  readonly farNumber: string | undefined;
  readonly userId: string | undefined;
  readonly deviceId: string | undefined;
  readonly username: string | undefined;
  readonly presenceId: string | undefined;
  /** Nobody of the account: a carrier's line. */
  readonly isOutside: boolean | undefined;
}

/** A line between the switch and one person: Kazoo's channel. All times are Unix time, ms. */
export interface LegFacts {
  readonly id: string;
  readonly account: string;
  /** As the switch sees it: whoever calls comes in, who is called is gone out to. */
  direction: 'inbound' | 'outbound';
  readonly since: number;
  /** Half of a line that the switch has to itself. */
  isLoopback: boolean;
  who: Who;
  /** The legs at the other end, and of a loopback leg its other half: where they are known, living or not. */
  other: string | undefined;
  twin: string | undefined;
  isAnswered: boolean;
  answeredAt: number | undefined;
  isHeld: boolean;
  isParked: boolean;
  slot: string | undefined;
  cause: string | undefined;
  endedAt: number | undefined;
  /** Nothing but a list without details has named it. */
  isSketch: boolean;
  call: CallFacts;
  /** When an event last told anything of it; whether it waits; its other end. 0: none did. */
  heardAt: number;
  waitToldAt: number;
  otherToldAt: number;
}

/** Legs that are one call, those among them that have just ended as well. */
export interface CallFacts {
  /** Of the leg that it began with. It stays the same when that one leaves. */
  readonly id: string;
  /** Which of two calls is the older one. */
  readonly order: number;
  readonly since: number;
  readonly legs: Set<LegFacts>;
  /** When its last leg ended. */
  overAt: number | undefined;
}

export const isLiving = ({ endedAt }: LegFacts): boolean => endedAt === undefined;

/** Which way a leg goes, where an event or an entry says it: those of parking don't. */
export function directionOf(data: Data): LegFacts['direction'] | undefined {
  const said = text(data, 'call_direction', 'direction');
  return said === 'outbound' || said === 'inbound' ? said : undefined;
}

/**
 * Whose leg it is: a leg that comes in is the caller's, and its caller ID theirs; one that goes out is that of who is
 * called, and its callee ID theirs. `Authorizing-ID` and `Owner-ID` are the device and the user at this leg's own end.
 * @param data an event, or an entry of a list in either form
 */
export function whoseLeg(direction: LegFacts['direction'], data: Data): Who {
  const caller = [text(data, 'caller_id_name'), text(data, 'caller_id_number')] as const;
  const callee = [text(data, 'callee_id_name'), text(data, 'callee_id_number')] as const;
  const isCaller = direction === 'inbound';
  const [name, number] = isCaller ? caller : callee;
  const [farName, farNumber] = isCaller ? callee : caller;
  const kind = ownText(data, 'authorizing_type');
  // Of what comes in from outside, Kazoo notes the number that was dialled there.
  const isFromOutside = isCaller && ownText(data, 'inception') !== undefined;
  return {
    name,
    number,
    farName,
    // Before it is known who answers, what was dialled is all there is.
    farNumber:
      farNumber ?? (isCaller ? (text(data, 'request', 'to')?.split('@')[0] ?? text(data, 'destination')) : undefined),
    ...ownerOf(data),
    username: ownText(data, 'username'),
    presenceId: ownText(data, 'presence_id'),
    isOutside: isFromOutside || kind === 'resource' || (kind === undefined ? undefined : false),
  };
}

/** Nothing has been said. */
export const nobodyYet = {} as Who;

/** What is said takes the place of what was known, or only fills what wasn't. */
export function merge(known: Who, said: Who, isNewer: boolean): Who {
  const merged: Record<string, unknown> = { ...known };
  for (const [name, value] of Object.entries(said))
    if (isNewer || merged[name] === undefined) merged[name] = value ?? merged[name];
  return merged as unknown as Who;
}

/** What an event says of whether a leg waits. */
export function wait(leg: LegFacts, now: number, isHeld: boolean, isParked = false, slot?: string): void {
  Object.assign(leg, { isHeld, isParked, slot: isParked ? slot : undefined, waitToldAt: now });
}

/** The living legs of some calls, together with those that they are linked to, directly or through others. */
export function groupsOf(
  calls: readonly CallFacts[],
  linkedTo: (leg: LegFacts) => readonly (LegFacts | undefined)[],
): (readonly [LegFacts, ...LegFacts[]])[] {
  const rest = new Set(calls.flatMap(({ legs }) => [...legs].filter(isLiving)));
  return [...rest].flatMap((start) => {
    if (!rest.has(start)) return [];
    const group = new Set([start]);
    for (const leg of group) {
      rest.delete(leg);
      for (const one of linkedTo(leg)) if (one !== undefined && rest.has(one)) group.add(one);
    }
    return [[...group] as [LegFacts, ...LegFacts[]]];
  });
}
