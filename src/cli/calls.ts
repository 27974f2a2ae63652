/** The calls of an account as rows: both legs of a call are one, by the rules of the client library's board. Pure. */
import { Picture } from '../client/board/picture.ts';
import type { Call, Party } from '../client/board/types.ts';
import { shown, spanOf } from './terminal.ts';

/**
 * @param legs entries of `GET /v2/accounts/{A}/channels?details=true`
 * @param now Unix time, ms
 * @returns a row a call, the longest first: for how long, state, direction, from, to, id
 */
export function callRows(legs: readonly unknown[], now: number): string[][] {
  const picture = new Picture(() => true);
  // It is all that there is: nothing was heard before it.
  picture.list('calls', legs, { account: '', askedAt: now, now, isComplete: true });
  return [...picture.calls.list]
    .sort((one, other) => one.since - other.since)
    .map((call) => [
      spanOf((now - call.since) / 1000),
      call.state,
      // Without details nobody has said who is at the ends.
      call.isSketch ? '' : call.direction,
      personOf(call.from),
      personOf(call.to),
      idOf(call),
    ]);
}

const personOf = ({ number, name }: Party): string => party(number, name);

/** What commands are given to: a leg that lives. */
function idOf({ id, legs }: Call): string {
  return shown(legs.some((leg) => leg.id === id) ? id : (legs[0]?.id ?? id));
}

/** A number and a name, where there are both and they differ. */
export function party(number: unknown, name: unknown): string {
  const [first, second] = [shown(number), shown(name)];
  if (first === '') return second;
  return second === '' || second === first ? first : `${first} ${second}`;
}
