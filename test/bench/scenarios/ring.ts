/** The history in a node's memory: what an event costs there, and how long a node that starts takes to fill it. */
import { horizonStream, startContender } from '../contenders.ts';
import { eventBody, Publisher } from '../publisher.ts';
import { median } from '../statistics.ts';
import { metricOf, receivedEvents, untilReceived } from './metric.ts';
import { deleteHistory, inTurn, type Scenario } from './scenario.ts';

const events = 150_000;
const accounts = Array.from({ length: 1000 }, (_, index) => `account${index}`.padEnd(32, '0'));
const bodyOf = (index: number): Buffer => eventBody(accounts[index % accounts.length] as string);

export const ring: Scenario = async (setting) => {
  await deleteHistory(setting.rabbit);
  const first = await startContender(horizonStream, setting.rabbit);
  const publisher = await Publisher.open(setting.rabbit);
  await first.collectGarbage();
  const empty = first.residentBytes();
  await publisher.fill(events, bodyOf);
  await untilReceived(first.port, events);
  await publisher.close();
  await first.stop();

  const results = await inTurn(setting, [horizonStream], async (contender) => {
    const startedAt = performance.now();
    const running = await startContender(contender, setting.rabbit);
    try {
      const seconds = (performance.now() - startedAt) / 1000;
      const read = await receivedEvents(running.port);
      await running.collectGarbage();
      return {
        seconds,
        rate: read / seconds,
        counted: (await metricOf(running.port, 'horizon_history_bytes')) / read,
        resident: (running.residentBytes() - empty) / read,
      };
    } finally {
      await running.stop();
    }
  });
  return [
    {
      title: 'The ring',
      note: `A node starts beside a stream of ${events} events of 1.4 kB, of ${accounts.length} accounts: until /readyz is 200, process start included; then what an event costs in memory, as the node counts it and as its resident memory grew, after a full collection; ${setting.rounds} rounds. Medians.`,
      columns: ['seconds to fill', 'events/s', 'bytes an event, counted', 'bytes an event, resident'],
      rows: [...results].map(([contender, rounds]) => {
        const of = (key: keyof (typeof rounds)[number]): number => median(rounds.map((round) => round[key]));
        return { name: contender.name, values: [of('seconds'), of('rate'), of('counted'), of('resident')] };
      }),
    },
  ];
};
