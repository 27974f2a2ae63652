/**
 * Requests that would upgrade to something else: HTTP/2 without TLS (`h2c`) is what some clients offer with every request,
 * Java's for one. A server may go on in HTTP/1.1 as if they hadn't asked (RFC 9110, section 7.8), and this one does; Node
 * would hand over all upgrades or none.
 */
import type { IncomingMessage, Server } from 'node:http';
import type { Socket } from 'node:net';

export function asksForWebSocket(request: IncomingMessage): boolean {
  return request.headers.upgrade?.toLowerCase() === 'websocket';
}

const droppedHeaders = ['upgrade', 'http2-settings', 'connection'];

/**
 * Gives a request back to the HTTP server: without the wish to upgrade, and as the last one of its connection, since each
 * that is given back leaves its listeners on the socket.
 * @param head what came behind the request's head
 */
export function declineUpgrade(server: Server, request: IncomingMessage, socket: Socket, head: Buffer): void {
  const lines = [`${request.method} ${request.url} HTTP/${request.httpVersion}`];
  for (let index = 0; index + 1 < request.rawHeaders.length; index += 2) {
    const [name, value] = request.rawHeaders.slice(index, index + 2) as [string, string];
    if (!droppedHeaders.includes(name.toLowerCase())) lines.push(`${name}: ${value}`);
  }
  lines.push('Connection: close');
  // Header values are bytes to Node, each a character.
  socket.unshift(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), head]));
  server.emit('connection', socket);
}
