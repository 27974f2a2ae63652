/**
 * Where somebody is in the console, as an address that can be shared and reloaded: `#/calls?state=held&account=…&q=1001`.
 * A token is never a part of it.
 */
import { computed, signal } from '@preact/signals';

export const viewNames = ['calls', 'people', 'conferences', 'events', 'sockets', 'developer'] as const;
export type ViewName = (typeof viewNames)[number];

export interface Place {
  readonly view: ViewName;
  readonly query: URLSearchParams;
}

/** What an address says; of what it doesn't say, or says wrong, the usual. */
function readPlace(hash: string): Place {
  const [path = '', query = ''] = hash.replace(/^#\/?/, '').split('?', 2);
  const view = viewNames.find((name) => name === path) ?? 'calls';
  return { view, query: new URLSearchParams(query) };
}

/** @param changes an empty text takes a member out */
function writePlace({ view, query }: Place, changes: Readonly<Record<string, string>> = {}): string {
  const changed = new URLSearchParams(query);
  for (const [name, value] of Object.entries(changes)) {
    if (value === '') changed.delete(name);
    else changed.set(name, value);
  }
  const text = changed.toString();
  return `#/${view}${text === '' ? '' : `?${text}`}`;
}

const hash = signal(location.hash);
addEventListener('hashchange', () => {
  // The skip link leads to a part of the page, and to no other place.
  if (location.hash === '' || location.hash.startsWith('#/')) hash.value = location.hash;
  else history.replaceState(null, '', hash.peek() || '#/');
});

export const place = computed(() => readPlace(hash.value));

/** A member of the address as it is now; empty where there is none. */
export function param(name: string): string {
  return place.value.query.get(name) ?? '';
}

/** Says something else in the address. Typing in a field isn't a step that Back should undo, letter by letter. */
export function setParams(changes: Readonly<Record<string, string>>, isStep = false): void {
  goTo(writePlace(place.peek(), changes), isStep);
}

/** Of another view: what is looked for is not carried along, whose it is is. */
export function viewAddress(view: ViewName): string {
  const query = new URLSearchParams();
  for (const name of ['account', 'below']) {
    const value = place.value.query.get(name);
    if (value !== null) query.set(name, value);
  }
  return writePlace({ view, query });
}

export function goTo(address: string, isStep = true): void {
  if (address === location.hash) return;
  if (isStep) history.pushState(null, '', address);
  else history.replaceState(null, '', address);
  hash.value = location.hash;
}

/** A board on the wall: large type, nothing to press. */
export const isWall = new URLSearchParams(location.search).has('wall');
