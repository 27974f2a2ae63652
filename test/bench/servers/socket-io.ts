/** A bridge as one writes it with Socket.IO: a room an account, one emit an event. WebSocket only, its other defaults. */
import { Server } from 'socket.io';
import { accountOf, consumeEvents, port, ready } from './bridge-source.ts';

const io = new Server(port, { transports: ['websocket'], serveClient: false });

io.on('connection', (socket) => {
  socket.on('subscribe', () => {
    void socket.join(String(socket.handshake.query.account));
    socket.emit('subscribed');
  });
});

await consumeEvents((body) => {
  const event = JSON.parse(body.toString()) as Record<string, unknown>;
  io.to(accountOf(event)).emit('event', { name: event['Event-Name'], args: event });
});
ready();
