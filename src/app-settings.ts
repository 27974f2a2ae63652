/** What each part of the server needs of the settings. */
import type { ActionLimits } from './actions/action.ts';
import type { GuardLimits } from './actions/guard.ts';
import type { Config } from './config.ts';
import type { CatalogueSettings } from './families/catalogue.ts';
import type { HttpSettings } from './http/http-side.ts';
import type { SocketSettings } from './socket/socket-server.ts';

/** Of its sockets a node leaves three quarters to others; a small one isn't made smaller still. */
const leastSocketsPerAccount = 1000;

export function catalogueSettings(config: Config): CatalogueSettings {
  return {
    callEvents: config.CALL_EVENTS,
    documentTypes: config.DOC_TYPES,
    notifications: config.NOTIFICATION_EVENTS,
    families: config.FAMILIES_FILE?.definitions ?? [],
  };
}

export function guardLimits(config: Config): GuardLimits {
  const quarter = Math.max(leastSocketsPerAccount, Math.floor(config.MAX_CONNECTIONS / 4));
  return {
    authTimeoutMs: config.AUTH_TIMEOUT_SECONDS * 1000,
    maxSocketsPerAccount: config.MAX_CONNECTIONS_PER_ACCOUNT ?? quarter,
  };
}

export function actionLimits(config: Config): ActionLimits {
  return {
    maxBindings: config.MAX_BINDINGS_PER_SOCKET,
    maxBindingsPerAccount: config.MAX_BINDINGS_PER_ACCOUNT,
    rate: { perSecond: config.RATE_LIMIT_PER_SECOND, burst: config.RATE_LIMIT_BURST },
    maxMessageBytes: config.MAX_MESSAGE_BYTES,
  };
}

export function socketSettings(config: Config): SocketSettings {
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

export function httpSettings(config: Config): HttpSettings {
  return {
    host: config.HOST,
    port: config.PORT,
    metricsPort: config.METRICS_PORT,
    trustedProxies: config.TRUST_PROXY,
    maxConnections: config.MAX_HTTP_CONNECTIONS,
    rate: { perSecond: config.REST_RATE_PER_SECOND, burst: config.REST_RATE_BURST },
  };
}
