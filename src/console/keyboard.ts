/** The keys that work everywhere. What a field takes stays the field's. */
import { goTo, param, setParams, viewAddress, viewNames } from './address.ts';
import { areKeysShown } from './state/choices.ts';

const searchId = 'search';
const openedRow = '[aria-selected="true"], [aria-current="true"]';

function isTyping({ target }: KeyboardEvent): boolean {
  return (
    target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName))
  );
}

function focusSearch(): boolean {
  const field = document.getElementById(searchId);
  if (!(field instanceof HTMLInputElement)) return false;
  field.focus();
  field.select();
  return true;
}

/** The rows of the view that the keyboard can be on, in their order. */
function rows(): HTMLElement[] {
  return [...document.querySelectorAll<HTMLElement>('main [data-row]')];
}

/** To the next row or the one before it: from the one that the keyboard is on, else from the opened one; from nowhere to the first. */
function step(by: number): void {
  const all = rows();
  const focused = all.findIndex((row) => row.contains(document.activeElement));
  const current = focused === -1 ? all.findIndex((row) => row.matches(openedRow)) : focused;
  const next = all[current === -1 ? 0 : Math.min(all.length - 1, Math.max(0, current + by))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
}

/** What is being asked is asked no more. */
function cancel(): boolean {
  const button = document.querySelector<HTMLElement>('[data-cancel]');
  button?.click();
  return button !== null;
}

function closeDrawer(): boolean {
  const button = document.querySelector<HTMLElement>('[data-close-drawer]');
  button?.click();
  return button !== null;
}

function onEscape(event: KeyboardEvent): void {
  if (areKeysShown.value) areKeysShown.value = false;
  else if (document.querySelector('details[open].popover') !== null) {
    for (const open of document.querySelectorAll<HTMLDetailsElement>('details[open].popover')) {
      open.open = false;
      open.querySelector('summary')?.focus();
    }
  } else if (isTyping(event) && event.target instanceof HTMLElement && event.target.id === searchId) {
    if (param('q') === '') event.target.blur();
    else setParams({ q: '' });
  } else if (!cancel() && !closeDrawer() && param('q') !== '') setParams({ q: '' });
}

function onKey(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === 'k') {
    if (focusSearch()) event.preventDefault();
    return;
  }
  if (event.key === 'Escape') {
    onEscape(event);
    return;
  }
  if (event.key === 'Enter' && event.target instanceof HTMLElement && event.target.id === searchId) {
    rows()[0]?.focus();
    event.preventDefault();
    return;
  }
  if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event)) return;
  const view = viewNames[Number(event.key) - 1];
  if (event.key === '/') {
    if (focusSearch()) event.preventDefault();
  } else if (event.key === 'j') step(1);
  else if (event.key === 'k') step(-1);
  else if (event.key === '?') areKeysShown.value = !areKeysShown.value;
  else if (view !== undefined) goTo(viewAddress(view));
}

/** A press elsewhere closes what has popped up. */
function onPress({ target }: PointerEvent): void {
  for (const open of document.querySelectorAll<HTMLDetailsElement>('details[open].popover')) {
    if (target instanceof Node && !open.contains(target)) open.open = false;
  }
}

export function listenToKeys(): void {
  addEventListener('keydown', onKey);
  addEventListener('pointerdown', onPress);
}
