/** What the contenders share: the events of a broker, and a place to listen. */
import amqp from 'amqplib';

/** Calls back for each event, with as little in between as possible. */
export async function consumeEvents(onEvent: (body: Buffer) => void): Promise<void> {
  const connection = await amqp.connect(process.env.AMQP_URL ?? 'amqp://localhost', { noDelay: true });
  const channel = await connection.createChannel();
  await channel.assertExchange('callevt', 'topic', { durable: false });
  const { queue } = await channel.assertQueue('', { exclusive: true, autoDelete: true });
  await channel.bindQueue(queue, 'callevt', 'call.CHANNEL_CREATE.*');
  await channel.consume(queue, (message) => message !== null && onEvent(message.content), { noAck: true });
}

/** Where to listen. */
export const port = Number(process.env.PORT);

/** Tells the orchestrator that connections can come. */
export function ready(): void {
  process.send?.('ready');
}

export function accountOf(event: Record<string, unknown>): string {
  return String(event['Account-ID'] ?? (event['Custom-Channel-Vars'] as Record<string, unknown>)['Account-ID']);
}
