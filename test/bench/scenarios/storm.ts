/** The morning after a restart: 10,000 sockets of 2,000 accounts connect and subscribe, to calls or to documents. */
import amqp from 'amqplib';
import { horizon, horizonOwnTokens, startContender } from '../contenders.ts';
import { LoadClient } from '../load.ts';
import { median } from '../statistics.ts';
import { longestBlock, metricOf } from './metric.ts';
import { inTurn, type Scenario } from './scenario.ts';

const sockets = 10_000;
const accounts = Array.from({ length: 2000 }, (_, index) => `account${index}`);
const bindings = ['call.CHANNEL_CREATE.*', 'doc_edited.*.user.*', 'call.*.*', 'doc_created.*.device.*'];

export const storm: Scenario = async (setting) => {
  const results = await inTurn(setting, [horizon, horizonOwnTokens], async (contender) => {
    const running = await startContender(contender, setting.rabbit);
    const load = new LoadClient();
    const binds = await countBinds(`amqp://guest:guest@127.0.0.1:${setting.rabbit.amqpPort}`);
    try {
      const specs = (await running.specs(sockets, accounts)).map((spec, index) => ({
        ...spec,
        binding: bindings[Math.floor(index / accounts.length) % bindings.length] as string,
      }));
      await longestBlock(running.port);
      const connected = await load.connect(specs, 400);
      const longest = await longestBlock(running.port);
      return {
        seconds: connected.ms / 1000,
        failed: connected.failed,
        longestBlockMs: longest * 1000,
        binds: binds.count(),
        patterns: await metricOf(running.port, 'horizon_amqp_patterns'),
      };
    } finally {
      load.stop();
      await binds.stop();
      await running.stop();
    }
  });
  return [
    {
      title: 'Storm',
      note: `${sockets} sockets of ${accounts.length} accounts connect and subscribe, half to calls and half to documents, as fast as the load client can, with a token for each account or one for each socket; ${setting.rounds} rounds. Medians. The longest block is that of the event loop as Node measures it; binds are counted by the broker itself.`,
      columns: [
        'seconds',
        'failed',
        'longest block of the event loop, ms',
        'binds that the broker saw',
        'patterns in the end',
      ],
      rows: [...results].map(([contender, rounds]) => {
        const of = (key: keyof (typeof rounds)[number]): number => median(rounds.map((round) => round[key]));
        return {
          name: contender.name,
          values: [of('seconds'), of('failed'), of('longestBlockMs'), of('binds'), of('patterns')],
        };
      }),
    },
  ];
};

/** Counts the bindings that the broker makes, by its event exchange. */
async function countBinds(url: string): Promise<{ count(): number; stop(): Promise<void> }> {
  const connection = await amqp.connect(url);
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.bindQueue(queue, 'amq.rabbitmq.event', 'binding.created');
  let created = 0;
  await channel.consume(
    queue,
    (message) => {
      const from = message?.properties.headers?.source_name;
      if (from === 'callevt' || from === 'configuration') created += 1;
    },
    { noAck: true },
  );
  return { count: () => created, stop: () => connection.close() };
}
