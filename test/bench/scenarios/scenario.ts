/** What a scenario is, and what scenarios share. */
import amqp from 'amqplib';
import type { Rabbit } from '../../support/rabbit.ts';
import { type Contender, type Running, startContender } from '../contenders.ts';
import { LoadClient } from '../load.ts';
import { Publisher } from '../publisher.ts';

/** A table of figures; also what is written to benchmarks.json. */
export interface Table {
  readonly title: string;
  /** What was done, and what the figures are. */
  readonly note: string;
  readonly columns: readonly string[];
  readonly rows: readonly { readonly name: string; readonly values: readonly (number | string)[] }[];
}

export interface Setting {
  readonly rabbit: Rabbit;
  /** How often each contender is measured. */
  readonly rounds: number;
  /** Only contenders whose name has this in it. */
  readonly only: string;
  say(text: string): void;
}

export type Scenario = (setting: Setting) => Promise<Table[]>;

/** A contender with its clients connected. */
export interface Arena {
  readonly running: Running;
  readonly load: LoadClient;
  readonly publisher: Publisher;
}

/** Has the stream of a history begin anew, so that what one scenario left in it costs the next one nothing. */
export async function deleteHistory({ amqpPort }: Rabbit): Promise<void> {
  const connection = await amqp.connect(`amqp://guest:guest@127.0.0.1:${amqpPort}`);
  const channel = await connection.createChannel();
  await channel.deleteQueue('horizon.history');
  await connection.close();
}

/** Starts a contender with so many clients, lets it be measured, and ends it all. */
export async function inArena<T>(
  setting: Setting,
  contender: Contender,
  connections: number,
  accounts: readonly string[] | undefined,
  measure: (arena: Arena) => Promise<T>,
): Promise<T> {
  const running = await startContender(contender, setting.rabbit);
  const load = new LoadClient();
  const publisher = await Publisher.open(setting.rabbit);
  try {
    await load.connect(await running.specs(connections, accounts));
    return await measure({ running, load, publisher });
  } finally {
    load.stop();
    await publisher.close();
    await running.stop();
  }
}

/** Measures the contenders in turn, round by round, so that what disturbs the machine disturbs all of them. */
export async function inTurn<T>(
  setting: Setting,
  contenders: readonly Contender[],
  measure: (contender: Contender) => Promise<T>,
): Promise<Map<Contender, T[]>> {
  const measured = contenders.filter(({ name }) => name.includes(setting.only));
  const results = new Map<Contender, T[]>(measured.map((contender) => [contender, []]));
  for (let round = 1; round <= setting.rounds; round += 1) {
    for (const contender of measured) {
      const result = await measure(contender);
      results.get(contender)?.push(result);
      setting.say(`  round ${round}, ${contender.name}: ${JSON.stringify(result)}`);
    }
  }
  return results;
}
