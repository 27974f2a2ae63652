/** The stream itself: found or made, and where it begins and ends. */
import type { ChannelModel, ConsumeMessage } from 'amqplib';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { openChannel, operationMs, replyCode, within } from './connection.ts';

export interface StreamSettings {
  readonly name: string;
  readonly maxAgeSeconds: number;
  readonly maxBytes: number;
}

/** Retention goes by whole segments: with RabbitMQ's 500 MB nothing would ever be dropped on a small bus. */
const segmentBytes = 2_000_000;
/** How long the first message of a look into the stream may take. An empty stream never answers. ms */
const peekMs = 1000;

/** Runs one operation on a channel of its own: a refused one takes its channel along. @throws what the broker said */
async function onOwnChannel<T>(
  model: ChannelModel,
  operation: (channel: Awaited<ReturnType<typeof openChannel>>) => Promise<T>,
): Promise<T> {
  let refusal: Error | undefined;
  const channel = await openChannel(
    model,
    () => undefined,
    (error) => {
      refusal = error;
    },
  );
  try {
    const result = await within(operationMs, operation(channel));
    await within(operationMs, channel.close());
    return result;
  } catch (error) {
    throw refusal ?? error;
  }
}

/**
 * Makes sure that the stream is there.
 * @returns whether it was missing, and has been made
 * @throws Error where it can't be had, with the reason in words
 */
export async function ensureStream(model: ChannelModel, settings: StreamSettings, log: Log): Promise<boolean> {
  const { name } = settings;
  const isThere = await exists(model, name);
  try {
    await onOwnChannel(model, (channel) =>
      channel.assertQueue(name, {
        durable: true,
        arguments: {
          'x-queue-type': 'stream',
          'x-max-age': `${settings.maxAgeSeconds}s`,
          'x-max-length-bytes': settings.maxBytes,
          'x-stream-max-segment-size-bytes': segmentBytes,
        },
      }),
    );
    if (!isThere) log.info({ stream: name }, 'the stream was missing and has been made');
  } catch (error) {
    const code = replyCode(error);
    // 406: it exists with other arguments; 403: it may be used but not be made. Whether it is a stream is seen in what comes.
    if (!isThere || (code !== 406 && code !== 403)) {
      throw new Error(`the stream ${name} can't be made: ${messageOf(error)}`, { cause: error });
    }
    if (code === 406) {
      log.warn(
        { stream: name, reason: messageOf(error) },
        'the stream exists with other arguments and is used as it is',
      );
    }
  }
  return !isThere;
}

async function exists(model: ChannelModel, name: string): Promise<boolean> {
  try {
    await onOwnChannel(model, (channel) => channel.checkQueue(name));
    return true;
  } catch (error) {
    if (replyCode(error) !== 404) throw error;
    // The same code, and a stream all the same: it must not be made anew.
    if (/home node/i.test(messageOf(error))) {
      throw new Error(`the stream ${name} is on a broker that is down: ${messageOf(error)}`, { cause: error });
    }
    return false;
  }
}

/** Where in a stream: a position, or when (Unix time, seconds), or an end. */
export type StreamPlace = number | 'first' | 'last' | { readonly '!': 'timestamp'; readonly value: number };

/**
 * The position of the first message from a place on: at `last` that of the last chunk. Chunks are delivered from their
 * beginning, so it may be before the place.
 * @returns undefined where nothing came
 */
export function positionAt(model: ChannelModel, stream: string, place: StreamPlace): Promise<number | undefined> {
  return onOwnChannel(model, async (channel) => {
    await channel.prefetch(1);
    let timer: NodeJS.Timeout | undefined;
    const first = new Promise<number | undefined>((resolve, reject) => {
      timer = setTimeout(() => resolve(undefined), peekMs);
      channel.on('close', () => reject(new Error(`no look into the stream ${stream}`)));
      channel
        .consume(stream, (message) => resolve(message === null ? undefined : positionOf(message)), {
          arguments: { 'x-stream-offset': place },
        })
        .catch(reject);
    });
    try {
      return await first;
    } finally {
      clearTimeout(timer);
    }
  });
}

/** @returns undefined where the message is of no stream */
export function positionOf({ properties }: ConsumeMessage): number | undefined {
  const position: unknown = properties.headers?.['x-stream-offset'];
  return typeof position === 'number' ? position : undefined;
}
