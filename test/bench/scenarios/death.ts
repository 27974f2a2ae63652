/**
 * What a node's death costs a publisher: a bridge with 9,000 sockets is killed while a publisher publishes with confirms
 * every 10 ms to the exchanges that the bridge is bound to. The broker deletes the bridge's queue and its bindings then,
 * and the confirms of what is being routed wait for that. Measured with the plan that MAX_PATTERNS allows, with a plan
 * that is just full, and with a limit so high that everything is bound finely.
 */
import amqp from 'amqplib';
import { type Contender, startContender } from '../contenders.ts';
import { LoadClient } from '../load.ts';
import { monotonicMs } from '../publisher.ts';
import { median, shown } from '../statistics.ts';
import { metricOf } from './metric.ts';
import { inTurn, type Scenario } from './scenario.ts';

const sockets = 9000;
const intervalMs = 10;
/** Before the death, to know the usual; and after it. */
const beforeMs = 2000;
const afterMs = 2000;

interface Case extends Contender {
  readonly accounts: number;
}

const cases: readonly Case[] = [
  deathOf('MAX_PATTERNS=100, 2,000 accounts', 100, 2000),
  // The most that fits without giving way.
  deathOf('MAX_PATTERNS=100, 27 accounts: just full', 100, 27),
  deathOf('MAX_PATTERNS=10000, 2,000 accounts: all bound finely', 10_000, 2000),
];

function deathOf(name: string, maxPatterns: number, accounts: number): Case {
  return { name, protocol: 'horizon', accounts, settings: { MAX_PATTERNS: String(maxPatterns) } };
}

const accountId = (index: number): string => index.toString(16).padStart(32, '0');

/** What the sockets of an account watch, one binding each: calls, documents, and of every other account conferences. */
function bindingOf(index: number, accounts: number): string {
  const account = index % accounts;
  const bindings = [
    'call.CHANNEL_CREATE.*',
    'object.doc_edited.user',
    'object.doc_edited.device',
    'object.doc_created.user',
    account % 2 === 0 ? 'conference.event.*.*' : 'call.CHANNEL_CREATE.*',
  ];
  return bindings[Math.floor(index / accounts) % bindings.length] as string;
}

interface Round {
  readonly patterns: number;
  /** Confirms before the death: the usual one, and the longest. */
  readonly usualMs: number;
  readonly longestUsualMs: number;
  /** The longest of those that were under way at the death, or came after it. */
  readonly longestMs: number;
}

export const death: Scenario = async (setting) => {
  const results = await inTurn(setting, cases, async (contender) => {
    const running = await startContender(contender, setting.rabbit);
    const load = new LoadClient();
    const { accounts } = contender as Case;
    const publisher = await openPublisher(`amqp://guest:guest@127.0.0.1:${setting.rabbit.amqpPort}`);
    try {
      const ids = Array.from({ length: accounts }, (_, index) => accountId(index));
      const specs = (await running.specs(sockets, ids)).map((spec, index) => ({
        ...spec,
        binding: bindingOf(index, accounts),
      }));
      await load.connect(specs);
      const patterns = await metricOf(running.port, 'horizon_amqp_patterns');
      publisher.start();
      await pause(beforeMs);
      const diedAt = monotonicMs();
      await running.stop();
      await pause(afterMs);
      const samples = await publisher.stop();
      const before = samples.filter(({ at, ms }) => at + ms < diedAt).map(({ ms }) => ms);
      const since = samples.filter(({ at, ms }) => at + ms >= diedAt).map(({ ms }) => ms);
      return {
        patterns,
        usualMs: median(before),
        longestUsualMs: Math.max(...before),
        longestMs: Math.max(...since),
      } satisfies Round;
    } finally {
      await publisher.stop();
      load.stop();
      await running.stop();
    }
  });
  return [
    {
      title: 'A node’s death',
      note: `A bridge with ${sockets} sockets is killed (SIGKILL) while somebody publishes with confirms every ${intervalMs} ms to the exchanges that it is bound to; ${setting.rounds} rounds in turn. How long confirms took, ms.`,
      columns: ['patterns', 'median before', 'longest before', 'longest at the death', 'each round'],
      rows: [...results].map(([contender, rounds]) => {
        const of = (key: keyof Round): number => median(rounds.map((round) => round[key]));
        return {
          name: contender.name,
          values: [
            of('patterns'),
            of('usualMs'),
            of('longestUsualMs'),
            of('longestMs'),
            rounds.map(({ longestMs }) => shown(longestMs)).join(', '),
          ],
        };
      }),
    },
  ];
};

interface Sample {
  /** When it was published. */
  readonly at: number;
  /** Until it was confirmed. */
  readonly ms: number;
}

async function openPublisher(url: string): Promise<{ start(): void; stop(): Promise<Sample[]> }> {
  const connection = await amqp.connect(url, { noDelay: true });
  const channel = await connection.createConfirmChannel();
  const account = accountId(0);
  const database = `account%2F${account.slice(0, 2)}%2F${account.slice(2, 4)}%2F${account.slice(4)}`;
  const messages = [
    { exchange: 'callevt', key: 'call.CHANNEL_CREATE.x' },
    { exchange: 'configuration', key: `doc_edited.${database}.user.x` },
    { exchange: 'conference', key: `conference.event.add-member.${account}.7001.x` },
  ];
  for (const { exchange } of messages) await channel.assertExchange(exchange, 'topic', { durable: false });
  const body = Buffer.from(JSON.stringify({ 'Event-Name': 'bench', 'Account-ID': account }));
  const samples: Sample[] = [];
  let timer: NodeJS.Timeout | undefined;
  let isClosed = false;
  const publish = (): void => {
    const { exchange, key } = messages[samples.length % messages.length] as (typeof messages)[number];
    const at = monotonicMs();
    channel.publish(exchange, key, body, {}, () => samples.push({ at, ms: monotonicMs() - at }));
  };
  return {
    start() {
      timer = setInterval(publish, intervalMs);
    },
    async stop() {
      clearInterval(timer);
      if (!isClosed) {
        isClosed = true;
        // What isn't confirmed yet counts as well.
        await channel.waitForConfirms();
        await connection.close();
      }
      return samples;
    },
  };
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
