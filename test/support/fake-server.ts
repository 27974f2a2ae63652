/** A server for the client library in a test's own hands: no network, and answers that come when the test says so. */
import { onTestFinished } from 'vitest';
import { connect } from '../../src/client/client.ts';
import type { Message } from '../../src/client/message.ts';
import type { ConnectOptions, SocketLike } from '../../src/client/types.ts';
import { type OpenHorizon, watched } from './horizon.ts';

/** `data` of a reply; `code` makes it an error; undefined: no answer. */
export type Answer = Message | undefined;

export class FakeSocket implements SocketLike {
  onopen: ((event: never) => void) | null = null;
  onmessage: ((event: never) => void) | null = null;
  onclose: ((event: never) => void) | null = null;
  onerror: ((event: never) => void) | null = null;
  readonly sent: Message[] = [];
  isClosed = false;

  constructor(
    readonly url: string,
    private readonly server: FakeServer,
  ) {}

  send(text: string): void {
    const message = JSON.parse(text) as Message;
    this.sent.push(message);
    const data = this.server.answer(message, this);
    if (data !== undefined) queueMicrotask(() => this.reply(message, data));
  }

  close(): void {
    this.isClosed = true;
  }

  reply({ request_id }: Message, data: Message): void {
    const { code } = data;
    if (code === undefined) this.say({ action: 'reply', request_id, status: 'success', data });
    else this.say({ action: 'reply', request_id, status: 'error', data: { errors: [`refused: ${code}`], code } });
  }

  open(): void {
    this.#tell(this.onopen, {});
  }

  say(message: Message): void {
    this.#tell(this.onmessage, { data: JSON.stringify(message) });
  }

  event(binding: string, cursor: string | undefined, more: Message = {}): void {
    const head = { action: 'event', subscribed_key: binding, name: 'CHANNEL_CREATE', account_id: 'own' };
    this.say({ ...head, cursor, data: { call_id: cursor }, ...more });
  }

  end(code: number, reason = ''): void {
    this.#tell(this.onclose, { code, reason });
  }

  #tell(listener: ((event: never) => void) | null, event: object): void {
    if (!this.isClosed) (listener as ((event: object) => void) | null)?.(event);
  }

  /** What was asked of an action, oldest first. */
  asked(action: string): Message[] {
    return this.sent.filter((message) => message.action === action).map(({ data }) => (data ?? {}) as Message);
  }
}

export class FakeServer {
  readonly sockets: FakeSocket[] = [];
  /** Those that are made open by themselves. */
  isUp = true;
  /** Other answers than the usual ones; undefined: the usual. `false`: none. */
  answers: (message: Message, socket: FakeSocket) => Answer | false = () => undefined;
  #cursors = 0;

  get last(): FakeSocket {
    const socket = this.sockets.at(-1);
    if (socket === undefined) throw new Error('nobody connected');
    return socket;
  }

  answer(message: Message, socket: FakeSocket): Answer {
    const own = this.answers(message, socket);
    if (own !== undefined) return own === false ? undefined : own;
    if (message.action === 'ping') return { response: 'pong' };
    const data = (message.data ?? {}) as Message;
    if (message.action === 'subscribe') {
      this.#cursors += 1;
      const past = data.since === undefined ? {} : { recovered: true };
      return { subscribed: data.bindings, subscriptions: [], cursor: data.since ?? `r${this.#cursors}`, ...past };
    }
    if (message.action === 'unsubscribe') return { subscribed: [], unsubscribed: data.bindings, subscriptions: [] };
    return {};
  }

  connect(options: Partial<ConnectOptions> = {}): OpenHorizon {
    const server = this;
    class Socket extends FakeSocket {
      constructor(url: string) {
        super(url, server);
        server.sockets.push(this);
        if (server.isUp) queueMicrotask(() => this.open());
      }
    }
    const horizon = connect({ url: 'ws://server.example/', token: 'token', WebSocket: Socket, ...options });
    onTestFinished(() => horizon.close());
    return watched(horizon);
  }
}

/** Lets everything happen that waits for nothing but its turn. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 50; turn += 1) await Promise.resolve();
}
