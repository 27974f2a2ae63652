/** The composition root: builds every part, joins them, starts and stops them. */
import { randomUUID } from 'node:crypto';
import { SessionGuard } from './actions/guard.ts';
import { Pipeline } from './actions/pipeline.ts';
import { RabbitControl } from './amqp/rabbit-control.ts';
import { actionLimits, catalogueSettings, guardLimits, httpSettings, socketSettings } from './app-settings.ts';
import { createAccountSource } from './auth/account-source.ts';
import { Accounts } from './auth/accounts.ts';
import { createAuthenticator } from './auth/authenticator.ts';
import type { BusListener } from './bus.ts';
import { Cluster } from './cluster/cluster.ts';
import { createLocalSockets } from './cluster/local-sockets.ts';
import { controlBindings } from './cluster/messages.ts';
import { Commands } from './commands/commands.ts';
import type { Config } from './config.ts';
import { createDemo, type Demo } from './demo/demo.ts';
import { createEventSource } from './event-source.ts';
import { createCatalogue } from './families/catalogue.ts';
import type { HistoryListener } from './history/source.ts';
import { errorBody, type NodeInfo } from './http/envelope.ts';
import { createHttpSide } from './http/http-side.ts';
import type { ServiceState } from './http/service-routes.ts';
import { DropReporter, Intake } from './intake.ts';
import type { Log } from './log.ts';
import { Metrics } from './metrics.ts';
import { Parts } from './parts.ts';
import { createProtocolDocument } from './protocol-document.ts';
import { EndedCalls } from './queries/ended-calls.ts';
import { Queries } from './queries/queries.ts';
import { Registry } from './registry/registry.ts';
import { Subscriptions } from './registry/subscriptions.ts';
import { EventPages } from './replay/event-pages.ts';
import { Resumption } from './replay/resumption.ts';
import { Router } from './router.ts';
import { SocketServer } from './socket/socket-server.ts';
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
  /** Of what a demo plays: another one at each start without it. */
  readonly demoSeed?: number;
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

  const catalogue = createCatalogue(catalogueSettings(config), accounts);
  const stage = demo === undefined ? undefined : await loadStage(surroundings.demoSeed);
  const embedded = surroundings.broker ?? stage?.broker;
  const { bus, binder, history, ...source } = createEventSource(config, embedded?.bus, catalogue, log);
  const subscriptions = new Subscriptions(accounts);
  const resumption = new Resumption(history, catalogue, subscriptions, accounts, metrics);
  const eventPages = history && new EventPages(history, catalogue);
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
  const commands = new Commands(
    {
      accounts,
      publish: (...message) => cluster.publish(...message),
      findChannel: (account, callId) => queries.findChannel(account, callId),
      onCommand: (action, outcome) => metrics.commanded(action, outcome),
    },
    log,
  );
  function onAccountsChanged(): void {
    guard.onAccountsChanged();
    resumption.onAccountsChanged();
    eventPages?.onAccountsChanged();
  }
  const pipeline = new Pipeline(
    {
      registry,
      catalogue,
      accounts,
      authenticator,
      guard,
      queries,
      commands,
      resumption,
      limits: actionLimits(config),
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
  const { http, listener, metricsListener } = await createHttpSide(
    httpSettings(config),
    {
      info,
      state,
      families: catalogue.families,
      catalogue,
      eventPages,
      accounts,
      authenticator,
      cluster,
      queries,
      commands,
      demo,
      defaultDialect: config.DIALECT,
      protocol: createProtocolDocument,
      tokenOf: headerToken,
    },
    log,
  );
  sockets.attach(http.server);

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
      ...(metricsListener === undefined ? [] : [metricsListener]),
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
