/** The composition root: builds every part, joins them, starts and stops them. */
import { randomUUID } from 'node:crypto';
import { type GuardLimits, SessionGuard } from './actions/guard.ts';
import { Pipeline } from './actions/pipeline.ts';
import { RabbitControl } from './amqp/rabbit-control.ts';
import { createAccountSource } from './auth/account-source.ts';
import { Accounts } from './auth/accounts.ts';
import { createAuthenticator } from './auth/authenticator.ts';
import type { BusListener } from './bus.ts';
import { Cluster } from './cluster/cluster.ts';
import { createLocalSockets } from './cluster/local-sockets.ts';
import { controlBindings } from './cluster/messages.ts';
import type { Config } from './config.ts';
import { createDemo, type Demo } from './demo/demo.ts';
import { createEventSource } from './event-source.ts';
import { createCatalogue } from './families/catalogue.ts';
import type { HistoryListener } from './history/source.ts';
import { checkAccess } from './http/access.ts';
import { limitConnections } from './http/connection-limit.ts';

import { errorBody, type NodeInfo } from './http/envelope.ts';
import { createHttp } from './http/http-server.ts';
import { Listener } from './http/listener.ts';
import { addDemoRoute, addPageRoutes } from './http/page-routes.ts';
import { limitRates } from './http/rates.ts';
import { addRestRoutes } from './http/rest-routes.ts';
import {
  addHealthRoutes,
  addMetricsRoute,
  addOpenApiRoute,
  addProtocolRoute,
  type ServiceState,
} from './http/service-routes.ts';
import { UnreadAnswers, watchAnswers } from './http/unread-answers.ts';
import { DropReporter, Intake } from './intake.ts';
import type { Log } from './log.ts';
import { Metrics } from './metrics.ts';
import { Parts } from './parts.ts';
import { createProtocolDocument } from './protocol-document.ts';
import { EndedCalls } from './queries/ended-calls.ts';
import { Queries } from './queries/queries.ts';
import { Registry } from './registry/registry.ts';
import { Subscriptions } from './registry/subscriptions.ts';
import { Resumption } from './replay/resumption.ts';
import { Router } from './router.ts';
import { SocketServer, type SocketSettings } from './socket/socket-server.ts';
import { headerToken } from './socket/upgrade.ts';
import { type EmbeddedBroker, loadStage } from './stage.ts';

/** What the process gives the app. */
export interface Surroundings {
  readonly log: Log;
  readonly version: string;
  /** Bytes. */
  usedMemory(): number;
  /** The bus to live on, instead of the one that the settings name. */
  readonly broker?: EmbeddedBroker;
  /** How many lines of the log were lost so far. */
  readonly lostLogLines?: () => number;
  /** With several workers: what this one learns of the others. */
  readonly colleagues?: {
    /** The metrics of all of them together. */
    metricsOfAll(): Promise<string>;
    /** The names of those that do not answer now. */
    silent(): readonly string[];
  };
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
  const accounts = demo?.accounts ?? new Accounts();
  const accountSource = createAccountSource(config, accounts, () => onAccountsChanged(), log);
  const authenticator = createAuthenticator(demo === undefined ? config : { ...config, AUTH_JWT_SECRET: demo.secret });
  const metrics = new Metrics();

