/**
 * Publishing with confirms. Each exchange has a channel of its own: the broker closes a channel on which something is
 * published to an exchange that isn't there, and whatever else waits on it is lost with it.
 */
import { randomUUID } from 'node:crypto';
import type { ChannelModel, ConfirmChannel } from 'amqplib';
import type { Published, Publisher, PublishOptions } from '../bus.ts';
import { operationMs, within } from './connection.ts';

/** What may wait for the broker's confirmation. A line that has fallen silent would gather it all in memory. */
const defaultMaxWaitingBytes = 16_777_216;

interface Line {
  readonly channel: ConfirmChannel;
  /** Ids of messages that came back. */
  readonly returned: Set<string>;
  /** Why the broker closed the channel. */
  error: Error | undefined;
}

/** Lives as long as a connection does. */
export class RabbitPublisher implements Publisher {
  readonly #lines = new Map<string, Promise<Line>>();
  #waitingBytes = 0;

  constructor(
    private readonly model: ChannelModel,
    private readonly maxWaitingBytes = defaultMaxWaitingBytes,
  ) {}

  async publish(
    exchange: string,
    routingKey: string,
    payload: object,
    { mandatory = false }: PublishOptions = {},
  ): Promise<Published> {
    const body = Buffer.from(JSON.stringify(payload));
    if (this.#waitingBytes + body.length > this.maxWaitingBytes) {
      throw new Error('the broker does not keep up: too much waits for it');
    }
    this.#waitingBytes += body.length;
    const confirmed = this.#send(exchange, routingKey, body, mandatory);
    // Whatever becomes of the wait, the bytes are there until the broker has them, or the channel is gone.
    const settled = (): void => {
      this.#waitingBytes -= body.length;
    };
    confirmed.then(settled, settled);
    return within(operationMs, confirmed);
  }

  async #send(exchange: string, routingKey: string, body: Buffer, mandatory: boolean): Promise<Published> {
    const line = await this.#lineTo(exchange);
    const messageId = randomUUID();
    await new Promise<void>((resolve, reject) => {
      const options = { contentType: 'application/json', messageId, mandatory };
      line.channel.publish(exchange, routingKey, body, options, (error: unknown) => {
        if (error === null || error === undefined) resolve();
        else reject(line.error ?? error);
      });
    });
    // The broker returns a message before it confirms it.
    return line.returned.delete(messageId) ? 'unroutable' : 'published';
  }

  #lineTo(exchange: string): Promise<Line> {
    let line = this.#lines.get(exchange);
    if (line === undefined) {
      line = this.#open(() => this.#lines.delete(exchange));
      this.#lines.set(exchange, line);
    }
    return line;
  }

  async #open(onClose: () => void): Promise<Line> {
    try {
      const channel = await within(operationMs, this.model.createConfirmChannel());
      const line: Line = { channel, returned: new Set(), error: undefined };
      channel.on('error', (error: Error) => {
        line.error = error;
      });
      channel.on('close', onClose);
      channel.on('return', ({ properties }) => {
        if (typeof properties.messageId === 'string') line.returned.add(properties.messageId);
      });
      return line;
    } catch (error) {
      onClose();
      throw error;
    }
  }
}
