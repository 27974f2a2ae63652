/** The embedded bus, of the demo and of the unit tests: smqp, a broker inside this process with the semantics of AMQP 0-9-1. */
import { Broker } from 'smqp';
import { type Bus, type BusListener, type Delivery, ExchangeAbsent } from '../bus.ts';
import type { Pattern } from '../families/family.ts';

const queue = 'event-horizon';

/** What somebody publishes: the body is an object, sent as JSON. */
export interface EmbeddedMessage {
  readonly exchange: string;
  readonly routingKey: string;
  readonly payload: object;
}

/** A bus that nobody else is on: what is published here reaches this process alone, in the same turn. */
export class EmbeddedBus implements Bus {
  readonly #broker = new Broker();
  #last: Delivery | undefined;
  isUp = false;

  start(listener: BusListener): void {
    this.#broker.assertQueue(queue, { durable: false, autoDelete: false });
    this.#broker.consume(
      queue,
      (_routingKey, { content }: { content?: Delivery }) => {
        // Where two bindings match, RabbitMQ puts one copy into a queue and smqp two, one behind the other.
        if (content === undefined || content === this.#last) return;
        this.#last = content;
        listener.onDelivery(content);
      },
      { noAck: true },
    );
    this.isUp = true;
    listener.onUp();
  }

  async bind({ exchange, routingPattern, isOptional, isAwaited }: Pattern): Promise<void> {
    if (!isOptional && !isAwaited) this.#assertExchange(exchange);
    else if (this.#broker.getExchange(exchange) === undefined) throw new ExchangeAbsent(exchange);
    this.#broker.bindQueue(queue, exchange, routingPattern);
  }

  async unbind({ exchange, routingPattern }: Pattern): Promise<void> {
    this.#broker.unbindQueue(queue, exchange, routingPattern);
  }

  /** @returns whether any queue took it */
  publish({ exchange, routingKey, payload }: EmbeddedMessage): boolean {
    return this.deliver({
      exchange,
      routingKey,
      body: Buffer.from(JSON.stringify(payload)),
      contentEncoding: undefined,
    });
  }

  /** Publishes a body as it stands, whether or not it is JSON. @returns whether any queue took it */
  deliver(delivery: Delivery): boolean {
    this.#assertExchange(delivery.exchange);
    let isRouted = true;
    const consumer = this.#broker.on('return', () => {
      isRouted = false;
    });
    this.#broker.publish(delivery.exchange, delivery.routingKey, delivery, { mandatory: true });
    consumer.cancel();
    return isRouted;
  }

  /** Another queue than that of the events: for who asks, and for who answers. */
  listen(queueName: string, { exchange, routingPattern }: Pattern, onMessage: (message: Delivery) => void): void {
    this.#assertExchange(exchange);
    const isNew = this.#broker.getQueue(queueName) === undefined;
    this.#broker.assertQueue(queueName, { durable: false, autoDelete: false });
    // Keys are words without wildcards where others would have a fanout or a direct exchange.
    this.#broker.bindQueue(queueName, exchange, routingPattern === '' ? '#' : routingPattern);
    if (!isNew) return;
    this.#broker.consume(
      queueName,
      (_routingKey, { content }: { content?: Delivery }) => {
        if (content !== undefined) onMessage(content);
      },
      { noAck: true },
    );
  }

  settle(): void {
    // Messages are consumed as they come; there is nobody to tell.
  }

  async stop(): Promise<void> {
    this.isUp = false;
    this.#broker.reset();
  }

  #assertExchange(name: string): void {
    this.#broker.assertExchange(name, 'topic', { durable: false, autoDelete: false });
  }
}
