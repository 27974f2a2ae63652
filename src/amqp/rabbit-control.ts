/** The nodes' own conversation over RabbitMQ: a second connection, since a memory alarm stops whoever publishes. */
import type { Channel, ChannelModel, ConsumeMessage } from 'amqplib';
import type { ControlBinding, ControlChannel, Delivery, ExchangeSpec } from '../bus.ts';
import { messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import { BrokerConnection, openChannel, operationMs, within } from './connection.ts';
import { TopologyChannel } from './topology-channel.ts';
import { isUndecodable } from './undecodable.ts';

interface Listener {
  onMessage(message: Delivery): void;
  onUp(): void;
}

export class RabbitControl implements ControlChannel {
  readonly #connection: BrokerConnection;
  #listener: Listener | undefined;
  #channel: Channel | undefined;
  #address: string | undefined;
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
      .catch((error: unknown) => this.log.warn({ reason: messageOf(error) }, 'no control channel'));
  }

  publish({ name }: ExchangeSpec, routingKey: string, payload: object): void {
    if (this.#channel === undefined) throw new Error('the broker is away');
    // What is published now would wait in memory and be old when it arrives.
    if (this.#isBlocked) throw new Error('the broker takes no messages now');
    this.#channel.publish(name, routingKey, Buffer.from(JSON.stringify(payload)), { contentType: 'application/json' });
  }

  async stop(): Promise<void> {
    const channel = this.#isBlocked ? undefined : this.#channel;
    this.#forget();
    // A connection's goodbye overtakes what its channels have to say yet, a channel's own doesn't.
    if (channel !== undefined) await this.#close(channel);
    await this.#connection.stop();
  }

  async #close(channel: Channel): Promise<void> {
    try {
      await within(operationMs, channel.close());
    } catch (error) {
      this.log.debug({ err: error }, 'the control channel was not closed in good order');
    }
  }

  #forget(): void {
    this.#channel = undefined;
    this.#address = undefined;
    this.#isBlocked = false;
  }

  async #setup(model: ChannelModel): Promise<void> {
    this.#forget();
    const channel = await openChannel(
      model,
      () => queueMicrotask(() => this.#recycle(model, channel)),
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
          if (message === null) this.#recycle(model, channel);
          else this.#listener?.onMessage(deliveryOf(message));
        },
        { noAck: true },
      ),
    );
    this.#channel = channel;
    this.#address = queue;
  }

  /** Recovery only knows connections: one whose channel is gone is given up. */
  #recycle(model: ChannelModel, channel: Channel): void {
    if (this.#channel !== channel) return;
    this.#forget();
    model.close().catch((error: unknown) => this.log.debug({ err: error }, 'broker connection was closed already'));
  }
}

function deliveryOf(message: ConsumeMessage): Delivery {
  const { fields, properties, content } = message;
  return {
    exchange: fields.exchange,
    routingKey: fields.routingKey,
    body: content,
    contentEncoding: typeof properties.contentEncoding === 'string' ? properties.contentEncoding : undefined,
    isUndecodable: isUndecodable(message),
  };
}
