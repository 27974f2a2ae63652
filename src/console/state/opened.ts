/** What the drawer shows: a call or a person by the address, an event by itself (it is no place that could be shared). */
import { computed, signal } from '@preact/signals';
import { param, setParams } from '../address.ts';
import type { Happening } from './happenings.ts';
import { people } from './people.ts';
import { calls, recent } from './picture.ts';

export const openedEvent = signal<Happening | undefined>(undefined);

export const openedCallId = computed(() => param('call'));
/** As it is, or as it was when it ended. */
export const openedCall = computed(() => {
  const id = openedCallId.value;
  if (id === '') return undefined;
  const isIt = (call: { id: string; legs: readonly { id: string }[] }): boolean =>
    call.id === id || call.legs.some((leg) => leg.id === id);
  return calls.value.find(isIt) ?? recent.value.find(isIt);
});

export const openedPersonKey = computed(() => param('person'));
export const openedPerson = computed(() => {
  const key = openedPersonKey.value;
  return key === '' ? undefined : people.value.find((person) => person.key === key);
});

export const isOpen = computed(
  () => openedEvent.value !== undefined || openedCallId.value !== '' || openedPersonKey.value !== '',
);

export function openCall(id: string): void {
  openedEvent.value = undefined;
  setParams({ call: id, person: '' }, true);
}

export function openPerson(key: string): void {
  openedEvent.value = undefined;
  setParams({ person: key, call: '' }, true);
}

export function openEvent(happening: Happening): void {
  openedEvent.value = happening;
  setParams({ person: '', call: '' });
}

export function closeOpened(): void {
  if (openedEvent.peek() !== undefined) openedEvent.value = undefined;
  else setParams({ call: '', person: '' }, true);
}
