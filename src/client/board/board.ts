/**
 * The board: what there is, kept right by snapshots, events and gaps. It owns the timers and the talk with the server;
 * what events mean is the rules' affair.
 */

import { TypedEventTarget } from '../happenings.ts';
import { guarded } from '../surroundings.ts';
import type { FailureEvent, GapEvent, Horizon, HorizonEvent, Stop } from '../types.ts';
import { Picture } from './picture.ts';
import type { Data } from './reading.ts';
import { Snapshots } from './snapshots.ts';
import type { Board, BoardChange, BoardOptions, Kind, Refusal } from './types.ts';

const kinds = ['calls', 'conferences', 'registrations', 'lamps'] as const;
/** Changes of so long are told together: a picture of a screen. ms */
const gatherMs = 16;
const sweepMs = 1000;
/** Everybody is told of a gap at once, so each waits for a moment of its own. ms */
const mostPauseMs = 2000;
/** Behind a broker that is back comes what is known to be missing. ms */
const afterwardsMs = 250;

const bindings: Readonly<Record<Kind, readonly string[]>> = {
  calls: ['call.*.*'],
  conferences: ['conference.event.*'],
  registrations: ['registration.success.*'],
  lamps: ['presence.dialog.*', 'presence.update.*', 'presence.mwi_updates.*'],
};
/** Tells that a registration has run out. Where it isn't offered, that is known by the time. */
const deregistration = 'notifications.sip.deregister';

