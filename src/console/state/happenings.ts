/** The stream of events: the last of them, how many a second of each family, and which belong to which call. */
import { effect, signal } from '@preact/signals';
import type { HorizonEvent, Stop } from '../../client/types.ts';
import { describe, text } from '../describe.ts';
import { unixMs } from '../times.ts';
import { noteAccountName, shownAccounts } from './accounts.ts';
import { backlogOf } from './backlog.ts';
import { learnFrom } from './learned.ts';
import { ask } from './rest.ts';
import { horizon } from './session.ts';

export interface Happening {
  /** Grows with each. */
  readonly key: number;
  readonly at: number;
  readonly name: string;
  readonly family: string;
  readonly account: string;
  readonly callId: string;
  readonly what: string;
  readonly state: string;
  readonly replayed: boolean;
  readonly data: Readonly<Record<string, unknown>>;
}

/** A family that can't be had, in the server's words. */
export interface Missing {
  readonly family: string;
  readonly reason: string;
}

const mostKept = 1000;
/** Of one leg. */
const mostOfLeg = 60;
const mostLegs = 2000;
/** What a point of the picture stands for, and how many there are: 15 minutes. */
export const stepMs = 5000;
export const steps = 180;

/** Newest last. The array is the same one all the time: `version` tells that it has changed. */
export const kept: Happening[] = [];
export const version = signal(0);
export const total = signal(0);
export const missing = signal<readonly Missing[]>([]);
/** Families in the order in which they were first heard of. */
export const families = signal<readonly string[]>([]);

/** Events of each step, by family; the last one is still being counted. */
const counts = new Map<string, number[]>();
let firstStep = Math.floor(Date.now() / stepMs) - steps + 1;
const byLeg = new Map<string, Happening[]>();
/** From then on all that happened has been heard, or was given later. */
let knownSince = Date.now();
let lastPastAt = 0;
let next = 1;
let heard = 0;
let isDue = false;

/** Bindings of the families that every server knows; other families are asked for as they are offered. */
const known: Readonly<Record<string, readonly string[]>> = {
  call: ['call.*.*'],
  conference: ['conference.event.*'],
  object: ['object.*.*'],
  fax: ['fax.status.*'],
  presence: ['presence.dialog.*', 'presence.update.*', 'presence.mwi_updates.*'],
  registration: ['registration.success.*'],
  notifications: ['notifications.*.*'],
};
const everywhere = ['call', 'conference'];
const mostBindings = 10;

/** @returns how many a second, of each step: oldest first; `null` for the time of which nobody has told */
export function ratesOf(family: string): readonly (number | null)[] {
  shift();
  const list = counts.get(family) ?? [];
  const known = Math.floor(knownSince / stepMs) - firstStep;
  return Array.from({ length: steps }, (_, index) => (index < known ? null : (list[index] ?? 0) / (stepMs / 1000)));
}

/** When the first of the steps began. Unix time, ms */
export function firstStepAt(): number {
  shift();
  return firstStep * stepMs;
}

/** Events of a leg, oldest first. */
export function eventsOfLeg(callId: string): readonly Happening[] {
  return byLeg.get(callId) ?? [];
}

export function clear(): void {
  kept.length = 0;
  version.value += 1;
}

/** Somebody else looks, or at another account: what was heard before is none of theirs. */
function forget(): void {
  kept.length = 0;
  counts.clear();
  byLeg.clear();
  heard = 0;
  knownSince = Date.now();
  lastPastAt = 0;
  families.value = [];
  total.value = 0;
  version.value = version.peek() + 1;
}

/** The oldest steps go, as time goes on. */
function shift(): void {
  const first = Math.floor(Date.now() / stepMs) - steps + 1;
  const by = first - firstStep;
  if (by <= 0) return;
  firstStep = first;
  for (const list of counts.values()) list.splice(0, by);
}

function countOne(family: string, at: number): void {
  shift();
  knownSince = Math.min(knownSince, at);
  let list = counts.get(family);
  if (list === undefined) {
    list = [];
    counts.set(family, list);
    families.value = [...counts.keys()];
  }
  const index = Math.floor(at / stepMs) - firstStep;
  if (index < 0 || index >= steps) return;
  while (list.length <= index) list.push(0);
  list[index] = (list[index] ?? 0) + 1;
}

/** When an event of the past was: where it doesn't say, it wasn't before the one that it came behind. */
function pastTime(data: Readonly<Record<string, unknown>>): number {
  lastPastAt = unixMs(data.timestamp) ?? (lastPastAt === 0 ? Date.now() : lastPastAt);
  return lastPastAt;
}

