/** A call as a row and as a card. Drawn again only when the call is another picture of itself. */
import type { Call } from '../library.ts';
import { accountName } from '../state/accounts.ts';
import { openCall } from '../state/opened.ts';
import { causeWords, words } from '../words.ts';
import { StateBadge, Ticking, Who } from './bits.tsx';
import { Icon } from './icon.tsx';
import { memo } from './memo.ts';

interface Props {
  readonly call: Call;
  readonly isOpen: boolean;
  readonly withAccount: boolean;
}

/** A row is no button for screen readers (it has cells), but is pressed like one. */
function pressed(event: KeyboardEvent, id: string): void {
  if (event.key !== 'Enter' && event.key !== ' ') return;
  event.preventDefault();
  openCall(id);
}

function endOf({ state, cause }: Call): string {
  return state === 'ended' && cause !== undefined ? causeWords(cause) : '';
}

export const CallRow = memo<Props & { readonly index: number }>(({ call, index, isOpen, withAccount }) => {
  const { id, state, slot, from, to, direction, since, answeredAt, endedAt, account, isSketch } = call;
  return (
    <div
      class="call-row row"
      role="row"
      tabIndex={0}
      data-row
      data-call={id}
      data-state={state}
      aria-rowindex={index + 2}
      aria-selected={isOpen}
      onClick={() => openCall(id)}
      onKeyDown={(event) => pressed(event, id)}
    >
      <span role="cell">
        <StateBadge state={state} slot={state === 'parked' ? slot : undefined} />
      </span>
      <span role="cell">
        <Who party={from} fallback={isSketch ? words.calls.asked : words.unknown} />
      </span>
      <span role="cell">
        <Who party={to} fallback={isSketch ? words.calls.asked : words.calls.nobody} />
      </span>
      <span role="cell" class="direction">
        {isSketch ? null : <Icon name={direction} />} {endOf(call) || (isSketch ? '' : words.directions[direction])}
      </span>
      <span role="cell" class="number">
        <Ticking since={answeredAt ?? since} until={endedAt} />
      </span>
      {withAccount ? (
        <span role="cell" class="account" title={account}>
          {accountName(account)}
        </span>
      ) : null}
    </div>
  );
});

export const CallCard = memo<Props>(({ call, isOpen, withAccount }) => {
  const { id, state, slot, from, to, direction, since, answeredAt, endedAt, account, isSketch } = call;
  return (
    <div class="card-place" role="listitem">
      <button
        type="button"
        class="call-card"
        data-row
        data-call={id}
        data-state={state}
        aria-current={isOpen}
        onClick={() => openCall(id)}
      >
        <span class="card-top">
          <StateBadge state={state} slot={state === 'parked' ? slot : undefined} />
          <Ticking since={answeredAt ?? since} until={endedAt} />
        </span>
        <span class="card-parties">
          <Who party={from} fallback={isSketch ? words.calls.asked : words.unknown} />
          <Icon name={direction} />
          <Who party={to} fallback={isSketch ? words.calls.asked : words.calls.nobody} />
        </span>
        <span class="card-foot">
          <span class="visually-hidden">{words.directions[direction]}</span>
          {endOf(call)}
          {withAccount ? ` ${accountName(account)}` : ''}
        </span>
      </button>
    </div>
  );
});