/** @throws RangeError for more than 20 accounts, or `*`, which no list can be had of */
export function createBoard(horizon: Horizon, options: BoardOptions = {}): Board {
  const { account: one, accounts: more = [], parts = kinds, where = () => true } = options;
  const named = [...new Set(one === undefined ? more : [one, ...more])];
  if (named.length > 20 || named.includes('*')) {
    throw new RangeError('a board shows 1 to 20 accounts');
  }
  const accounts = named.length === 0 ? [undefined] : named;
  const picture = new Picture((call) => guarded(() => where(call)) ?? true, parts.includes('lamps'));
  const ears = new TypedEventTarget() as unknown as Pick<Board, 'addEventListener' | 'removeEventListener'> &
    Pick<EventTarget, 'dispatchEvent'>;
  const refused = new Map<string, Refusal>();
  const stops: Stop[] = [];
  /** The subscriptions of the parts, and whether the server held them when that was last looked at. */
  const watched: { readonly part: Kind; readonly account: string | undefined; readonly stop: Stop; isHeld: boolean }[] =
    [];
  /** What has to happen before the board can be right, besides lists. */
  const waiting = new Set<object>();
  let looked: readonly string[] = [];
  let staleSince: number | undefined = Date.now();
  let gathering: ReturnType<typeof setTimeout> | undefined;
  let sweeping: ReturnType<typeof setTimeout> | undefined;
  let isClosed = false;
  let wasDown = false;
  const snapshots = new Snapshots(horizon, picture, { onChange, onRefused: refuse });

  function sweepLater(): void {
    if (isClosed || horizon.state === 'closed') return;
    sweeping ??= setTimeout(() => {
      sweeping = undefined;
      if (picture.sweep(Date.now())) sweepLater();
      gather();
    }, sweepMs);
  }

  function gather(): void {
    if (!isClosed) gathering ??= setTimeout(tell, gatherMs);
  }

  /** Something may look different, now or by the time. */
  function onChange(): void {
    sweepLater();
    gather();
  }

  function isUnsure(): boolean {
    const { state, source, catchingUp } = horizon.status;
    if (isClosed || state !== 'open' || source === 'down' || catchingUp !== undefined) return true;
    return waiting.size > 0 || !snapshots.isDone || [...refused.values()].some(({ part }) => part === 'calls');
  }

  function judge(): number | undefined {
    staleSince = isUnsure() ? (staleSince ?? Date.now()) : undefined;
    return staleSince;
  }

  let toldStale: number | undefined = staleSince;
  let isRefusedOther = false;
  function tell(): void {
    gathering = undefined;
    const isOther = judge() !== toldStale || isRefusedOther;
    toldStale = staleSince;
    isRefusedOther = false;
    const changed = Object.fromEntries(kinds.map((kind) => [kind, picture[kind].changed()])) as Omit<
      BoardChange,
      keyof Event
    >;
    complete();
    if (!isOther && Object.values(changed).every(({ size }) => size === 0)) return;
    const change: BoardChange = Object.assign(new Event('change'), changed);
    ears.dispatchEvent(change);
  }

  /** Asks for the details of what somebody looks at. */
  function complete(): void {
    const calls = looked.map((id) => picture.calls.get(id)).filter((call) => call?.isSketch === true);
    for (const account of accounts) {
      const own = calls.filter((call) => account === undefined || call?.account === account);
      const legs = own.flatMap((call) => call?.legs ?? []).filter(({ state }) => state !== 'ended');
      if (legs.length > 0)
        snapshots.wantDetails(
          account,
          legs.map(({ id }) => id),
        );
    }
  }

  function take({ family, account, data, replayed }: HorizonEvent): void {
    picture.take({ family, account, data: data as Data, replayed }, Date.now());
    onChange();
  }

  function subscribe(binding: string | readonly string[], account: string | undefined): Stop {
    const stop = horizon.subscribe(binding, take, { account });
    stops.push(stop);
    return stop;
  }

  function watch(part: Kind, account: string | undefined): void {
    // What happens from then on comes as events. What is refused is told at the connection.
    const one = { part, account, stop: subscribe(bindings[part], account), isHeld: false };
    watched.push(one);
    waiting.add(one);
    if (part === 'registrations') subscribe(deregistration, account);
  }

  function look(part: Kind, account: string | undefined, waitMs?: number): void {
    if (part !== 'lamps') snapshots.want(part, account, waitMs);
  }

  function refuse(part: Kind, account: string | undefined, error: unknown): void {
    refused.set(`${part} ${account}`, { part, account, error });
    isRefusedOther = true;
    gather();
  }

  /** @returns whether it was refused */
  function allow(part: Kind, account: string | undefined): boolean {
    const wasRefused = refused.delete(`${part} ${account}`);
    isRefusedOther ||= wasRefused;
    return wasRefused;
  }

  function onFailure(event: FailureEvent): void {
    for (const one of concerned(event.bindings)) {
      if (one.account !== event.account) continue;
      waiting.delete(one);
      refuse(one.part, one.account, event.error);
    }
  }

  function onGap(event: GapEvent): void {
    for (const { part, account } of concerned(event.bindings)) {
      if (!event.accounts.some((gap) => gap === (account ?? horizon.account ?? gap) || gap === '')) continue;
      allow(part, account);
      look(part, account, Math.random() * mostPauseMs);
    }
    gather();
  }

  const concerned = (some: readonly string[]): typeof watched =>
    watched.filter(({ part }) => bindings[part].some((binding) => some.includes(binding)));

  function onStatus(): void {
    const isDown = horizon.status.source === 'down';
    if (wasDown && !isDown) {
      // Whether something is missing is said right behind it.
      const wait = {};
      waiting.add(wait);
      setTimeout(() => {
        waiting.delete(wait);
        gather();
      }, afterwardsMs);
    }
    wasDown = isDown;
    for (const one of watched) {
      const { part, account, stop, isHeld } = one;
      one.isHeld = stop.isHeld;
      // It is held for the first time; or what was refused in between is allowed again: where a history made up for it,
      // no gap says so.
      if (one.isHeld && !isHeld && (waiting.delete(one) || allow(part, account))) look(part, account);
    }
    snapshots.wake();
    onChange();
  }

  for (const account of accounts) for (const part of parts) watch(part, account);
  horizon.addEventListener('status', onStatus);
  horizon.addEventListener('gap', onGap);
  horizon.addEventListener('error', onFailure);
  // Another may hold already what it asks for.
  onStatus();

  return {
    get calls() {
      return picture.calls.list;
    },
    get conferences() {
      return picture.conferences.list;
    },
    get registrations() {
      return picture.registrations.list;
    },
    get lamps() {
      return picture.lamps.list;
    },
    call: (id) => picture.calls.get(id),
    get isStale() {
      return judge() !== undefined;
    },
    get staleSince() {
      return judge();
    },
    get refused() {
      return [...refused.values()];
    },
    look(callIds) {
      looked = [...callIds];
      complete();
    },
    addEventListener: (...ear) => ears.addEventListener(...ear),
    removeEventListener: (...ear) => ears.removeEventListener(...ear),
    close() {
      isClosed = true;
      for (const stop of stops) stop();
      clearTimeout(gathering);
      clearTimeout(sweeping);
      snapshots.close();
      horizon.removeEventListener('status', onStatus);
      horizon.removeEventListener('gap', onGap);
      horizon.removeEventListener('error', onFailure);
    },
  };
}
