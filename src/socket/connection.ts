/** One WebSocket: what is sent to it, how it is closed, how it is watched. */
import type { Socket } from 'node:net';
import { performance } from 'node:perf_hooks';
import { WebSocket } from 'ws';
import { type CloseReason, closeReasons } from '../errors.ts';
import type { EventMessage } from '../protocol/event-message.ts';
import type { Session, Transport } from '../session/session.ts';
import type { Debtor } from './backlog.ts';
import type { Batch } from './batch.ts';
import { controlFrame, frameOf, textFrame } from './frame.ts';
import type { Outbox, Recipient } from './outbox.ts';
import type { ServerSocket } from './server-socket.ts';

/** A close frame that can't get through in this time becomes a cut. */
const closeMs = 1000;
/** How long a client that floods is not listened to: twice as long each time, until it has been calm for a while. */
const pauseMs = { least: 1000, most: 8000, calm: 5000 };

const pingFrame = controlFrame(9, Buffer.alloc(0));

/** A client that is closed for what it sent is not listened to any more: the rest of a flood would cost as much. */
const deafening: ReadonlySet<CloseReason> = new Set(['binary_frame', 'malformed', 'control_flood']);

export class Connection implements Transport, Recipient, Debtor {
  declare session: Session;
  /** The code that this server closed with; undefined while it is open, or when the client closed. */
  closeCode: number | undefined;
  /** Seconds of the clock: when to ping next, and since when a pong is owed (0: none is). */
  pingAt = 0;
  pongOwedSince = 0;
  /** Whether the client takes compressed events. */
  readonly deflates: boolean;

  /** Bytes that were written since the upgrade: Node's own count walks everything that is unsent. */
  givenBytes = 0;

  /** The last pause, and when it ended or will end, of `performance.now()`; ms. */
  #pauseMs = 0;
  #pausedUntil = Number.NEGATIVE_INFINITY;

  batch: Batch | undefined;
  tail: Buffer | undefined;
  spilled: Buffer[] | undefined;

  /**
   * @param raw the TCP socket that the upgrade handed over
   * @param onEnd told when the server begins to close it
   */
  constructor(
    readonly webSocket: ServerSocket,
    readonly raw: Socket,
    private readonly outbox: Outbox<Connection>,
    private readonly onEnd: (connection: Connection) => void,
    private readonly maxMessageBytes: number,
  ) {
    this.deflates = webSocket.extensions !== '';
  }

  get isOpen(): boolean {
    return this.webSocket.readyState === WebSocket.OPEN;
  }

  get unsentBytes(): number {
    return this.raw.writableLength;
  }

  get isPaced(): boolean {
    return this.session.feed?.isLive === false;
  }

  get owedBytes(): number {
    const spilled = this.spilled?.reduce((sum, { length }) => sum + length, 0) ?? 0;
    return this.raw.writableLength + (this.batch?.bytes ?? 0) + spilled;
  }

  write(bytes: Buffer): void {
    this.givenBytes += bytes.length;
    this.raw.write(bytes);
  }

  cork(): void {
    this.raw.cork();
  }

  uncork(): void {
    this.raw.uncork();
  }

  sendEvent(message: EventMessage, tail: Buffer | undefined): void {
    if (this.closeCode !== undefined) return;
    const frame = frameOf(message);
    const form = this.deflates ? frame.deflated : frame.text;
    this.outbox.add(this, tail === undefined ? form.plain : form.withHole(tail.length), tail);
  }

  sendText(text: string): void {
    if (this.closeCode === undefined) this.outbox.addOwn(this, textFrame(text).bytes);
  }

  sendPing(): void {
    if (this.closeCode === undefined) this.outbox.add(this, pingFrame, undefined);
  }

  sendPong(payload: Buffer): void {
    if (this.closeCode === undefined) this.outbox.addOwn(this, controlFrame(10, payload).bytes);
  }

  close(reason: CloseReason, text: string = closeReasons[reason].text): void {
    if (this.closeCode !== undefined) return;
    // Set first: what the flush leaves unsent is nobody's concern any more.
    this.closeCode = closeReasons[reason].code;
    this.outbox.flushNow(this);
    this.onEnd(this);
    this.webSocket.close(this.closeCode, text);
    if (deafening.has(reason)) this.#stopListening();
    if (this.raw.writableLength === 0) return;
    setTimeout(() => {
      if (this.raw.writableLength > 0) this.webSocket.terminate();
    }, closeMs).unref();
  }

  /**
   * Drops unread what still comes (RFC 6455, section 7.1.7), the answer to the close frame with it, and ends this side of
   * the TCP connection. ws destroys what is left of it after its close timeout.
   */
  #stopListening(): void {
    this.raw.removeAllListeners('data');
    this.raw.resume();
    this.raw.end();
  }

  admit(): void {
    this.webSocket.admit(this.maxMessageBytes);
  }

  /** What the client sends meanwhile stays in the kernel's buffers, and then in its own. */
  pauseReading(): void {
    if (this.closeCode !== undefined || this.webSocket.isPaused) return;
    const now = performance.now();
    // Each pause ends with as many bytes as fit into a read, which the client had ready meanwhile.
    const isCalm = now - this.#pausedUntil > pauseMs.calm;
    this.#pauseMs = isCalm ? pauseMs.least : Math.min(this.#pauseMs * 2, pauseMs.most);
    this.#pausedUntil = now + this.#pauseMs;
    this.webSocket.pause();
    setTimeout(() => this.webSocket.resume(), this.#pauseMs).unref();
  }

  /** No goodbye: for a peer that is not there to hear it. */
  cut(): void {
    this.webSocket.terminate();
  }
}
