/**
 * RabbitMQ as the bus, through a stream that all nodes of a cluster share: every node takes all its events from it, so what
 * they take has one order everywhere, and a place in it means the same on every node.
 */
import type { ChannelModel } from 'amqplib';
import type { Bus, BusListener, Delivery, Lateness } from '../bus.ts';
import { messageOf } from '../errors.ts';
import type { HistoryListener } from '../history/source.ts';
import type { Log } from '../log.ts';
import { BrokerConnection } from './connection.ts';
import { Outages } from './outages.ts';
import type { WatchedExchange } from './stream-looks.ts';
import { type StreamDelivery, StreamReader } from './stream-reader.ts';
import { type StreamMemory, StreamRun } from './stream-run.ts';

export interface StreamBusOptions {
  readonly urls: readonly string[];
  readonly nodeName: string;
  readonly stream: string;
  readonly maxAgeSeconds: number;
  readonly maxBytes: number;
  /** Of the ring: nothing is read from farther back than it may hold. */
  readonly ringBytes: number;
  readonly exchanges: readonly WatchedExchange[];
  readonly prefetch?: number;
}

const defaultPrefetch = 500;
/** No event is kept in fewer bytes. */
const leastEventBytes = 400;
/** A look when none came by for so long; each node's a little different, so that one of them is first. ms */
const lookEveryMs = 900;
const lookSpreadMs = 200;
const tickMs = 100;
/** What is farther back when it is read goes to nobody who can't resume: nobody wants yesterday's ringing. ms */
const lateMs = 10_000;
/** After a loss publishers are back first, and what they send before the bindings are is missing: so no time is lost. ms */
const hurryMs = 30_000;
const hurriedRetryMs = 250;
const unhurriedRetryMs = 2000;

export class StreamBus implements Bus {
  readonly outages = new Outages();
  #wasUp = false;
  readonly #reading: BrokerConnection;
  readonly #publishing: BrokerConnection;
  #readingModel: ChannelModel | undefined;
  #publishingModel: ChannelModel | undefined;
  #isBlocked = false;
  #listener: (BusListener & HistoryListener) | undefined;
  readonly #memory: StreamMemory = { last: undefined, epoch: undefined };
  #run: StreamRun | undefined;
  #isUp = false;
  #isStopped = false;
  #isLooking = false;
  /** Logged once, and again when another one came in between. */
  #lastFailure: string | undefined;
  #downSince = performance.now();
  #retry: NodeJS.Timeout | undefined;
  #ticker: NodeJS.Timeout | undefined;
  /** When (ms of `performance`) a fence of our scope came by last, and how old it was then. */
  #fenceAt = 0;
  #fenceLagMs = 0;
  /** The moment (ms of `performance`) before which everything that is read now was published at the earliest. */
  #readThrough = 0;

