/** What must be so at the end of a soak, and is said in a sentence where it is not. */
import { lostBy, type Member } from '../support/crowd.ts';
import type { Sent } from '../support/steady-publisher.ts';
import type { State } from './state.ts';

/** A fault, from a moment before it until everything was as before. `performance.now()`. */
export interface Window {
  readonly name: string;
  readonly from: number;
  readonly until: number;
}

/** Code is compiled, caches are filled: so much more may be there. */
const heapFactor = 1.15;
const heapSlackBytes = 6 * 1_048_576;

/** What kind of event it is, as far as the server's choice to offer it goes. */
function kindOf({ exchange, routingKey }: Sent): string {
  const [first = '', second = ''] = routingKey.split('.');
  if (exchange === 'conference') return `conference.${second}`;
  if (exchange === 'notifications') return `notifications.${routingKey}`;
  return exchange === 'callevt' ? routingKey.split('.').slice(0, 2).join('.') : `${exchange}.${first}`;
}

export interface Deliveries {
  /** What is wrong, in sentences. */
  readonly wrong: readonly string[];
  /** Of events that were published outside of the faults and had to reach somebody, and of their kinds. */
  readonly expected: number;
  readonly kinds: number;
}

/**
 * Every event of a kind that is offered, published outside of the faults, must have reached all who listened to its account,
 * once and in order.
 */
export function judgeDeliveries(
  members: readonly Member[],
  sent: readonly Sent[],
  windows: readonly Window[],
): Deliveries {
  const isCalm = ({ at }: Sent): boolean => !windows.some(({ from, until }) => at >= from && at <= until);
  const calm = sent.filter(isCalm);
  const everGot = new Set(members.flatMap(({ got }) => [...got]));
  // Not everything that a PBX publishes is offered. What is never delivered at all is told by the number of kinds.
  const offered = new Set(calm.filter(({ number }) => everGot.has(number)).map(kindOf));
  const found: string[] = [];
  const exchanges = new Set([...offered].map((kind) => kind.split('.')[0]));
  if (exchanges.size < 5) found.push(`only events of ${[...exchanges].join(', ')} were delivered at all`);
  for (const member of members) {
    if (member.closed !== undefined) found.push(`a socket of ${member.account} was closed with ${member.closed}`);
    if (member.outOfOrder > 0)
      found.push(`${member.outOfOrder} events of ${member.account} came twice or out of order`);
    const lost = lostBy(member, sent).filter((one) => isCalm(one) && offered.has(kindOf(one)));
    const [first] = lost;
    if (first !== undefined) {
      const example = `${first.exchange} ${first.routingKey}, number ${first.number}, ${nearest(first, windows)}`;
      found.push(`${lost.length} events of ${member.account} were lost outside of faults (${example})`);
    }
    const foreign = [...member.got].filter((number) => sent[number]?.account !== member.account);
    if (foreign.length > 0) found.push(`${foreign.length} events of others came to ${member.account}`);
  }
  const expected = calm.filter((one) => offered.has(kindOf(one))).length;
  return { wrong: found, expected, kinds: offered.size };
}

function nearest({ at }: Sent, windows: readonly Window[]): string {
  const before = windows.findLast(({ until }) => until < at);
  return before === undefined ? 'before any fault' : `${Math.round(at - before.until)} ms after "${before.name}"`;
}

/** What is at rest at the end must be what was at rest at the beginning. */
export function faultsOfState(before: State, after: State): string[] {
  const found: string[] = [];
  for (const kind of new Set([...Object.keys(before.resources), ...Object.keys(after.resources)])) {
    const [had = 0, has = 0] = [before.resources[kind], after.resources[kind]];
    if (has > had) found.push(`${kind}: ${had} at the beginning, ${has} at the end`);
  }
  if (after.listeners > before.listeners)
    found.push(`listeners: ${before.listeners} at the beginning, ${after.listeners} at the end`);
  const limit = before.heapBytes * heapFactor + heapSlackBytes;
  if (after.heapBytes > limit)
    found.push(`heap: ${mebibytes(before.heapBytes)} MiB at the beginning, ${mebibytes(after.heapBytes)} at the end`);
  return found;
}

export function mebibytes(bytes: number): string {
  return (bytes / 1_048_576).toFixed(1);
}
