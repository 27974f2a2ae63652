/** What ws keeps of unfinished messages, looked at from inside: nothing else would notice when a newer ws keeps more. */
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { constants, deflateRawSync } from 'node:zlib';
import { expect, onTestFinished, test } from 'vitest';
import type { Compression } from '../../src/socket/compression.ts';
import { createWebSocketServer, type ServerSocket } from '../../src/socket/server-socket.ts';
import { frameBytes } from '../support/frames.ts';
import { until } from '../support/until.ts';

interface Receiver {
  readonly _maxPayload: number;
  readonly _mask: Buffer | undefined;
  readonly _buffers: readonly Buffer[];
  readonly _fragments: readonly Buffer[];
  write(chunk: Buffer): void;
}

async function openPair(
  compression: Compression = 'none',
): Promise<{ receiver: Receiver; peer: Socket; socket: ServerSocket }> {
  const server: Server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const webSockets = createWebSocketServer(65_536, compression);
  const opened = new Promise<ServerSocket>((resolve) => {
    server.on('upgrade', (request: IncomingMessage, raw: Socket, head: Buffer) => {
      webSockets.handleUpgrade(request, raw, head, (webSocket) => {
        const socket = webSocket as ServerSocket;
        socket.on('error', () => undefined);
        socket.beginReading(raw, 65_536);
        resolve(socket);
      });
    });
  });
  const peer = connect((server.address() as AddressInfo).port, '127.0.0.1');
  onTestFinished(() => {
    peer.destroy();
    server.close();
  });
  peer.write(
    `GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${'A'.repeat(22)}==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n`,
  );
  const socket = await opened;
  return { socket, peer, receiver: (socket as unknown as { _receiver: Receiver })._receiver };
}

/** A whole text message of so many bytes, masked with nothing. */
function message(bytes: number): Buffer {
  return Buffer.concat([Buffer.from([0x81, 0xfe, bytes >> 8, bytes & 0xff, 0, 0, 0, 0]), Buffer.alloc(bytes, ' ')]);
}

const held = (pieces: readonly Buffer[]): number => pieces.reduce((sum, { buffer }) => sum + buffer.byteLength, 0);

test.each([
  ['a fragment', Buffer.from([0x01, 0x81, 0, 0, 0, 0, 0x20]), ({ _fragments }: Receiver) => _fragments],
  ['the beginning of a header', Buffer.from([0x81]), ({ _buffers }: Receiver) => _buffers],
  ['a mask', Buffer.from([0x81, 0x85, 1, 2, 3, 4]), ({ _mask }: Receiver) => (_mask === undefined ? [] : [_mask])],
  ['the beginning of a frame', Buffer.from([0x81, 0x85, 1, 2, 3, 4, 5]), ({ _buffers }: Receiver) => _buffers],
])('%s at the end of a large read does not keep the read', async (_name, end, kept) => {
  const { receiver, peer } = await openPair();
  peer.write(Buffer.concat([message(16_000), message(16_000), message(16_000), end]));
  await until(() => kept(receiver).length > 0);
  expect(held(kept(receiver))).toBeLessThan(100);
});

test('a stranger’s messages are small, until it is admitted', async () => {
  const { receiver, socket } = await openPair();
  expect(receiver._maxPayload).toBe(16_384);
  socket.admit(65_536);
  expect(receiver._maxPayload).toBe(65_536);
});

test('a fault in what came while a message was inflated ends the socket, and nothing else', async () => {
  const { socket, receiver } = await openPair('full-window');
  const faults: Error[] = [];
  const messages: unknown[] = [];
  socket.on('error', (error) => faults.push(error));
  socket.on('message', (data) => messages.push(data));
  const large = deflateRawSync(Buffer.alloc(10_000, ' '), { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);
  receiver.write(frameBytes(large, { reserved: 4 }));
  receiver.write(frameBytes(Buffer.from([0xff])));
  receiver.write(frameBytes('behind the fault'));
  receiver.write(frameBytes('and once more'));
  await until(() => socket.readyState === socket.CLOSED || faults.length > 0);
  expect(messages).toHaveLength(1);
  expect(faults).toHaveLength(1);
});
