/** Compression on and off, and two workers: bytes on the wire, CPU and deliveries of the same burst. */
import {
  benchAccount,
  horizon,
  horizonCompressed,
  horizonCompressedRequestId,
  horizonRequestId,
  horizonWorkers,
} from '../contenders.ts';
import { eventBody } from '../publisher.ts';
import { median } from '../statistics.ts';
import { inArena, inTurn, type Scenario } from './scenario.ts';

const sockets = 500;
const events = 400;

interface Result {
  readonly rate: number;
  readonly bytes: number;
  readonly cpu: number;
}

const contenders = [horizon, horizonRequestId, horizonCompressed, horizonCompressedRequestId, horizonWorkers];

export const variants: Scenario = async (setting) => {
  const results = await inTurn(setting, contenders, (contender) =>
    inArena(setting, contender, sockets, undefined, async ({ running, load, publisher }) => {
      const rounds: Result[] = [];
      for (let turn = 0; turn <= 5; turn += 1) {
        const { done } = await load.expect(sockets * events);
        const cpuBefore = running.cpuMs();
        const startedAt = publisher.burst(events, () => eventBody(benchAccount));
        const { atMs, received, receivedBytes } = await done;
        if (turn === 0) continue;
        rounds.push({
          rate: (received / (atMs - startedAt)) * 1000,
          bytes: receivedBytes / received,
          cpu: ((running.cpuMs() - cpuBefore) * 1000) / received,
        });
      }
      return medians(rounds);
    }),
  );
  const plain = medians(results.get(horizon) ?? []).rate;
  return [
    {
      title: 'Compression and workers',
      note: `${events} events of 1.4 kB at once to ${sockets} sockets, as in the burst; ${setting.rounds} rounds in turn. Medians.`,
      columns: ['deliveries/s', 'times plain', 'bytes/delivery', 'server CPU µs/delivery'],
      rows: [...results].map(([contender, rounds]) => {
        const { rate, bytes, cpu } = medians(rounds);
        return { name: contender.name, values: [rate, rate / plain, bytes, cpu] };
      }),
    },
  ];
};

function medians(results: readonly Result[]): Result {
  const of = (key: keyof Result): number => median(results.map((result) => result[key]));
  return { rate: of('rate'), bytes: of('bytes'), cpu: of('cpu') };
}
