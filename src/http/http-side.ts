/** All that is answered over HTTP: the server behind the one listener, with its limits and routes, and that of the metrics. */
import type { Log } from '../log.ts';
import type { RateLimit } from '../token-bucket.ts';
import { type AccessServices, checkAccess } from './access.ts';
import { type AccountRouteServices, addAccountRoutes } from './account-routes.ts';
import { addCommandRoutes, type CommandRouteServices } from './command-routes.ts';
import { limitConnections } from './connection-limit.ts';
import type { NodeInfo } from './envelope.ts';
import { addEventRoutes, type EventRouteServices } from './event-routes.ts';
import { createHttp, type Http } from './http-server.ts';
import { addLibraryRoute } from './library-route.ts';
import { Listener } from './listener.ts';
import { addDemoRoute, addPageRoutes, type DemoAccess } from './page-routes.ts';
import { addQueryRoutes, type QueryRouteServices } from './query-routes.ts';
import { limitRates } from './rates.ts';
import { addRestRoutes, type RestServices } from './rest-routes.ts';
import {
  addHealthRoutes,
  addMetricsRoute,
  addOpenApiRoute,
  addProtocolRoute,
  type ServiceState,
} from './service-routes.ts';
import { UnreadAnswers, watchAnswers } from './unread-answers.ts';

export interface HttpSettings {
  readonly host: string;
  readonly port: number;
  /** Where `/metrics` is, if it has a listener of its own. */
  readonly metricsPort: number | undefined;
  /** Addresses and CIDR ranges whose X-Forwarded-For is believed. */
  readonly trustedProxies: readonly string[];
  readonly maxConnections: number;
  /** Of the requests of one token or address. */
  readonly rate: RateLimit;
}

export interface HttpServices
  extends AccessServices,
    Omit<AccountRouteServices, 'unread'>,
    Omit<QueryRouteServices, 'unread'>,
    CommandRouteServices,
    Omit<RestServices, 'unread'>,
    Omit<EventRouteServices, 'unread' | 'info' | 'defaultDialect'> {
  readonly info: NodeInfo;
  readonly accounts: AccessServices['accounts'] & AccountRouteServices['accounts'];
  readonly state: ServiceState;
  /** Undefined: this is no demo. */
  readonly demo: DemoAccess | undefined;
  /** The JSON Schema of the WebSocket's messages. */
  readonly protocol: () => object;
}

/** @returns the server, for the upgrades to take, and what listens for it: not yet */
export async function createHttpSide(
  settings: HttpSettings,
  services: HttpServices,
  log: Log,
): Promise<{ readonly http: Http; readonly listener: Listener; readonly metricsListener: Listener | undefined }> {
  const { info, state } = services;
  const { host, port, metricsPort } = settings;
  const http = await createHttp(info, settings.trustedProxies, log);
  const unread = new UnreadAnswers();
  limitConnections(http, settings.maxConnections, info);
  limitRates(http, settings.rate, services.tokenOf);
  watchAnswers(http, unread);
  checkAccess(http, services);
  addHealthRoutes(http, info, state);
  addAccountRoutes(http, { ...services, unread });
  addRestRoutes(http, { ...services, unread });
  addEventRoutes(http, { ...services, unread });
  addQueryRoutes(http, { ...services, unread });
  addCommandRoutes(http, services);
  addOpenApiRoute(http);
  addProtocolRoute(http, services.protocol);
  addLibraryRoute(http);
  await addPageRoutes(http);
  addDemoRoute(http, info, services.demo);
  const metricsHttp = metricsPort === undefined ? undefined : await createHttp(info, [], log);
  if (metricsHttp !== undefined) {
    limitConnections(metricsHttp, settings.maxConnections, info, false);
    watchAnswers(metricsHttp, unread);
  }
  addMetricsRoute(metricsHttp ?? http, state);
  return {
    http,
    listener: new Listener(http, host, port, log),
    metricsListener: metricsHttp && new Listener(metricsHttp, host, metricsPort ?? 0, log),
  };
}
