/** Which calls are listed where there is no room for all. */
import type { Call, CallState } from '../library.ts';

/** In this order for the room there is: what rings or waits is what somebody should do something about. */
const urgency: Readonly<Record<CallState, number>> = { ringing: 0, held: 1, parked: 2, talking: 3, ended: 4 };

/** Of too many those that ring, are on hold or parked, then the newest. The order of the list stays. */
export function mostUrgent(all: readonly Call[], most: number): readonly Call[] {
  const living = all.filter(({ state }) => state !== 'ended');
  if (living.length <= most) return living;
  const first = living.toSorted((a, b) => urgency[a.state] - urgency[b.state] || b.since - a.since).slice(0, most);
  const kept = new Set(first);
  return living.filter((call) => kept.has(call));
}
