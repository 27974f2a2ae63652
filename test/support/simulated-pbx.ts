/** The simulated PBX on a clock of the test's own, and what it published. */
import { type Pbx, type PbxMessage, type PbxOptions, startPbx } from '../../src/simulator/pbx.ts';

export const second = 1000;
export const minute = 60 * second;
export const hour = 60 * minute;
/** Unix time, ms: half an hour before a month ends. */
export const startedAt = Date.UTC(2026, 10, 30, 23, 30);

export const accounts = [
  { id: '4b31dd1d32ce6d249897c06332375d65', name: 'Harbour Hotel', realm: 'harbour.example.com' },
  { id: '8c0f5a2be91d4c7790d3ab7415e2f6aa', name: 'Harbour Spa', realm: 'spa.harbour.example.com' },
];
export const accountIds = accounts.map(({ id }) => id);

/** A clock that stands still until it is told to go on. */
export function createFakeTimers() {
  let now = startedAt;
  let order = 0;
  const waiting = new Set<{ at: number; order: number; task: () => void }>();
  const next = () => {
    let first: { at: number; order: number; task: () => void } | undefined;
    for (const entry of waiting) {
      if (first === undefined || entry.at < first.at || (entry.at === first.at && entry.order < first.order))
        first = entry;
    }
    return first;
  };
  return {
    now: () => now,
    after(ms: number, task: () => void) {
      order += 1;
      const entry = { at: now + ms, order, task };
      waiting.add(entry);
      return { cancel: () => void waiting.delete(entry) };
    },
    get pending() {
      return waiting.size;
    },
    advance(ms: number) {
      const end = now + ms;
      for (let entry = next(); entry !== undefined && entry.at <= end; entry = next()) {
        waiting.delete(entry);
        now = entry.at;
        entry.task();
      }
      now = end;
    },
  };
}

export interface Heard extends PbxMessage {
  /** ms since the start */
  readonly at: number;
}

/** @param look called behind each message */
export function play(
  ms: number,
  options: Partial<PbxOptions> = {},
  look: (message: Heard, pbx: Pbx) => void = () => undefined,
): Heard[] {
  const timers = createFakeTimers();
  const heard: Heard[] = [];
  const pbx = startPbx({
    accounts,
    seed: 7,
    timers,
    publish(message) {
      const one = { ...message, at: timers.now() - startedAt };
      heard.push(one);
      look(one, pbx);
    },
    ...options,
  });
  timers.advance(ms);
  pbx.stop();
  return heard;
}

let hourOfBoth: Heard[] | undefined;

/** An hour of both accounts, of which every test looks at another side. Nobody changes it. */
export function playedHour(): readonly Heard[] {
  hourOfBoth ??= play(hour);
  return hourOfBoth;
}

export const text = ({ payload }: PbxMessage, field: string): string => String(payload[field]);

export const ofExchange = (messages: readonly Heard[], exchange: string): Heard[] =>
  messages.filter((message) => message.exchange === exchange);

export function grouped(messages: readonly Heard[], keyOf: (message: Heard) => string): Map<string, Heard[]> {
  const groups = new Map<string, Heard[]>();
  for (const message of messages) {
    const group = groups.get(keyOf(message));
    if (group === undefined) groups.set(keyOf(message), [message]);
    else group.push(message);
  }
  return groups;
}
