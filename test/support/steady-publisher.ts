/**
 * Somebody who publishes numbered call events to several accounts in turn, and goes on whatever becomes of the broker; with
 * a record of what was published when, so that it can be told afterwards what was lost. Needs no test runner.
 */
import { setTimeout as pause } from 'node:timers/promises';
import amqp, { type ConfirmChannel } from 'amqplib';

const exchange = 'callevt';
/** What the broker has not confirmed yet: beyond it nothing more is published. */
const maxUnconfirmed = 100;
const reconnectMs = 100;

export interface Sent {
  readonly number: number;
  readonly account: string;
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

  /** @param everyMs how often an event is published, to one account after the other */
  constructor(
    private readonly url: string,
    private readonly accounts: readonly string[],
    private readonly everyMs: number,
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
      await channel.assertExchange(exchange, 'topic', { durable: false });
      this.#unconfirmed = 0;
      this.#channel = channel;
      while (!isOver && !this.#isStopped) {
        if (this.#unconfirmed < maxUnconfirmed) this.#publish(channel);
        await pause(this.everyMs);
      }
    } finally {
      this.#channel = undefined;
      // One that is lost has nothing to say goodbye to.
      if (!isOver) await Promise.race([model.close(), pause(1000)]).catch(() => undefined);
    }
  }

  #publish(channel: ConfirmChannel): void {
    const number = this.sent.length;
    const account = this.accounts[number % this.accounts.length] as string;
    const sent: Sent = { number, account, at: performance.now(), isConfirmed: false };
    this.sent.push(sent);
    this.#unconfirmed += 1;
    const body = {
      'Event-Category': 'call_event',
      'Event-Name': 'CHANNEL_CREATE',
      'Call-ID': `call-${number}`,
      Number: number,
      'Custom-Channel-Vars': { 'Account-ID': account },
    };
    channel.publish(exchange, `call.CHANNEL_CREATE.call-${number}`, Buffer.from(JSON.stringify(body)), {}, (error) => {
      if (error !== null && error !== undefined) return;
      sent.isConfirmed = true;
      this.#unconfirmed -= 1;
    });
  }
}
