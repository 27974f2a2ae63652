/** All WebSockets of this process: the door, the limits on how many, their heartbeat, and their end. */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import type { RawData, WebSocket, WebSocketServer } from 'ws';
import type { Identity } from '../auth/identity.ts';
import { type DialectName, dialectNamed } from '../dialects/dialects.ts';
import { ActionError, closeReasons } from '../errors.ts';
import type { Log } from '../log.ts';
import { Session } from '../session/session.ts';
import type { RateLimit } from '../token-bucket.ts';
import { Turnstile } from '../turnstile.ts';
import { Backlog } from './backlog.ts';
import { type Compression, keepAcceptableOffer } from './compression.ts';
import { Connection } from './connection.ts';
import { drain } from './drain.ts';
import { beat, schedulePings } from './heartbeat.ts';
import { asksForWebSocket, declineUpgrade } from './other-upgrades.ts';
import { Outbox } from './outbox.ts';
import { createWebSocketServer, reasonOfWs, type ServerSocket } from './server-socket.ts';
import {
  checkOrigin,
  createAddressReader,
  headerToken,
  refuse,
  requestedDialect,
  UpgradeRefused,
  wantsResume,
} from './upgrade.ts';

export interface SocketSettings {
  readonly maxConnections: number;
  readonly maxConnectionsPerIp: number | undefined;
  readonly maxMessageBytes: number;
  readonly compression: boolean;
  readonly rateLimit: RateLimit;
  readonly slowConsumerBytes: number;
  readonly slowConsumerSeconds: number;
  readonly maxUnsentBytes: number;
  readonly pingIntervalSeconds: number;
  readonly pongTimeoutSeconds: number;
  readonly allowedOrigins: readonly string[] | undefined;
  readonly trustedProxies: readonly string[];
  readonly defaultDialect: DialectName;
}

/** What the sockets need of the rest of the server. */
export interface SocketServices {
  identify(token: string): Promise<Identity>;
  /** @throws ActionError too_many_sockets */
  checkRoom(identity: Identity): void;
  /** A socket is open; `identity` where its upgrade carried a token. */
  onOpen(session: Session, identity: Identity | undefined, canResume: boolean): void;
  onMessage(session: Session, frame: Buffer): void;
  /** It is closed, or about to be. May be told twice. */
  onEnd(session: Session): void;
  onClosed(code: number): void;
  /** What was sent before the one is handed to the sockets at the other. */
  onFlushStart(): void;
  onFlushed(): void;
  refusalBody(refusal: UpgradeRefused): object;
}

/** Control frames over the rate limit, without a pause in between that fills it again, after which the socket is closed. */
const maxRefusedControls = 200;
/** Opening a socket takes 0.2 to 0.4 ms, and its first subscribe as much again. */
const upgradesPerTurn = 32;

export class SocketServer {
  /** ws takes its options for all sockets of a server, so there is one for each way to compress. */
  readonly #servers: Readonly<Record<Compression, WebSocketServer>>;
  readonly #connections = new Set<Connection>();
  /** Of sockets and of upgrades under way. */
  readonly #perAddress = new Map<string, number>();
  readonly #addressOf: (request: IncomingMessage) => string;
  readonly #backlog: Backlog<Connection>;
  readonly #outbox: Outbox<Connection>;
  readonly #turnstile = new Turnstile(upgradesPerTurn);
  #admitted = 0;
  #isDraining = false;
  #second = 1;

