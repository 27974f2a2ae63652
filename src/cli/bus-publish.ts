/** `bus publish` and `bus query`: something is said on the bus, and to `query` the others answer. */
import { randomUUID } from 'node:crypto';
import type { ChannelModel, ConfirmChannel, ConsumeMessage } from 'amqplib';
import { z } from 'zod';
import { openChannel, operationMs, within } from '../amqp/connection.ts';
import { TopologyChannel } from '../amqp/topology-channel.ts';
import { withDeadline } from '../deadline.ts';
import { version } from '../version.ts';
import { brokerFailure, brokerUrls, type ConnectedBroker, connectBroker, disconnect } from './broker.ts';
import { bodyOf } from './bus-message.ts';
import { Failure } from './failure.ts';
import { readExchange, readKey } from './routing.ts';
import { selectorOf } from './select.ts';
import { printable, printableJson } from './terminal.ts';
import { countOf, jsonObjectOf, spanMs } from './values.ts';

/** Where Kazoo's answers go. */
const answers = { name: 'targeted', type: 'direct' } as const;

/**
 * Publishes, and waits until the broker has confirmed.
 * @param text JSON, or `-`: it is read from standard input
 * @throws Failure; also where no queue took it
 */
export async function busPublish(exchangeText: string, keyText: string, text: string): Promise<void> {
  const key = readKey(keyText);
  const body = text === '-' ? await readInput() : text;
  jsonObjectOf('JSON', body);
  const broker = await connectBroker(brokerUrls(process.env));
  try {
    await publish(broker, exchangeText, key, body);
  } finally {
    await disconnect(broker);
  }
  process.stdout.write(`published to ${printable(exchangeText)}, ${printable(key)}\n`);
}

async function readInput(): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of process.stdin) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}

async function publish({ model }: ConnectedBroker, exchange: string, key: string, body: string): Promise<void> {
  const channel: ConfirmChannel = await within(operationMs, model.createConfirmChannel());
  let fault: Error | undefined;
  channel.on('error', (error: Error) => {
    fault = error;
  });
  let isReturned = false;
  channel.on('return', () => {
    isReturned = true;
  });
  try {
    const properties = { contentType: 'application/json', mandatory: true, persistent: false };
    channel.publish(exchange, key, Buffer.from(body), properties);
    await within(operationMs, channel.waitForConfirms());
  } catch (error) {
    throw brokerFailure(fault ?? error);
  }
  // RabbitMQ returns it before it confirms.
  if (isReturned) throw new Failure('fault', `nobody listens: no queue on ${exchange} takes ${printable(key)}`);
}

interface QueryOptions {
  readonly for?: string | undefined;
  readonly select?: string | undefined;
  readonly count?: string | undefined;
}

const correlated = z.looseObject({ 'Msg-ID': z.string() });

/**
 * Publishes a question with `Msg-ID` and `Server-ID`, and prints its answers, or a place in each, as they come.
 * @throws Failure; also where nobody answers in time
 */
export async function busQuery(
  exchangeText: string,
  keyText: string,
  text: string,
  options: QueryOptions,
): Promise<void> {
  const [exchange, key] = [readExchange(exchangeText), readKey(keyText)];
  const question = jsonObjectOf('JSON', text);
  const select = options.select === undefined ? (answer: unknown) => answer : selectorOf(options.select);
  const waitText = options.for ?? '2s';
  const waitMs = spanMs('--for', waitText);
  const most = options.count === undefined ? Number.POSITIVE_INFINITY : countOf('--count', options.count);
  const broker = await connectBroker(brokerUrls(process.env));
  const id = typeof question['Msg-ID'] === 'string' ? question['Msg-ID'] : randomUUID();
  let [answered, printed] = [0, 0];
  const onAnswer = (answer: unknown): boolean => {
    if (answered >= most) return false;
    answered += 1;
    const found = select(answer);
    if (found !== undefined && found !== null) {
      printed += 1;
      process.stdout.write(`${typeof found === 'string' ? printable(found) : printableJson(JSON.stringify(found))}\n`);
    }
    return answered < most;
  };
  try {
    const { address, enough } = await hearAnswers(broker, id, onAnswer);
    const headers = { 'App-Name': 'event-horizon', 'App-Version': version };
    await publish(
      broker,
      exchange.name,
      key,
      JSON.stringify({ ...headers, ...question, 'Msg-ID': id, 'Server-ID': address }),
    );
    await withDeadline(waitMs, enough);
  } finally {
    await disconnect(broker);
  }
  if (answered === 0) throw new Failure('fault', `nobody answered within ${waitText}`);
  if (printed === 0) throw new Failure('fault', `${answered} answered, and none has anything at ${options.select}`);
}

/**
 * Hears answers to a question, on a queue of our own.
 * @param onAnswer says whether more are wanted
 * @returns where they are to go, and what resolves when no more are wanted, or rejects when none can come any more
 */
async function hearAnswers({ model, shown }: ConnectedBroker, id: string, onAnswer: (answer: unknown) => boolean) {
  let resolve: () => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const enough = new Promise<void>((resolveEnough, rejectEnough) => {
    [resolve, reject] = [resolveEnough, rejectEnough];
  });
  // It may be over while the question is still on its way.
  enough.catch(() => undefined);
  model.on('close', () => reject(new Failure('unreachable', `${shown} closed the connection`)));
  const onMessage = (message: ConsumeMessage | null): void => {
    if (message === null) {
      reject(new Failure('fault', 'the broker took the queue for the answers away'));
      return;
    }
    const answer = correlated.safeParse(bodyOf(message));
    if (answer.success && answer.data['Msg-ID'] === id && !onAnswer(answer.data)) resolve();
  };
  return { address: await answerQueue(model, onMessage), enough };
}

/** @returns the address of a queue of our own */
async function answerQueue(model: ChannelModel, onMessage: (message: ConsumeMessage | null) => void): Promise<string> {
  try {
    const topology = new TopologyChannel(model);
    const channel = await openChannel(
      model,
      () => undefined,
      () => undefined,
    );
    const { queue } = await within(operationMs, channel.assertQueue('', { exclusive: true }));
    await topology.bind(queue, answers, queue);
    await within(operationMs, channel.consume(queue, onMessage, { noAck: true }));
    return queue;
  } catch (error) {
    throw brokerFailure(error);
  }
}
