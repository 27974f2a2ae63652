/** A virtual host of its own on a real RabbitMQ, and what tests do with it: publish, look at bindings, break things. */
import { randomUUID } from 'node:crypto';
import amqp, { type ChannelModel, type ConfirmChannel } from 'amqplib';
import { inject, onTestFinished } from 'vitest';
import { z } from 'zod';
import { fixture } from './fixtures.ts';
import { management, type RabbitAddress } from './rabbit.ts';
import { until } from './until.ts';

const bindingSchema = z.array(z.object({ source: z.string(), destination: z.string(), routing_key: z.string() }));
const connectionSchema = z.array(
  z.object({ name: z.string(), vhost: z.string(), user_provided_name: z.string().optional() }),
);
const queueSchema = z.array(
  z.object({
    name: z.string(),
    exclusive: z.boolean(),
    auto_delete: z.boolean(),
    durable: z.boolean(),
    arguments: z.record(z.string(), z.unknown()),
    messages_ready: z.number().optional(),
    messages_unacknowledged: z.number().optional(),
  }),
);

export class Broker {
  #model: ChannelModel | undefined;
  #channel: ConfirmChannel | undefined;
  readonly #exchanges = new Set<string>();

  constructor(
    readonly rabbit: RabbitAddress,
    readonly vhost: string,
  ) {}

  get url(): string {
    return `amqp://guest:guest@127.0.0.1:${this.rabbit.amqpPort}/${encodeURIComponent(this.vhost)}`;
  }

  get #path(): string {
    return encodeURIComponent(this.vhost);
  }

  async create(): Promise<void> {
    await management(this.rabbit, 'PUT', `/api/vhosts/${this.#path}`);
    await management(this.rabbit, 'PUT', `/api/permissions/${this.#path}/guest`, {
      configure: '.*',
      write: '.*',
      read: '.*',
    });
  }

  /** @returns the URL of a user of the running test's own, who may do this */
  async addUser(permissions: { configure: string; write: string; read: string }): Promise<string> {
    const user = `user-${randomUUID()}`;
    await management(this.rabbit, 'PUT', `/api/users/${user}`, { password: 'x', tags: '' });
    onTestFinished(async () => {
      await management(this.rabbit, 'DELETE', `/api/users/${user}`);
    });
    await management(this.rabbit, 'PUT', `/api/permissions/${this.#path}/${user}`, permissions);
    return this.url.replace('guest:guest', `${user}:x`);
  }

  async remove(): Promise<void> {
    await this.disconnect();
    await management(this.rabbit, 'DELETE', `/api/vhosts/${this.#path}`);
  }

  /** The publisher's channel, with confirms. */
  async channel(): Promise<ConfirmChannel> {
    if (this.#channel !== undefined) return this.#channel;
    this.#model = await amqp.connect(this.url);
    this.#model.on('error', () => this.#forget());
    this.#model.on('close', () => this.#forget());
    this.#channel = await this.#model.createConfirmChannel();
    this.#channel.on('error', () => this.#forget());
    return this.#channel;
  }

  #forget(): void {
    this.#channel = undefined;
    this.#model = undefined;
    this.#exchanges.clear();
  }

  async disconnect(): Promise<void> {
    const model = this.#model;
    this.#forget();
    await model?.close().catch(() => undefined);
  }

  /** Resolves when the broker has confirmed the message. */
  async publish(
    exchange: string,
    routingKey: string,
    body: object | Buffer,
    options: amqp.Options.Publish = {},
  ): Promise<void> {
    const channel = await this.channel();
    if (!this.#exchanges.has(exchange)) {
      await channel.assertExchange(
        exchange,
        exchange === 'nodes' ? 'fanout' : exchange === 'targeted' ? 'direct' : 'topic',
        {
          durable: false,
        },
      );
      this.#exchanges.add(exchange);
    }
    channel.publish(exchange, routingKey, Buffer.isBuffer(body) ? body : Buffer.from(JSON.stringify(body)), {
      contentType: 'application/json',
      ...options,
    });
    await channel.waitForConfirms();
  }

  /** @param changes fields of the payload that differ from the file's */
  async publishFixture(file: string, changes?: Record<string, unknown>, routingKey?: string): Promise<void> {
    const event = fixture(file);
    const body = changes === undefined ? event.body : { ...event.payload, ...changes };
    await this.publish(event.exchange, routingKey ?? event.routingKey, body);
  }

  /** What is bound to exchanges; the nodes' own conversation left out. */
  async bindings(): Promise<z.output<typeof bindingSchema>> {
    const bindings = bindingSchema.parse(await management(this.rabbit, 'GET', `/api/bindings/${this.#path}`));
    const own = new Set(['', 'nodes', 'sysconf', 'targeted']);
    return bindings.filter(({ source }) => !own.has(source));
  }

  /** The same as `EXCHANGE KEY`, sorted. */
  async patterns(): Promise<string[]> {
    return (await this.bindings()).map(({ source, routing_key }) => `${source} ${routing_key}`).sort();
  }

  /** How many messages are in all queues, as of the broker's last statistics. */
  async messages(): Promise<{ ready: number; unacknowledged: number }> {
    const queues = queueSchema.parse(await management(this.rabbit, 'GET', `/api/queues/${this.#path}`));
    const sum = (counts: (number | undefined)[]): number =>
      counts.reduce<number>((all, count) => all + (count ?? 0), 0);
    return {
      ready: sum(queues.map((queue) => queue.messages_ready)),
      unacknowledged: sum(queues.map((queue) => queue.messages_unacknowledged)),
    };
  }

  async queues(): Promise<z.output<typeof queueSchema>> {
    return queueSchema.parse(await management(this.rabbit, 'GET', `/api/queues/${this.#path}`));
  }

  /** The names of all exchanges. */
  async exchanges(): Promise<string[]> {
    const exchanges = await management(this.rabbit, 'GET', `/api/exchanges/${this.#path}`);
    return z
      .array(z.object({ name: z.string() }))
      .parse(exchanges)
      .map(({ name }) => name);
  }

  async deleteExchange(name: string): Promise<void> {
    this.#exchanges.delete(name);
    await management(this.rabbit, 'DELETE', `/api/exchanges/${this.#path}/${name}`);
  }

  /** The connections of bridges. The broker's list of them lags by its statistics interval. */
  async #bridgeConnections(): Promise<z.output<typeof connectionSchema>> {
    const all = connectionSchema.parse(await management(this.rabbit, 'GET', '/api/connections'));
    return all.filter((c) => c.vhost === this.vhost && c.user_provided_name?.startsWith('event-horizon'));
  }

  /** What bridges call their connections, sorted. */
  async connectionNames(): Promise<string[]> {
    return (await this.#bridgeConnections()).map((connection) => connection.user_provided_name ?? '').sort();
  }

  /** Cuts the connections of a bridge. */
  async killConnections(): Promise<void> {
    await until(async () => {
      const ours = await this.#bridgeConnections();
      for (const { name } of ours)
        await management(this.rabbit, 'DELETE', `/api/connections/${encodeURIComponent(name)}`);
      return ours.length > 0;
    }, 'connections to cut');
  }
}

/** A virtual host for the running test, removed when it ends. */
export async function useBroker(rabbit: RabbitAddress = inject('rabbit')): Promise<Broker> {
  const broker = new Broker(rabbit, `test-${randomUUID()}`);
  await broker.create();
  onTestFinished(() => broker.remove());
  return broker;
}
