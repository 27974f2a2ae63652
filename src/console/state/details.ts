/**
 * A list of calls comes without who calls whom; of those that somebody looks at it is asked for. Whoever searches looks
 * at all of them, some at a time.
 */
import { effect, signal } from '@preact/signals';
import type { Call } from '../library.ts';
import { living, query } from './call-list.ts';
import { openedCall } from './opened.ts';
import { look } from './picture.ts';

/** As many as the server completes in one answer. */
const most = 100;
/** What isn't completed then never will be: the call may be of an account that nobody may ask for. */
const mostMs = 20_000;

const seen = signal<readonly Call[]>([]);
/** Since when they are asked for. */
let asked = new Map<string, number>();

/** Says which calls can be seen now. */
export function lookAt(calls: readonly Call[]): void {
  const before = seen.peek();
  if (before.length !== calls.length || calls.some((call, index) => call !== before[index])) seen.value = calls;
}

effect(() => {
  const all = living.value;
  const known = new Set(all.map(({ id }) => id));
  const now = Date.now();
  asked = new Map([...asked].filter(([id]) => known.has(id)));
  const opened = openedCall.value;
  // In the drawer it is looked at from every view.
  const wanted = [...(opened === undefined ? [] : [opened]), ...seen.value, ...(query.value === '' ? [] : all)];
  const sketches = [...new Set(wanted)].filter(({ id, isSketch }) => isSketch && now - (asked.get(id) ?? now) < mostMs);
  const next = sketches.slice(0, most).map(({ id }) => id);
  for (const id of next) if (!asked.has(id)) asked.set(id, now);
  look(next);
});
