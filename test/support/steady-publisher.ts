/**
 * Somebody who publishes numbered events, and goes on whatever becomes of the broker; with a record of what was published
 * when, so that it can be told afterwards what was lost. Needs no test runner.
 */
import { setTimeout as pause } from 'node:timers/promises';
import amqp, { type ConfirmChannel } from 'amqplib';

/** What the broker has not confirmed yet: beyond it nothing more is published. */
const maxUnconfirmed = 100;
const reconnectMs = 100;

/** An event without its number. */
export interface Unsent {
  readonly account: string;
  readonly exchange: string;
  readonly routingKey: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

export interface Sent {
  readonly number: number;
  readonly account: string;
  readonly exchange: string;
  readonly routingKey: string;
  /** `performance.now()` when it was handed to the broker's line. */
  readonly at: number;
  /** The broker has taken it; what it has not may have arrived or not. */
  isConfirmed: boolean;
}

export class SteadyPublisher {
  /** By their numbers. */
  readonly sent: Sent[] = [];
  #channel: ConfirmChannel | undefined;
  #unconfirmed = 0;
  #isStopped = false;
  #running: Promise<void> | undefined;

  /**
   * @param exchanges those that are published to; made where they are not there
   * @param everyMs how often something is published
   * @param next what, while there is a broker that takes it
   */
  constructor(
    private readonly url: string,
    private readonly exchanges: readonly string[],
    private readonly everyMs: number,
    private readonly next: () => readonly Unsent[],
  ) {}

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** Whether the broker has confirmed everything so far. */
  get isUpToDate(): boolean {
    return this.#channel !== undefined && this.#unconfirmed === 0;
  }

  /** Whether the broker takes nothing now. */
  get isHeldUp(): boolean {
    return this.#unconfirmed >= maxUnconfirmed;
  }

  /** Resolves when so many more were confirmed: later than anything that was published before. */
  async publishMore(count: number): Promise<number> {
    const from = this.sent.length;
    const isThere = (): boolean => {
      const confirmed = this.sent.slice(from).filter(({ isConfirmed }) => isConfirmed);
      return confirmed.length >= count;
    };
    while (!isThere()) await pause(this.everyMs);
    return from;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#session();
      } catch {
        // Whatever it was: the broker is away, or the exchange is.
        this.#channel = undefined;
        await pause(reconnectMs);
      }
    }
  }

  async #session(): Promise<void> {
    const model = await amqp.connect(this.url, { timeout: 2000 });
    let isOver = false;
    model.on('close', () => {
      isOver = true;
    });
    model.on('error', () => undefined);
    try {
      const channel = await model.createConfirmChannel();
      channel.on('error', () => undefined);
      channel.on('close', () => {
        isOver = true;
      });
      for (const exchange of this.exchanges) await channel.assertExchange(exchange, 'topic', { durable: false });
      this.#unconfirmed = 0;
      this.#channel = channel;
      while (!isOver && !this.#isStopped) {
        if (this.#unconfirmed < maxUnconfirmed) for (const event of this.next()) this.#publish(channel, event);
        await pause(this.everyMs);
      }
    } finally {
      this.#channel = undefined;
      // One that is lost has nothing to say goodbye to.
      if (!isOver) await Promise.race([model.close(), pause(1000)]).catch(() => undefined);
    }
  }

  #publish(channel: ConfirmChannel, { account, exchange, routingKey, payload }: Unsent): void {
    const number = this.sent.length;
    const sent: Sent = { number, account, exchange, routingKey, at: performance.now(), isConfirmed: false };
    this.sent.push(sent);
    this.#unconfirmed += 1;
    const body = Buffer.from(JSON.stringify({ Number: number, ...payload }));
    channel.publish(exchange, routingKey, body, {}, (error) => {
      if (error !== null && error !== undefined) return;
      sent.isConfirmed = true;
      this.#unconfirmed -= 1;
    });
  }
}

/** Call events, one at a time, of one account after the other. */
export function callsInTurn(accounts: readonly string[]): () => readonly Unsent[] {
  let count = 0;
  return () => {
    const account = accounts[count % accounts.length] as string;
    const callId = `call-${count}`;
    count += 1;
    const payload = {
      'Event-Category': 'call_event',
      'Event-Name': 'CHANNEL_CREATE',
      'Call-ID': callId,
      'Custom-Channel-Vars': { 'Account-ID': account },
    };
    return [{ account, exchange: 'callevt', routingKey: `call.CHANNEL_CREATE.${callId}`, payload }];
  };
}
