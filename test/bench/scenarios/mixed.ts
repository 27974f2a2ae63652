/** Mixed interests: 500 sockets of 100 accounts, each of which wants one event in a hundred. */
import { horizon, horizonRequestId, plainWs, socketIo } from '../contenders.ts';
import { eventBody } from '../publisher.ts';
import { median } from '../statistics.ts';
import { inArena, inTurn, type Scenario } from './scenario.ts';

const sockets = 500;
const events = 4000;
const accounts = Array.from({ length: 100 }, (_, index) => `account${index}`);

export const mixed: Scenario = async (setting) => {
  const deliveries = (events * sockets) / accounts.length;
  const results = await inTurn(setting, [horizon, horizonRequestId, socketIo, plainWs], (contender) =>
    inArena(setting, contender, sockets, accounts, async ({ load, publisher }) => {
      const rates: number[] = [];
      for (let turn = 0; turn < 4; turn += 1) {
        const { done } = await load.expect(deliveries);
        const startedAt = publisher.burst(events, (index) => eventBody(accounts[index % accounts.length] as string));
        const { atMs, received } = await done;
        if (turn > 0) rates.push((received / (atMs - startedAt)) * 1000);
      }
      return median(rates);
    }),
  );
  const ofSocketIo = median(results.get(socketIo) ?? []);
  return [
    {
      title: 'Mixed',
      note: `${events} events at once over ${accounts.length} accounts to ${sockets} sockets, each of which wants 1 % of them; ${setting.rounds} rounds in turn. Medians. Here taking the events from the broker is most of the work.`,
      columns: ['deliveries/s', 'events/s', 'times Socket.IO'],
      rows: [...results].map(([contender, rates]) => ({
        name: contender.name,
        values: [median(rates), (median(rates) * events) / deliveries, median(rates) / ofSocketIo],
      })),
    },
  ];
};
