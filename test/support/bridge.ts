/** An Event Horizon of the test's own, on a free port, in this process. */
import { inspect } from 'node:util';
import { onTestFinished, TestRunner } from 'vitest';
import { type App, createApp } from '../../src/app.ts';
import { makeToken, type TokenClaims } from '../../src/auth/token.ts';
import { type Config, readConfig } from '../../src/config.ts';
import type { EmbeddedBroker } from '../../src/stage.ts';
import { type Broker, useBroker } from './broker.ts';
import { shortened, showWhenWaitFails, until } from './until.ts';

export const secret = 'a secret of the tests, long enough for HS512 and nobody else to know it';

/** A log line, as far as tests look at it. */
export interface LogLine {
  readonly level: string;
  readonly message: string;
  readonly fields: Readonly<Record<string, unknown>>;
}

/** What tests ask of a bus, be it a real broker's or the embedded one. */
export interface TestBus {
  publish(
    exchange: string,
    routingKey: string,
    body: object | Buffer,
    options?: { readonly contentEncoding?: string },
  ): Promise<void>;
  /** A sample event. @param changes fields of the payload that differ from the file's */
  publishFixture(file: string, changes?: Record<string, unknown>, routingKey?: string): Promise<void>;
  /** What is bound, as `EXCHANGE KEY`, sorted. */
  patterns(): Promise<string[]>;
}

export interface Bridge<B extends TestBus = Broker> {
  readonly app: App;
  readonly config: Config;
  readonly broker: B;
  /** `http://127.0.0.1:PORT` */
  readonly address: string;
  /** `ws://127.0.0.1:PORT` */
  readonly socketAddress: string;
  readonly logLines: readonly LogLine[];
  /** The value of a metric's series; 0 where there is none. */
  metric(name: string, labels?: Record<string, string>): Promise<number>;
  stop(): Promise<void>;
}

export type Settings = Readonly<Record<string, string | undefined>>;

/** @param settings as environment variables; the broker, a secret and a free port are set already */
export async function startBridge(settings: Settings = {}, broker?: Broker): Promise<Bridge> {
  const own = broker ?? (await useBroker());
  return launch({ AMQP_URL: own.url, AUTH_JWT_SECRET: secret, ...settings }, own);
}

/** A bridge whose broker isn't there, or is somebody else's business. */
export async function startBridgeWithoutBroker(settings: Settings): Promise<Omit<Bridge, 'broker'>> {
  return launch<Broker>(settings, undefined);
}

/** Starts an app on a free port; it is stopped when the test ends, and by whoever started it in a hook. */
export async function launch<B extends TestBus>(
  settings: Settings,
  broker: B | undefined,
  embedded?: EmbeddedBroker,
): Promise<Bridge<B>> {
  // Tests that wait for something to be listed ask more often than anybody may.
  const own = { PORT: '0', DRAIN_SECONDS: '0', NODE_NAME: 'test-node', REST_RATE_BURST: '100000' };
  const config = readConfig({ ...own, ...settings });
  const { log, lines } = createMemoryLog();
  const surroundings = { log, version: '0.0.0', usedMemory: () => 1 };
  const app = await createApp(config, embedded === undefined ? surroundings : { ...surroundings, broker: embedded });
  const address = await app.start();
  let stopped: Promise<void> | undefined;
  const stop = (): Promise<void> => {
    stopped ??= app.stop();
    return stopped;
  };
  if (TestRunner.getCurrentTest() !== undefined) {
    onTestFinished(stop);
    showWhenWaitFails(() => describeBridge(lines, broker));
  }
  if (broker !== undefined) await until(async () => (await fetch(`${address}/readyz`)).ok, 'a bridge that is ready');
  return {
    app,
    config,
    // Only the bridges that have one are given out with it.
    broker: broker as B,
    address,
    socketAddress: address.replace('http', 'ws'),
    logLines: lines,
    metric: (name, labels = {}) => metricOf(app, name, labels),
    stop,
  };
}

async function describeBridge(lines: readonly LogLine[], broker: TestBus | undefined): Promise<string> {
  const last = lines.slice(-5).map(({ level, message, fields }) => `${level} ${message} ${inspect(fields)}`);
  const bound = broker === undefined ? '' : `, bound: ${(await broker.patterns()).join(', ') || 'nothing'}`;
  return `bridge${bound}, ${lines.length} lines logged, the last: ${shortened(last.join('; '))}`;
}

async function metricOf(app: App, name: string, labels: Record<string, string>): Promise<number> {
  const metric = await app.metrics.registry.getSingleMetric(name)?.get();
  const series = metric?.values.find((value) =>
    Object.entries(labels).every(([key, label]) => value.labels[key] === label),
  );
  return series?.value ?? 0;
}

function createMemoryLog() {
  const lines: LogLine[] = [];
  const writer =
    (level: string) =>
    (fields: unknown, message?: string): void => {
      if (typeof fields === 'string') lines.push({ level, message: fields, fields: {} });
      else lines.push({ level, message: message ?? '', fields: { ...(fields as object) } });
    };
  const levels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const;
  const log = Object.fromEntries(levels.map((level) => [level, writer(level)])) as unknown as Parameters<
    typeof createApp
  >[1]['log'];
  return { log, lines };
}

/** A token of the tests' secret, good for an hour. */
export function tokenFor(
  account: string,
  claims: Omit<TokenClaims, 'account_id'> = {},
  seconds = 3600,
): Promise<string> {
  return makeToken(secret, { account_id: account, ...claims }, seconds);
}
