/** The keys that work everywhere. What a field takes stays the field's. */
import { goTo, param, setParams, viewAddress, viewNames } from './address.ts';
import { areKeysShown } from './state/choices.ts';

const searchId = 'search';

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

/** To the next row or the one before it; from nowhere to the first. */
function step(by: number): void {
  const all = rows();
  const current = all.findIndex((row) => row.contains(document.activeElement));
  const next = all[current === -1 ? 0 : Math.min(all.length - 1, Math.max(0, current + by))];
  next?.focus();
  next?.scrollIntoView({ block: 'nearest' });
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
  } else if (!closeDrawer() && param('q') !== '') setParams({ q: '' });
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
