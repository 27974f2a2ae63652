/** Which calls are listed: the state and the search of the address, and how many of each there are. */
import { computed, signal } from '@preact/signals';
import { param } from '../address.ts';
import type { Call, CallState, Party } from '../library.ts';
import { accountName } from './accounts.ts';
import { mostUrgent } from './most-urgent.ts';
import { calls } from './picture.ts';

export const liveStates = ['ringing', 'talking', 'held', 'parked'] as const;
export type LiveState = (typeof liveStates)[number];

/** More than a person can look at; what is left out is counted and said. */
const mostRows = 500;

/** The pointer moves on the list: what is over stays where it is until it is gone, so that nothing jumps under a hand. */
const isHeld = signal(false);
/** A pointer that rests for so long was left there. ms */
const restMs = 20_000;
let resting: ReturnType<typeof setTimeout> | undefined;

export function holdStill(): void {
  clearTimeout(resting);
  resting = setTimeout(letGo, restMs);
  isHeld.value = true;
}

export function letGo(): void {
  clearTimeout(resting);
  isHeld.value = false;
}

/** What is over and stays. It is no signal: it changes with the calls alone. */
const staying = new Map<string, Call>();

/** The search, in lower case; empty: all. */
export const query = computed(() => param('q').trim().toLowerCase());
export const stateWanted = computed<LiveState | undefined>(() => liveStates.find((name) => name === param('state')));

const searchTexts = new WeakMap<Call, string>();

function partyText({ name = '', number = '', userId = '', deviceId = '' }: Party): string {
  return `${name} ${number} ${userId} ${deviceId}`;
}

/** All of a call that can be searched for, in lower case; made once for each picture of it. */
function searchText(call: Call): string {
  let text = searchTexts.get(call);
  if (text === undefined) {
    const legs = call.legs.map((leg) => `${partyText(leg)} ${leg.username ?? ''} ${leg.presenceId ?? ''} ${leg.id}`);
    const parts = [partyText(call.from), partyText(call.to), call.slot ?? '', accountName(call.account), ...legs];
    text = parts.join(' ').toLowerCase();
    searchTexts.set(call, text);
  }
  return text;
}

/** Every word of the search is somewhere in it. */
export function matches(text: string, search: string): boolean {
  return search === '' || search.split(/\s+/).every((word) => text.includes(word));
}

export const living = computed(() => calls.value.filter(({ state }) => state !== 'ended'));

export const counts = computed(() => {
  const found: Record<CallState, number> = { ringing: 0, talking: 0, held: 0, parked: 0, ended: 0 };
  for (const { state } of calls.value) found[state] += 1;
  return found;
});

/** Oldest first, so that a new one changes no row's place. */
const listed = computed<readonly Call[]>(() => {
  const all = calls.value;
  const known = new Set(all.map(({ id }) => id));
  for (const call of all) if (call.state === 'ended' && isHeld.value) staying.set(call.id, call);
  if (!isHeld.value) staying.clear();
  const gone = [...staying.values()].filter(({ id }) => !known.has(id));
  return [...all, ...gone].sort((a, b) => a.since - b.since || (a.id < b.id ? -1 : 1));
});

/** All that the search and the state of the address let through, uncut. */
export const matching = computed(() => {
  const [search, wanted] = [query.value, stateWanted.value];
  const hits = listed.value.filter((call) => matches(searchText(call), search));
  return wanted === undefined ? hits : hits.filter(({ state }) => state === wanted);
});

/** At most `mostRows`; those that live go before those that are over. */
export const rows = computed(() => {
  const all = matching.value;
  if (all.length <= mostRows) return all;
  return mostUrgent(all, mostRows);
});

export const listedIds = computed<ReadonlySet<string>>(() => new Set(rows.value.map(({ id }) => id)));

/** How many there are for the rows, with those that found no room. */
export const rowsWanted = computed(() => matching.value.filter(({ state }) => state !== 'ended').length);
