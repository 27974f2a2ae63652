/** The people of an account, as far as they were seen: in registrations, in calls, on lamps. */
import { computed } from '@preact/signals';
import type { Call, Lamp, Leg, Registration } from '../library.ts';
import { learnedOf, learnFromLeg } from './learned.ts';
import { calls, lamps, registrations } from './picture.ts';

export type PersonState = 'held' | 'busy' | 'ringing' | 'available' | 'away';

export interface Person {
  readonly key: string;
  readonly account: string;
  readonly name: string | undefined;
  /** What is dialled for them; where nobody has said, the name of their telephone. */
  readonly extension: string;
  readonly state: PersonState;
  readonly registrations: readonly Registration[];
  readonly calls: readonly Call[];
  /** New voicemail messages; undefined: nothing was heard of the mailbox. */
  readonly newMessages: number | undefined;
}

interface Seen {
  readonly key: string;
  readonly account: string;
  readonly registrations: Registration[];
  readonly legs: { readonly leg: Leg; readonly call: Call }[];
}

function stateOf({ registrations: own, legs }: Seen, lamp: Lamp | undefined): PersonState {
  if (legs.some(({ leg }) => leg.state === 'talking')) return 'busy';
  if (legs.some(({ leg }) => leg.state === 'held' || leg.state === 'parked')) return 'held';
  if (legs.some(({ leg }) => leg.state === 'ringing')) return 'ringing';
  if (lamp !== undefined && lamp.state !== 'idle') return lamp.state;
  return own.length > 0 ? 'available' : 'away';
}

export const people = computed<readonly Person[]>(() => {
  const seen = new Map<string, Seen>();
  const of = (key: string, account: string): Seen => {
    let one = seen.get(key);
    if (one === undefined) {
      one = { key, account, registrations: [], legs: [] };
      seen.set(key, one);
    }
    return one;
  };
  const owners = new Map<string, string>();
  for (const registration of registrations.value) {
    const key = registration.userId ?? registration.key;
    owners.set(`${registration.account} ${registration.username}`, key);
    of(key, registration.account).registrations.push(registration);
  }
  for (const call of calls.value) {
    for (const leg of call.legs) {
      if (leg.isLoopback || leg.isOutside === true || leg.state === 'ended') continue;
      const key = leg.userId ?? owners.get(`${leg.account} ${leg.username ?? ''}`);
      if (key === undefined) continue;
      learnFromLeg(key, leg);
      of(key, leg.account).legs.push({ leg, call });
    }
  }
  const lampOf = new Map(lamps.value.map((lamp) => [`${lamp.account} ${lamp.user}`, lamp]));
  return [...seen.values()].map((one) => asPerson(one, lampOf)).sort(byName);
});

function asPerson(one: Seen, lampOf: ReadonlyMap<string, Lamp>): Person {
  const { key, account, registrations: own, legs } = one;
  const known = learnedOf(key);
  const extension = known?.extension ?? own[0]?.username ?? key;
  const lamp = lampOf.get(`${account} ${extension}`);
  return {
    key,
    account,
    name: known?.name,
    extension,
    state: stateOf(one, lamp),
    registrations: own,
    calls: [...new Set(legs.map(({ call }) => call))],
    newMessages: lamp?.newMessages,
  };
}

/** Those whose extension is known stand first, in its order; it doesn't change with what they do. */
function byName(a: Person, b: Person): number {
  return a.extension.localeCompare(b.extension, undefined, { numeric: true });
}
