/** The people as tiles: who is there, whose telephone rings, who talks. */
import { param, setParams } from '../address.ts';
import { person as nameWithNumber } from '../describe.ts';
import type { Call } from '../library.ts';
import { Chip, Empty, Ticking } from '../parts/bits.tsx';
import { Icon, type IconName } from '../parts/icon.tsx';
import { memo } from '../parts/memo.ts';
import { VirtualList } from '../parts/virtual-list.tsx';
import { matches, query } from '../state/call-list.ts';
import { openedPersonKey, openPerson } from '../state/opened.ts';
import { type Person, type PersonState, people } from '../state/people.ts';
import { refusals, wasRight } from '../state/picture.ts';
import { count } from '../times.ts';
import { words } from '../words.ts';

const states: readonly PersonState[] = ['available', 'ringing', 'busy', 'held', 'away'];
const icons: Readonly<Record<PersonState, IconName>> = {
  available: 'available',
  ringing: 'ringing',
  busy: 'busy',
  held: 'held',
  away: 'away',
};

/** Who is at the other end. */
function otherOf({ from, to }: Call, { key, extension }: Person): string {
  const other = from.userId === key || from.number === extension ? to : from;
  return nameWithNumber(other.name, other.number) || words.unknown;
}

function initials(text: string): string {
  const all = text.split(/\s+/).filter((word) => word !== '');
  return [all[0], all.length > 1 ? all.at(-1) : undefined].map((word) => [...(word ?? '')][0] ?? '').join('');
}

const Tile = memo<{ readonly person: Person; readonly isOpen: boolean }>(({ person, isOpen }) => {
  const { key, name, extension, state, registrations, calls, newMessages } = person;
  const [call] = calls;
  const agent = registrations[0]?.userAgent;
  return (
    <div class="card-place" role="listitem">
      <button
        type="button"
        class="tile"
        data-row
        data-user={extension}
        data-state={state}
        data-registered={registrations.length > 0}
        aria-current={isOpen}
        onClick={() => openPerson(key)}
      >
        <span class="face" data-tone={state} aria-hidden="true">
          {name === undefined ? <Icon name="people" /> : initials(name).toUpperCase()}
        </span>
        <span class="tile-name">
          <strong>{name ?? extension}</strong>
          <span>{name === undefined ? '' : extension}</span>
        </span>
        {newMessages === undefined || newMessages === 0 ? null : (
          <span class="lamp" title={words.people.voicemail(newMessages)}>
            <Icon name="voicemail" />
            <span aria-hidden="true">{newMessages}</span>
            <span class="visually-hidden">{words.people.voicemail(newMessages)}</span>
          </span>
        )}
        <span class="tile-state" data-tone={state}>
          <Icon name={icons[state]} />
          <span>{words.people[state]}</span>
          {call === undefined ? null : <Ticking since={call.answeredAt ?? call.since} until={call.endedAt} />}
        </span>
        <span class="tile-detail">
          {call === undefined ? (agent ?? '') : `${words.people.with} ${otherOf(call, person)}`}
        </span>
      </button>
    </div>
  );
});

function textOf({ name, extension, key, registrations }: Person): string {
  const devices = registrations.map(({ username, contact, userAgent }) => `${username} ${contact} ${userAgent}`);
  return `${name ?? ''} ${extension} ${key} ${devices.join(' ')}`.toLowerCase();
}

export function PeopleView() {
  const all = people.value;
  const wanted = states.find((state) => state === param('state'));
  const found = all.filter((one) => matches(textOf(one), query.value));
  const shown = wanted === undefined ? found : found.filter(({ state }) => state === wanted);
  const registered = all.filter(({ registrations }) => registrations.length > 0).length;
  const busy = all.filter(({ state }) => state === 'busy' || state === 'held').length;
  const opened = openedPersonKey.value;
  const refused = refusals.value.find(({ part }) => part === 'registrations');
  return (
    <div class="view">
      <header class="view-head">
        <div class="view-title">
          <h2>{words.titles.people}</h2>
          <span class="view-count">{words.people.summary(registered, busy)}</span>
        </div>
        <fieldset class="chips">
          <legend class="visually-hidden">{words.people.states}</legend>
          <Chip isOn={wanted === undefined} number={count(all.length)} onClick={() => setParams({ state: '' })}>
            {words.states.all}
          </Chip>
          {states.map((state) => (
            <Chip
              key={state}
              tone={state}
              isOn={wanted === state}
              number={count(all.filter((one) => one.state === state).length)}
              onClick={() => setParams({ state: wanted === state ? '' : state })}
            >
              {words.people[state]}
            </Chip>
          ))}
        </fieldset>
      </header>
      {refused === undefined ? null : (
        <p class="hint">{refused.error instanceof Error ? refused.error.message : String(refused.error)}</p>
      )}
      {all.length === 0 && !wasRight.value ? <Empty title={words.people.loading} busy /> : null}
      {all.length === 0 && wasRight.value ? (
        <Empty title={words.people.empty} detail={words.people.emptyDetail} />
      ) : null}
      {all.length > 0 && shown.length === 0 ? <Empty title={words.people.noneMatch} /> : null}
      {shown.length === 0 ? null : (
        <VirtualList items={shown} rowHeight={132} cardWidth={230} role="list" label={words.titles.people}>
          {(one) => <Tile key={one.key} person={one} isOpen={one.key === opened} />}
        </VirtualList>
      )}
    </div>
  );
}
