/** Steady load: 100 and 200 events a second to 500 sockets; the time from publish to receipt of every single delivery. */
import { horizon, horizonStream, limit, plainWs, socketIo, webStomp } from '../contenders.ts';
import type { Latency } from '../load.ts';
import { median } from '../statistics.ts';
import { inArena, inTurn, type Scenario, type Table } from './scenario.ts';

const sockets = 500;
const seconds = 10;
const warmUpSeconds = 2;
const contenders = [horizon, horizonStream, socketIo, plainWs, webStomp, limit];

export const steady: Scenario = async (setting) => {
  const tables: Table[] = [];
  for (const perSecond of [100, 200]) {
    const results = await inTurn(setting, contenders, (contender) =>
      inArena(setting, contender, sockets, undefined, async ({ load, publisher }) => {
        const warmUp = await load.expect(sockets * perSecond * warmUpSeconds, true);
        await publisher.steady(perSecond, perSecond * warmUpSeconds);
        await warmUp.done;
        const count = perSecond * seconds;
        const { done } = await load.expect(sockets * count, true);
        await publisher.steady(perSecond, count);
        const { latency, received } = await done;
        const none: Latency = { p50: Number.NaN, p99: Number.NaN, max: Number.NaN };
        return { ...(latency ?? none), lost: sockets * count - received };
      }),
    );
    const of = (name: typeof horizon, key: 'p50' | 'p99'): number =>
      median((results.get(name) ?? []).map((result) => result[key]));
    tables.push({
      title: `Steady, ${perSecond} events a second`,
      note: `To ${sockets} sockets for ${seconds} s after ${warmUpSeconds} s to warm up; every delivery sampled, ${setting.rounds} rounds in turn. Medians, ms.`,
      columns: ['p50', 'p99', 'max', "p99 as a share of Socket.IO's", "p99 in times the limit's", 'lost'],
      rows: [...results].map(([contender, rounds]) => ({
        name: contender.name,
        values: [
          of(contender, 'p50'),
          of(contender, 'p99'),
          median(rounds.map(({ max }) => max)),
          of(contender, 'p99') / of(socketIo, 'p99'),
          of(contender, 'p99') / of(limit, 'p99'),
          median(rounds.map(({ lost }) => lost)),
        ],
      })),
    });
  }
  return tables;
};
