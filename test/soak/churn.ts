/** Clients who come, subscribe to this and that (some of it wrong), stay for a moment, and leave in one way or another. */
import { setTimeout as pause } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { Random } from '../../src/simulator/random.ts';

const bindings = [
  'call.*.*',
  'call.CHANNEL_CREATE.*',
  'conference.event.*.*',
  'object.*.*',
  'doc_edited.*.user.*',
  'fax.status.*',
  'presence.dialog.*',
  'registration.success.*',
  'notifications.*.*',
  'nothing.of.this',
  'call.#',
];

/** A client never stays longer. ms */
const longestStayMs = 2000;
const handshakeMs = 5000;

export class Churn {
  /** Sockets that were opened so far. */
  count = 0;
  #isOver = false;
  #running: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly address: string,
    /** Of each account one, and some that are good for nothing. */
    private readonly tokens: readonly string[],
    private readonly random: Random,
  ) {}

  /** @param places how many there are at a time */
  start(places: number): void {
    this.#running = Promise.all(Array.from({ length: places }, () => this.#fill()));
  }

  /** Resolves when the last one has left. */
  async stop(): Promise<void> {
    this.#isOver = true;
    await this.#running;
  }

  async #fill(): Promise<void> {
    while (!this.#isOver) {
      // One that is refused, or cut off by a fault, has come and gone like the others.
      await this.#visit().catch(() => undefined);
      await pause(this.random.between(0, 100));
    }
  }

  async #visit(): Promise<void> {
    const { random } = this;
    const dialect = random.pick(['classic', 'kazoo4']);
    const socket = new WebSocket(`${this.address}/?dialect=${dialect}`, { handshakeTimeout: handshakeMs });
    const closed = new Promise<void>((resolve) => socket.once('close', () => resolve()));
    socket.on('error', () => undefined);
    const isOpen = await Promise.race([
      new Promise<boolean>((resolve) => socket.once('open', () => resolve(true))),
      closed.then(() => false),
    ]);
    if (!isOpen) return;
    this.count += 1;
    const token = random.pick(this.tokens);
    for (let messages = random.between(0, 3); messages > 0; messages -= 1) this.#say(socket, token);
    await Promise.race([closed, pause(random.between(0, longestStayMs))]);
    if (random.chance(0.5)) socket.terminate();
    else socket.close();
    // One that does not answer the goodbye is cut: ws waits for it for half a minute.
    await Promise.race([closed, pause(1000)]);
    socket.terminate();
    await closed;
  }

  #say(socket: WebSocket, token: string): void {
    const binding = this.random.pick(bindings);
    const action = this.random.pick(['subscribe', 'subscribe', 'subscribe', 'unsubscribe', 'ping', 'nonsense']);
    if (socket.readyState === WebSocket.OPEN)
      socket.send(JSON.stringify({ action, auth_token: token, data: { binding } }));
  }
}
