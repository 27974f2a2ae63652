/** The nodes' conversation on the embedded bus: this process asks, and what is simulated in it answers. */
import type { ControlBinding, ControlChannel, Delivery, Published, PublishOptions } from '../bus.ts';
import type { EmbeddedBus } from './embedded-bus.ts';

const queue = 'event-horizon-control';

export class EmbeddedControl implements ControlChannel {
  readonly address = queue;
  isUp = false;

  constructor(
    private readonly bus: EmbeddedBus,
    private readonly bindings: readonly ControlBinding[],
  ) {}

  start(listener: { onMessage(message: Delivery): void; onUp(): void }): void {
    for (const { exchange, routingKey } of this.bindings) {
      this.bus.listen(queue, { exchange: exchange.name, routingPattern: routingKey ?? queue }, (message) => {
        listener.onMessage(message);
      });
    }
    this.isUp = true;
    listener.onUp();
  }

  async publish(
    exchange: string,
    routingKey: string,
    payload: object,
    { mandatory = false }: PublishOptions = {},
  ): Promise<Published> {
    const isRouted = this.bus.publish({ exchange, routingKey, payload });
    return mandatory && !isRouted ? 'unroutable' : 'published';
  }

  renew(): void {
    // Nobody deletes an exchange of a bus that is this process alone.
  }

  async stop(): Promise<void> {
    this.isUp = false;
  }
}
