/** RabbitMQ as the bus: this node's queue of events, bound and unbound as the plan says. */
import { type Channel, type ChannelModel, type ConsumeMessage, IllegalOperationError } from 'amqplib';
import { type Bus, type BusListener, type Delivery, ExchangeAbsent } from '../bus.ts';
import { messageOf } from '../errors.ts';
import type { Pattern } from '../families/family.ts';
import type { Log } from '../log.ts';
import { AmqpDelivery } from './amqp-delivery.ts';
import { BrokerConnection, BrokerSilent, openChannel, operationMs, within } from './connection.ts';
import { Outages } from './outages.ts';
import { TopologyChannel } from './topology-channel.ts';

export interface RabbitBusOptions {
  readonly urls: readonly string[];
  readonly nodeName: string;
  /** Messages that the broker hands over before it waits for an acknowledgement. */
  readonly prefetch?: number;
  /** Messages that wait at the broker at most; the oldest give way. */
  readonly queueLength?: number;
}

const defaultPrefetch = 500;
const defaultQueueLength = 50_000;
/** What a node that can't keep up may cost the broker, bytes. */
const queueBytes = 134_217_728;
/** Dropped messages that are kept to be counted: beyond it the count is "at least". */
const overflowLength = 10_000;
const overflowBytes = 16_777_216;
/** How often they are counted: which is how often the broker shows that it answers, too. */
const overflowPollMs = 2000;

/** What there is while the broker is. */
interface Link {
  readonly queue: string;
  readonly overflowQueue: string;
  readonly consumer: Channel;
  readonly topology: TopologyChannel;
}

/** A delivery that can be acknowledged where it came from. */
class RabbitDelivery extends AmqpDelivery {
  constructor(
    message: ConsumeMessage,
    readonly channel: Channel,
  ) {
    super(message);
  }
}

export class RabbitBus implements Bus {
  readonly #connection: BrokerConnection;
  #listener: BusListener | undefined;
  #link: Link | undefined;
  #overflowTimer: NodeJS.Timeout | undefined;
  #isCounting = false;
  /** `performance.now()` of the last answer, while there is a connection. */
  #answeredAt: number | undefined;
  #isSilent = false;
  readonly outages = new Outages();

