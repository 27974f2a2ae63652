/**
 * Text messages in the form in which they go on the wire: WebSocket header and payload in one buffer (RFC 6455, section
 * 5.2; a server's frames are not masked). Built once an event and shared by all who receive it. Pure.
 */

/** FIN and the opcode for text. */
const textOpcode = 0x81;

/** A frame's bytes. Some have a hole, which each receiver fills with a text of its own. */
export interface WireFrame {
  readonly bytes: Buffer;
  /** Where the hole begins; -1 without one. */
  readonly holeAt: number;
  readonly holeBytes: number;
}

const objectEnd = Buffer.from('}');

/**
 * A JSON object to be sent. Its last members may differ from receiver to receiver (`request_id` in the classic dialect):
 * `open` is the object without its closing brace, and a tail, where there is one, ends it.
 */
export class Frame {
  #plain: WireFrame | undefined;
  /** The one asked for last: tails of one length (all UUIDs, say) share it. */
  #holed: WireFrame | undefined;
  #otherHoled: WireFrame[] | undefined;

  /** @param open the parts of the object, to be joined; the closing brace is left out */
  constructor(private readonly open: readonly Buffer[]) {}

  /** The frame without a tail. */
  get plain(): WireFrame {
    this.#plain ??= { bytes: wire([...this.open, objectEnd]), holeAt: -1, holeBytes: 0 };
    return this.#plain;
  }

  /** The frame with room for a tail of so many bytes. */
  withHole(holeBytes: number): WireFrame {
    const last = this.#holed;
    if (last !== undefined && last.holeBytes === holeBytes) return last;
    if (last !== undefined) this.#otherHoled = [...(this.#otherHoled ?? []), last];
    this.#holed = this.#otherHoled?.find((frame) => frame.holeBytes === holeBytes) ?? this.#makeHoled(holeBytes);
    return this.#holed;
  }

  #makeHoled(holeBytes: number): WireFrame {
    const bytes = wire([...this.open, Buffer.alloc(holeBytes)]);
    return { bytes, holeAt: bytes.length - holeBytes, holeBytes };
  }
}

/** A whole text as a frame. */
export function textFrame(text: string): WireFrame {
  return { bytes: wire([Buffer.from(text)]), holeAt: -1, holeBytes: 0 };
}

function wire(parts: readonly Buffer[]): Buffer {
  return Buffer.concat([
    header(
      textOpcode,
      parts.reduce((sum, part) => sum + part.length, 0),
    ),
    ...parts,
  ]);
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

/** A ping (opcode 9) or pong (opcode 10). Control frames carry at most 125 bytes. */
export function controlFrame(opcode: 9 | 10, payload: Buffer): WireFrame {
  return { bytes: Buffer.concat([header(0x80 | opcode, payload.length), payload]), holeAt: -1, holeBytes: 0 };
}