  constructor(
    private readonly options: StreamBusOptions,
    private readonly log: Log,
  ) {
    const onDown = (reason: string): void => this.#onDown(reason);
    this.#reading = new BrokerConnection(
      options.urls,
      `event-horizon ${options.nodeName}`,
      {
        setup: async (model) => {
          this.#readingModel = model;
        },
        onUp: () => this.#begin(),
        retryMs,
        onDown: (reason) => {
          this.#readingModel = undefined;
          onDown(reason);
        },
      },
      log,
    );
    this.#publishing = new BrokerConnection(
      options.urls,
      `event-horizon ${options.nodeName} (history)`,
      {
        setup: async (model) => {
          this.#publishingModel = model;
        },
        onUp: () => this.#begin(),
        retryMs,
        onDown: () => {
          this.#publishingModel = undefined;
          this.#isBlocked = false;
        },
        onBlocked: (isBlocked) => {
          this.#isBlocked = isBlocked;
        },
      },
      log,
    );
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** How far it is with filling the ring, 0 to 1; undefined while it isn't at it. */
  get progress(): number | undefined {
    return this.#isUp ? undefined : this.#run?.progress;
  }

  /** How far behind the stream's end this node reads, seconds. */
  get lagSeconds(): number {
    if (!this.#isUp) return 0;
    const silentMs = performance.now() - this.#fenceAt - 2 * lookEveryMs;
    return (this.#fenceLagMs + (this.#isBlocked ? 0 : Math.max(0, silentMs))) / 1000;
  }

  /** @param listener is told of the history as well */
  start(listener: BusListener & HistoryListener): void {
    this.#listener = listener;
    for (const connection of [this.#reading, this.#publishing]) {
      connection.start().catch((error: unknown) => listener.onDown(messageOf(error)));
    }
    this.#ticker = setInterval(() => this.#tick(), tickMs);
    this.#ticker.unref();
  }

  /** The stream is bound to everything, whatever is subscribed to. */
  async bind(): Promise<void> {
    if (!this.#isUp) throw new Error('the broker is away');
  }

  async unbind(): Promise<void> {
    // History goes on for those who come back.
  }

  settle(delivery: Delivery): void {
    const { reader } = delivery as Partial<StreamDelivery>;
    if (reader instanceof StreamReader) reader.settle(delivery as StreamDelivery);
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#isUp = false;
    clearInterval(this.#ticker);
    clearTimeout(this.#retry);
    this.#run?.stop();
    this.#run = undefined;
    await Promise.all([this.#reading.stop(), this.#publishing.stop()]);
  }

  #begin(): void {
    const model = this.#readingModel;
    if (this.#isStopped || this.#run !== undefined || model === undefined || this.#publishingModel === undefined)
      return;
    const { stream: name, maxAgeSeconds, maxBytes, ringBytes, exchanges, prefetch = defaultPrefetch } = this.options;
    const isFirst = this.#memory.last === undefined;
    const run: StreamRun = new StreamRun(
      { name, maxAgeSeconds, maxBytes, exchanges, prefetch, maxEvents: Math.ceil(ringBytes / leastEventBytes) },
      this.#memory,
      model,
      () => this.#publishingModel,
      () => this.#isBlocked,
      {
        ...this.#historyListener(),
        onEvent: (delivery, isLate) => {
          if (isLate) delivery.lateness = isFirst ? 'old' : this.#lateness();
          this.#listener?.onDelivery(delivery);
        },
        onFence: ({ scope }, agoMs) => {
          this.#readThrough = performance.now() - agoMs;
          if (scope !== run.looks.scope) return;
          this.#fenceAt = performance.now();
          this.#fenceLagMs = agoMs;
        },
        onFailed: (reason) => {
          if (this.#run !== run) return;
          this.#run = undefined;
          if (reason !== this.#lastFailure) this.log.warn({ stream: name, reason }, 'the stream can’t be read');
          this.#lastFailure = reason;
          this.#onDown(reason);
        },
      },
      this.log,
    );
    this.#run = run;
    run.begin().then(
      () => this.#onUp(run),
      // Told by `onFailed`.
      () => undefined,
    );
  }

  #historyListener(): HistoryListener {
    const listener = this.#listener as HistoryListener;
    return {
      onBegin: (position) => listener.onBegin(position),
      onEpoch: (epoch) => listener.onEpoch(epoch),
      onPass: (position) => listener.onPass(position),
      onMoment: (position, ageMs) => listener.onMoment(position, ageMs),
      onMark: (mark) => listener.onMark(mark),
      onLost: (position) => {
        this.log.error({ position }, 'events were cut off before this node could read them');
        listener.onLost(position);
      },
    };
  }

  /** No later than since the last moment that is known; while nobody was there to write fences, since the loss. */
  #lateness(): Lateness {
    return performance.now() - Math.max(this.#readThrough, this.#downSince) > lateMs ? 'missed' : 'late';
  }

  #onUp(run: StreamRun): void {
    if (this.#run !== run || this.#isStopped) return;
    this.#isUp = true;
    this.#wasUp = true;
    this.outages.end();
    this.#lastFailure = undefined;
    this.log.info({ stream: this.options.stream }, 'the end of the stream is reached');
    this.#listener?.onUp();
  }

  #onDown(reason: string): void {
    if (this.#isStopped) return;
    if (this.#isUp) this.#downSince = performance.now();
    if (this.#wasUp) this.outages.begin(performance.now());
    this.#isUp = false;
    const run = this.#run;
    this.#run = undefined;
    run?.stop(reason);
    this.#listener?.onDown(reason);
    // The connections may still be there: then nobody else begins again.
    clearTimeout(this.#retry);
    const isHurried = performance.now() - this.#downSince < hurryMs;
    this.#retry = setTimeout(() => this.#begin(), isHurried ? hurriedRetryMs : unhurriedRetryMs).unref();
  }

  #tick(): void {
    const run = this.#run;
    run?.check();
    if (run === undefined || !this.#isUp || run !== this.#run) return;
    if (this.#isLooking || this.#isBlocked || this.#publishingModel === undefined) return;
    if (performance.now() - this.#fenceAt < lookEveryMs + Math.random() * lookSpreadMs) return;
    this.#isLooking = true;
    void this.#look(run).finally(() => {
      this.#isLooking = false;
    });
  }

  async #look(run: StreamRun): Promise<void> {
    try {
      await run.looks.look(this.#memory.epoch);
    } catch (error) {
      // The next one comes soon; what ended this one has been told where it matters.
      this.log.debug({ err: error }, 'a look at the bindings failed');
    }
  }
}

/** How long to wait before an attempt to connect again, ms. @param attempt counted from 1 */
export function retryMs(attempt: number): number {
  return attempt * hurriedRetryMs < hurryMs ? hurriedRetryMs : unhurriedRetryMs * (1 + Math.random());
}
