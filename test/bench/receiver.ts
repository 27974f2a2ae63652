/**
 * The receiving side of one connection, as cheap as it can be made: WebSocket frames are skipped by their headers, not
 * parsed, so that the load client takes as little as possible from what is measured.
 */

/** Frames below this are replies, notices and handshakes; events are larger. Bytes. */
const smallFrameBytes = 400;
/** FIN and the opcode. */
const pingByte = 0x89;

export interface FrameHandler {
  /** A small frame, whole: a reply or a packet of a protocol's own. */
  onSmall(text: string): void;
  /** An event's frame; `head` has its first bytes where they were asked for. */
  onEvent(head: Buffer | undefined): void;
  /** To be answered, or the server takes the connection for dead. */
  onPing(): void;
}

export class Receiver {
  #left = 0;
  #isSmall = false;
  readonly #header: number[] = [];
  #captured = 0;
  #capture = Buffer.allocUnsafe(0);

  /** @param headBytes how much of each event's payload is kept for the handler; 0 in throughput runs */
  constructor(
    private readonly handler: FrameHandler,
    private readonly headBytes: () => number,
  ) {}

  read(chunk: Buffer, length: number): void {
    let at = 0;
    while (at < length) {
      if (this.#left > 0) at = this.#skip(chunk, at, length);
      else at = this.#readHeader(chunk, at, length);
    }
  }

  #skip(chunk: Buffer, at: number, length: number): number {
    const taken = Math.min(this.#left, length - at);
    const wanted = this.#capture.length - this.#captured;
    if (wanted > 0) this.#captured += chunk.copy(this.#capture, this.#captured, at, at + Math.min(taken, wanted));
    this.#left -= taken;
    if (this.#left === 0) this.#done();
    return at + taken;
  }

  #done(): void {
    const captured = this.#captured > 0 ? this.#capture.subarray(0, this.#captured) : undefined;
    if (this.#isSmall) this.handler.onSmall(captured?.toString() ?? '');
    else this.handler.onEvent(captured);
  }

  #readHeader(chunk: Buffer, at: number, length: number): number {
    // The usual case: a whole header of a frame of 126 to 65,535 bytes lies in this chunk.
    if (this.#header.length === 0 && length - at >= 4 && ((chunk[at + 1] as number) & 0x7f) === 126) {
      this.#begin(chunk[at] as number, ((chunk[at + 2] as number) << 8) | (chunk[at + 3] as number));
      return at + 4;
    }
    this.#header.push(chunk[at] as number);
    this.#finishHeader();
    return at + 1;
  }

  #finishHeader(): void {
    const header = this.#header;
    if (header.length < 2) return;
    const short = (header[1] as number) & 0x7f;
    if (short === 126 && header.length < 4) return;
    if (short === 127 && header.length < 10) return;
    const bytes = short < 126 ? [short] : header.slice(2);
    const size = bytes.reduce((sum, byte) => sum * 256 + byte, 0);
    const [first] = header;
    header.length = 0;
    this.#begin(first as number, size);
  }

  #begin(firstByte: number, size: number): void {
    if (firstByte === pingByte) this.handler.onPing();
    this.#left = size;
    this.#isSmall = size < smallFrameBytes;
    this.#captured = 0;
    const wanted = this.#isSmall ? size : Math.min(size, this.headBytes());
    if (this.#capture.length !== wanted) this.#capture = Buffer.allocUnsafe(wanted);
    if (size === 0) this.#done();
  }
}

/** The answer to a ping without a payload, masked with zeros. */
export const pongFrame = Buffer.from([0x8a, 0x80, 0, 0, 0, 0]);

/** A client's text frame, masked with zeros: what is masked so stays as it is. */
export function clientFrame(text: string): Buffer {
  const payload = Buffer.from(text);
  const header =
    payload.length < 126
      ? Buffer.from([0x81, 0x80 | payload.length])
      : Buffer.from([0x81, 0x80 | 126, payload.length >> 8, payload.length & 0xff]);
  return Buffer.concat([header, Buffer.alloc(4), payload]);
}
