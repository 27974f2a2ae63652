/** Publishes events, from the orchestrator's own process: it has nothing else to do meanwhile. */
import { readFileSync } from 'node:fs';
import amqp, { type Channel, type ChannelModel } from 'amqplib';
import type { Rabbit } from '../support/rabbit.ts';
import { benchAccount } from './contenders.ts';

/** The fixture of a call that begins: 1.4 kB, as such events are. */
const fixture = JSON.parse(readFileSync('test/fixtures/call.CHANNEL_CREATE.json', 'utf8')) as Record<string, unknown>;
const eventBytes = 1400;

export const monotonicMs = (): number => Number(process.hrtime.bigint()) / 1e6;

/** An event of an account, padded to the size of the measured ones; with the publisher's clock where asked for. */
export function eventBody(account: string, withClock = false, more: object = {}): Buffer {
  const clock = withClock ? { 'Bench-At': `~~${monotonicMs().toFixed(4)}~~` } : {};
  const variables = { ...(fixture['Custom-Channel-Vars'] as object), 'Account-ID': account, ...more };
  const event = { ...clock, ...fixture, 'Account-ID': account, 'Custom-Channel-Vars': variables };
  const bytes = Buffer.byteLength(JSON.stringify(event));
  return Buffer.from(JSON.stringify({ ...event, 'Bench-Padding': 'x'.repeat(Math.max(0, eventBytes - bytes - 19)) }));
}

export class Publisher {
  private constructor(
    private readonly connection: ChannelModel,
    private readonly channel: Channel,
  ) {}

  static async open(rabbit: Rabbit): Promise<Publisher> {
    const connection = await amqp.connect(`amqp://guest:guest@127.0.0.1:${rabbit.amqpPort}`, { noDelay: true });
    const channel = await connection.createChannel();
    await channel.assertExchange('callevt', 'topic', { durable: false });
    return new Publisher(connection, channel);
  }

  publish(body: Buffer, callId: number): void {
    this.channel.publish('callevt', `call.CHANNEL_CREATE.call${callId}`, body, { contentType: 'application/json' });
  }

  /** @returns when the first one was published, ms */
  burst(count: number, bodyOf: (index: number) => Buffer): number {
    const bodies = Array.from({ length: count }, (_, index) => bodyOf(index));
    const startedAt = monotonicMs();
    for (const [index, body] of bodies.entries()) this.publish(body, index);
    return startedAt;
  }

  /** Publishes so many without filling this process's memory. Resolves when the broker was handed all of them. */
  async fill(count: number, bodyOf: (index: number) => Buffer): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const body = bodyOf(index);
      const isTaken = this.channel.publish('callevt', `call.CHANNEL_CREATE.call${index}`, body, {
        contentType: 'application/json',
      });
      if (!isTaken) await new Promise((resolve) => this.channel.once('drain', resolve));
    }
  }

  /** Publishes at a steady pace, each event with the clock in it. Resolves after the last. */
  async steady(perSecond: number, count: number, account = benchAccount): Promise<void> {
    const startedAt = monotonicMs();
    for (let index = 0; index < count; index += 1) {
      const dueAt = startedAt + (index * 1000) / perSecond;
      const wait = dueAt - monotonicMs();
      if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
      this.publish(eventBody(account, true), index);
    }
  }

  close(): Promise<void> {
    return this.connection.close();
  }
}
