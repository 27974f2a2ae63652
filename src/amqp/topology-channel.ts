/**
 * A channel for exchanges and bindings alone. A refused operation closes its channel, so these are kept away from the
 * consumer's, done one at a time (the broker does no more of them when they are pipelined), and the channel is opened
 * again when one fails.
 */
import type { Channel, ChannelModel } from 'amqplib';
import type { ExchangeSpec } from '../bus.ts';
import type { Pattern } from '../families/family.ts';
import { BrokerSilent, openChannel, operationMs, replyCode, within } from './connection.ts';

const accessRefused = 403;
const notFound = 404;
const preconditionFailed = 406;

export class TopologyChannel {
  #channel: Channel | undefined;
  #lastError: Error | undefined;
  /** Exchanges known to be there. */
  readonly #exchanges = new Set<string>();
  #queue: Promise<unknown> = Promise.resolve();

  constructor(private readonly model: ChannelModel) {}

  /** @param exchange used as it is where it exists, whatever its properties; declared where it is missing */
  bind(queue: string, exchange: ExchangeSpec, routingPattern: string): Promise<void> {
    return this.#inTurn(async () => {
      await this.#ensureExchange(exchange);
      try {
        await this.#do((channel) => channel.bindQueue(queue, exchange.name, routingPattern));
      } catch (error) {
        if (replyCode(error) !== notFound) throw error;
        // Somebody deleted the exchange since it was last seen.
        this.#exchanges.delete(exchange.name);
        await this.#ensureExchange(exchange);
        await this.#do((channel) => channel.bindQueue(queue, exchange.name, routingPattern));
      }
    });
  }

  /**
   * For an exchange that others declare.
   * @returns false where it is not there
   */
  bindWhereFound(queue: string, exchange: string, routingPattern: string): Promise<boolean> {
    return this.#inTurn(async () => {
      try {
        await this.#do((channel) => channel.bindQueue(queue, exchange, routingPattern));
        return true;
      } catch (error) {
        if (replyCode(error) !== notFound) throw error;
        return false;
      }
    });
  }

  unbind(queue: string, { exchange, routingPattern }: Pattern): Promise<void> {
    return this.#inTurn(async () => {
      try {
        await this.#do((channel) => channel.unbindQueue(queue, exchange, routingPattern));
      } catch (error) {
        // What is not there is unbound, and what may not be unbound could not be bound.
        const code = replyCode(error);
        if (code !== notFound && code !== accessRefused) throw error;
        this.#exchanges.delete(exchange);
      }
    });
  }

  /** Empties a queue. @returns how many messages were in it */
  purge(queue: string): Promise<number> {
    return this.#inTurn(async () => (await this.#do((channel) => channel.purgeQueue(queue))).messageCount);
  }

  ensureExchange(exchange: ExchangeSpec): Promise<void> {
    return this.#inTurn(() => this.#ensureExchange(exchange));
  }

  /** Looks anew, whatever is known. */
  hasExchange(name: string): Promise<boolean> {
    return this.#inTurn(async () => {
      const isThere = await this.#exists(name);
      if (isThere) this.#exchanges.add(name);
      else this.#exchanges.delete(name);
      return isThere;
    });
  }

  #inTurn<T>(operation: () => Promise<T>): Promise<T> {
    const done = this.#queue.then(operation);
    this.#queue = done.catch(() => undefined);
    return done;
  }

  async #ensureExchange({ name, type }: ExchangeSpec): Promise<void> {
    if (this.#exchanges.has(name)) return;
    const isThere = await this.#exists(name);
    if (!isThere) {
      try {
        await this.#do((channel) => channel.assertExchange(name, type, { durable: false }));
      } catch (error) {
        // Another node was faster, with other properties.
        if (replyCode(error) !== preconditionFailed) throw error;
      }
    }
    this.#exchanges.add(name);
  }

  async #exists(exchange: string): Promise<boolean> {
    try {
      await this.#do((channel) => channel.checkExchange(exchange));
      return true;
    } catch (error) {
      if (replyCode(error) === notFound) return false;
      throw error;
    }
  }

  /** One operation on an open channel. @throws the broker's own error, with its reply code, where it closed the channel */
  async #do<T>(operation: (channel: Channel) => Promise<T>): Promise<T> {
    this.#channel ??= await this.#open();
    const channel = this.#channel;
    this.#lastError = undefined;
    try {
      return await within(operationMs, operation(channel));
    } catch (error) {
      // One that only takes too long stays: what it was asked comes to pass yet, and before what it is asked next.
      if (this.#channel === channel && !(error instanceof BrokerSilent)) this.#channel = undefined;
      throw this.#lastError ?? error;
    }
  }

  async #open(): Promise<Channel> {
    const channel: Channel = await openChannel(
      this.model,
      () => {
        if (this.#channel === channel) this.#channel = undefined;
      },
      (error) => {
        this.#lastError = error;
      },
    );
    return channel;
  }
}
