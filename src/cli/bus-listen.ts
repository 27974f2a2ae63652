/** `bus listen`: what passes on the bus itself. */
import type { Channel, ConsumeMessage } from 'amqplib';
import { openChannel, operationMs, within } from '../amqp/connection.ts';
import { TopologyChannel } from '../amqp/topology-channel.ts';
import type { ExchangeSpec } from '../bus.ts';
import { messageOf } from '../errors.ts';
import { brokerFailure, brokerUrls, type ConnectedBroker, connectBroker, disconnect, hasExchange } from './broker.ts';
import { busJson, busLine } from './bus-message.ts';
import { Failure } from './failure.ts';
import { readExchange, readKey } from './routing.ts';
import { countOf, spanMs } from './values.ts';

interface Options {
  readonly queue?: string | undefined;
  readonly durable?: boolean | undefined;
  readonly 'no-auto-delete'?: boolean | undefined;
  readonly ack?: boolean | undefined;
  readonly json?: boolean | undefined;
  readonly for?: string | undefined;
  readonly count?: string | undefined;
}

/** Messages that wait to be acknowledged. */
const prefetch = 100;
const retryMs = 1000;

/**
 * Prints messages until the time or the number is reached. Once it has had a broker, it comes back to one that it loses.
 * @throws Failure
 */
export async function busListen(exchangeText: string, keyText: string, options: Options): Promise<void> {
  const [exchange, key] = [readExchange(exchangeText), readKey(keyText)];
  const most = options.count === undefined ? Number.POSITIVE_INFINITY : countOf('--count', options.count);
  const forMs = options.for === undefined ? undefined : spanMs('--for', options.for);
  checkQueueOptions(options);
  const urls = brokerUrls(process.env);
  let left = most;
  const print = (message: ConsumeMessage): boolean => {
    if (left <= 0) return false;
    left -= 1;
    process.stdout.write(`${options.json ? busJson(message) : busLine(message, new Date())}\n`);
    return left > 0;
  };
  const ended = forMs === undefined ? undefined : new Promise<void>((resolve) => setTimeout(resolve, forMs));
  let broker = await connectBroker(urls);
  for (;;) {
    const outcome = await consume(broker, exchange, key, options, print, ended);
    await disconnect(broker);
    if (outcome === 'done') return;
    process.stderr.write(`the broker is away: ${outcome}; messages may be missing\n`);
    const again = await reconnect(urls, ended);
    if (again === undefined) return;
    broker = again;
    process.stderr.write(`the broker is back: ${broker.shown}\n`);
  }
}

function checkQueueOptions({ queue, durable, 'no-auto-delete': stays }: Options): void {
  if (queue !== undefined) return;
  if (durable) throw new Failure('badUsage', '--durable: is for a queue with a name; give it with --queue');
  if (stays) throw new Failure('badUsage', '--no-auto-delete: is for a queue with a name; give it with --queue');
}

/** @returns why it is over: `done`, or what became of the broker */
async function consume(
  broker: ConnectedBroker,
  exchange: ExchangeSpec,
  key: string,
  options: Options,
  print: (message: ConsumeMessage) => boolean,
  ended: Promise<void> | undefined,
): Promise<string> {
  const { model } = broker;
  let over: (reason: string) => void = () => undefined;
  const outcome = new Promise<string>((resolve) => {
    over = resolve;
  });
  model.on('close', (error?: Error) => over(error === undefined ? 'it closed the connection' : messageOf(error)));
  ended?.then(() => over('done'), undefined);
  let channel: Channel;
  try {
    if (!(await hasExchange(broker, exchange.name))) {
      process.stderr.write(`there was no exchange ${exchange.name}: it is declared now (${exchange.type})\n`);
    }
    const topology = new TopologyChannel(model);
    await topology.ensureExchange(exchange);
    let fault: Error | undefined;
    channel = await openChannel(
      model,
      () => over(fault === undefined ? 'it closed the channel' : messageOf(fault)),
      (error) => {
        fault = error;
      },
    );
    const { queue } = await within(operationMs, channel.assertQueue(options.queue ?? '', queueOptions(options))).catch(
      (error: unknown) => {
        throw fault ?? error;
      },
    );
    await topology.bind(queue, exchange, key);
    if (options.ack) await channel.prefetch(prefetch);
    const onMessage = (message: ConsumeMessage | null): void => {
      if (message === null) {
        over('the queue was deleted');
        return;
      }
      const isMore = print(message);
      if (options.ack) channel.ack(message);
      if (!isMore) over('done');
    };
    await within(operationMs, channel.consume(queue, onMessage, { noAck: !options.ack }));
  } catch (error) {
    throw brokerFailure(error);
  }
  const reason = await outcome;
  // What was acknowledged last must not be overtaken by the connection's goodbye.
  if (reason === 'done') await within(operationMs, channel.close()).catch(() => undefined);
  return reason;
}

/** A queue without a name is this program's own, and goes with it. */
function queueOptions({ queue, durable = false, 'no-auto-delete': stays = false }: Options) {
  return queue === undefined ? { exclusive: true } : { durable, autoDelete: !stays };
}

/** @returns undefined when the time is over */
async function reconnect(
  urls: readonly string[],
  ended: Promise<void> | undefined,
): Promise<ConnectedBroker | undefined> {
  let isOver = false;
  ended?.then(() => {
    isOver = true;
  }, undefined);
  while (!isOver) {
    try {
      return await connectBroker(urls);
    } catch (error) {
      if (!(error instanceof Failure) || error.kind !== 'unreachable') throw error;
      await new Promise((resolve) => setTimeout(resolve, retryMs));
    }
  }
  return undefined;
}
