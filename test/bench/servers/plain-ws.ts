/** A bridge as one writes it with ws: a loop over the sockets that stringifies and sends. */
import { type WebSocket, WebSocketServer } from 'ws';
import { accountOf, consumeEvents, port, ready } from './bridge-source.ts';

const server = new WebSocketServer({ port, perMessageDeflate: false });
const byAccount = new Map<string, Set<WebSocket>>();

server.on('connection', (socket, request) => {
  const account = new URL(request.url ?? '/', 'http://any').searchParams.get('account') ?? '';
  const sockets = byAccount.get(account) ?? new Set();
  byAccount.set(account, sockets.add(socket));
  socket.on('close', () => sockets.delete(socket));
  socket.send('ready');
});

await consumeEvents((body) => {
  const event = JSON.parse(body.toString()) as Record<string, unknown>;
  for (const socket of byAccount.get(accountOf(event)) ?? []) {
    socket.send(JSON.stringify({ name: event['Event-Name'], args: event }));
  }
});
ready();
