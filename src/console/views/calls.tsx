/** The calls: who with whom, in which state, for how long. */
import { useEffect } from 'preact/hooks';
import { param, setParams } from '../address.ts';
import { Chip, Empty } from '../parts/bits.tsx';
import { CallCard, CallRow } from '../parts/call-row.tsx';
import { ParkedPanel, RecentPanel } from '../parts/call-side.tsx';
import { Icon } from '../parts/icon.tsx';
import { VirtualList } from '../parts/virtual-list.tsx';
import { withBelow } from '../state/accounts.ts';
import {
  counts,
  holdStill,
  letGo,
  liveStates,
  living,
  query,
  rows,
  rowsWanted,
  stateWanted,
} from '../state/call-list.ts';
import { layout } from '../state/choices.ts';
import { lookAt } from '../state/details.ts';
import { standing } from '../state/freshness.ts';
import { openedCallId } from '../state/opened.ts';
import { refusals, wasRight } from '../state/picture.ts';
import { isNarrow } from '../state/screen.ts';
import { count } from '../times.ts';
import { words } from '../words.ts';

function Head() {
  const wanted = stateWanted.value;
  const found = counts.value;
  const isWhole = wasRight.value && standing.value.freshness === 'live';
  const [shown, all] = [rows.value.filter(({ state }) => state !== 'ended').length, rowsWanted.value];
  return (
    <header class="view-head">
      <div class="view-title">
        <h2>{words.titles.calls}</h2>
        <span class="view-count" data-count={living.value.length}>
          {isWhole ? words.calls.now(living.value.length) : words.calls.asOf(living.value.length)}
        </span>
        {shown < all ? (
          <strong class="view-part" title={words.calls.partDetail}>
            {words.calls.partOf(shown, all)}
          </strong>
        ) : null}
      </div>
      <fieldset class="chips">
        <legend class="visually-hidden">{words.calls.states}</legend>
        <Chip isOn={wanted === undefined} number={count(living.value.length)} onClick={() => setParams({ state: '' })}>
          {words.states.all}
        </Chip>
        {liveStates.map((state) => (
          <Chip
            key={state}
            isOn={wanted === state}
            tone={state}
            number={count(found[state])}
            onClick={() => setParams({ state: wanted === state ? '' : state })}
          >
            {words.states[state]}
          </Chip>
        ))}
      </fieldset>
      <fieldset class="segmented">
        <legend class="visually-hidden">{words.calls.layout}</legend>
        {(['table', 'cards'] as const).map((name) => (
          <button
            key={name}
            type="button"
            aria-pressed={layout.value === name}
            aria-label={words.calls[name]}
            title={words.calls[name]}
            onClick={() => {
              layout.value = name;
            }}
          >
            <Icon name={name} />
          </button>
        ))}
      </fieldset>
    </header>
  );
}

function Nothing() {
  const refused = refusals.value.find(({ part }) => part === 'calls');
  if (refused !== undefined) {
    const { error } = refused;
    return <Empty title={words.calls.refused} detail={error instanceof Error ? error.message : String(error)} />;
  }
  if (query.value !== '' || stateWanted.value !== undefined) {
    return (
      <Empty title={words.calls.noneMatch} detail={words.calls.noneMatchDetail}>
        <button type="button" class="button" onClick={() => setParams({ q: '', state: '' })}>
          {words.calls.clear}
        </button>
      </Empty>
    );
  }
  // Nobody knows yet whether there are any: what it waits for is said instead.
  const { freshness, text } = standing.value;
  if (!wasRight.value && freshness === 'catching-up') return <Empty title={words.calls.loading} busy />;
  if (!wasRight.value) return <Empty title={text} />;
  return <Empty title={words.calls.empty} detail={words.calls.emptyDetail} />;
}

function List() {
  const shown = rows.value;
  const isCards = layout.value === 'cards' || isNarrow.value;
  const opened = openedCallId.value;
  const cursor = shown.findIndex(({ id }) => id === opened);
  if (shown.length === 0) return <Nothing />;
  if (isCards) {
    return (
      <VirtualList
        items={shown}
        rowHeight={isNarrow.value ? 84 : 112}
        cardWidth={isNarrow.value ? undefined : 280}
        role="list"
        label={words.titles.calls}
        class={isNarrow.value ? 'call-lines' : 'call-cards'}
        cursor={cursor}
        onShown={lookAt}
      >
        {(call) => <CallCard key={call.id} call={call} isOpen={call.id === opened} withAccount={withBelow.value} />}
      </VirtualList>
    );
  }
  return (
    <div
      class={`table ${withBelow.value ? 'with-account' : ''}`}
      role="table"
      aria-label={words.titles.calls}
      aria-rowcount={shown.length + 1}
    >
      <div role="rowgroup" class="table-head">
        <div class="call-row" role="row">
          {[words.calls.state, words.calls.from, words.calls.to, words.calls.direction, words.calls.duration].map(
            (title) => (
              <span key={title} role="columnheader">
                {title}
              </span>
            ),
          )}
          {withBelow.value ? <span role="columnheader">{words.calls.account}</span> : null}
        </div>
      </div>
      <VirtualList items={shown} rowHeight={52} role="rowgroup" cursor={cursor} onShown={lookAt}>
        {(call, index) => (
          <CallRow key={call.id} call={call} index={index} isOpen={call.id === opened} withAccount={withBelow.value} />
        )}
      </VirtualList>
    </div>
  );
}

export function CallsView() {
  useEffect(() => letGo, []);
  return (
    <div class="view calls-view" data-q={param('q')}>
      <Head />
      <div class="calls-body">
        <div class="panel calls-list" onPointerMove={holdStill} onPointerEnter={holdStill} onPointerLeave={letGo}>
          <List />
        </div>
        <div class="calls-side">
          <ParkedPanel />
          <RecentPanel />
        </div>
      </div>
    </div>
  );
}
