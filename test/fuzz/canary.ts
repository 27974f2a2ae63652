/**
 * The canaries, in a process of their own so that the attackers' work does not make them late: four sockets of two accounts,
 * in both dialects, and the publisher of their events. Each event also comes to a queue of the canaries' own: how much later
 * a socket has it than that queue is what the server took, whatever the machine does beside.
 */
import { setTimeout as pause } from 'node:timers/promises';
import amqp from 'amqplib';
import { WebSocket } from 'ws';
import { makeToken } from '../../src/auth/token.ts';
import { callEvent, conferenceEvent, databaseOf, documentEvent } from '../support/events.ts';
import { canaries, secret } from './world.ts';

/** What the process is told, and what it tells at the end. */
export interface CanaryOrder {
  readonly port: number;
  readonly url: string;
}

export interface CanaryReport {
  readonly published: number;
  readonly received: number;
  readonly faults: readonly string[];
  /** How much later than the queue, ms. */
  readonly lateness: { readonly p50: number; readonly p99: number; readonly max: number };
  /** When the latest one was, s after the start. */
  readonly latestAt: number;
}

const bindings = ['call.CHANNEL_CREATE.*', 'conference.event.*', 'doc_edited.*.user.*'];
const canaryCall = 'canary-call';
const everyMs = 20;
const numberPattern = /"Canary-Number":(\d+)|"canary_number":(\d+)/;

class Canary {
  readonly faults: string[] = [];
  /** When each number came. */
  readonly cameAt = new Map<number, number>();
  #last = -1;
  #isExpected = false;

  private constructor(
    private readonly name: string,
    private readonly socket: WebSocket,
    readonly index: number,
  ) {}

  static async open({ port }: CanaryOrder, index: number, dialect: string): Promise<Canary> {
    const { account, mark } = canaries[index] as (typeof canaries)[number];
    const headers = { 'x-auth-token': await makeToken(secret, { account_id: account }, 86_400) };
    const socket = new WebSocket(`ws://127.0.0.1:${port}/?dialect=${dialect}`, { headers, perMessageDeflate: false });
    const canary = new Canary(`${dialect} canary ${index}`, socket, index);
    await new Promise((resolve, reject) => socket.once('open', resolve).once('error', reject));
    const subscribed = new Promise<string>((resolve) => socket.once('message', (data) => resolve(data.toString())));
    socket.send(JSON.stringify({ action: 'subscribe', data: { bindings, name: mark, metadata: { mark } } }));
    const reply = await subscribed;
    if (!reply.includes('"success"')) throw new Error(`a canary can't subscribe: ${reply}`);
    socket.on('message', (data) => canary.#take(data.toString(), mark));
    socket.on('close', (code) => {
      if (!canary.#isExpected) canary.#fault(`was closed with ${code}`);
    });
    return canary;
  }

  #fault(what: string): void {
    if (this.faults.length < 10) this.faults.push(`${this.name} ${what}`);
  }

  #take(text: string, mark: string): void {
    const [, classic, kazoo4] = numberPattern.exec(text) ?? [];
    const number = Number(classic ?? kazoo4);
    if (!text.includes(mark) || Number.isNaN(number)) {
      this.#fault(`got what is not its own: ${text.slice(0, 300)}`);
      return;
    }
    if (number <= this.#last) this.#fault(`got event ${number} behind ${this.#last}`);
    this.#last = number;
    this.cameAt.set(number, performance.now());
  }

  get isOpen(): boolean {
    return this.socket.readyState === WebSocket.OPEN;
  }

  close(): void {
    this.#isExpected = true;
    this.socket.close();
  }
}

function eventOf(number: number) {
  const { account, mark } = canaries[number % canaries.length] as (typeof canaries)[number];
  const makers = [
    () => callEvent(account, 'CHANNEL_CREATE', canaryCall),
    () => conferenceEvent(account),
    () => documentEvent(account),
  ];
  const event = (makers[Math.floor(number / canaries.length) % makers.length] ?? callEvent)(account);
  return { ...event, body: { ...event.body, 'Canary-Mark': mark, 'Canary-Number': number } };
}

async function run(order: CanaryOrder): Promise<CanaryReport> {
  const flock: Canary[] = [];
  for (const index of canaries.keys()) {
    for (const dialect of ['classic', 'kazoo4']) flock.push(await Canary.open(order, index, dialect));
  }
  const model = await amqp.connect(order.url, { noDelay: true });
  const channel = await model.createConfirmChannel();
  const own = await amqp.connect(order.url, { noDelay: true });
  const consumer = await own.createChannel();
  const { queue } = await consumer.assertQueue('', { exclusive: true });
  // Nothing of what the attackers publish, which amqplib itself might not survive.
  await consumer.bindQueue(queue, 'callevt', `call.*.${canaryCall}`);
  for (const { account } of canaries) {
    await consumer.bindQueue(queue, 'conference', `conference.event.*.${account}.#`);
    await consumer.bindQueue(queue, 'configuration', `*.${databaseOf(account)}.#`);
  }
  const queuedAt = new Map<number, number>();
  await consumer.consume(
    queue,
    (message) => {
      const number = Number(numberPattern.exec(message?.content.toString() ?? '')?.[1]);
      if (!Number.isNaN(number)) queuedAt.set(number, performance.now());
    },
    { noAck: true },
  );

  const startedAt = performance.now();
  let published = 0;
  for (; !isOver; published += 1) {
    const { exchange, routingKey, body } = eventOf(published);
    channel.publish(exchange, routingKey, Buffer.from(JSON.stringify(body)), { contentType: 'application/json' });
    await pause(everyMs);
  }
  await channel.waitForConfirms();
  const expected = (canary: Canary): number[] =>
    Array.from({ length: published }, (_, number) => number).filter(
      (number) => number % canaries.length === canary.index,
    );
  const isWaiting = (canary: Canary): boolean => canary.isOpen && canary.cameAt.size < expected(canary).length;
  for (let waits = 0; waits < 300 && flock.some(isWaiting); waits += 1) {
    await pause(100);
  }
  const faults = flock.flatMap((canary) => {
    const missing = expected(canary).filter((number) => !canary.cameAt.has(number));
    return missing.length === 0
      ? canary.faults
      : [...canary.faults, `canary ${canary.index} lacks ${missing.length} events, the first is ${missing[0]}`];
  });
  const delays = flock
    .flatMap(({ cameAt }) =>
      [...cameAt].map(([number, at]) => ({ at, ms: Math.max(0, at - (queuedAt.get(number) ?? at)) })),
    )
    .sort((one, other) => one.ms - other.ms);
  const part = (share: number): number =>
    delays[Math.min(delays.length - 1, Math.floor(delays.length * share))]?.ms ?? 0;
  for (const canary of flock) canary.close();
  await Promise.all([model.close(), own.close()]);
  return {
    published,
    received: delays.length,
    faults,
    lateness: { p50: part(0.5), p99: part(0.99), max: part(1) },
    latestAt: ((delays.at(-1)?.at ?? startedAt) - startedAt) / 1000,
  };
}

let isOver = false;

process.on('message', (order: CanaryOrder | 'over') => {
  if (order === 'over') {
    isOver = true;
    return;
  }
  run(order).then(
    (report) => process.send?.(report, () => process.disconnect()),
    (error: unknown) => {
      process.stderr.write(`${String(error)}\n`);
      process.exitCode = 1;
      process.disconnect();
    },
  );
});
