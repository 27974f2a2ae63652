/**
 * Thirty minutes of churn: sockets connect, subscribe, get events and close, all the time. Memory after a full collection
 * is noted every few minutes: what grows there would grow for ever.
 */
import { horizon, startContender } from '../contenders.ts';
import { LoadClient } from '../load.ts';
import { eventBody, Publisher } from '../publisher.ts';
import { metricOf } from './metric.ts';
import type { Scenario } from './scenario.ts';

const minutes = Number(process.env.BENCH_SOAK_MINUTES ?? 30);
const noteEveryMs = 120_000;
const sockets = 500;
const eventsPerCycle = 50;
const accounts = Array.from({ length: 200 }, (_, index) => `account${index}`);
const bindings = ['call.CHANNEL_CREATE.*', 'doc_edited.*.user.*', 'call.*.*', 'conference.event.*'];

interface Note {
  readonly minute: number;
  readonly cycles: number;
  readonly residentMiB: number;
  readonly sockets: number;
  readonly patterns: number;
}

export const soak: Scenario = async (setting) => {
  const running = await startContender(horizon, setting.rabbit);
  const load = new LoadClient();
  const publisher = await Publisher.open(setting.rabbit);
  const notes: Note[] = [];
  let cycles = 0;
  try {
    const specs = (await running.specs(sockets, accounts)).map((spec, index) => ({
      ...spec,
      binding: bindings[Math.floor(index / accounts.length) % bindings.length] as string,
    }));
    // Of the first account's sockets, those that want calls.
    const wanting = specs.filter(
      ({ account, binding }) => account === accounts[0] && binding.startsWith('call'),
    ).length;
    const startedAt = Date.now();
    const note = async (): Promise<void> => {
      await running.collectGarbage();
      const noted: Note = {
        minute: Math.round((Date.now() - startedAt) / 60_000),
        cycles,
        residentMiB: running.residentBytes() / 1_048_576,
        sockets: await metricOf(running.port, 'horizon_sockets'),
        patterns: await metricOf(running.port, 'horizon_amqp_patterns'),
      };
      notes.push(noted);
      setting.say(`  ${JSON.stringify(noted)}`);
    };
    let notedAt = Date.now();
    while (Date.now() - startedAt < minutes * 60_000) {
      await load.connect(specs);
      const { done } = await load.expect(wanting * eventsPerCycle);
      publisher.burst(eventsPerCycle, () => eventBody(accounts[0] as string));
      await done;
      await load.close();
      cycles += 1;
      if (cycles === 20 || Date.now() - notedAt >= noteEveryMs) {
        notedAt = Date.now();
        await note();
      }
    }
    await note();
  } finally {
    load.stop();
    await publisher.close();
    await running.stop();
  }
  return [
    {
      title: 'Churn',
      note: `For ${minutes} minutes ${sockets} sockets connect, subscribe, get events and close, over and over; the first line is after the first 20 cycles. Resident memory after a full collection.`,
      columns: ['cycles', 'sockets so far', 'resident MiB', 'sockets left', 'patterns left'],
      rows: notes.map(({ minute, cycles: done, residentMiB, sockets: left, patterns }) => ({
        name: `minute ${minute}`,
        values: [done, done * sockets, residentMiB, left, patterns],
      })),
    },
  ];
};