  const catalogue = createCatalogue(
    {
      callEvents: config.CALL_EVENTS,
      documentTypes: config.DOC_TYPES,
      notifications: config.NOTIFICATION_EVENTS,
      families: config.FAMILIES_FILE?.definitions ?? [],
    },
    accounts,
  );
  const stage = demo === undefined ? undefined : await loadStage();
  const embedded = surroundings.broker ?? stage?.broker;
  const { bus, binder, history, ...source } = createEventSource(config, embedded?.bus, catalogue, log);
  const subscriptions = new Subscriptions();
  const resumption = new Resumption(history, catalogue, subscriptions, metrics);
  const registry = new Registry(subscriptions, binder);
  const guard = new SessionGuard(registry, catalogue, accounts, guardLimits(config), log);
  const endedCalls = new EndedCalls();
  const queries = new Queries({
    asker: { ask: (question, patience) => cluster.asker.ask(question, patience) },
    peers: { running: (application) => cluster.running(application) },
    accounts,
    isUp: () => bus.isUp && cluster.isUp,
    hasEnded: (callId) => endedCalls.has(callId),
    onContradiction: () => metrics.dropped('contradiction'),
  });
  function onAccountsChanged(): void {
    guard.onAccountsChanged();
    resumption.onAccountsChanged();
  }
  const pipeline = new Pipeline(
    {
      registry,
      catalogue,
      accounts,
      authenticator,
      guard,
      queries,
      resumption,
      limits: {
        maxBindings: config.MAX_BINDINGS_PER_SOCKET,
        maxBindingsPerAccount: config.MAX_BINDINGS_PER_ACCOUNT,
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
      checkRoom: (identity) => guard.checkRoom(identity),
      onOpen(session, identity, canResume) {
        registry.sessions.add(session);
        if (canResume) resumption.open(session);
        if (identity !== undefined) guard.accept(session, identity);
      },
      onMessage: (session, frame) => pipeline.receive(session, frame),
      onEnd(session) {
        registry.end(session);
        resumption.close(session);
      },
      onClosed: (code) => metrics.closed(code),
      onFlushStart: () => intake.onFlushStart(),
      onFlushed: () => intake.onFlushed(),
      refusalBody: ({ status, message }) => errorBody(info, randomUUID(), status, message),
    },
    log,
  );

  const drops = new DropReporter(log);
  const router = new Router(
    catalogue,
    subscriptions,
    metrics,
    (reason, delivery, error) => drops.report(reason, delivery, error),
    ({ event, payload }) => endedCalls.note(event, payload),
    history && resumption,
  );
  const intake = new Intake(bus, router, metrics, () => sockets.scheduleFlush());

  const localSockets = createLocalSockets(registry, config.NODE_NAME);
  const cluster = new Cluster(
    embedded?.control ?? new RabbitControl(config.AMQP_URL ?? [], config.NODE_NAME, controlBindings, log),
    localSockets,
    { nodeName: config.NODE_NAME, instanceId: randomUUID(), version, usedMemory: surroundings.usedMemory },
    log,
    // Whoever is on an embedded bus was there before this node.
    embedded === undefined ? undefined : 0,
  );

  metrics.observe({
    sockets: () => sockets.count,
    subscriptions: () => subscriptions.count,
    patterns: () => binder.boundCount,
    isConnected: () => bus.isUp && bus.isSilent !== true,
    outages: () => bus.outages ?? { count: 0, seconds: 0 },
    lostLogLines: surroundings.lostLogLines ?? (() => 0),
  });
  if (source.historySources !== undefined) metrics.observeHistory(source.historySources);

  let downReason = 'the broker was not reached yet';
  const state: ServiceState = {
    notReadyBecause: () => {
      if (sockets.isDraining) return 'this node is about to restart';
      if (!bus.isUp) return source.progress() ?? `the broker is away (${downReason})`;
      if (bus.isSilent) return 'the broker does not answer';
      return accountSource.missingBecause;
    },
    silentWorkers: () => surroundings.colleagues?.silent() ?? [],
    metrics: () => surroundings.colleagues?.metricsOfAll() ?? metrics.registry.metrics(),
  };
  const http = await createHttp(info, config.TRUST_PROXY, log);
  const unread = new UnreadAnswers();
  limitConnections(http, config.MAX_HTTP_CONNECTIONS, info);
  limitRates(http, { perSecond: config.REST_RATE_PER_SECOND, burst: config.REST_RATE_BURST }, headerToken);
  watchAnswers(http, unread);
  checkAccess(http, { accounts, authenticator, tokenOf: headerToken });
  addHealthRoutes(http, info, state);
  addRestRoutes(http, {
    info,
    families: catalogue.families,
    cluster,
    unread,
    defaultDialect: config.DIALECT,
  });
  addOpenApiRoute(http);
  addProtocolRoute(http, createProtocolDocument());
  await addPageRoutes(http);
  addDemoRoute(http, info, demo);
  const metricsHttp = config.METRICS_PORT === undefined ? undefined : await createHttp(info, [], log);
  addMetricsRoute(metricsHttp ?? http, state);
  sockets.attach(http.server);

  const listener = new Listener(http, config.HOST, config.PORT, log);
  const busListener: BusListener & HistoryListener = {
    onDelivery: (delivery) => intake.onDelivery(delivery),
    onUp() {
      binder.onUp();
      resumption.onSourceUp();
    },
    onDown(reason) {
      downReason = reason;
      binder.onDown();
      resumption.onSourceDown();
    },
    onBegin: (position) => resumption.onBegin(position),
    onEpoch: (epoch) => resumption.onEpoch(epoch),
    onPass: (position) => resumption.onPass(position),
    onMoment: (position, ageMs) => resumption.onMoment(position, ageMs),
    onMark: (mark) => resumption.onMark(mark),
    onLost: (position) => resumption.onLost(position),
    onOverflow(messages) {
      metrics.dropped('overflow', messages);
      log.warn({ messages }, 'this node did not keep up: the broker dropped events');
    },
  };

  /** Started in this order and stopped in the order turned round. A new part is a file somewhere and a line here. */
  const parts = new Parts(
    [
      listener,
      ...(metricsHttp === undefined ? [] : [new Listener(metricsHttp, config.HOST, config.METRICS_PORT ?? 0, log)]),
      {
        name: 'bus',
        start() {
          bus.start(busListener);
          cluster.start();
        },
        tick: () => cluster.tick(performance.now()),
        // Together: a broker that hangs keeps each of them for seconds.
        stop: async () => void (await Promise.all([cluster.stop(), bus.stop()])),
      },
      { name: 'replays', tick: () => resumption.tick(performance.now()), stop: () => resumption.stop() },
      { name: 'patterns', tick: () => binder.tick(performance.now()), stop: () => binder.stop() },
      { name: 'accounts', tick: () => accountSource.tick(), stop: () => accountSource.stop?.() },
      { name: 'sessions', tick: (date) => guard.tick(date) },
      { name: 'sockets', tick: () => sockets.tick() },
      // Above all that sockets need while they are closed one by one.
      { name: 'doors', stop: () => sockets.drain(config.DRAIN_SECONDS) },
      ...(stage === undefined ? [] : [stage.simulator]),
    ],
    log,
  );

  return {
    metrics,
    demo,
    async start() {
      await parts.start();
      return listener.address;
    },
    stop: () => parts.stop(),
  };
}

/** Of its sockets a node leaves three quarters to others; a small one isn't made smaller still. */
const leastSocketsPerAccount = 1000;

function guardLimits(config: Config): GuardLimits {
  const quarter = Math.max(leastSocketsPerAccount, Math.floor(config.MAX_CONNECTIONS / 4));
  return {
    authTimeoutMs: config.AUTH_TIMEOUT_SECONDS * 1000,
    maxSocketsPerAccount: config.MAX_CONNECTIONS_PER_ACCOUNT ?? quarter,
  };
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
