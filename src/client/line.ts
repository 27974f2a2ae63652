/** The way to the server: one WebSocket at a time, the state that it is in, and the return after a loss. */
import { closeWords, returnAfter } from './back-off.ts';
import { type Message, readMessage } from './message.ts';
import type { HorizonState, SocketConstructor, SocketLike } from './types.ts';

/** A connection that doesn't come about in this time is given up. ms */
const connectMs = 10_000;
/** One that ends sooner than this has not held: the next pause is longer. ms */
const heldMs = 5000;

export interface LineListener {
  /** A fresh socket: the server knows nothing of us yet. */
  onSocket(): void;
  onMessage(message: Message): void;
  /** The socket is gone. Told before the new state is. */
  onLost(): void;
  onState(): void;
}

export class Line {
  state: HorizonState = 'connecting';
  /** Unix time, ms. */
  since = Date.now();
  /** Why it is so; or why nothing goes on although we are connected, as whoever knows says. */
  reason: string | undefined;
  nextTryAt: number | undefined;
  /** Whether messages can be sent, and something may be heard. */
  isUp = false;
  #socket: SocketLike | undefined;
  #isAdvised = false;
  #tries = 0;
  #settledAt: number | undefined;
  #trouble = '';
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #url: string;
  readonly #WebSocket: SocketConstructor;
  readonly #listener: LineListener;

  constructor(url: string, WebSocket: SocketConstructor, listener: LineListener) {
    this.#url = url;
    this.#WebSocket = WebSocket;
    this.#listener = listener;
  }

  /** Opens a socket. What was open before is closed. */
  open(): void {
    this.#leave();
    this.#trouble = '';
    const socket = new this.#WebSocket(this.#url);
    this.#socket = socket;
    // Whatever an earlier socket still has to say is of no interest.
    const isStale = (): boolean => this.#socket !== socket;
    this.#timer = setTimeout(() => this.drop('no answer in 10 s'), connectMs);
    socket.onopen = () => {
      if (isStale()) return;
      clearTimeout(this.#timer);
      this.isUp = true;
      this.#listener.onSocket();
    };
    socket.onmessage = ({ data }: { data: unknown }) => {
      if (isStale()) return;
      const message = readMessage(data);
      if (message !== undefined) this.#listener.onMessage(message);
    };
    // Node's sockets say what is wrong; browsers don't.
    socket.onerror = ({ message }: { message?: unknown }) => {
      if (!isStale() && typeof message === 'string') this.#trouble = message;
    };
    socket.onclose = ({ code, reason }: { code: number; reason: string }) => {
      if (!isStale()) this.#onClose(code, reason);
    };
    // Last, since who is told may close it.
    this.#change('connecting', this.state === 'closed' ? undefined : this.reason);
  }

  send(message: Message): void {
    if (this.isUp) this.#socket?.send(JSON.stringify(message));
  }

  /** The server has taken us in. */
  settle(): void {
    this.#settledAt ??= Date.now();
    this.#change('open');
  }

  /** The socket is of no use, though nobody has closed it: another one after a pause. */
  drop(reason: string): void {
    this.#waitOrStay(1006, '', reason);
  }

  /** Closes, and stays closed until somebody opens it again. */
  close(reason: string): void {
    this.#leave();
    this.#tries = 0;
    this.#change('closed', reason);
  }

  /** Comes back at once, if it is on its way back and the server hasn't asked for patience. */
  hurry(): void {
    if (this.state === 'waiting' && !this.#isAdvised) this.open();
  }

  #onClose(code: number, reason: string): void {
    this.#waitOrStay(code, reason, closeWords(code, reason, this.isUp, this.#trouble));
  }

  #waitOrStay(code: number, reason: string, words: string): void {
    if (this.#settledAt !== undefined && Date.now() - this.#settledAt >= heldMs) this.#tries = 0;
    this.#leave();
    const { pauseMs, isAdvised } = returnAfter(code, reason, this.#tries);
    if (pauseMs === undefined) {
      this.close(words);
      return;
    }
    this.#tries += 1;
    this.#isAdvised = isAdvised;
    this.#timer = setTimeout(() => this.open(), pauseMs);
    this.nextTryAt = Date.now() + pauseMs;
    this.#change('waiting', words);
  }

  #leave(): void {
    clearTimeout(this.#timer);
    const socket = this.#socket;
    this.#socket = undefined;
    this.isUp = false;
    this.#settledAt = undefined;
    this.nextTryAt = undefined;
    if (socket === undefined) return;
    socket.close();
    this.#listener.onLost();
  }

  #change(state: HorizonState, reason?: string): void {
    this.reason = reason;
    if (state !== this.state) this.since = Date.now();
    this.state = state;
    this.#listener.onState();
  }
}
