/**
 * One reading of the stream, from a place to its end and on for as long as the channel lives: every position once and in
 * order, our own messages told apart from events.
 */
import { type Channel, type ChannelModel, type ConsumeMessage, IllegalOperationError } from 'amqplib';
import type { Delivery, Lateness } from '../bus.ts';
import { openChannel, operationMs, within } from './connection.ts';
import { positionOf } from './stream-declare.ts';
import { decodeOwn, type OwnMessage } from './stream-messages.ts';
import { isUndecodable } from './undecodable.ts';

/** A message as it is remembered over a lost connection: where a stream was made anew, another one stands in its place. */
export interface LastRead {
  readonly position: number;
  readonly message: ConsumeMessage;
}

/** At the head of each segment one position is the broker's own; a larger step is what was cut off. */
const largestStep = 2;

/** Why reading ended. */
export type ReadingEnd = 'closed' | 'deleted' | 'made anew' | 'no stream';

export interface ReaderEvents {
  onEvent(delivery: StreamDelivery): void;
  onOwn(message: OwnMessage | 'nothing', position: number): void;
  /** What was up to this position is gone. */
  onLost(position: number): void;
  onEnd(end: ReadingEnd, detail: string): void;
}

/** An event that can be acknowledged where it came from. */
export class StreamDelivery implements Delivery {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly contentEncoding: string | undefined;
  readonly isUndecodable: boolean;
  /** Set by the bus before it is handed on. */
  lateness?: Lateness;

  constructor(
    readonly position: number,
    readonly message: ConsumeMessage,
    readonly reader: StreamReader,
  ) {
    const { contentEncoding } = message.properties;
    this.exchange = message.fields.exchange;
    this.routingKey = message.fields.routingKey;
    this.body = message.content;
    this.contentEncoding = typeof contentEncoding === 'string' ? contentEncoding : undefined;
    this.isUndecodable = isUndecodable(message);
  }
}

export interface ReadingFrom {
  /** Where the broker is asked to begin. */
  readonly position: number;
  /** The last message read, which must stand where it stood; what comes before is passed over. */
  readonly behind: LastRead | undefined;
}

export class StreamReader {
  /** The last message read, if any. */
  last: LastRead | undefined;
  #channel: Channel | undefined;
  #isBegun = false;
  #isEnded = false;

  constructor(
    private readonly stream: string,
    private readonly from: ReadingFrom,
    private readonly events: ReaderEvents,
  ) {
    this.last = from.behind;
  }

  /** @param prefetch messages that the broker hands over before it waits for an acknowledgement */
  async start(model: ChannelModel, prefetch: number): Promise<void> {
    let detail = 'the channel was closed';
    const channel = await openChannel(
      model,
      () => this.#end('closed', detail),
      (error) => {
        detail = error.message;
      },
    );
    this.#channel = channel;
    // A stream is not read without a limit, and goes on with acknowledgements alone.
    await within(operationMs, channel.prefetch(prefetch));
    await within(
      operationMs,
      channel.consume(this.stream, (message) => this.#onMessage(channel, message), {
        arguments: { 'x-stream-offset': this.from.position },
      }),
    );
  }

  /** Nothing more is handed over; the channel goes. */
  stop(): void {
    this.#isEnded = true;
    const channel = this.#channel;
    this.#channel = undefined;
    // What fails to be closed is closed.
    channel?.close().catch(() => undefined);
  }

  /** This message and all before it are done with. */
  settle({ message }: StreamDelivery): void {
    this.#acknowledge(message, true);
  }

  #acknowledge(message: ConsumeMessage, withAllBefore: boolean): void {
    try {
      this.#channel?.ack(message, withAllBefore);
    } catch (error) {
      // The channel has just closed.
      if (!(error instanceof IllegalOperationError)) throw error;
    }
  }

  #end(end: ReadingEnd, detail: string): void {
    if (this.#isEnded) return;
    this.stop();
    this.events.onEnd(end, detail);
  }

  #onMessage(channel: Channel, message: ConsumeMessage | null): void {
    if (this.#isEnded || channel !== this.#channel) return;
    if (message === null) this.#end('deleted', 'the stream was deleted');
    else this.#read(message);
  }

  /** A message without its properties doesn't say where it stands: it is the first one asked for, or the next. */
  get #unsaidPosition(): number {
    return this.#isBegun ? (this.last?.position ?? this.from.position - 1) + 1 : this.from.position;
  }

  #read(message: ConsumeMessage): void {
    const { last } = this;
    const position = isUndecodable(message) ? this.#unsaidPosition : positionOf(message);
    this.#isBegun = true;
    if (position === undefined) {
      this.#end('no stream', `${this.stream} is a queue and no stream`);
      return;
    }
    if (last === undefined || position > last.position) {
      this.#take(message, position, last?.position ?? this.from.position - 1);
      return;
    }
    this.#acknowledge(message, false);
    // Chunks are delivered from their beginning: what comes before is known, unless it is another stream's.
    if (position === last.position && last === this.from.behind && !isSame(message, last.message)) {
      this.#end('made anew', 'the stream was made anew');
    }
  }

  #take(message: ConsumeMessage, position: number, before: number): void {
    if (position < this.from.position) {
      this.#acknowledge(message, false);
      return;
    }
    if (position - before > largestStep) this.events.onLost(position - 1);
    this.last = { position, message };
    const own = decodeOwn(message, this.stream);
    if (own === undefined) {
      this.events.onEvent(new StreamDelivery(position, message, this));
    } else {
      // By itself: events before it may still be on their way to the sockets.
      this.#acknowledge(message, false);
      this.events.onOwn(own, position);
    }
  }
}

function isSame(one: ConsumeMessage, other: ConsumeMessage): boolean {
  return (
    one.fields.exchange === other.fields.exchange &&
    one.fields.routingKey === other.fields.routingKey &&
    one.content.equals(other.content)
  );
}
