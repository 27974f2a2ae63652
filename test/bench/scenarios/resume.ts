/**
 * Everybody comes back at once: 500 sockets resume 1,000 events each, while 50 others get live ones. Of one account, whose
 * sockets are owed the same, and of 50 accounts.
 */
import { type Contender, horizonStream, type Running, startContender } from '../contenders.ts';
import { LoadClient } from '../load.ts';
import { eventBody, Publisher } from '../publisher.ts';
import { median } from '../statistics.ts';
import { longestBlock, metricOf, untilReceived } from './metric.ts';
import { deleteHistory, inTurn, type Scenario } from './scenario.ts';

const resumers = 500;
const eventsEach = 1000;
const watchers = 50;
const perSecond = 100;
const seconds = 5;
const liveAccount = 'live0000000000000000000000000000';

/** So many accounts have the sockets that resume. */
const cases: ReadonlyMap<Contender, number> = new Map(
  [1, 50].map((count) => [{ ...horizonStream, name: `${horizonStream.name}, resumers of ${count} accounts` }, count]),
);

export const resume: Scenario = async (setting) => {
  const results = await inTurn(setting, [...cases.keys()], async (contender) => {
    const accounts = Array.from({ length: cases.get(contender) ?? 1 }, (_, index) =>
      `resuming${index}`.padEnd(32, '0'),
    );
    await deleteHistory(setting.rabbit);
    const running = await startContender(contender, setting.rabbit);
    const [returning, watching] = [new LoadClient(), new LoadClient()];
    const publisher = await Publisher.open(setting.rabbit);
    try {
      const since = await cursorOf(running);
      await publisher.fill(eventsEach * accounts.length, (index) =>
        eventBody(accounts[index % accounts.length] as string),
      );
      await untilReceived(running.port, eventsEach * accounts.length);
      await watching.connect(await running.specs(watchers, [liveAccount]));
      const warmUp = await watching.expect(watchers * perSecond, true);
      await publisher.steady(perSecond, perSecond, liveAccount);
      await warmUp.done;

      const live = await watching.expect(watchers * perSecond * seconds, true);
      const past = await returning.expect(resumers * eventsEach);
      const specs = await running.specs(resumers, accounts);
      await longestBlock(running.port);
      const cpuBefore = running.cpuMs();
      const startedAt = performance.now();
      const [, , { latency }, { received }] = await Promise.all([
        returning.connect(
          specs.map((spec) => ({ ...spec, path: '/?resume=on', since })),
          resumers,
        ),
        publisher.steady(perSecond, perSecond * seconds, liveAccount),
        live.done,
        past.done.then((done) => ({ ...done, ms: performance.now() - startedAt })),
      ]);
      return {
        p50: latency?.p50 ?? Number.NaN,
        p99: latency?.p99 ?? Number.NaN,
        max: latency?.max ?? Number.NaN,
        longestBlockMs: (await longestBlock(running.port)) * 1000,
        serverCpu: (running.cpuMs() - cpuBefore) / 1000,
        lost: resumers * eventsEach - received,
        recovered: await metricOf(running.port, 'horizon_resumes_total{outcome="recovered"}'),
      };
    } finally {
      returning.stop();
      watching.stop();
      await publisher.close();
      await running.stop();
    }
  });
  return [
    {
      title: 'Resuming',
      note: `${resumers} sockets resume ${eventsEach} events of 1.4 kB each, all at once, while ${watchers} others get ${perSecond} live ones a second for ${seconds} s; ${setting.rounds} rounds. Medians, ms: what the others wait, and the longest block of the event loop as Node measures it.`,
      columns: ['p50', 'p99', 'max', 'longest block', 'server CPU, s', 'lost'],
      rows: [...results].map(([contender, rounds]) => {
        const of = (key: keyof (typeof rounds)[number]): number => median(rounds.map((round) => round[key]));
        return {
          name: contender.name,
          values: [of('p50'), of('p99'), of('max'), of('longestBlockMs'), of('serverCpu'), of('lost')],
        };
      }),
    },
  ];
};

/** The place where the history is now. */
async function cursorOf(running: Running): Promise<string> {
  const [spec] = await running.specs(1);
  const url = `http://127.0.0.1:${running.port}/v2/accounts/${spec?.account}/events?binding=call.*.*&limit=1`;
  const response = await fetch(url, { headers: { 'X-Auth-Token': spec?.token ?? '' } });
  const { data } = (await response.json()) as { data: { cursor: string } };
  return data.cursor;
}
