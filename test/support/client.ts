/** A WebSocket client that keeps what it gets, and waits for messages instead of the clock. */
import { randomUUID } from 'node:crypto';
import { onTestFinished } from 'vitest';
import { type ClientOptions, WebSocket } from 'ws';
import { shortened, showWhenWaitFails, until } from './until.ts';

/** A text frame's JSON. */
export type Message = Record<string, unknown>;

export interface Reply {
  readonly action: 'reply';
  readonly request_id: unknown;
  readonly status: 'success' | 'error';
  readonly data: {
    readonly subscribed?: string[];
    readonly unsubscribed?: string[];
    readonly subscriptions?: string[];
    readonly response?: string;
    readonly errors?: string[];
    readonly code?: string;
    readonly cursor?: string;
    readonly recovered?: boolean;
    readonly reason?: string;
  };
}

export interface SubscribeOptions {
  readonly account_id?: string;
  readonly auth_token?: string;
  readonly request_id?: string;
  readonly name?: string;
  readonly metadata?: unknown;
  readonly since?: unknown;
  readonly filter?: unknown;
  readonly include_subaccounts?: unknown;
  readonly expires?: unknown;
  readonly once?: unknown;
}

export class Client {
  /** Everything that came, in order. */
  readonly messages: Message[] = [];
  /** The text frames as they came. */
  readonly texts: string[] = [];
  /** Set once the socket is closed. */
  closed: { readonly code: number; readonly reason: string } | undefined;

  constructor(
    readonly socket: WebSocket,
    /** Sent along with every message that needs one and names none. */
    private readonly token: string | undefined,
  ) {
    socket.on('message', (data) => {
      const text = data.toString();
      this.texts.push(text);
      this.messages.push(JSON.parse(text) as Message);
    });
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: reason.toString() };
    });
    socket.on('error', () => undefined);
    showWhenWaitFails(() => this.#described());
  }

  #described(): string {
    const state = this.closed === undefined ? 'open' : `closed with ${this.closed.code} ${this.closed.reason}`;
    const { length } = this.messages;
    return `client: ${state}, ${length} messages${length === 0 ? '' : `, the last: ${shortened(this.texts.at(-1) ?? '')}`}`;
  }

  /** The event frames so far. */
  get events(): Message[] {
    return this.messages.filter(({ action }) => action !== 'reply' && action !== 'notice');
  }

  /** The notices so far: sockets that can resume are sent some. */
  get notices(): Message[] {
    return this.messages.filter(({ action }) => action === 'notice');
  }

  /** Waits until a notice of this kind came. @returns the last one */
  async notice(kind: string, requestId?: string): Promise<Message> {
    const find = (): Message | undefined =>
      this.notices.findLast(
        ({ notice, request_id }) => notice === kind && (requestId === undefined || request_id === requestId),
      );
    await until(() => find() !== undefined || this.closed !== undefined, `the notice ${kind}`);
    return find() as Message;
  }

  /** The replies that no request of this client asked for, and those to requests, so far. */
  get replies(): Reply[] {
    return this.messages.filter(({ action }) => action === 'reply') as unknown as Reply[];
  }

  send(message: unknown): void {
    this.socket.send(typeof message === 'string' ? message : JSON.stringify(message));
  }

  /** Sends and waits for the answer. Without a `request_id` one is made. */
  async request(message: Message): Promise<Reply> {
    const request_id = message.request_id ?? randomUUID();
    this.send({ ...message, request_id });
    return this.reply(request_id);
  }

  async reply(requestId: unknown): Promise<Reply> {
    await until(
      () => this.closed !== undefined || this.replies.some((reply) => reply.request_id === requestId),
      `the reply to ${JSON.stringify(requestId)}`,
    );
    const reply = this.replies.findLast((candidate) => candidate.request_id === requestId);
    if (reply === undefined)
      throw new Error(`closed (${this.closed?.code} ${this.closed?.reason}) before the reply came`);
    return reply;
  }

  subscribe(binding: string | readonly string[], options: SubscribeOptions = {}): Promise<Reply> {
    return this.#bind('subscribe', binding, options);
  }

  unsubscribe(binding?: string | readonly string[], options: SubscribeOptions = {}): Promise<Reply> {
    return this.#bind('unsubscribe', binding, options);
  }

  #bind(action: string, binding: string | readonly string[] | undefined, options: SubscribeOptions): Promise<Reply> {
    const { auth_token = this.token, request_id, ...data } = options;
    const named = typeof binding === 'string' ? { binding } : { bindings: binding };
    return this.request({
      action,
      ...(auth_token !== undefined && { auth_token }),
      ...(request_id !== undefined && { request_id }),
      data: { ...data, ...(binding !== undefined && named) },
    });
  }

  /** The fence: whatever was sent before its answer has arrived. */
  async ping(): Promise<void> {
    const reply = await this.request({ action: 'ping' });
    if (reply.data.response !== 'pong') throw new Error(`no pong but ${JSON.stringify(reply)}`);
  }

  /** Waits until so many events came. */
  async untilEvents(count: number): Promise<Message[]> {
    await until(() => this.events.length >= count || this.closed !== undefined, `${count} events`);
    return this.events;
  }

  async untilClosed(): Promise<{ readonly code: number; readonly reason: string }> {
    await until(() => this.closed !== undefined, 'the end of the socket');
    return this.closed as { code: number; reason: string };
  }

  close(): void {
    this.socket.close();
  }
}

export interface OpenOptions extends ClientOptions {
  readonly token?: string | undefined;
  /** Behind the address, `/?dialect=kazoo4`. */
  readonly path?: string;
}

/** @param target `ws://127.0.0.1:PORT` or something that has one */
export async function openClient(
  target: { readonly socketAddress: string } | string,
  { token, path = '/', ...options }: OpenOptions = {},
): Promise<Client> {
  const address = typeof target === 'string' ? target : target.socketAddress;
  const socket = new WebSocket(`${address}${path}`, { perMessageDeflate: false, ...options });
  const client = new Client(socket, token);
  onTestFinished(() => socket.terminate());
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  return client;
}

/** An upgrade that is to be refused. @returns the answer's status, headers and body */
export async function refusedUpgrade(
  target: { readonly socketAddress: string },
  { path = '/', ...options }: OpenOptions = {},
): Promise<{ status: number; headers: Record<string, unknown>; body: Record<string, unknown> }> {
  const socket = new WebSocket(`${target.socketAddress}${path}`, options);
  socket.on('error', () => undefined);
  return new Promise((resolve, reject) => {
    socket.once('open', () => {
      socket.terminate();
      reject(new Error('the upgrade was accepted'));
    });
    socket.once('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: text.startsWith('{') ? JSON.parse(text) : { text },
        });
      });
    });
  });
}
