/** The index of bindings against qlobber, a general matcher of AMQP topics with the same bindings in it. */
import { performance } from 'node:perf_hooks';
import qlobber from 'qlobber';
import { TopicIndex } from '../../../src/registry/topic-index.ts';
import { median } from '../statistics.ts';
import type { Scenario } from './scenario.ts';

interface Entry {
  readonly account: string;
  readonly eventFamily: string;
  readonly words: readonly string[];
}

const lookUps = 200_000;

/** Exact and wildcard bindings of calls and documents, over so many accounts. */
function entries(count: number, accounts: number): Entry[] {
  const kinds: readonly Entry[] = [
    { account: '', eventFamily: 'call', words: ['CHANNEL_CREATE', '*'] },
    { account: '', eventFamily: 'call', words: ['*', '*'] },
    { account: '', eventFamily: 'call', words: ['CHANNEL_ANSWER', 'ID'] },
    { account: '', eventFamily: 'object', words: ['doc_edited', 'user', '*'] },
    { account: '', eventFamily: 'object', words: ['*', 'device', 'ID'] },
  ];
  return Array.from({ length: count }, (_, index) => {
    const kind = kinds[index % kinds.length] as Entry;
    return {
      ...kind,
      account: `account${index % accounts}`,
      words: kind.words.map((word) => (word === 'ID' ? `id${index}` : word)),
    };
  });
}

export const index: Scenario = async (setting) => {
  const { Qlobber } = qlobber;
  const rows = [];
  for (const [count, accounts] of [
    [1000, 100],
    [100_000, 10_000],
  ] as const) {
    const own = new TopicIndex<Entry>();
    const other = new Qlobber<Entry>();
    for (const entry of entries(count, accounts)) {
      own.add(entry, entry.words);
      other.add([entry.account, entry.eventFamily, ...entry.words].join('.'), entry);
    }
    const events = Array.from({ length: 1000 }, (_, at) => ({
      account: `account${(at * 7919) % accounts}`,
      words: ['CHANNEL_CREATE', `call${at}`],
    }));
    const ownNs: number[] = [];
    const otherNs: number[] = [];
    const found: Entry[] = [];
    for (let round = 0; round < setting.rounds * 3; round += 1) {
      ownNs.push(
        timed(events, ({ account, words }) => {
          found.length = 0;
          own.collect(account, 'call', words, found);
          own.collect('*', 'call', words, found);
        }),
      );
      otherNs.push(
        timed(events, ({ account, words }) => {
          other.match(`${account}.call.${words.join('.')}`);
          other.match(`*.call.${words.join('.')}`);
        }),
      );
    }
    const [ours, theirs] = [median(ownNs), median(otherNs)];
    rows.push({
      name: `${count.toLocaleString('en-US')} bindings of ${accounts} accounts`,
      values: [ours, theirs, theirs / ours],
    });
  }
  return [
    {
      title: 'Index',
      note: 'Finding the bindings that an event matches, its account and `*` looked up; ns, medians of an own index and of qlobber 8, a general matcher of AMQP topics.',
      columns: ['own, ns', 'qlobber, ns', 'times'],
      rows,
    },
  ];
};

/** @returns ns a look-up */
function timed<T>(items: readonly T[], look: (item: T) => void): number {
  const startedAt = performance.now();
  for (let at = 0; at < lookUps; at += 1) look(items[at % items.length] as T);
  return ((performance.now() - startedAt) * 1e6) / lookUps;
}
