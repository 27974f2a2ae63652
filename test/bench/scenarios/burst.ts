/** Bursts: so many events at once to 500 sockets, each of which wants all of them. */
import {
  benchAccount,
  horizon,
  horizonKazoo4,
  horizonRequestId,
  horizonStream,
  limit,
  plainWs,
  socketIo,
  webStomp,
} from '../contenders.ts';
import { eventBody } from '../publisher.ts';
import { median } from '../statistics.ts';
import { inArena, inTurn, type Scenario } from './scenario.ts';

const sockets = 500;
const events = 400;
const burstsPerRound = 5;

interface Result {
  /** Deliveries a second, from the first publish to the last receipt; the median of a round's bursts. */
  readonly rate: number;
  /** CPU time per delivery, microseconds. */
  readonly serverCpu: number;
  readonly clientCpu: number;
  /** The client's share of a core while it received. */
  readonly clientLoad: number;
  readonly lost: number;
}

const contenders = [horizon, horizonRequestId, horizonKazoo4, horizonStream, socketIo, plainWs, webStomp, limit];

export const burst: Scenario = async (setting) => {
  const results = await inTurn(setting, contenders, (contender) =>
    inArena(setting, contender, sockets, undefined, async ({ running, load, publisher }): Promise<Result> => {
      const rounds: Result[] = [];
      // The first burst warms up: compilers, TCP windows, caches.
      for (let turn = 0; turn <= burstsPerRound; turn += 1) {
        const { done } = await load.expect(sockets * events);
        const cpuBefore = running.cpuMs();
        const startedAt = publisher.burst(events, () => eventBody(benchAccount));
        const { atMs, received, cpuMs } = await done;
        const ms = atMs - startedAt;
        if (turn === 0) continue;
        rounds.push({
          rate: (received / ms) * 1000,
          serverCpu: ((running.cpuMs() - cpuBefore) * 1000) / received,
          clientCpu: (cpuMs * 1000) / received,
          clientLoad: cpuMs / ms,
          lost: sockets * events - received,
        });
      }
      return medianResult(rounds);
    }),
  );
  const ofSocketIo = median((results.get(socketIo) ?? []).map(({ rate }) => rate));
  const ofLimit = median((results.get(limit) ?? []).map(({ rate }) => rate));
  return [
    {
      title: 'Burst',
      note: `${events} events of 1.4 kB at once to ${sockets} sockets that want all of them; ${burstsPerRound} bursts a round after one to warm up, ${setting.rounds} rounds in turn. Medians.`,
      columns: [
        'deliveries/s',
        'times Socket.IO',
        'of the limit',
        'server CPU µs/delivery',
        'client CPU µs/delivery',
        'client load',
        'lost',
      ],
      rows: [...results].map(([contender, rounds]) => {
        const { rate, serverCpu, clientCpu, clientLoad, lost } = medianResult(rounds);
        return {
          name: contender.name,
          values: [
            rate,
            rate / ofSocketIo,
            `${Math.round((rate / ofLimit) * 100)} %`,
            serverCpu,
            clientCpu,
            `${Math.round(clientLoad * 100)} %`,
            lost,
          ],
        };
      }),
    },
  ];
};

function medianResult(results: readonly Result[]): Result {
  const of = (key: keyof Result): number => median(results.map((result) => result[key]));
  return {
    rate: of('rate'),
    serverCpu: of('serverCpu'),
    clientCpu: of('clientCpu'),
    clientLoad: of('clientLoad'),
    lost: of('lost'),
  };
}
