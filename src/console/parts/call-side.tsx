/** Beside the calls: the parking slots, and what ended. */
import type { CallState } from '../library.ts';
import { listedIds, living } from '../state/call-list.ts';
import { openCall } from '../state/opened.ts';
import { recent } from '../state/picture.ts';
import { clockTime } from '../times.ts';
import { causeWords, words } from '../words.ts';
import { Ticking, Who } from './bits.tsx';
import { Icon } from './icon.tsx';

/** What a call is known by stands once: at its row, and here where the list has none. */
function marks(id: string, state: CallState) {
  return listedIds.value.has(id) ? {} : { 'data-call': id, 'data-state': state };
}

export function ParkedPanel() {
  const parked = living.value.filter(({ state }) => state === 'parked');
  return (
    <section class={`panel side-panel ${parked.length === 0 ? 'nothing-parked' : ''}`} aria-labelledby="parked-title">
      <h3 id="parked-title">
        <Icon name="parked" /> {words.calls.parked}
      </h3>
      {parked.length === 0 ? <p class="hint">{words.calls.noParked}</p> : null}
      <ul class="slots">
        {parked.map(({ id, state, slot, from, since }) => (
          <li key={id}>
            <button type="button" class="slot" {...marks(id, state)} onClick={() => openCall(id)}>
              <strong>{slot ?? words.none}</strong>
              <Who party={from} />
              <Ticking since={since} />
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}

export function RecentPanel() {
  const ended = recent.value;
  return (
    <section class="panel side-panel recent" aria-labelledby="recent-title">
      <h3 id="recent-title">{words.calls.recent}</h3>
      {ended.length === 0 ? <p class="hint">{words.calls.noRecent}</p> : null}
      <ol>
        {ended.map(({ id, from, to, cause, endedAt, since, answeredAt, direction }) => (
          <li key={id}>
            <button
              type="button"
              class="recent-row"
              data-recent={id}
              {...marks(id, 'ended')}
              onClick={() => openCall(id)}
            >
              <Icon name={direction} />
              <span class="recent-who">
                <Who party={{ ...from, number: from.name === undefined ? from.number : undefined }} />
                <span class="arrow">→</span>
                <Who
                  party={{ ...to, number: to.name === undefined ? to.number : undefined }}
                  fallback={words.calls.nobody}
                />
              </span>
              <span class="recent-facts">
                <time>{clockTime(endedAt ?? since)}</time>
                <Ticking since={answeredAt ?? since} until={endedAt} />
                <span>{cause === undefined ? '' : causeWords(cause)}</span>
              </span>
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}
