/** The composition root: builds every part, joins them, starts and stops them. */
import { randomInt, randomUUID } from 'node:crypto';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { SessionGuard } from './actions/guard.ts';
import { Pipeline } from './actions/pipeline.ts';
import { RabbitBus } from './amqp/rabbit-bus.ts';
import { RabbitControl } from './amqp/rabbit-control.ts';
import { Accounts } from './auth/accounts.ts';
import { createAuthenticator } from './auth/authenticator.ts';
import type { Bus } from './bus.ts';
import { type Clock, startClock } from './clock.ts';
import { Cluster } from './cluster/cluster.ts';
import { createLocalSockets } from './cluster/local-sockets.ts';
import { controlBindings } from './cluster/messages.ts';
import type { Config } from './config.ts';
import { createDemo, type Demo, demoAccounts } from './demo/demo.ts';
import { ConfigError, messageOf } from './errors.ts';
import { createCatalogue } from './families/catalogue.ts';
import { errorBody, type NodeInfo } from './http/envelope.ts';
import { createHttp, type Http } from './http/http-server.ts';
import { addDemoRoute, addPageRoutes } from './http/page-routes.ts';
import { addRestRoutes, type ClusterSockets } from './http/rest-routes.ts';
import { addHealthRoutes, addMetricsRoute, addOpenApiRoute, type ServiceState } from './http/service-routes.ts';
import { DropReporter, Intake } from './intake.ts';
import type { Log } from './log.ts';
import { Metrics } from './metrics.ts';
import { Binder } from './registry/binder.ts';
import { Plan } from './registry/plan.ts';
import { Registry } from './registry/registry.ts';
import { Subscriptions } from './registry/subscriptions.ts';
import { Router } from './router.ts';
import type { Pbx } from './simulator/pbx.ts';
import { SocketServer, type SocketSettings } from './socket/socket-server.ts';
import { headerToken } from './socket/upgrade.ts';

/** How long the listeners may take to close: a connection that hangs must not keep the process. */
const closeMs = 5000;
/** What the system says of a host that can't be found, or is not this machine. */
const hostFaults = /^(ENOTFOUND|EAI_\w+|EADDRNOTAVAIL|EAFNOSUPPORT)$/;

/** What the process gives the app. */
export interface Surroundings {
  readonly log: Log;
  readonly version: string;
  /** Bytes. */
  usedMemory(): number;
  /** The bus to live on, instead of the one that the settings name: the node is alone on it. */
  readonly bus?: Bus;
  /** With several workers: the metrics of all of them. */
  readonly metricsOfAll?: () => Promise<string>;
}

export interface App {
  readonly metrics: Metrics;
  /** Set in demo mode. */
  readonly demo: Demo | undefined;
  /**
   * Listens, and begins to look for the broker.
   * @returns the address, `http://127.0.0.1:5555`
   */
  start(): Promise<string>;
  /** Drains: no new sockets, the present ones closed one by one, the broker, the listener. Resolves when all is done. */
  stop(): Promise<void>;
}

