/** The nodes' own conversation over RabbitMQ: a second connection, since a memory alarm stops whoever publishes. */
import type { Channel, ChannelModel } from 'amqplib';
import type { ControlBinding, ControlChannel, Delivery, Published, PublishOptions } from '../bus.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { AmqpDelivery } from './amqp-delivery.ts';
import { BrokerConnection, openChannel, operationMs, replyCode, within } from './connection.ts';
import { RabbitPublisher } from './rabbit-publisher.ts';
import { TopologyChannel } from './topology-channel.ts';

/** The AMQP reply code of an exchange that isn't there. */
const notFound = 404;

interface Listener {
  onMessage(message: Delivery): void;
  onUp(): void;
}

export class RabbitControl implements ControlChannel {
  readonly #connection: BrokerConnection;
  #listener: Listener | undefined;
  #model: ChannelModel | undefined;
  #channel: Channel | undefined;
  #address: string | undefined;
  #publisher: RabbitPublisher | undefined;
  #isBlocked = false;

  constructor(
    urls: readonly string[],
    nodeName: string,
    private readonly bindings: readonly ControlBinding[],
    private readonly log: Log,
  ) {
    this.#connection = new BrokerConnection(
      urls,
      `event-horizon ${nodeName} (control)`,
      {
        setup: (model) => this.#setup(model),
        onUp: () => this.#listener?.onUp(),
        onDown: () => this.#forget(),
        onBlocked: (isBlocked) => {
          this.#isBlocked = isBlocked;
        },
      },
      log,
    );
  }

  get isUp(): boolean {
    return this.#connection.isUp && this.#channel !== undefined;
  }

  get address(): string | undefined {
    return this.#address;
  }

  start(listener: Listener): void {
    this.#listener = listener;
    this.#connection
      .start()
      .catch((error: unknown) => this.log.warn({ reason: messageOf(error) }, 'there is no control channel'));
  }

  async publish(exchange: string, routingKey: string, payload: object, options?: PublishOptions): Promise<Published> {
    if (this.#publisher === undefined) throw new Error('the broker is away');
    // What is published now would wait in memory and be old when it arrives.
    if (this.#isBlocked) throw new Error('the broker takes no messages now');
    try {
      return await this.#publisher.publish(exchange, routingKey, payload, options);
    } catch (error) {
      // With an exchange of the conversation this node's binding to it is gone: everything is made again.
      const isOwn = this.bindings.some((binding) => binding.exchange.name === exchange);
      if (isOwn && replyCode(error) === notFound) this.#recycle();
      throw error;
    }
  }

  renew(): void {
    this.#recycle();
  }

  async stop(): Promise<void> {
    this.#forget();
    await this.#connection.stop();
  }

  #forget(): void {
    this.#model = undefined;
    this.#channel = undefined;
    this.#address = undefined;
    this.#publisher = undefined;
    this.#isBlocked = false;
  }

  async #setup(model: ChannelModel): Promise<void> {
    this.#forget();
    const channel = await openChannel(
      model,
      () => queueMicrotask(() => this.#recycle(channel)),
      (error) => this.log.warn({ err: error }, 'the broker closed the control channel'),
    );
    const { queue } = await within(operationMs, channel.assertQueue('', { exclusive: true, autoDelete: true }));
    const topology = new TopologyChannel(model);
    for (const { exchange, routingKey } of this.bindings) await topology.bind(queue, exchange, routingKey ?? queue);
    await within(
      operationMs,
      channel.consume(
        queue,
        (message) => {
          if (message === null) this.#recycle(channel);
          else this.#listener?.onMessage(new AmqpDelivery(message));
        },
        { noAck: true },
      ),
    );
    this.#model = model;
    this.#channel = channel;
    this.#address = queue;
    this.#publisher = new RabbitPublisher(model);
  }

  /** Recovery only knows connections: one whose channel is gone is given up. @param channel undefined: the present one */
  #recycle(channel = this.#channel): void {
    const model = this.#model;
    if (channel === undefined || this.#channel !== channel || model === undefined) return;
    this.#forget();
    model
      .close()
      .catch((error: unknown) => this.log.debug({ err: error }, 'the connection to the broker was closed already'));
  }
}
