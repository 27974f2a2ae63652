/** Whether what is shown can be trusted, in one word and in one sentence. */
import { computed } from '@preact/signals';
import { clockTime } from '../times.ts';
import { words } from '../words.ts';
import { now } from './clock.ts';
import { refusals, staleSince, wasRight } from './picture.ts';
import { phase, status } from './session.ts';

export type Freshness = 'live' | 'catching-up' | 'stale' | 'offline';

export interface Standing {
  readonly freshness: Freshness;
  readonly text: string;
  /** Why, and since when; empty where there is nothing to say. */
  readonly detail: string;
  /** It has taken so long that the reason is said aloud. */
  readonly isSlow?: boolean;
}

/** As long as nobody wonders why it still loads. ms */
const slowMs = 5000;

export const standing = computed<Standing>(() => {
  const said = status.value;
  if (said === undefined) return { freshness: 'offline', text: words.fresh.loggedOut, detail: '' };
  const { state, since, reason = '', nextTryAt, source, catchingUp, rttMs } = said;
  const at = clockTime(since);
  if (state === 'closed') return { freshness: 'offline', text: words.fresh.closed(at), detail: reason };
  if (state === 'waiting') {
    const seconds = Math.max(0, Math.ceil(((nextTryAt ?? now.value) - now.value) / 1000));
    return { freshness: 'offline', text: words.fresh.waiting(seconds), detail: reason };
  }
  if (state === 'connecting') return { freshness: 'offline', text: words.fresh.connecting, detail: reason };
  if (source === 'down')
    return {
      freshness: 'stale',
      text: words.fresh.brokerAway(at),
      detail: wasRight.value ? words.fresh.brokerDetail : words.fresh.brokerDetailBlank,
    };
  if (source === 'unknown') return { freshness: 'stale', text: words.fresh.signingIn, detail: reason };
  if (catchingUp !== undefined)
    return { freshness: 'catching-up', text: words.fresh.catchingUp(catchingUp), detail: '' };
  const refused = refusals.value.find(({ part }) => part === 'calls')?.error;
  if (refused !== undefined)
    return {
      freshness: 'stale',
      text: words.calls.refused,
      detail: refused instanceof Error ? refused.message : String(refused),
    };
  const unsure = staleSince.value;
  if (unsure !== undefined && phase.value === 'in') {
    const [since, detail] = [clockTime(unsure), words.fresh.checkingDetail];
    if (wasRight.value) return { freshness: 'stale', text: words.fresh.checking(since), detail };
    const isSlow = now.value - unsure >= slowMs;
    const text = isSlow ? words.fresh.loadingSince(since) : words.fresh.loading;
    return { freshness: 'catching-up', text, detail, isSlow };
  }
  return { freshness: 'live', text: words.fresh.live(rttMs), detail: '' };
});