/** @throws ConfigError when ACCOUNTS_FILE can't be used */
export async function createApp(config: Config, surroundings: Surroundings): Promise<App> {
  const { log, version } = surroundings;
  const info: NodeInfo = { nodeName: config.NODE_NAME, version };
  const demo = config.demo ? await createDemo() : undefined;
  const accounts = demo?.accounts ?? readAccounts(config);
  const authenticator = createAuthenticator(demo === undefined ? config : { ...config, AUTH_JWT_SECRET: demo.secret });
  const metrics = new Metrics();

  const catalogue = createCatalogue({ callEvents: config.CALL_EVENTS, documentTypes: config.DOC_TYPES }, accounts);
  const stage = demo === undefined ? undefined : await loadStage();
  const bus: Bus =
    surroundings.bus ?? stage?.bus ?? new RabbitBus({ urls: config.AMQP_URL ?? [], nodeName: config.NODE_NAME }, log);
  const subscriptions = new Subscriptions();
  const plan = new Plan(catalogue.families, config.MAX_PATTERNS);
  const binder = new Binder(
    bus,
    plan,
    catalogue.families.map(({ name }) => name),
    log,
  );
  const registry = new Registry(subscriptions, binder);
  const guard = new SessionGuard(registry, catalogue, accounts, config.AUTH_TIMEOUT_SECONDS * 1000, log);
  const pipeline = new Pipeline(
    {
      registry,
      catalogue,
      accounts,
      authenticator,
      guard,
      limits: {
        maxBindings: config.MAX_BINDINGS_PER_SOCKET,
        rate: { perSecond: config.RATE_LIMIT_PER_SECOND, burst: config.RATE_LIMIT_BURST },
        maxMessageBytes: config.MAX_MESSAGE_BYTES,
      },
    },
    log,
  );

  const sockets = new SocketServer(
    socketSettings(config),
    {
      identify: (token) => authenticator.identify(token),
      onOpen(session, identity) {
        registry.sessions.add(session);
        if (identity !== undefined) guard.accept(session, identity);
      },
      onMessage: (session, frame) => pipeline.receive(session, frame),
      onEnd: (session) => registry.end(session),
      onClosed: (code) => metrics.closed(code),
      onFlushStart: () => intake.onFlushStart(),
      onFlushed: () => intake.onFlushed(),
      refusalBody: ({ status, message }) => errorBody(info, randomUUID(), status, message),
    },
    log,
  );

  const drops = new DropReporter(log);
  const router = new Router(catalogue, subscriptions, metrics, (reason, delivery, error) =>
    drops.report(reason, delivery, error),
  );
  const intake = new Intake(bus, router, metrics, () => sockets.scheduleFlush());

  const localSockets = createLocalSockets(registry, config.NODE_NAME);
  const isAlone = config.demo || surroundings.bus !== undefined;
  const cluster = isAlone
    ? undefined
    : new Cluster(
        new RabbitControl(config.AMQP_URL ?? [], config.NODE_NAME, controlBindings, log),
        localSockets,
        { nodeName: config.NODE_NAME, instanceId: randomUUID(), version, usedMemory: surroundings.usedMemory },
        log,
      );

  let downReason: string | undefined = 'the broker was not reached yet';
  let isDraining = false;
  metrics.observe({
    sockets: () => sockets.count,
    subscriptions: () => subscriptions.count,
    patterns: () => binder.boundCount,
    isConnected: () => bus.isUp,
  });

  const state: ServiceState = {
    notReadyBecause: () => {
      if (isDraining) return 'this node is about to restart';
      return bus.isUp ? undefined : `the broker is away (${downReason})`;
    },
    metrics: surroundings.metricsOfAll ?? (() => metrics.registry.metrics()),
  };
  const http = await createHttp(info, config.TRUST_PROXY, log);
  addHealthRoutes(http, info, state);
  addRestRoutes(http, {
    info,
    families: catalogue.families,
    accounts,
    authenticator,
    cluster: cluster ?? aloneInCluster(localSockets),
    defaultDialect: config.DIALECT,
    tokenOf: headerToken,
  });
  addOpenApiRoute(http);
  await addPageRoutes(http);
  addDemoRoute(http, info, demo);
  const metricsHttp = config.METRICS_PORT === undefined ? undefined : await createHttp(info, [], log);
  addMetricsRoute(metricsHttp ?? http, state);
  sockets.attach(http.server);

  let clock: Clock | undefined;
  let pbx: Pbx | undefined;

  function runClock(): Clock {
    const running = startClock((error) => log.error({ err: error }, 'fault in a task of the clock'));
    running.everySecond((now) => guard.tick(now));
    running.everySecond(() => sockets.tick());
    running.everySecond(() => binder.tick(performance.now()));
    running.everySecond(() => cluster?.tick(performance.now()));
    running.everySecond(() => refreshAccounts(accounts, guard, log));
    return running;
  }

  return {
    metrics,
    demo,

    async start() {
      const address = await listen(http, config.HOST, config.PORT);
      if (metricsHttp !== undefined) await listen(metricsHttp, config.HOST, config.METRICS_PORT ?? 0);
      bus.start({
        onDelivery: (delivery) => intake.onDelivery(delivery),
        onUp() {
          downReason = undefined;
          binder.onUp();
        },
        onDown(reason) {
          downReason = reason;
          binder.onDown();
        },
        onOverflow(messages) {
          metrics.dropped('overflow', messages);
          log.warn({ messages }, 'this node did not keep up: the broker dropped events');
        },
      });
      cluster?.start();
      clock = runClock();
      pbx = stage?.play();
      return address;
    },

    async stop() {
      isDraining = true;
      pbx?.stop();
      await sockets.drain(config.DRAIN_SECONDS);
      clock?.stop();
      await binder.stop();
      await Promise.all([cluster?.stop(), bus.stop()]);
      const closed = Promise.all([http.close(), metricsHttp?.close()]);
      const isClosed = await Promise.race([closed.then(() => true), setTimeout(closeMs, false, { ref: false })]);
      if (!isClosed) log.warn('connections were still open at the end');
    },
  };
}

