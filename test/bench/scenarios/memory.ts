/** Connections and memory: 10,000 sockets with one subscription each, resident memory above the empty process. */
import {
  type Contender,
  horizon,
  horizonCompressed,
  horizonRequestId,
  plainWs,
  socketIo,
  startContender,
} from '../contenders.ts';
import { LoadClient } from '../load.ts';
import { median } from '../statistics.ts';
import { inTurn, type Scenario } from './scenario.ts';

const sockets = 10_000;
const accounts = Array.from({ length: 1000 }, (_, index) => `account${index}`);
const contenders: readonly Contender[] = [horizon, horizonRequestId, horizonCompressed, socketIo, plainWs];

export const memory: Scenario = async (setting) => {
  const results = await inTurn(setting, contenders, async (contender) => {
    const running = await startContender(contender, setting.rabbit);
    const load = new LoadClient();
    try {
      await running.collectGarbage();
      const empty = running.residentBytes();
      const connected = await load.connect(await running.specs(sockets, accounts));
      await running.collectGarbage();
      return {
        perSocket: (running.residentBytes() - empty) / connected.count / 1024,
        perSecond: (connected.count / connected.ms) * 1000,
      };
    } finally {
      load.stop();
      await running.stop();
    }
  });
  return [
    {
      title: 'Connections and memory',
      note: `${sockets} sockets with one subscription each, over ${accounts.length} accounts: resident memory above the empty process after a full collection, and how many connect and subscribe in a second; ${setting.rounds} rounds in turn. Medians.`,
      columns: ['KiB a socket', 'connections/s'],
      rows: [...results].map(([contender, rounds]) => ({
        name: contender.name,
        values: [median(rounds.map(({ perSocket }) => perSocket)), median(rounds.map(({ perSecond }) => perSecond))],
      })),
    },
  ];
};
