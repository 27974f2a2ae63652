/** What an operator asked to be told of: calls that ring or are on hold for too long. Off until somebody asks for it. */
import { computed, effect, signal } from '@preact/signals';
import { person } from '../describe.ts';
import type { Call } from '../library.ts';
import { keepChoice, keptChoice } from '../storage.ts';
import { duration } from '../times.ts';
import { words } from '../words.ts';
import { eventsOfLeg } from './happenings.ts';
import { calls, pictureTime } from './picture.ts';

export interface Wish {
  readonly isOn: boolean;
  readonly seconds: number;
}

export interface Wishes {
  readonly ringing: Wish;
  readonly held: Wish;
  readonly desktop: boolean;
}

const off: Wishes = { ringing: { isOn: false, seconds: 20 }, held: { isOn: false, seconds: 60 }, desktop: false };

export const wishes = signal<Wishes>({ ...off, ...keptChoice<Partial<Wishes>>('alerts', off) });

export function wish(changes: Partial<Wishes>): void {
  wishes.value = { ...wishes.peek(), ...changes };
  keepChoice('alerts', wishes.peek());
}

export interface Alert {
  readonly call: Call;
  readonly text: string;
}

/** Since when it is on hold, as far as its events tell. */
function heldSince({ legs }: Call): number | undefined {
  const times = legs.map(({ id }) => eventsOfLeg(id).findLast(({ name }) => name === 'CHANNEL_HOLD')?.at ?? 0);
  const last = Math.max(0, ...times);
  return last === 0 ? undefined : last;
}

/** Since when each call that is on hold now has been: where no event told, since it was first seen so. */
const heldFrom = signal<ReadonlyMap<string, number>>(new Map());

effect(() => {
  const before = heldFrom.peek();
  const held = calls.value.filter(({ state }) => state === 'held');
  if (held.length === 0 && before.size === 0) return;
  heldFrom.value = new Map(held.map((call) => [call.id, before.get(call.id) ?? heldSince(call) ?? pictureTime.peek()]));
});

export const alerts = computed<readonly Alert[]>(() => {
  const { ringing, held } = wishes.value;
  if (!ringing.isOn && !held.isOn) return [];
  const at = pictureTime.value;
  return calls.value.flatMap((call): readonly Alert[] => {
    const who = person(call.from.name, call.from.number) || words.unknown;
    if (ringing.isOn && call.state === 'ringing' && at - call.since >= ringing.seconds * 1000)
      return [{ call, text: words.bell.rings(who, duration(at - call.since)) }];
    if (!held.isOn || call.state !== 'held') return [];
    const forMs = at - (heldFrom.value.get(call.id) ?? at);
    return forMs >= held.seconds * 1000 ? [{ call, text: words.bell.holds(who, duration(forMs)) }] : [];
  });
});

const told = new Set<string>();

effect(() => {
  const due = alerts.value;
  const ids = new Set(due.map(({ call }) => `${call.id} ${call.state}`));
  for (const id of told) if (!ids.has(id)) told.delete(id);
  const isWanted = wishes.value.desktop && typeof Notification === 'function' && Notification.permission === 'granted';
  for (const { call, text } of due) {
    const id = `${call.id} ${call.state}`;
    if (told.has(id)) continue;
    told.add(id);
    if (isWanted && document.visibilityState === 'hidden') new Notification(words.product, { body: text, tag: id });
  }
});

/** Asks the browser, which asks the reader. @returns whether it may */
export async function allowDesktop(): Promise<boolean> {
  if (typeof Notification !== 'function') return false;
  return (await Notification.requestPermission()) === 'granted';
}

/** Those that are due, for the title of the tab. */
export function titled(title: string): string {
  const due = alerts.value.length;
  return due === 0 ? title : `(${due}) ${title}`;
}
