/**
 * ws's socket, with a place for what this server knows of it, and with less to hold. What lies in the receiver waits for
 * the rest of a message as long as the client likes: each piece there is a view of the whole read that it came in.
 */
import type { Socket } from 'node:net';
import { type ServerOptions, WebSocket, WebSocketServer } from 'ws';
import type { CloseReason } from '../errors.ts';
import { withoutSlack } from '../slack.ts';
import { type Compression, deflateOptions } from './compression.ts';
import type { Connection } from './connection.ts';

/** Why ws closed a socket itself, by the code of its error. All others of its own begin with `WS_ERR_` and mean 1002. */
const reasonsOfWs: Readonly<Record<string, CloseReason>> = {
  WS_ERR_UNSUPPORTED_MESSAGE_LENGTH: 'too_large',
  WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH: 'too_large',
  WS_ERR_TOO_MANY_BUFFERED_PARTS: 'too_fragmented',
  WS_ERR_INVALID_UTF8: 'not_text',
};
/** Largest message of a socket that never had a token: room for the longest token and some bindings. */
const maxStrangersBytes = 16_384;
/**
 * Into how many fragments a message may be cut, and into how many pieces a frame comes from the network: 256 bytes each
 * of the largest by default, and an eighth of an Ethernet packet.
 */
const maxFragments = 256;
const maxBufferedChunks = 512;

/** What ws 8.21 and later keep of an unfinished message. Nothing public tells it; the tests notice a change. */
interface Receiver {
  readonly _errored: boolean;
  _write: ReceiverWrite;
  _maxPayload: number;
  _mask: Buffer | undefined;
  /** Read, and not looked at yet: part of a frame. */
  readonly _buffers: Buffer[];
  /** Of the message under way. */
  readonly _fragments: Buffer[];
}

type ReceiverWrite = (this: Receiver, chunk: Buffer, encoding: string, done: () => void) => void;

/**
 * Reads that came while a message was inflated wait in the stream, and Node hands all of them on, also behind one that was
 * at fault (`clearBuffer`, Node 20). ws (8.23) would go on where the fault left it, and throw where nothing can catch it.
 */
const writeUnlessErrored: ReceiverWrite = function (chunk, encoding, done) {
  if (this._errored) done();
  else (Object.getPrototypeOf(this) as Receiver)._write.call(this, chunk, encoding, done);
};

export class ServerSocket extends WebSocket {
  declare connection: Connection | undefined;
  declare private readonly _receiver: Receiver;

  /**
   * Has the client be a stranger until `admit`, and what is unfinished after each read hold its own bytes only.
   * @param maxMessageBytes of any client
   */
  beginReading(raw: ReadSocket, maxMessageBytes: number): void {
    this._receiver._maxPayload = Math.min(maxStrangersBytes, maxMessageBytes);
    if (this.extensions !== '') this._receiver._write = writeUnlessErrored;
    raw.webSocket = this;
    // Behind ws's own listener, which has taken the read apart by then.
    raw.on('data', trimReceiver);
  }

  /** From the next frame on messages may be as large as any client's; larger ones close the socket with 1009. */
  admit(maxMessageBytes: number): void {
    this._receiver._maxPayload = maxMessageBytes;
  }

  trim(): void {
    const { _mask, _buffers, _fragments } = this._receiver;
    if (_mask !== undefined) this._receiver._mask = withoutSlack(_mask);
    trimAll(_buffers);
    trimAll(_fragments);
  }
}

/** A TCP socket that knows its WebSocket: a closure for each of 50,000 would do the same. */
export interface ReadSocket extends Socket {
  webSocket?: ServerSocket;
}

function trimReceiver(this: ReadSocket): void {
  this.webSocket?.trim();
}

function trimAll(pieces: Buffer[]): void {
  for (const [index, piece] of pieces.entries()) pieces[index] = withoutSlack(piece);
}

/** @returns why ws closes a socket after this error; undefined where it is the network's */
export function reasonOfWs({ code = '' }: Error & { readonly code?: string }): CloseReason | undefined {
  if (code.startsWith('WS_ERR_')) return reasonsOfWs[code] ?? 'protocol_error';
  // zlib could not inflate it.
  return code.startsWith('Z_') ? 'not_text' : undefined;
}

/** What the type definitions don't know yet. */
interface LaterOptions {
  readonly maxFragments: number;
  readonly maxBufferedChunks: number;
  /** For the peer's answer to a close frame, and for its end of the TCP connection; ms. */
  readonly closeTimeout: number;
}

/** ws's server for the upgrades of one way to compress. @param maxMessageBytes of any client */
export function createWebSocketServer(maxMessageBytes: number, compression: Compression): WebSocketServer {
  const options: ServerOptions<typeof ServerSocket> & LaterOptions = {
    noServer: true,
    clientTracking: false,
    perMessageDeflate: deflateOptions(compression),
    maxPayload: maxMessageBytes,
    // Pongs go the way of everything else that is sent, and so in order.
    autoPong: false,
    maxFragments,
    maxBufferedChunks,
    closeTimeout: 5000,
    WebSocket: ServerSocket,
  };
  return new WebSocketServer(options);
}
