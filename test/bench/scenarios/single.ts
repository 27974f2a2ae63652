/** One event to ten thousand sockets: bound by the write call for each. */
import { benchAccount, horizon, limit, plainWs, socketIo } from '../contenders.ts';
import { eventBody } from '../publisher.ts';
import { median } from '../statistics.ts';
import { inArena, inTurn, type Scenario } from './scenario.ts';

const sockets = 10_000;
const eventsPerRound = 20;

export const single: Scenario = async (setting) => {
  const results = await inTurn(setting, [horizon, socketIo, plainWs, limit], (contender) =>
    inArena(setting, contender, sockets, undefined, async ({ load, publisher }) => {
      const times: number[] = [];
      for (let turn = 0; turn < eventsPerRound; turn += 1) {
        const { done } = await load.expect(sockets);
        const startedAt = publisher.burst(1, () => eventBody(benchAccount));
        times.push((await done).atMs - startedAt);
      }
      return median(times);
    }),
  );
  const of = (name: typeof horizon): number => median(results.get(name) ?? []);
  return [
    {
      title: 'One event to 10,000 sockets',
      note: `From the publish to the last receipt; ${eventsPerRound} events a round, ${setting.rounds} rounds in turn. Medians.`,
      columns: ['ms', 'deliveries/s', 'of the limit'],
      rows: [...results.keys()].map((contender) => ({
        name: contender.name,
        values: [of(contender), (sockets / of(contender)) * 1000, `${Math.round((of(limit) / of(contender)) * 100)} %`],
      })),
    },
  ];
};
