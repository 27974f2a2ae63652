/** Where this node takes its events from, and what is kept of them: a queue of its own, or a history that all nodes share. */
import { RabbitBus } from './amqp/rabbit-bus.ts';
import { StreamBus } from './amqp/stream-bus.ts';
import type { Bus } from './bus.ts';
import type { Config } from './config.ts';
import type { Catalogue } from './families/catalogue.ts';
import { type ExchangePatterns, patternsOfEverything } from './families/everything.ts';
import { EmbeddedHistory } from './history/embedded-history.ts';
import { History } from './history/history.ts';
import type { Log } from './log.ts';
import type { HistorySources } from './metrics.ts';
import { Binder } from './registry/binder.ts';
import { Plan } from './registry/plan.ts';
import { SourceGate } from './registry/source-gate.ts';

export interface EventSource {
  readonly bus: Bus;
  /** What has the bus bound for subscriptions, and says when they are good. */
  readonly binder: Binder | SourceGate;
  /** Undefined: nothing is kept. */
  readonly history: History | undefined;
  /** Of the history, for whoever watches it. */
  readonly historySources: HistorySources | undefined;
  /** What the bus is at while it isn't up, in words, where it knows. */
  progress(): string | undefined;
}

/** @param ownBus the bus to live on, instead of RabbitMQ */
export function createEventSource(
  config: Config,
  ownBus: Bus | undefined,
  catalogue: Catalogue,
  log: Log,
): EventSource {
  if (config.HISTORY === 'stream' || config.demo) return withHistory(config, ownBus, catalogue, log);
  const bus = ownBus ?? new RabbitBus({ urls: config.AMQP_URL ?? [], nodeName: config.NODE_NAME }, log);
  const plan = new Plan(catalogue.families, config.MAX_PATTERNS);
  const families = catalogue.families.map(({ name }) => name);
  const binder = new Binder(bus, plan, families, log);
  return { bus, binder, history: undefined, historySources: undefined, progress: () => undefined };
}

function withHistory(config: Config, ownBus: Bus | undefined, catalogue: Catalogue, log: Log): EventSource {
  const history = new History({
    ringBytes: config.HISTORY_RING_BYTES,
    maxAgeMs: config.HISTORY_MAX_AGE_SECONDS * 1000,
  });
  const everything = patternsOfEverything(catalogue);
  const patternCount = everything.reduce((sum, { routingPatterns }) => sum + routingPatterns.length, 0);
  const stream = ownBus === undefined ? streamBus(config, everything, log) : undefined;
  return {
    bus: stream ?? embeddedHistory(ownBus as Bus, everything),
    binder: new SourceGate(patternCount),
    history,
    historySources: {
      bytes: () => history.bytes,
      seconds: () => history.ageSeconds(performance.now()),
      lagSeconds: () => stream?.lagSeconds ?? 0,
    },
    progress() {
      const done = stream?.progress;
      return done === undefined ? undefined : `the history is being read, ${Math.floor(done * 100)} % of it so far`;
    },
  };
}

function streamBus(config: Config, everything: readonly ExchangePatterns[], log: Log): StreamBus {
  return new StreamBus(
    {
      urls: config.AMQP_URL ?? [],
      nodeName: config.NODE_NAME,
      stream: config.HISTORY_STREAM,
      maxAgeSeconds: config.HISTORY_MAX_AGE_SECONDS,
      maxBytes: config.HISTORY_MAX_BYTES,
      ringBytes: config.HISTORY_RING_BYTES,
      exchanges: everything.map(({ exchange, ...others }) => ({ name: exchange, ...others })),
    },
    log,
  );
}

function embeddedHistory(bus: Bus, everything: readonly ExchangePatterns[]): EmbeddedHistory {
  const patterns = everything.flatMap(({ exchange, routingPatterns }) =>
    routingPatterns.map((routingPattern) => ({ exchange, routingPattern })),
  );
  return new EmbeddedHistory(bus, patterns);
}
