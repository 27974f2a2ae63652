/** The drawer on the right: a call, a person or an event; on a telephone it covers everything. */
import { useEffect, useRef } from 'preact/hooks';
import { closeOpened, isOpen, openedCallId, openedEvent, openedPersonKey } from '../state/opened.ts';
import { words } from '../words.ts';
import { CallDetails } from './call-details.tsx';
import { EventDetails } from './event-details.tsx';
import { Icon } from './icon.tsx';
import { PersonDetails } from './person-details.tsx';

function titleOf(): string {
  if (openedEvent.value !== undefined) return words.drawer.event;
  return openedCallId.value === '' ? words.drawer.person : words.drawer.call;
}

export function Drawer() {
  const box = useRef<HTMLElement>(null);
  const before = useRef<Element | null>(null);
  const isShown = isOpen.value;
  const what = openedEvent.value?.key ?? (openedCallId.value || openedPersonKey.value);
  // Whoever comes by the keyboard goes on in the drawer, and back to where they were.
  useEffect(() => {
    if (!isShown) {
      if (before.current instanceof HTMLElement) before.current.focus({ preventScroll: true });
      before.current = null;
      return;
    }
    if (!box.current?.contains(document.activeElement)) before.current = document.activeElement;
    box.current?.focus({ preventScroll: true });
  }, [isShown, what]);
  if (!isShown) return null;
  return (
    <aside class="drawer" ref={box} tabIndex={-1} aria-label={titleOf()}>
      <header class="drawer-head">
        <h2>{titleOf()}</h2>
        <button type="button" class="icon-button" data-close-drawer aria-label={words.close} onClick={closeOpened}>
          <Icon name="close" />
        </button>
      </header>
      <div class="drawer-body">
        {openedEvent.value === undefined ? null : <EventDetails happening={openedEvent.value} />}
        {openedEvent.value === undefined && openedCallId.value !== '' ? <CallDetails /> : null}
        {openedEvent.value === undefined && openedPersonKey.value !== '' ? <PersonDetails /> : null}
      </div>
    </aside>
  );
}
