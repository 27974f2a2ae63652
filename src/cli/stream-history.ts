/** `history`: what the stream holds, and how to be rid of it. */
import { randomUUID } from 'node:crypto';
import type { ChannelModel } from 'amqplib';
import { openChannel, operationMs, replyCode, within } from '../amqp/connection.ts';
import { positionAt } from '../amqp/stream-declare.ts';
import { canaryKey, encodeOwn, type Fence } from '../amqp/stream-messages.ts';
import { StreamReader } from '../amqp/stream-reader.ts';
import { catalogueSettings } from '../app-settings.ts';
import { Accounts } from '../auth/accounts.ts';
import { type Config, readConfig, readSetting } from '../config.ts';
import { late, type Patience, whileItMoves } from '../deadline.ts';
import { ConfigError } from '../errors.ts';
import { createCatalogue } from '../families/catalogue.ts';
import { type ExchangePatterns, patternsOfEverything } from '../families/everything.ts';
import { connectBroker, disconnect } from './broker.ts';

/** For reading to the stream's end: that takes as long as there is much in it. */
const patience: Patience = { stillMs: 10_000, totalMs: 600_000 };

/** What was found while reading from the beginning. */
interface Findings {
  firstFence: Fence | undefined;
  epoch: string | undefined;
  last: number;
  canaries: Set<string>;
  /** Exchanges that are not there, and those that this user may not write to. */
  absent: Set<string>;
  refused: Set<string>;
}

/** @throws ConfigError where it isn't told which of the two, or AMQP_URL is missing; Error where the stream can't be had */
export async function lookAtHistory(values: {
  readonly show?: boolean | undefined;
  readonly remove?: boolean | undefined;
}): Promise<void> {
  if (values.show === values.remove) throw new ConfigError(['say either --show or --remove (see --help)']);
  if (readSetting(process.env, 'AMQP_URL') === undefined) {
    throw new ConfigError(['AMQP_URL: not set; name the broker with the stream']);
  }
  const isToldSecret = readSetting(process.env, 'AUTH_JWT_SECRET') !== undefined;
  const config = readConfig({ ...process.env, ...(!isToldSecret && { AUTH_JWT_SECRET: 'not needed to look' }) });
  const broker = await connectBroker(config.AMQP_URL ?? []);
  try {
    if (values.show) await show(broker.model, config);
    else await remove(broker.model, config.HISTORY_STREAM);
  } finally {
    await disconnect(broker);
  }
}

async function remove(model: ChannelModel, stream: string): Promise<void> {
  await checkThere(model, stream);
  const channel = await quietChannel(model);
  await within(operationMs, channel.deleteQueue(stream));
  process.stdout.write(`${stream} is deleted.\n`);
}

async function checkThere(model: ChannelModel, stream: string): Promise<void> {
  const channel = await quietChannel(model);
  try {
    await within(operationMs, channel.checkQueue(stream));
  } catch (error) {
    if (replyCode(error) === 404 && !/home node/i.test(String(error))) throw new Error(`there is no stream ${stream}`);
    throw error;
  }
}

async function show(model: ChannelModel, config: Config): Promise<void> {
  const stream = config.HISTORY_STREAM;
  await checkThere(model, stream);
  const first = await positionAt(model, stream, 'first');
  const everything = patternsOfEverything(createCatalogue(catalogueSettings(config), new Accounts()));
  const found = await readAll(model, stream, first ?? 0, everything);
  const at = (time: number | undefined): string => (time === undefined ? 'unknown' : new Date(time).toISOString());
  const lines = [
    `stream  ${stream}`,
    `epoch   ${found.epoch ?? 'none yet'}`,
    `first   ${first ?? 'empty'}, not later than ${at(found.firstFence?.time)}`,
    `last    ${found.last}, ${at(Date.now())}`,
    ...everything.map(({ exchange }) => `${bindingState(found, exchange)} ${exchange}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

/** In nine letters, so that the names stand below each other. */
function bindingState({ canaries, absent, refused }: Findings, exchange: string): string {
  if (canaries.has(exchange)) return 'bound    ';
  if (absent.has(exchange)) return 'absent   ';
  return refused.has(exchange) ? 'not known' : 'NOT bound';
}

/** Sends canaries and behind them a fence, and reads all up to that. */
async function readAll(
  model: ChannelModel,
  stream: string,
  from: number,
  everything: readonly ExchangePatterns[],
): Promise<Findings> {
  const look = randomUUID();
  let handedOut = 0;
  const found: Findings = {
    firstFence: undefined,
    epoch: undefined,
    last: from,
    canaries: new Set(),
    absent: new Set(),
    refused: new Set(),
  };
  let done: () => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const ended = new Promise<void>((resolve, reject) => {
    done = resolve;
    fail = reject;
  });
  // It may fail while the writing below is still under way.
  ended.catch(() => undefined);
  const reading = new StreamReader(
    stream,
    { position: from, behind: undefined },
    {
      onEvent(delivery) {
        handedOut += 1;
        reading.settle(delivery);
      },
      onOwn(message, position) {
        handedOut += 1;
        found.last = position;
        if (message === 'nothing') return;
        if (message.kind === 'epoch') found.epoch ??= message.id;
        if (message.kind === 'canary' && message.look === look) found.canaries.add(message.exchange);
        if (message.kind !== 'fence') return;
        found.firstFence ??= message;
        if (message.epoch !== undefined) found.epoch = message.epoch.id;
        if (message.look === look) done();
      },
      onLost: () => undefined,
      onEnd: (_end, detail) => fail(new Error(detail)),
    },
  );
  await reading.start(model, 500);
  for (const { exchange, routingPatterns } of everything) {
    const canary = encodeOwn({ kind: 'canary', look, exchange });
    const refusal = await write(model, exchange, canaryKey(stream, routingPatterns), canary);
    if (refusal === 404) found.absent.add(exchange);
    if (refusal === 403) found.refused.add(exchange);
  }
  const fence: Fence = { kind: 'fence', look, time: Date.now(), scope: '', looked: [], missing: [] };
  await write(model, '', stream, encodeOwn(fence));
  const outcome = await whileItMoves(patience, () => handedOut, ended);
  reading.stop();
  if (outcome === late) {
    throw new Error(`the end of ${stream} was not reached: what was written there did not come back; try again`);
  }
  return found;
}

/**
 * An exchange that is missing, or may not be written to, has no canary: that is what is to be found out.
 * @returns the reply code of the refusal, if it was refused
 */
async function write(
  model: ChannelModel,
  exchange: string,
  routingKey: string,
  [body, properties]: ReturnType<typeof encodeOwn>,
): Promise<number | undefined> {
  const channel = await model.createConfirmChannel();
  let refusal: number | undefined;
  channel.on('error', (error: unknown) => {
    refusal = replyCode(error);
  });
  channel.publish(exchange, routingKey, body, properties);
  try {
    await within(operationMs, channel.waitForConfirms());
    await within(operationMs, channel.close());
  } catch (error) {
    if (exchange === '') throw error;
  }
  return refusal;
}

async function quietChannel(model: ChannelModel): ReturnType<typeof openChannel> {
  return openChannel(
    model,
    () => undefined,
    () => undefined,
  );
}
