/** For a screen on the wall (`?wall`): large type, and nothing to press. */
import { useEffect } from 'preact/hooks';
import { Empty, StateBadge, Ticking, Who } from '../parts/bits.tsx';
import { Notice } from '../parts/notice.tsx';
import { account, accountName } from '../state/accounts.ts';
import { counts, liveStates, living, matching } from '../state/call-list.ts';
import { now } from '../state/clock.ts';
import { lookAt } from '../state/details.ts';
import { standing } from '../state/freshness.ts';
import { wasRight } from '../state/picture.ts';
import { clockTime, count } from '../times.ts';
import { words } from '../words.ts';

/** What a screen has room for; the rest is counted. */
const most = 24;

/** What somebody should do something about stands first. */
const order = { ringing: 0, held: 1, parked: 2, talking: 3, ended: 4 } as const;

export function WallView() {
  const { freshness, text, detail } = standing.value;
  // An empty board that was never right is no news of an empty house.
  const isKnown = wasRight.value || living.value.length > 0;
  const sorted = matching.value
    .filter(({ state }) => state !== 'ended')
    .sort((a, b) => order[a.state] - order[b.state] || a.since - b.since);
  const shown = sorted.slice(0, most);
  const id = account.value;
  useEffect(() => lookAt(shown));
  return (
    <main class="wall" data-view="calls" aria-label={words.titles.calls}>
      <header class="wall-head">
        <h1>{id === undefined ? words.titles.calls : accountName(id)}</h1>
        <p class="fresh" data-freshness={freshness}>
          <span class="fresh-dot" aria-hidden="true" />
          <span class="fresh-text">{text}</span>
        </p>
        <time class="wall-clock">{clockTime(now.value, now.value)}</time>
      </header>
      <Notice />
      <ul class="wall-counts">
        {liveStates.map((state) => (
          <li key={state} data-tone={state}>
            <strong>{isKnown ? count(counts.value[state]) : words.none}</strong>
            <span>{words.states[state]}</span>
          </li>
        ))}
      </ul>
      {shown.length > 0 ? null : isKnown ? (
        <Empty title={words.calls.empty} />
      ) : (
        <Empty title={text} detail={detail} busy={freshness === 'catching-up'} />
      )}
      <ul class="wall-calls">
        {shown.map((call) => (
          <li key={call.id} data-call={call.id} data-state={call.state}>
            <StateBadge state={call.state} slot={call.state === 'parked' ? call.slot : undefined} />
            <Who party={call.from} />
            <Who party={call.to} fallback={words.calls.nobody} />
            <Ticking since={call.answeredAt ?? call.since} until={call.endedAt} />
          </li>
        ))}
      </ul>
      {living.value.length > shown.length ? (
        <p class="wall-more">{words.calls.partOf(shown.length, living.value.length)}</p>
      ) : null}
    </main>
  );
}
