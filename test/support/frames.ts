/** WebSocket frames as bytes: made as a client makes them, right or wrong, and taken apart. */
import { randomBytes } from 'node:crypto';

export const opcodes = { continuation: 0, text: 1, binary: 2, close: 8, ping: 9, pong: 10 } as const;

export interface RawFrame {
  readonly fin: boolean;
  readonly opcode: number;
  readonly isMasked: boolean;
  readonly payload: Buffer;
}

export interface FrameOptions {
  readonly opcode?: number;
  readonly fin?: boolean;
  readonly masked?: boolean;
  /** The three reserved bits, 1 to 7. */
  readonly reserved?: number;
  /** What the header says instead of the payload's length. */
  readonly claimedBytes?: number;
}

/** A frame as a client sends it. */
export function frameBytes(payload: Buffer | string, options: FrameOptions = {}): Buffer {
  const { opcode = opcodes.text, fin = true, masked = true, reserved = 0 } = options;
  const body = Buffer.from(payload);
  const length = options.claimedBytes ?? body.length;
  const first = (fin ? 0x80 : 0) | (reserved << 4) | opcode;
  const mask = masked ? 0x80 : 0;
  const header = Buffer.alloc(length < 126 ? 2 : length < 65_536 ? 4 : 10);
  header[0] = first;
  if (length < 126) header[1] = mask | length;
  else if (length < 65_536) {
    header[1] = mask | 126;
    header.writeUInt16BE(length, 2);
  } else {
    header[1] = mask | 127;
    header.writeBigUInt64BE(BigInt(length), 2);
  }
  if (!masked) return Buffer.concat([header, body]);
  const key = randomBytes(4);
  for (const [index, byte] of body.entries()) body[index] = byte ^ (key[index % 4] as number);
  return Buffer.concat([header, key, body]);
}

/** @returns the first frame, where it is whole; what comes behind it is in `behind` */
export function parseFrame(bytes: Buffer): (RawFrame & { readonly behind: Buffer }) | undefined {
  const [first, second] = bytes;
  if (first === undefined || second === undefined) return undefined;
  const short = second & 0x7f;
  const headerBytes = short < 126 ? 2 : short === 126 ? 4 : 10;
  if (bytes.length < headerBytes) return undefined;
  const length = short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
  if (bytes.length < headerBytes + length) return undefined;
  return {
    fin: (first & 0x80) !== 0,
    opcode: first & 0x0f,
    isMasked: (second & 0x80) !== 0,
    payload: bytes.subarray(headerBytes, headerBytes + length),
    behind: bytes.subarray(headerBytes + length),
  };
}
