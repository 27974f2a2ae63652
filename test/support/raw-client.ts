/**
 * A WebSocket client made of a bare TCP socket, which does what a library doesn't let one do: break the protocol, stop
 * reading, leave pings unanswered.
 */
import { randomBytes } from 'node:crypto';
import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';
import { type FrameOptions, frameBytes, opcodes, parseFrame, type RawFrame } from './frames.ts';
import { shortened, showWhenWaitFails, until } from './until.ts';

export { opcodes } from './frames.ts';

export class RawClient {
  /** The frames that came, in order. */
  readonly frames: RawFrame[] = [];
  /** The answer to the upgrade, once it is whole. */
  head: string | undefined;
  isClosed = false;
  #unread: Buffer = Buffer.alloc(0);

  constructor(private readonly socket: Socket) {
    socket.on('data', (chunk) => {
      this.#unread = Buffer.concat([this.#unread, chunk]);
      this.#parse();
    });
    socket.on('error', () => undefined);
    socket.on('close', () => {
      this.isClosed = true;
    });
  }

  get texts(): string[] {
    return this.frames.filter(({ opcode }) => opcode === opcodes.text).map(({ payload }) => payload.toString());
  }

  /** How many texts came. `texts` decodes them all, which takes its time where they are long. */
  get textCount(): number {
    return this.frames.filter(({ opcode }) => opcode === opcodes.text).length;
  }

  /** The code of the close frame, if one came. */
  get closeCode(): number | undefined {
    return this.frames.find(({ opcode }) => opcode === opcodes.close)?.payload.readUInt16BE(0);
  }

  /** Bytes as they are. */
  write(bytes: Buffer | string): void {
    this.socket.write(bytes);
  }

  sendFrame(payload: Buffer | string, options: FrameOptions = {}): void {
    this.write(frameBytes(payload, options));
  }

  send(message: unknown): void {
    this.sendFrame(JSON.stringify(message));
  }

  /** From here on the kernel's buffers fill, and then the server's. */
  stopReading(): void {
    this.socket.pause();
  }

  readOn(): void {
    this.socket.resume();
  }

  /** Breaks off without a word. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  async untilFrames(count: number): Promise<void> {
    await until(() => this.frames.length >= count || this.isClosed, `${count} frames`);
  }

  async untilClosed(): Promise<void> {
    await until(() => this.isClosed, 'the end of the socket');
  }

  #parse(): void {
    if (this.head === undefined) {
      const end = this.#unread.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.head = this.#unread.subarray(0, end).toString();
      this.#unread = this.#unread.subarray(end + 4);
    }
    for (let frame = parseFrame(this.#unread); frame !== undefined; frame = parseFrame(this.#unread)) {
      this.frames.push(frame);
      this.#unread = frame.behind;
    }
  }
}

export interface RawOptions {
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent in one packet with the request, before the server has agreed to anything. */
  readonly behindRequest?: Buffer | string;
}

/** Resolves when the server has answered the upgrade, whatever it answered. */
export async function openRaw(
  target: { readonly socketAddress: string },
  { path = '/', headers = {}, behindRequest = '' }: RawOptions = {},
): Promise<RawClient> {
  const { hostname, port } = new URL(target.socketAddress);
  const socket = connect(Number(port), hostname);
  onTestFinished(() => {
    socket.destroy();
  });
  const client = new RawClient(socket);
  const lines = [
    `GET ${path} HTTP/1.1`,
    `Host: ${hostname}:${port}`,
    'Connection: Upgrade',
    'Upgrade: websocket',
    'Sec-WebSocket-Version: 13',
    `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
    ...Object.entries(headers).map(([name, value]) => `${name}: ${value}`),
  ];
  client.write(Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), Buffer.from(behindRequest)]));
  showWhenWaitFails(() => {
    const { frames, isClosed, head, texts } = client;
    const last = shortened(texts.at(-1) ?? head ?? 'no answer to the upgrade');
    return `raw client: ${isClosed ? 'closed' : 'open'}, ${frames.length} frames, the last: ${last}`;
  });
  await until(() => client.head !== undefined || client.isClosed, 'the answer to the upgrade');
  return client;
}
