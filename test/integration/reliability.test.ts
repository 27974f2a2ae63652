/**
 * The promise of docs/RELIABILITY.md as a whole: two nodes behind HAProxy, many clients that resume, one publisher. A node is
 * killed, then the broker, then an exchange is deleted. What each client got over all its connections, put together, is what
 * was published for its account, in order, nothing missing and nothing twice, or `gap` covers what is missing.
 */
import amqp, { type ConfirmChannel } from 'amqplib';
import { expect, onTestFinished, test } from 'vitest';
import { WebSocket } from 'ws';
import { secret, tokenFor } from '../support/bridge.ts';
import { useBroker } from '../support/broker.ts';
import { callEvent } from '../support/events.ts';
import { startServer } from '../support/process.ts';
import { type HaproxyFront, startProxy } from '../support/proxy.ts';
import { freePort, startRabbit } from '../support/rabbit.ts';
import { until } from '../support/until.ts';

/** RELIABILITY=500,50,200: sockets, accounts, events a second. */
const [socketCount = 60, accountCount = 12, perSecond = 60] = (process.env.RELIABILITY ?? '')
  .split(',')
  .filter((text) => text !== '')
  .map(Number);

const accountOf = (index: number): string => `account-${index}-`.padEnd(32, 'x');
const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** What a client was told, in order: the number of an event of its account, or a gap. */
type Told = number | 'gap';

/** A client as PROTOCOL.md asks for: one subscribe, and the cursor that it received last. */
class ResumingClient {
  readonly told: Told[] = [];
  readonly outcomes: string[] = [];
  #cursor: string | undefined;
  #socket: WebSocket | undefined;
  #isStopped = false;
  connections = 0;
  isSubscribed = false;

  constructor(
    private readonly proxy: HaproxyFront,
    readonly account: string,
    private readonly token: string,
  ) {
    this.#connect();
  }

  stop(): void {
    this.#isStopped = true;
    this.#socket?.terminate();
  }

  #connect(): void {
    if (this.#isStopped) return;
    const socket = new WebSocket(`${this.proxy.socketAddress}/?dialect=classic&resume=on`, this.proxy.trust);
    this.#socket = socket;
    socket.on('open', () => {
      this.connections += 1;
      this.#subscribe(socket);
    });
    socket.on('message', (data) => this.#take(socket, JSON.parse(data.toString())));
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isSubscribed = false;
      setTimeout(() => this.#connect(), 50 + Math.random() * 400);
    });
  }

