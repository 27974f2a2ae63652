/** A history for a bus that has none: positions are counted as events come, and all is gone with the process. */
import { randomUUID } from 'node:crypto';
import type { Bus, BusListener, Delivery } from '../bus.ts';
import type { Pattern } from '../families/family.ts';
import { newCursorKey } from './cursor.ts';
import type { HistoryListener } from './source.ts';

/** How often the time is noted beside the positions. ms */
const momentMs = 1000;

export class EmbeddedHistory implements Bus {
  #position = 0;
  #momentAt = Number.NEGATIVE_INFINITY;
  #isUp = false;

  /** @param everything what is bound, whoever subscribes */
  constructor(
    private readonly bus: Bus,
    private readonly everything: readonly Pattern[],
  ) {}

  get isUp(): boolean {
    return this.#isUp && this.bus.isUp;
  }

  start(listener: BusListener & HistoryListener): void {
    listener.onBegin(this.#position);
    listener.onEpoch({ id: randomUUID(), key: newCursorKey() });
    this.bus.start({
      onDelivery: (delivery) => this.#number(delivery, listener),
      onUp: () => void this.#bindAll(listener),
      onDown: (reason) => {
        this.#isUp = false;
        listener.onDown(reason);
      },
      onOverflow: (messages) => listener.onOverflow(messages),
    });
  }

  async #bindAll(listener: BusListener): Promise<void> {
    try {
      for (const pattern of this.everything) await this.bus.bind(pattern);
      this.#isUp = true;
      listener.onUp();
    } catch (error) {
      listener.onDown(error instanceof Error ? error.message : String(error));
    }
  }

  #number(delivery: Delivery, listener: BusListener & HistoryListener): void {
    this.#position += 1;
    const now = performance.now();
    if (now - this.#momentAt >= momentMs) {
      this.#momentAt = now;
      listener.onMoment(this.#position - 1, 0);
    }
    listener.onDelivery({ ...delivery, position: this.#position });
  }

  async bind(): Promise<void> {
    // It is.
  }

  async unbind(): Promise<void> {
    // Events are kept for those who come back.
  }

  settle(delivery: Delivery): void {
    this.bus.settle(delivery);
  }

  async stop(): Promise<void> {
    this.#isUp = false;
    await this.bus.stop();
  }
}
