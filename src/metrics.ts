/** What can be watched from outside: the `horizon_` metrics, and Node's own. */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry as MetricsRegistry } from 'prom-client';
import { closeReasons, standardCloseCodes } from './errors.ts';
import type { DropReason } from './payload.ts';

/** Values that are read when somebody asks, instead of being kept up to date on the hot path. */
export interface MetricSources {
  sockets(): number;
  subscriptions(): number;
  patterns(): number;
  isConnected(): boolean;
  outages(): { readonly count: number; readonly seconds: number };
  lostLogLines(): number;
}

/** The same of a history, where there is one. */
export interface HistorySources {
  /** What the ring costs. */
  bytes(): number;
  /** How old its oldest event is. */
  seconds(): number;
  lagSeconds(): number;
}

export class Metrics {
  readonly registry = new MetricsRegistry();
  /** Frames sent to clients for events. A plain number: it grows with every delivery. */
  framesSent = 0;

  /** By family. Plain numbers as well: they grow with every event. */
  readonly #received = new Map<string, number>();
  readonly #dropped: Counter<'reason'>;
  readonly #closed: Counter<'code'>;
  readonly #commands: Counter<'action' | 'outcome'>;
  readonly #resumes: Counter<'outcome'>;
  readonly #gaps: Counter;
  #replayed = 0;
  readonly #delivery: Histogram;

  constructor(withDefaults = true) {
    const registers = [this.registry];
    if (withDefaults) collectDefaultMetrics({ register: this.registry });
    const received = this.#received;
    new Counter({
      name: 'horizon_events_received_total',
      help: 'Messages taken from the AMQP queue, by family',
      labelNames: ['family'],
      registers,
      collect() {
        this.reset();
        for (const [family, count] of received) this.inc({ family }, count);
      },
    });
    this.#dropped = new Counter({
      name: 'horizon_events_dropped_total',
      help: 'Messages that went to nobody although somebody might have wanted them, or were no events, by reason',
      labelNames: ['reason'],
      registers,
    });
    this.#closed = new Counter({
      name: 'horizon_sockets_closed_total',
      help: 'Sockets closed, by WebSocket close code',
      labelNames: ['code'],
      registers,
    });
    this.#resumes = new Counter({
      name: 'horizon_resumes_total',
      help: 'Subscribes with a cursor, by what became of it',
      labelNames: ['outcome'],
      registers,
    });
    this.#gaps = new Counter({
      name: 'horizon_gaps_total',
      help: 'Times that events may have been missed, and clients that can resume were told so',
      registers,
    });
    this.#counter(
      'horizon_replayed_events_total',
      'Events of the past that clients asked for and were sent',
      () => this.#replayed,
    );
    this.#commands = new Counter({
      name: 'horizon_commands_total',
      help: 'Commands to calls, by action and by what became of them: accepted, or the code of the refusal',
      labelNames: ['action', 'outcome'],
      registers,
    });
    this.#delivery = new Histogram({
      name: 'horizon_delivery_seconds',
      help: 'From an event taken from AMQP to its frames handed to the sockets',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1],
      registers,
    });
    this.#counter('horizon_frames_sent_total', 'Event frames handed to sockets', () => this.framesSent);
  }

  /** Adds the values that are read from the parts of the running server. */
  observe(sources: MetricSources): void {
    this.#gauge('horizon_sockets', 'Open WebSockets', () => sources.sockets());
    this.#gauge('horizon_subscriptions', 'Bindings held by all sockets', () => sources.subscriptions());
    this.#gauge('horizon_amqp_patterns', 'Patterns that the broker holds for this node', () => sources.patterns());
    this.#gauge('horizon_amqp_connected', '1 while the broker is there and answers', () =>
      sources.isConnected() ? 1 : 0,
    );
    this.#counter(
      'horizon_amqp_outages_total',
      'Times that the broker, once it had been there, was away or did not answer',
      () => sources.outages().count,
    );
    this.#counter(
      'horizon_amqp_outage_seconds_total',
      'Seconds that these took together',
      () => sources.outages().seconds,
    );
    this.#counter('horizon_log_lines_dropped_total', 'Log lines that could not be written', () =>
      sources.lostLogLines(),
    );
  }

  /** One that is counted elsewhere. */
  #counter(name: string, help: string, read: () => number): void {
    new Counter({
      name,
      help,
      registers: [this.registry],
      collect() {
        this.reset();
        this.inc(read());
      },
    });
  }

  /** Adds those of the history. */
  observeHistory(sources: HistorySources): void {
    this.#gauge('horizon_history_bytes', 'What the events kept in memory cost, bytes', () => sources.bytes());
    this.#gauge('horizon_history_seconds', 'Age of the oldest event in memory', () => sources.seconds());
    this.#gauge('horizon_history_lag_seconds', 'How far behind the end of the stream this node reads', () =>
      sources.lagSeconds(),
    );
  }

  #gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name,
      help,
      aggregator: aggregators[name] ?? 'sum',
      registers: [this.registry],
      collect() {
        this.set(read());
      },
    });
  }

  received(family: string): void {
    this.#received.set(family, (this.#received.get(family) ?? 0) + 1);
  }

  dropped(reason: DropReason | 'overflow', count = 1): void {
    this.#dropped.inc({ reason }, count);
  }

  /** Both are of a few. */
  commanded(action: string, outcome: string): void {
    this.#commands.inc({ action, outcome });
  }

  closed(code: number): void {
    this.#closed.inc({ code: knownCodes.has(code) ? String(code) : 'other' });
  }

  /** @param events of a replay that is done */
  replayed(events: number): void {
    this.#replayed += events;
  }

  resumed(outcome: string): void {
    this.#resumes.inc({ outcome });
  }

  gap(): void {
    this.#gaps.inc();
  }

  /** @param seconds from the AMQP delivery to the socket */
  delivered(seconds: number): void {
    this.#delivery.observe(seconds);
  }
}

/** Over several workers most are sums; connected are they only when all are, and lag and age are the worst one's. */
const aggregators: Readonly<Record<string, 'min' | 'max'>> = {
  horizon_amqp_connected: 'min',
  horizon_history_seconds: 'min',
  horizon_history_lag_seconds: 'max',
};

/** Clients choose codes too; a label with any of a thousand values would make a thousand series. */
const knownCodes = new Set<number>([...standardCloseCodes, ...Object.values(closeReasons).map(({ code }) => code)]);
