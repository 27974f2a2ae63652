/**
 * Messages in the form in which they go on the wire: WebSocket header and payload in one buffer (RFC 6455, section 5.2; a
 * server's frames are not masked). Built once a message and shared by all who receive it. Pure.
 */
import { constants, deflateRawSync } from 'node:zlib';
import type { EventMessage } from '../protocol/event-message.ts';

/** FIN and the opcode for text; with RSV1 for a compressed message (RFC 7692, section 6). */
const textOpcode = 0x81;
const deflatedTextOpcode = 0xc1;

/** A frame's bytes. Some have a hole, which each receiver fills with a text of its own. */
export interface WireFrame {
  readonly bytes: Buffer;
  /** Where the hole begins; -1 without one. */
  readonly holeAt: number;
  readonly holeBytes: number;
}

const objectEnd = Buffer.from('}');

/** The wire frames of an object, as plain text or deflated: with nothing behind it, or with a tail of some length. */
class FrameForm {
  #plain: WireFrame | undefined;
  /** The one asked for last: tails of one length (all UUIDs, say) share it. */
  #holed: WireFrame | undefined;
  /** By length, where there are several. */
  #otherHoled: Map<number, WireFrame> | undefined;

  /**
   * @param open the payload up to the tail, in parts
   * @param around what stands before and behind a tail of so many bytes
   */
  constructor(
    private readonly opcode: number,
    private readonly open: readonly Buffer[],
    private readonly around: (tailBytes: number) => readonly [Buffer, Buffer],
  ) {}

  /** The frame without a tail. */
  get plain(): WireFrame {
    this.#plain ??= { bytes: this.#wire(objectEnd).bytes, holeAt: -1, holeBytes: 0 };
    return this.#plain;
  }

  /** The frame with room for a tail of so many bytes. */
  withHole(holeBytes: number): WireFrame {
    const last = this.#holed;
    if (last !== undefined && last.holeBytes === holeBytes) return last;
    if (last !== undefined) {
      this.#otherHoled ??= new Map();
      this.#otherHoled.set(last.holeBytes, last);
    }
    this.#holed = this.#otherHoled?.get(holeBytes) ?? this.#wire(Buffer.alloc(holeBytes));
    return this.#holed;
  }

  #wire(tail: Buffer): WireFrame {
    const [before, behind] = this.around(tail.length);
    const bytes = wire(this.opcode, [...this.open, before, tail, behind]);
    return { bytes, holeAt: bytes.length - behind.length - tail.length, holeBytes: tail.length };
  }
}

const nothing = Buffer.alloc(0);
const asItIs = (): readonly [Buffer, Buffer] => [nothing, nothing];

/** A message's frames: as text, or deflated. */
export class Frame {
  readonly text: FrameForm;
  #deflated: FrameForm | undefined;

  /** @param open the parts of the message, to be joined; a tail or the closing brace follows */
  constructor(private readonly open: readonly Buffer[]) {
    this.text = new FrameForm(textOpcode, open, asItIs);
  }

  /** For receivers that take permessage-deflate without context takeover: deflated once, however many they are. */
  get deflated(): FrameForm {
    this.#deflated ??= this.#deflate();
    return this.#deflated;
  }

  #deflate(): FrameForm {
    const open = Buffer.concat(this.open);
    const deflated = deflateRawSync(open, deflateOptions);
    // What doesn't become smaller is sent as it is: each message says for itself whether it is compressed.
    if (deflated.length + storedBlockBytes >= open.length) return this.text;
    return new FrameForm(deflatedTextOpcode, [deflated], aroundStoredBlock);
  }
}

/** The frames of a message: made for the first socket that it is sent to, and kept on the message for all others. */
export function frameOf(message: EventMessage): Frame {
  // Nobody else gives messages a form of their own.
  message.carried ??= new Frame(message.open);
  return message.carried as Frame;
}

/** A window that an event fits in: a new one of the full 32 KiB for each event costs more than the compression. */
const deflateOptions = { windowBits: 13, memLevel: 7, finishFlush: constants.Z_SYNC_FLUSH };

const storedBlockBytes = 6;

/**
 * The tail behind deflated bytes, as a block of its own that is stored and not compressed (RFC 1951, section 3.2.4), so
 * that it can differ while all else is shared. The flush before it ended on a whole byte; the last byte begins the empty
 * block whose other four bytes a receiver adds itself (RFC 7692, section 7.2.2).
 */
function aroundStoredBlock(tailBytes: number): readonly [Buffer, Buffer] {
  const before = Buffer.alloc(5);
  before.writeUInt16LE(tailBytes, 1);
  before.writeUInt16LE(~tailBytes & 0xffff, 3);
  return [before, Buffer.alloc(1)];
}

/** A whole text as a frame. */
export function textFrame(text: string): WireFrame {
  return { bytes: wire(textOpcode, [Buffer.from(text)]), holeAt: -1, holeBytes: 0 };
}

/** A ping (opcode 9) or pong (opcode 10). Control frames carry at most 125 bytes. */
export function controlFrame(opcode: 9 | 10, payload: Buffer): WireFrame {
  return { bytes: wire(0x80 | opcode, [payload]), holeAt: -1, holeBytes: 0 };
}

function wire(opcode: number, parts: readonly Buffer[]): Buffer {
  const payloadBytes = parts.reduce((sum, part) => sum + part.length, 0);
  return Buffer.concat([header(opcode, payloadBytes), ...parts]);
}

function header(opcode: number, payloadBytes: number): Buffer {
  if (payloadBytes < 126) return Buffer.from([opcode, payloadBytes]);
  if (payloadBytes < 65_536) return Buffer.from([opcode, 126, payloadBytes >> 8, payloadBytes & 0xff]);
  const bytes = Buffer.alloc(10);
  bytes[0] = opcode;
  bytes[1] = 127;
  bytes.writeBigUInt64BE(BigInt(payloadBytes), 2);
  return bytes;
}
