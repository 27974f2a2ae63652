/**
 * The machine's limit: the same bytes, gathered in the same way (what a turn of the event loop brings goes out in one
 * write), to raw TCP sockets. Nobody is asked what they want, nothing is parsed: what a bridge adds to this is its cost.
 */
import { createServer, type Socket } from 'node:net';
import { consumeEvents, port, ready } from './bridge-source.ts';

const sockets = new Set<Socket>();
let turn: Buffer[] = [];

createServer((socket) => {
  socket.setNoDelay(true);
  sockets.add(socket);
  socket.on('error', () => undefined);
  socket.on('close', () => sockets.delete(socket));
}).listen(port, '127.0.0.1', 4096);

function flush(): void {
  const bytes = Buffer.concat(turn);
  turn = [];
  for (const socket of sockets) socket.write(bytes);
}

const before = Buffer.from('{"name":"CHANNEL_CREATE","args":');
const after = Buffer.from('}');

await consumeEvents((body) => {
  const size = before.length + body.length + after.length;
  if (turn.length === 0) setImmediate(flush);
  turn.push(Buffer.from([0x81, 126, size >> 8, size & 0xff]), before, body, after);
});
ready();