  constructor(
    private readonly settings: SocketSettings,
    private readonly services: SocketServices,
    private readonly log: Log,
  ) {
    this.#addressOf = createAddressReader(settings.trustedProxies);
    this.#backlog = new Backlog(settings);
    this.#outbox = new Outbox({
      onFlushStart: () => services.onFlushStart(),
      onFlushed: () => {
        this.#backlog.checkTotal();
        services.onFlushed();
      },
      onUnsent: (connection) => this.#backlog.check(connection, performance.now()),
    });
    this.#servers = {
      none: createWebSocketServer(settings.maxMessageBytes, 'none'),
      'full-window': createWebSocketServer(settings.maxMessageBytes, 'full-window'),
      'small-window': createWebSocketServer(settings.maxMessageBytes, 'small-window'),
    };
  }

  get count(): number {
    return this.#connections.size;
  }

  get isDraining(): boolean {
    return this.#isDraining;
  }

  /** Has a flush happen at the end of this turn, also when nothing is sent in it. */
  scheduleFlush(): void {
    this.#outbox.schedule();
  }

  /** Takes the upgrades of an HTTP server. */
  attach(server: Server): void {
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      if (!asksForWebSocket(request)) return declineUpgrade(server, request, socket, head);
      socket.on('error', ignoreBrokenPeer);
      this.#turnstile.enter(() => void this.#openOrRefuse(request, socket, head));
    });
  }

  /** Refuses new sockets and closes the present ones, evenly over so many seconds. Resolves when all are gone. */
  async drain(seconds: number): Promise<void> {
    this.#isDraining = true;
    await drain(this.#connections, seconds);
  }

  /** Once a second. */
  tick(): void {
    const now = performance.now();
    this.#second += 1;
    for (const connection of this.#connections) {
      beat(connection, this.#second, this.settings);
      this.#backlog.check(connection, now);
    }
    this.#backlog.checkTotal();
  }

  #unexpected(error: unknown): UpgradeRefused {
    this.log.error({ err: error }, 'fault while opening a socket');
    return new UpgradeRefused(500, 'internal error');
  }

  /** Never rejects. */
  async #openOrRefuse(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    try {
      await this.#open(request, socket, head);
    } catch (error) {
      const refusal = error instanceof UpgradeRefused ? error : this.#unexpected(error);
      refuse(socket, refusal, this.services.refusalBody);
    }
  }

  async #open(request: IncomingMessage, socket: Socket, head: Buffer): Promise<void> {
    const dialect = requestedDialect(request) ?? this.settings.defaultDialect;
    const canResume = wantsResume(request);
    checkOrigin(request, this.settings.allowedOrigins);
    const address = this.#addressOf(request);
    const leave = this.#admit(address);
    try {
      const identity = await this.#identify(headerToken(request.headers));
      if (this.#isDraining) throw new UpgradeRefused(503, 'this node is about to restart');
      if (identity !== undefined) this.#checkRoom(identity);
      socket.removeListener('error', ignoreBrokenPeer);
      if (socket.destroyed) leave();
      socket.once('close', leave);
      const compression = this.settings.compression ? keepAcceptableOffer(request) : 'none';
      this.#servers[compression].handleUpgrade(request, socket, head, (webSocket) => {
        this.#welcome(webSocket as ServerSocket, socket, dialect, address, identity, canResume);
      });
    } catch (error) {
      leave();
      throw error;
    }
  }

  /** @returns what gives the place back; calling it again does nothing */
  #admit(address: string): () => void {
    const { maxConnections, maxConnectionsPerIp } = this.settings;
    if (this.#isDraining) throw new UpgradeRefused(503, 'this node is about to restart');
    if (this.#admitted >= maxConnections) throw new UpgradeRefused(503, 'this node has as many connections as it may');
    const fromThere = this.#perAddress.get(address) ?? 0;
    if (maxConnectionsPerIp !== undefined && fromThere >= maxConnectionsPerIp) {
      throw new UpgradeRefused(429, `too many connections from ${address}`);
    }
    this.#admitted += 1;
    this.#perAddress.set(address, fromThere + 1);
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#admitted -= 1;
      const remaining = (this.#perAddress.get(address) ?? 1) - 1;
      if (remaining === 0) this.#perAddress.delete(address);
      else this.#perAddress.set(address, remaining);
    };
  }

  async #identify(token: string | undefined): Promise<Identity | undefined> {
    if (token === undefined) return undefined;
    try {
      return await this.services.identify(token);
    } catch (error) {
      if (!(error instanceof ActionError)) throw error;
      throw new UpgradeRefused(error.code === 'source_unavailable' ? 503 : 401, error.message);
    }
  }

  /** Right before the upgrade: of many that were identified together only so many may pass. */
  #checkRoom(identity: Identity): void {
    try {
      this.services.checkRoom(identity);
    } catch (error) {
      throw error instanceof ActionError ? new UpgradeRefused(429, error.message) : error;
    }
  }

  #welcome(
    webSocket: ServerSocket,
    raw: Socket,
    dialect: DialectName,
    address: string,
    identity: Identity | undefined,
    canResume: boolean,
  ): void {
    const connection = new Connection(webSocket, raw, this.#outbox, this.#onEnd, this.settings.maxMessageBytes);
    connection.session = new Session(connection, dialectNamed(dialect), address, this.settings.rateLimit);
    webSocket.connection = connection;
    webSocket.beginReading(raw, this.settings.maxMessageBytes);
    schedulePings(connection, this.#second, this.settings);
    this.#connections.add(connection);
    // Shared functions, which find the connection on the socket: five closures for each of 50,000 sockets add up.
    webSocket.on('message', this.#onMessage);
    webSocket.on('ping', this.#onPing);
    webSocket.on('pong', this.#onPong);
    webSocket.on('error', onError);
    webSocket.on('close', this.#onClose);
    this.services.onOpen(connection.session, identity, canResume);
  }

  readonly #onEnd = (connection: Connection): void => {
    this.services.onEnd(connection.session);
  };

  readonly #onMessage = heard((connection, data: RawData, isBinary: boolean) => {
    if (connection.closeCode !== undefined) return;
    if (isBinary) connection.close('binary_frame');
    else this.services.onMessage(connection.session, data as Buffer);
  });

  readonly #onPing = heard((connection, payload: Buffer) => {
    if (this.#takesControl(connection)) connection.sendPong(payload);
  });

  readonly #onPong = heard((connection) => {
    if (connection.pongOwedSince === 0) this.#takesControl(connection);
    else connection.pongOwedSince = 0;
  });

  /** Pings, and pongs that nobody asked for, take from the same bucket as messages. */
  #takesControl(connection: Connection): boolean {
    if (connection.closeCode !== undefined) return false;
    const { session } = connection;
    if (session.takeRateToken()) return true;
    if (session.countRefusedControl() > maxRefusedControls) connection.close('control_flood');
    else connection.pauseReading();
    return false;
  }

  readonly #onClose = heard((connection, code: number) => {
    this.#connections.delete(connection);
    this.#backlog.forget(connection);
    this.services.onEnd(connection.session);
    this.services.onClosed(connection.closeCode ?? code);
  });
}

/** Makes a listener that is told the connection of the socket it hears. */
function heard<Args extends unknown[]>(handle: (connection: Connection, ...args: Args) => void) {
  return function (this: WebSocket, ...args: Args): void {
    const { connection } = this as ServerSocket;
    if (connection !== undefined) handle(connection, ...args);
  };
}

/** ws ends the socket itself after an error; only the code that it closes with is of interest. */
const onError = heard((connection, error: Error) => {
  const reason = reasonOfWs(error);
  if (reason !== undefined) connection.closeCode ??= closeReasons[reason].code;
});

/** A peer that breaks off during the upgrade is its own business. */
function ignoreBrokenPeer(): void {
  // Without a listener the error would end the process.
}
