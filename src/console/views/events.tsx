/** The stream of events: newest first, and still as soon as somebody looks at one. */
import { useComputed, useSignal } from '@preact/signals';
import { param, setParams } from '../address.ts';
import { Chip, Empty } from '../parts/bits.tsx';
import { memo } from '../parts/memo.ts';
import { RateChart } from '../parts/rate-chart.tsx';
import { VirtualList } from '../parts/virtual-list.tsx';
import { matches, query } from '../state/call-list.ts';
import { now } from '../state/clock.ts';
import { clear, families, type Happening, kept, missing, ratesOf, total, version } from '../state/happenings.ts';
import { openEvent, openedEvent } from '../state/opened.ts';
import { exactTime } from '../times.ts';
import { words } from '../words.ts';

interface RowProps {
  readonly happening: Happening;
  readonly isOpen: boolean;
  readonly onOpen: (happening: Happening) => void;
}

const EventRow = memo<RowProps>(({ happening, isOpen, onOpen }) => {
  const { key, at, name, family, what, state, replayed } = happening;
  return (
    <div class="event-place" role="listitem">
      <button
        type="button"
        class="event-row"
        data-row
        data-event={key}
        data-family={family}
        aria-current={isOpen}
        onClick={() => onOpen(happening)}
      >
        <time>{exactTime(at)}</time>
        <span class="family" data-family={family}>
          {family}
        </span>
        <span class="event-name code">{name}</span>
        <span class="event-what">{what}</span>
        <span class="event-state">
          {replayed ? '↻ ' : ''}
          {state}
        </span>
      </button>
    </div>
  );
});

const texts = new WeakMap<Happening, string>();

function textOf(happening: Happening): string {
  let text = texts.get(happening);
  if (text === undefined) {
    const { name, family, what, state, callId, account } = happening;
    text = `${name} ${family} ${what} ${state} ${callId} ${account}`.toLowerCase();
    texts.set(happening, text);
  }
  return text;
}

/** Of the last minute. */
function rateNow(): number {
  const steps = 12;
  const sums = families.value.map((family) => ratesOf(family).slice(-steps - 1, -1));
  return sums.reduce((sum, list) => sum + list.reduce<number>((one, rate) => one + (rate ?? 0), 0) / steps, 0);
}

function Figures() {
  void now.value;
  return (
    <span class="view-count">
      {words.events.total(total.value)} · {words.events.rate(rateNow())}
    </span>
  );
}

export function EventsView() {
  /** What is shown while the list stands still; undefined: all that comes. */
  const still = useSignal<readonly Happening[] | undefined>(undefined);
  const isPaused = useSignal(false);
  const hold = (): void => {
    still.value ??= [...kept];
  };
  const release = (): void => {
    if (!isPaused.value && openedEvent.value === undefined) still.value = undefined;
  };
  const wanted = param('family');
  const shown = useComputed(() => {
    void version.value;
    const [search, family] = [query.value, param('family')];
    const all = still.value ?? kept;
    return all.filter((one) => (family === '' || one.family === family) && matches(textOf(one), search)).reverse();
  });
  const newer = useComputed(() => {
    void version.value;
    // What was before comes later, with the history: it isn't newer.
    const last = still.value?.at(-1);
    const isNewer = ({ at, key }: Happening): boolean =>
      last === undefined || at > last.at || (at === last.at && key > last.key);
    return still.value === undefined ? 0 : kept.filter(isNewer).length;
  });
  const opened = openedEvent.value?.key;
  const open = (happening: Happening): void => {
    hold();
    openEvent(happening);
  };
  return (
    <div class="view events-view">
      <header class="view-head">
        <div class="view-title">
          <h2>{words.titles.events}</h2>
          <Figures />
        </div>
        <div class="buttons">
          <button
            type="button"
            class="button"
            aria-pressed={isPaused.value}
            onClick={() => {
              isPaused.value = !isPaused.value;
              if (isPaused.value) hold();
              else still.value = undefined;
            }}
          >
            {isPaused.value ? words.events.resume : words.events.pause}
          </button>
          <button
            type="button"
            class="button"
            onClick={() => {
              clear();
              if (still.value !== undefined) still.value = [];
            }}
          >
            {words.events.clear}
          </button>
        </div>
      </header>
      <RateChart />
      <fieldset class="chips">
        <legend class="visually-hidden">{words.events.families}</legend>
        <Chip isOn={wanted === ''} onClick={() => setParams({ family: '' })}>
          {words.states.all}
        </Chip>
        {families.value.map((family) => (
          <Chip
            key={family}
            isOn={wanted === family}
            tone={`family-${family}`}
            onClick={() => setParams({ family: wanted === family ? '' : family })}
          >
            {family}
          </Chip>
        ))}
      </fieldset>
      {missing.value.map(({ family, reason }) => (
        <p key={family} class="hint">
          {words.events.missing(family, reason)}
        </p>
      ))}
      <div class="panel events-panel">
        {shown.value.length === 0 ? (
          <Empty
            title={kept.length === 0 ? words.events.empty : words.events.noneMatch}
            detail={kept.length === 0 ? words.events.emptyDetail : undefined}
          />
        ) : (
          <VirtualList
            items={shown.value}
            rowHeight={40}
            role="list"
            label={words.titles.events}
            onTop={(isAtTop) => (isAtTop ? release() : hold())}
          >
            {(happening) => (
              <EventRow key={happening.key} happening={happening} isOpen={happening.key === opened} onOpen={open} />
            )}
          </VirtualList>
        )}
        {newer.value > 0 ? (
          <p class="paused">
            <span>{words.events.held(newer.value)}</span>
            <button
              type="button"
              class="button small"
              onClick={() => {
                isPaused.value = false;
                still.value = undefined;
              }}
            >
              {words.events.showNew}
            </button>
          </p>
        ) : null}
      </div>
    </div>
  );
}
