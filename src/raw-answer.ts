/** HTTP answers on connections that no HTTP server looks after: the last that they carry. */
import { STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';

/** For whoever was refused since there is no room, or not now. */
export const retryAfterSeconds = 5;

/** Answers with JSON and ends the connection as soon as that has left. 429 and 503 say when to try again. */
export function answerRaw(socket: Socket, status: number, body: object): void {
  const text = JSON.stringify(body);
  const lines = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Connection: close',
    'Content-Type: application/json; charset=utf-8',
    `Content-Length: ${Buffer.byteLength(text)}`,
  ];
  if (status === 429 || status === 503) lines.push(`Retry-After: ${retryAfterSeconds}`);
  socket.end(`${lines.join('\r\n')}\r\n\r\n${text}`);
  socket.destroySoon();
}
