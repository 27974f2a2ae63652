/**
 * Bounds the connections that are no WebSockets: opening one and saying nothing costs a client nothing, and each takes a
 * file handle. Node's own limit (`maxConnections`) counts the WebSockets as well.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { answerRaw } from '../raw-answer.ts';
import { errorBody, type NodeInfo } from './envelope.ts';
import type { Http } from './http-server.ts';

/**
 * @param max connections of the server that are no WebSockets
 * @param upgrades whether somebody takes the server's upgrades. Where nobody does, they are requests like others, and
 *   nobody may listen for them
 */
export function limitConnections(http: Http, max: number, info: NodeInfo, upgrades = true): void {
  const refusal = (): object => errorBody(info, randomUUID(), 503, 'this node has too many connections');
  new ConnectionLimit(max, refusal).attach(http.server, upgrades);
}

class ConnectionLimit {
  /** Those that nothing is being answered on, the one that has been idle for longest first. */
  readonly #idle = new Set<Socket>();
  readonly #busy = new Set<Socket>();

  constructor(
    private readonly max: number,
    private readonly refusal: () => object,
  ) {}

  get count(): number {
    return this.#idle.size + this.#busy.size;
  }

  /** To be attached before requests come. */
  attach(server: Server, upgrades: boolean): void {
    server.prependListener('connection', (socket) => this.#onConnection(socket));
    server.on('request', (request: IncomingMessage, response: ServerResponse) => this.#onRequest(request, response));
    if (upgrades) server.on('upgrade', (_request, socket) => this.#forget(socket as Socket));
  }

  #onConnection(socket: Socket): void {
    if (this.count >= this.max && !this.#closeIdlest()) {
      answerRaw(socket, 503, this.refusal());
      return;
    }
    this.#idle.add(socket);
    socket.once('close', () => this.#forget(socket));
  }

  /** Behind a request that is answered others may wait already: those of one connection are answered one by one. */
  #onRequest({ socket }: IncomingMessage, response: ServerResponse): void {
    if (!this.#idle.delete(socket)) return;
    this.#busy.add(socket);
    response.once('close', () => {
      if (this.#busy.delete(socket) && !socket.destroyed) this.#idle.add(socket);
    });
  }

  #closeIdlest(): boolean {
    const [idlest] = this.#idle;
    if (idlest === undefined) return false;
    this.#idle.delete(idlest);
    idlest.destroy();
    return true;
  }

  #forget(socket: Socket): void {
    this.#idle.delete(socket);
    this.#busy.delete(socket);
  }
}
