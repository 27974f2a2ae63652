/** What there is now, from the library's board: taken once a frame, however many events there were. */
import { batch, computed, effect, signal } from '@preact/signals';
import type { Board, Call, Conference, Lamp, Refusal, Registration } from '../library.ts';
import { shownAccounts } from './accounts.ts';
import { now } from './clock.ts';
import { horizon } from './session.ts';

export const calls = signal<readonly Call[]>([]);
export const conferences = signal<readonly Conference[]>([]);
export const registrations = signal<readonly Registration[]>([]);
export const lamps = signal<readonly Lamp[]>([]);
/** Since when something may be out of date; undefined: nothing is. */
export const staleSince = signal<number | undefined>(undefined);
export const refusals = signal<readonly Refusal[]>([]);
/** Whether it was right at least once. Before, an empty board means nothing. */
export const wasRight = signal(false);
/** What is over, newest first. */
export const recent = signal<readonly Call[]>([]);

/** What timers show: they stop when nobody knows any more how long a call lasts. */
export const pictureTime = computed(() => staleSince.value ?? now.value);

const mostRecent = 100;
let board: Board | undefined;
let isDue = false;

/** In a tab that is hidden nothing is drawn, so nothing has to wait for a frame, which wouldn't come. */
function soon(task: () => void): void {
  if (document.visibilityState === 'hidden') setTimeout(task, 250);
  else requestAnimationFrame(task);
}

function take(): void {
  isDue = false;
  if (board === undefined) return;
  const taken = board;
  batch(() => {
    noteEnded(taken.calls);
    calls.value = taken.calls;
    conferences.value = taken.conferences;
    registrations.value = taken.registrations;
    lamps.value = taken.lamps;
    staleSince.value = taken.staleSince;
    refusals.value = [...taken.refused];
    if (taken.staleSince === undefined) wasRight.value = true;
  });
}

function noteEnded(all: readonly Call[]): void {
  const known = new Set(recent.peek().map(({ id }) => id));
  const ended = all.filter(({ id, state }) => state === 'ended' && !known.has(id));
  if (ended.length > 0) recent.value = [...ended.reverse(), ...recent.peek()].slice(0, mostRecent);
}

function onChange(): void {
  if (isDue) return;
  isDue = true;
  soon(take);
}

/** Tells the board which calls somebody looks at: of these it gets the details. */
export function look(callIds: Iterable<string>): void {
  board?.look(callIds);
}

effect(() => {
  const opened = horizon.value;
  const accounts = shownAccounts.value;
  if (opened === undefined) return undefined;
  const own = opened.board({ accounts });
  board = own;
  batch(() => {
    wasRight.value = false;
    recent.value = [];
  });
  own.addEventListener('change', onChange);
  take();
  return () => {
    own.removeEventListener('change', onChange);
    own.close();
    if (board === own) board = undefined;
  };
});