/** What the demo alone needs; a server with a broker never loads it. */
async function loadStage(): Promise<{ readonly bus: Bus; play(): Pbx }> {
  const [{ EmbeddedBus }, { startPbx }] = await Promise.all([
    import('./embedded-bus/embedded-bus.ts'),
    import('./simulator/pbx.ts'),
  ]);
  const bus = new EmbeddedBus();
  const publish = bus.publish.bind(bus);
  return { bus, play: () => startPbx({ accounts: demoAccounts, seed: randomInt(2 ** 31), publish }) };
}

/** @throws ConfigError when ACCOUNTS_FILE can't be used */
export function readAccounts(config: Config): Accounts {
  if (config.ACCOUNTS_FILE === undefined) return Accounts.none();
  try {
    return Accounts.fromFile(config.ACCOUNTS_FILE);
  } catch (error) {
    throw new ConfigError([`ACCOUNTS_FILE: ${config.ACCOUNTS_FILE} can't be used: ${messageOf(error)}`]);
  }
}

function refreshAccounts(accounts: Accounts, guard: SessionGuard, log: Log): void {
  const outcome = accounts.refresh();
  if (outcome === 'unchanged') return;
  if (outcome === 'reloaded') {
    log.info('account tree reloaded');
    guard.onAccountsChanged();
  } else {
    log.error({ reason: outcome.refused }, 'the changed ACCOUNTS_FILE is refused; the tree read before stays in force');
  }
}

function socketSettings(config: Config): SocketSettings {
  return {
    maxConnections: config.MAX_CONNECTIONS,
    maxConnectionsPerIp: config.MAX_CONNECTIONS_PER_IP,
    maxMessageBytes: config.MAX_MESSAGE_BYTES,
    compression: config.COMPRESSION,
    rateLimit: { perSecond: config.RATE_LIMIT_PER_SECOND, burst: config.RATE_LIMIT_BURST },
    slowConsumerBytes: config.SLOW_CONSUMER_BYTES,
    slowConsumerSeconds: config.SLOW_CONSUMER_SECONDS,
    maxUnsentBytes: config.MAX_UNSENT_BYTES,
    pingIntervalSeconds: config.PING_INTERVAL_SECONDS,
    pongTimeoutSeconds: config.PONG_TIMEOUT_SECONDS,
    allowedOrigins: config.ALLOWED_ORIGINS,
    trustedProxies: config.TRUST_PROXY,
    defaultDialect: config.DIALECT,
  };
}

/** The answers of a node that has no others to ask. */
function aloneInCluster(sockets: ReturnType<typeof createLocalSockets>): ClusterSockets {
  return {
    socketsOf: async (account) => ({ found: sockets.ofAccount(account), partial: false }),
    findSocket: async (account, id) => ({ found: sockets.find(id, account), partial: false }),
    closeSocket: async (account, id) => ({ found: sockets.close(account, id), partial: false }),
  };
}

/** @throws ConfigError when HOST can't be used */
async function listen(http: Http, host: string, port: number): Promise<string> {
  try {
    await http.listen({ host, port, listenTextResolver: () => '' });
  } catch (error) {
    if (!hostFaults.test((error as NodeJS.ErrnoException).code ?? '')) throw error;
    throw new ConfigError([`HOST: ${host} is no address of this machine (${messageOf(error)})`]);
  }
  const { address, family, port: actual } = http.server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${actual}`;
}