function take(event: HorizonEvent): void {
  const { name, family, account, replayed } = event;
  const data = event.data as Readonly<Record<string, unknown>>;
  const { what, state, callId } = describe(family, name, data);
  const at = replayed ? pastTime(data) : Date.now();
  const happening = { key: next, at, name, family, account, callId, what, state, replayed, data };
  next += 1;
  heard += 1;
  kept.push(happening);
  // In one go now and then, and not one by one: a list this long is moved each time.
  if (kept.length > mostKept * 1.2) kept.splice(0, kept.length - mostKept);
  countOne(family, at);
  learnFrom(family, data);
  const called = text(data.custom_channel_vars, 'account_name');
  if (called !== '') noteAccountName(account, called);
  if (callId !== '') note(callId, happening);
  if (isDue) return;
  isDue = true;
  setTimeout(tell, 100);
}

/** What is older than all that came since goes before it. */
function takePast(past: readonly HorizonEvent[]): void {
  const since = kept.splice(0);
  for (const event of past) take(event);
  kept.push(...since);
  kept.sort((a, b) => a.at - b.at || a.key - b.key);
  for (const list of byLeg.values()) list.sort((a, b) => a.at - b.at || a.key - b.key);
  if (kept.length > mostKept) kept.splice(0, kept.length - mostKept);
}

/** Of many legs those that were silent for longest are let go of. */
function note(callId: string, happening: Happening): void {
  const list = byLeg.get(callId) ?? [];
  byLeg.delete(callId);
  byLeg.set(callId, list);
  list.push(happening);
  if (list.length > mostOfLeg) list.shift();
  const [oldest] = byLeg.size > mostLegs ? byLeg.keys() : [];
  if (oldest !== undefined) byLeg.delete(oldest);
}

function tell(): void {
  isDue = false;
  total.value = heard;
  version.value += 1;
}

/** By family: what to subscribe to for all that a server offers. */
async function bindingsOffered(): Promise<Readonly<Record<string, readonly string[]>>> {
  const { data } = await ask<Record<string, readonly string[]>>('/v2/websockets?dialect=kazoo4');
  return Object.fromEntries(
    Object.entries(data).map(([family, forms]) => [
      family,
      known[family] ?? [...new Set(forms.map((form) => form.replaceAll(/\{[^}]*\}/g, '*')))].slice(0, mostBindings),
    ]),
  );
}

effect(() => {
  const opened = horizon.value;
  const accounts = shownAccounts.value;
  if (opened === undefined) return undefined;
  forget();
  const stops: Stop[] = [];
  const confirmed = new Set<string>();
  let isOver = false;
  // All of this is the run's own: answers to the one before come late, and must change nothing of this one.
  let pastTimer: ReturnType<typeof setTimeout> | undefined;
  /** Of the events that came until the past was there. */
  let cursors: Set<string> | undefined = new Set();
  missing.value = [];
  const askPast = async (): Promise<void> => {
    const pages = accounts.map((account) =>
      // What the token may not page through it may have as it comes.
      backlogOf(account, [...confirmed], (cursor) => cursors?.has(cursor) === true).catch(() => []),
    );
    const past = (await Promise.all(pages)).flat();
    if (isOver) return;
    cursors = undefined;
    takePast(past);
  };
  const hear = (event: HorizonEvent): void => {
    if (isOver) return;
    if (event.cursor !== undefined) {
      cursors?.add(event.cursor);
      // A cursor tells that the server keeps a history: only then is it asked for what was before.
      pastTimer ??= setTimeout(() => void askPast(), 1000);
    }
    take(event);
  };
  const watch = (family: string, bindings: readonly string[]): void => {
    for (const account of accounts.length === 0 ? [undefined] : accounts) {
      for (const binding of bindings) {
        const stop = opened.subscribe(binding, hear, { account });
        stops.push(stop);
        stop.ready.then(
          () => confirmed.add(binding),
          (error: unknown) => {
            const reason = error instanceof Error ? error.message : String(error);
            const isKnown = missing.peek().some((one) => one.family === family);
            // Nothing is refused where the connection is closed: it is asked for when that is opened again.
            const isClosed = opened.state === 'closed';
            if (!isOver && !isKnown && !isClosed) missing.value = [...missing.peek(), { family, reason }];
          },
        );
      }
    }
  };
  // What the timelines of calls are made of can't wait for the list of what else there is.
  for (const family of everywhere) watch(family, known[family] ?? []);
  void bindingsOffered()
    .catch(() => known)
    .then((offered) => {
      const others = Object.entries(offered).filter(([family]) => !everywhere.includes(family));
      if (!isOver) for (const [family, bindings] of others) watch(family, bindings);
    });
  return () => {
    isOver = true;
    clearTimeout(pastTimer);
    for (const stop of stops) stop();
  };
});
