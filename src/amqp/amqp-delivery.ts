/** A message of RabbitMQ's, as the rest of the server takes it. */
import type { ConsumeMessage } from 'amqplib';
import type { Delivery } from '../bus.ts';
import { isUndecodable } from './undecodable.ts';

export class AmqpDelivery implements Delivery {
  readonly exchange: string;
  readonly routingKey: string;
  readonly body: Buffer;
  readonly contentEncoding: string | undefined;
  readonly isUndecodable: boolean;

  constructor(readonly message: ConsumeMessage) {
    const { contentEncoding } = message.properties;
    this.exchange = message.fields.exchange;
    this.routingKey = message.fields.routingKey;
    this.body = message.content;
    this.contentEncoding = typeof contentEncoding === 'string' ? contentEncoding : undefined;
    this.isUndecodable = isUndecodable(message);
  }
}
