/** Above every view: that it may be out of date, since when, and what to do about it. */

import { isWall } from '../address.ts';
import { leftOut, mostAccounts } from '../state/accounts.ts';
import { standing } from '../state/freshness.ts';
import { staleSince, wasRight } from '../state/picture.ts';
import { comeBack, phase, status } from '../state/session.ts';
import { clockTime } from '../times.ts';
import { words } from '../words.ts';
import { Icon } from './icon.tsx';

export function Notice() {
  const { freshness, text, detail, isSlow = false } = standing.value;
  const isOver = phase.value === 'out';
  const isWaiting = status.value?.state === 'waiting';
  const isShown = freshness === 'offline' || freshness === 'stale' || isSlow;
  const since = staleSince.value;
  const more = leftOut.value;
  return (
    <>
      {isShown ? (
        <div class="notice" data-tone={freshness}>
          <Icon name={freshness === 'offline' ? 'sockets' : 'events'} />
          <p>
            <strong>{text}</strong>
            {detail === '' ? null : <span>{detail}</span>}
            {since !== undefined && wasRight.value ? <span>{words.fresh.staleSince(clockTime(since))}</span> : null}
          </p>
          {(isOver || isWaiting) && !isWall ? (
            <button type="button" class="button primary" onClick={comeBack}>
              {isOver ? words.fresh.reconnect : words.fresh.tryNow}
            </button>
          ) : null}
        </div>
      ) : null}
      {more > 0 ? (
        <div class="notice" data-tone="note">
          <p>{words.account.leftOut(mostAccounts, mostAccounts + more)}</p>
        </div>
      ) : null}
    </>
  );
}
