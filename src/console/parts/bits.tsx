/** Small parts that every view is made of. */
import type { ComponentChildren } from 'preact';
import { isolated, person } from '../describe.ts';
import type { CallState, Party } from '../library.ts';
import { pictureTime } from '../state/picture.ts';
import { duration, isoDuration } from '../times.ts';
import { words } from '../words.ts';
import { Icon, type IconName } from './icon.tsx';

/** What a view shows when it has nothing else to. */
export function Empty({
  title,
  detail,
  children,
  busy = false,
}: {
  readonly title: string;
  readonly detail?: string | undefined;
  readonly busy?: boolean;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty" data-busy={busy}>
      {busy ? <span class="spinner" aria-hidden="true" /> : null}
      <p class="empty-title">{title}</p>
      {detail === undefined ? null : <p class="empty-detail">{detail}</p>}
      {children}
    </div>
  );
}

/** A time that goes on as long as what is shown can be trusted. @param until it has ended then */
export function Ticking({ since, until }: { readonly since: number; readonly until?: number | undefined }) {
  const ms = (until ?? pictureTime.value) - since;
  return (
    <time class="ticking" dateTime={isoDuration(ms)}>
      {duration(ms)}
    </time>
  );
}

/** A name with its number beneath, or the one of the two that is known. */
export function Who({ party, fallback = words.unknown }: { readonly party: Party; readonly fallback?: string }) {
  const { name, number } = party;
  const hasBoth = name !== undefined && number !== undefined && name !== number && name !== '';
  return (
    <span class="who" title={person(name, number)}>
      <span class="who-name">{isolated(name || number || fallback)}</span>
      {hasBoth ? <span class="who-number">{isolated(number)}</span> : null}
    </span>
  );
}

const stateIcons: Readonly<Record<CallState, IconName>> = {
  ringing: 'ringing',
  talking: 'calls',
  held: 'held',
  parked: 'parked',
  ended: 'ended',
};

export function StateBadge({ state, slot }: { readonly state: CallState; readonly slot?: string | undefined }) {
  return (
    <span class="badge" data-tone={state}>
      <Icon name={stateIcons[state]} />
      <span>{slot === undefined ? words.states[state] : words.states.slot(slot)}</span>
    </span>
  );
}

/** Code or JSON: it scrolls, and the keyboard gets there. */
export function CodeBlock({ text, label }: { readonly text: string; readonly label: string }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls is reached by the keyboard
    <section class="json" tabIndex={0} aria-label={label}>
      <pre>{text}</pre>
    </section>
  );
}

/** One of some that is chosen. */
export function Chip({
  isOn,
  onClick,
  children,
  number,
  tone,
}: {
  readonly isOn: boolean;
  readonly onClick: () => void;
  readonly children: ComponentChildren;
  readonly number?: string | undefined;
  readonly tone?: string | undefined;
}) {
  return (
    <button type="button" class="chip" aria-pressed={isOn} data-tone={tone} onClick={onClick}>
      {children}
      {number === undefined ? null : <span class="chip-number">{number}</span>}
    </button>
  );
}