  constructor(
    private readonly options: RabbitBusOptions,
    private readonly log: Log,
  ) {
    this.#connection = new BrokerConnection(
      options.urls,
      `event-horizon ${options.nodeName}`,
      {
        setup: (model) => this.#setup(model),
        onUp: () => {
          this.#onAnswer();
          this.#listener?.onUp();
        },
        onDown: (reason) => {
          this.#onLoss();
          this.#listener?.onDown(reason);
        },
      },
      log,
    );
  }

  get isUp(): boolean {
    return this.#connection.isUp && this.#link !== undefined;
  }

  get isSilent(): boolean {
    return this.isUp && this.#isSilent;
  }

  start(listener: BusListener): void {
    this.#listener = listener;
    this.#connection.start().catch((error: unknown) => listener.onDown(messageOf(error)));
    this.#overflowTimer = setInterval(() => void this.#countOverflow(), overflowPollMs);
    this.#overflowTimer.unref();
  }

  async bind({ exchange, routingPattern, isOptional, isAwaited }: Pattern): Promise<void> {
    const { topology, queue } = this.#requireLink();
    if (isOptional || isAwaited) {
      if (!(await topology.bindWhereFound(queue, exchange, routingPattern))) throw new ExchangeAbsent(exchange);
    } else await topology.bind(queue, { name: exchange, type: 'topic' }, routingPattern);
  }

  async unbind(pattern: Pattern): Promise<void> {
    const { topology, queue } = this.#requireLink();
    await topology.unbind(queue, pattern);
  }

  settle(delivery: Delivery): void {
    // What an earlier connection delivered went away with its queue.
    if (!(delivery instanceof RabbitDelivery) || delivery.channel !== this.#link?.consumer) return;
    try {
      delivery.channel.ack(delivery.message, true);
    } catch (error) {
      // The channel has just closed.
      if (!(error instanceof IllegalOperationError)) throw error;
    }
  }

  async stop(): Promise<void> {
    clearInterval(this.#overflowTimer);
    // Before the goodbye: the end of the channel is no reason to start over then.
    this.#link = undefined;
    await this.#connection.stop();
  }

  #requireLink(): Link {
    if (this.#link === undefined) throw new Error('the broker is away');
    return this.#link;
  }

  async #setup(model: ChannelModel): Promise<void> {
    this.#link = undefined;
    const consumer = await openChannel(
      model,
      // When the connection goes, its channels go first: a moment later it has said so itself.
      () => queueMicrotask(() => this.#recycle(model, consumer, 'the channel was closed')),
      (error) => this.log.warn({ err: error }, 'the broker closed the channel of events'),
    );
    const [queue, overflowQueue] = await this.#declareQueues(consumer);
    await within(operationMs, consumer.prefetch(this.options.prefetch ?? defaultPrefetch));
    this.#link = { queue, overflowQueue, consumer, topology: new TopologyChannel(model) };
    await within(
      operationMs,
      consumer.consume(queue, (message) => {
        if (message === null) this.#recycle(model, consumer, 'the broker cancelled the consumer');
        else this.#listener?.onDelivery(new RabbitDelivery(message, consumer));
      }),
    );
  }

  /**
   * The queue of events, and one for what it drops when it is full: nobody reads that one, its length is the number of
   * messages lost.
   */
  async #declareQueues(channel: Channel): Promise<[queue: string, overflowQueue: string]> {
    const exclusive = { exclusive: true, autoDelete: true };
    const overflow = await within(
      operationMs,
      channel.assertQueue('', {
        ...exclusive,
        arguments: { 'x-max-length': overflowLength, 'x-max-length-bytes': overflowBytes },
      }),
    );
    const events = await within(
      operationMs,
      channel.assertQueue('', {
        ...exclusive,
        arguments: {
          'x-max-length': this.options.queueLength ?? defaultQueueLength,
          'x-max-length-bytes': queueBytes,
          'x-overflow': 'drop-head',
          'x-dead-letter-exchange': '',
          'x-dead-letter-routing-key': overflow.queue,
        },
      }),
    );
    return [events.queue, overflow.queue];
  }

  /** The connection lives but its consumer doesn't: recovery only knows connections, so this one is given up. */
  #recycle(model: ChannelModel, consumer: Channel, reason: string): void {
    if (this.#link?.consumer !== consumer) return;
    this.log.warn({ reason }, 'this node starts over with the broker');
    this.#onLoss();
    model
      .close()
      .catch((error: unknown) => this.log.debug({ err: error }, 'the connection to the broker was closed already'));
  }

  async #countOverflow(): Promise<void> {
    const link = this.#link;
    if (link === undefined || !this.isUp || this.#isCounting) return;
    this.#isCounting = true;
    try {
      const lost = await link.topology.purge(link.overflowQueue);
      if (this.#link === link) this.#onAnswer();
      if (lost > 0) this.#listener?.onOverflow(lost);
    } catch (error) {
      if (this.#link !== link) return;
      if (error instanceof BrokerSilent) this.#onSilence();
      else this.log.debug({ err: error }, 'what the broker dropped could not be counted');
    } finally {
      this.#isCounting = false;
    }
  }

  #onAnswer(): void {
    if (this.#isSilent) this.log.info('the broker answers again');
    this.#isSilent = false;
    this.#answeredAt = performance.now();
    this.outages.end();
  }

  /** Before heartbeats find it: a line that stalls, or comes back by itself. The connection is theirs to give up. */
  #onSilence(): void {
    if (!this.#isSilent) this.log.warn('the broker does not answer');
    this.#isSilent = true;
    if (this.#answeredAt !== undefined) this.outages.begin(this.#answeredAt);
  }

  #onLoss(): void {
    this.#link = undefined;
    this.#isSilent = false;
    // Who was never there was not lost.
    if (this.#answeredAt !== undefined) this.outages.begin(performance.now());
  }
}
