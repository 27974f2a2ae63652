/** The demo's bus: smqp, a broker inside this process with the semantics of AMQP 0-9-1. */
import { Broker } from 'smqp';
import type { Bus, BusListener, Delivery } from '../bus.ts';
import type { Pattern } from '../families/family.ts';
import type { PbxMessage } from './pbx.ts';

const queue = 'event-horizon';

export class DemoBus implements Bus {
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

  async bind({ exchange, routingPattern }: Pattern): Promise<void> {
    this.#assertExchange(exchange);
    this.#broker.bindQueue(queue, exchange, routingPattern);
  }

  async unbind({ exchange, routingPattern }: Pattern): Promise<void> {
    this.#broker.unbindQueue(queue, exchange, routingPattern);
  }

  /** What the simulated PBX says. */
  publish({ exchange, routingKey, payload }: PbxMessage): void {
    this.#assertExchange(exchange);
    const body = Buffer.from(JSON.stringify(payload));
    this.#broker.publish(exchange, routingKey, {
      exchange,
      routingKey,
      body,
      contentEncoding: undefined,
    } satisfies Delivery);
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