  #subscribe(socket: WebSocket): void {
    const since = this.#cursor === undefined ? {} : { since: this.#cursor };
    const data = { binding: 'call.*.*', ...since };
    socket.send(JSON.stringify({ action: 'subscribe', auth_token: this.token, request_id: 's', data }));
  }

  #take(socket: WebSocket, message: Record<string, unknown>): void {
    const { action, notice, status, data, cursor, args } = message as {
      [name: string]: unknown;
      data?: { cursor?: string; recovered?: boolean; reason?: string };
      args?: { Number: number };
    };
    if (action === 'reply') {
      if (status !== 'success') {
        // The source is away: asked again.
        setTimeout(() => this.#subscribe(socket), 300);
        return;
      }
      this.isSubscribed = true;
      if (this.#cursor !== undefined) this.outcomes.push(data?.recovered === true ? 'recovered' : String(data?.reason));
      if (this.#cursor !== undefined && data?.recovered !== true) this.told.push('gap');
      this.#cursor = data?.cursor;
      return;
    }
    if (typeof cursor === 'string') this.#cursor = cursor;
    if (notice === 'gap') this.told.push('gap');
    if (action === undefined && args !== undefined) this.told.push(args.Number);
  }
}

/** Publishes events of all accounts in turn, numbered for each, and goes on over lost connections. */
class Publisher {
  readonly numbers: number[] = Array.from({ length: accountCount }, () => 0);
  #channel: ConfirmChannel | undefined;
  #isStopped = false;
  #next = 0;

  constructor(private readonly url: string) {}

  async run(): Promise<void> {
    let dueAt = performance.now();
    while (!this.#isStopped) {
      try {
        this.#channel ??= await this.#open();
        this.publish(this.#next);
        this.#next = (this.#next + 1) % accountCount;
      } catch {
        // The broker is away; a publisher of the bus waits and goes on.
        this.#channel = undefined;
        await pause(50);
        dueAt = performance.now();
      }
      dueAt += 1000 / perSecond;
      const waitMs = dueAt - performance.now();
      if (waitMs > 0) await pause(waitMs);
    }
    await this.#channel?.waitForConfirms();
  }

  /** Counts as published once it was written, whether anybody is bound or not. */
  publish(index: number): void {
    const number = (this.numbers[index] as number) + 1;
    const { exchange, routingKey, body } = callEvent(accountOf(index), 'CHANNEL_CREATE', `${index}-${number}`);
    const bytes = Buffer.from(JSON.stringify({ ...body, Number: number, Filler: 'x'.repeat(1000) }));
    this.#channel?.publish(exchange, routingKey, bytes);
    if (this.#channel !== undefined) this.numbers[index] = number;
  }

  stop(): void {
    this.#isStopped = true;
  }

  async #open(): Promise<ConfirmChannel> {
    const model = await amqp.connect(this.url);
    model.on('error', () => undefined);
    const channel = await model.createConfirmChannel();
    const lose = (): void => {
      if (this.#channel === channel) this.#channel = undefined;
      model.close().catch(() => undefined);
    };
    channel.on('error', lose);
    channel.on('close', lose);
    onTestFinished(() => void model.close().catch(() => undefined));
    await channel.assertExchange('callevt', 'topic', { durable: false });
    return channel;
  }
}

/** Why a client's list is wrong; undefined: it is right. */
function faultOf(told: readonly Told[], published: number): string | undefined {
  let last = 0;
  for (const [at, item] of told.entries()) {
    if (item === 'gap') continue;
    if (item <= last) return `${item} came behind ${last}`;
    // The mark stands behind the hole, and so may come behind what was published once the bindings were there again.
    if (item > last + 1 && !told.slice(Math.max(0, told.indexOf(last))).includes('gap')) {
      return `${last + 1} to ${item - 1} are missing, and no gap was told (at ${at})`;
    }
    last = item;
  }
  return last === published ? undefined : `it ends with ${last} instead of ${published}`;
}

test('every client’s list is the published one, over a killed node, a restarted broker and a deleted exchange', async () => {
  const rabbit = await startRabbit();
  onTestFinished(() => rabbit.remove());
  const broker = await useBroker(rabbit);
  const ports = [await freePort(), await freePort()] as const;
  const start = (index: 0 | 1) =>
    startServer({
      ...{ AMQP_URL: broker.url, AUTH_JWT_SECRET: secret, HISTORY: 'stream', PORT: String(ports[index]) },
      ...{ NODE_NAME: `node${index + 1}`, MAX_CONNECTIONS: '2000' },
    });
  const nodes = await Promise.all([start(0), start(1)]);
  for (const { address } of nodes)
    await until(async () => (await fetch(`${address}/readyz`)).ok, 'a node that is ready');
  const [one] = nodes;
  const proxy = await startProxy([...ports], { 'sc0_conn_rate gt 1000': 'sc0_conn_rate gt 100000' });
  for (const node of ['node1', 'node2'] as const) await proxy.untilNode(node, 'UP');

  const tokens = await Promise.all(Array.from({ length: accountCount }, (_, index) => tokenFor(accountOf(index))));
  const clients = Array.from({ length: socketCount }, (_, index) => {
    const account = index % accountCount;
    return { index: account, client: new ResumingClient(proxy, accountOf(account), tokens[account] as string) };
  });
  onTestFinished(() => {
    for (const { client } of clients) client.stop();
  });
  await until(() => clients.every(({ client }) => client.isSubscribed), 'all clients');

  const publisher = new Publisher(broker.url);
  const publishing = publisher.run();
  const caughtUp = (): boolean => clients.every(({ client, index }) => client.told.at(-1) === publisher.numbers[index]);
  await pause(8000);

  one.process.signal('SIGKILL');
  await one.process.ended();
  await pause(4000);
  await start(0);
  await proxy.untilNode('node1', 'UP');
  await pause(2000);

  await rabbit.stop();
  await rabbit.start();
  await until(() => clients.some(({ client }) => client.told.includes('gap')), 'a gap after the restart');
  await pause(6000);

  await broker.deleteExchange('callevt');
  await pause(6000);

  publisher.stop();
  await publishing;
  // What was published last may have been lost, too: one more of each that can't be.
  const channel = await broker.channel();
  await channel.assertExchange('callevt', 'topic', { durable: false });
  await until(async () => (await broker.patterns()).some((pattern) => pattern.startsWith('callevt event-horizon.')));
  for (let index = 0; index < accountCount; index += 1) {
    const number = (publisher.numbers[index] as number) + 1;
    publisher.numbers[index] = number;
    const { exchange, routingKey, body } = callEvent(accountOf(index), 'CHANNEL_CREATE', `${index}-${number}`);
    await broker.publish(exchange, routingKey, { ...body, Number: number });
  }
  await until(caughtUp, 'the last event everywhere');

  const faults = clients.map(({ client, index }) => faultOf(client.told, publisher.numbers[index] as number));
  expect(faults.filter((fault) => fault !== undefined)).toEqual([]);
  expect(clients.every(({ client }) => client.connections > 0)).toBe(true);
  const outcomes = clients.flatMap(({ client }) => client.outcomes);
  expect(outcomes).toContain('recovered');
  const total = publisher.numbers.reduce((sum, number) => sum + number, 0);
  const got = clients.reduce((sum, { client }) => sum + client.told.filter((item) => item !== 'gap').length, 0);
  const counts = Object.fromEntries(
    [...new Set(outcomes)].map((name) => [name, outcomes.filter((o) => o === name).length]),
  );
  process.stdout.write(
    `reliability: ${total} events published, ${got} received by ${socketCount} sockets, ${JSON.stringify(counts)}\n`,
  );
}, 240_000);
