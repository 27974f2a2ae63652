/**
 * Cursors: a place in the history as a text that says nothing. Positions are counted over all accounts, so a plain one
 * would tell a client how much the others do; it is enciphered with a key that all nodes of a cluster share.
 */
import { type Cipher, createCipheriv, createDecipheriv, type Decipher, randomBytes } from 'node:crypto';

/** Bytes of a key, and of a cursor before it becomes text: a block of AES. */
const blockBytes = 16;
const positionBytes = 8;
/** 16 bytes in base64url. */
const cursorText = /^[A-Za-z0-9_-]{22}$/;

/** A key for the cursors of a new history, as text. */
export function newCursorKey(): string {
  return randomBytes(blockBytes).toString('base64url');
}

/** Whether a text is a key: what stands in a stream may come from anybody. */
export function isCursorKey(text: string): boolean {
  return cursorText.test(text) && Buffer.from(text, 'base64url').length === blockBytes;
}

/**
 * Positions as cursors and back, the same with the same key. The second half of the block is zeros: a text that was not
 * made with this key has them with a probability of one in 2^64, so cursors of another history are known for what they are.
 */
export class CursorCipher {
  readonly #cipher: Cipher;
  readonly #decipher: Decipher;
  readonly #block = Buffer.alloc(blockBytes);
  /** The one made last: a socket after the other asks for the same. */
  #lastPosition = -1;
  #lastCursor = '';

  /** @param key as `newCursorKey` makes it */
  constructor(key: string) {
    // Single blocks, each enciphered by itself; nothing is padded, so one object does for all of them.
    const bytes = Buffer.from(key, 'base64url');
    this.#cipher = createCipheriv('aes-128-ecb', bytes, null).setAutoPadding(false);
    this.#decipher = createDecipheriv('aes-128-ecb', bytes, null).setAutoPadding(false);
  }

  /** @param position a whole number, 0 or more */
  encode(position: number): string {
    if (position !== this.#lastPosition) {
      this.#block.writeBigUInt64BE(BigInt(position));
      this.#lastCursor = this.#cipher.update(this.#block).toString('base64url');
      this.#lastPosition = position;
    }
    return this.#lastCursor;
  }

  /** @returns undefined where the text is no cursor of this key */
  decode(text: string): number | undefined {
    if (!cursorText.test(text)) return undefined;
    const sealed = Buffer.from(text, 'base64url');
    // The last character has room for bits that mean nothing: a cursor has one spelling.
    if (sealed.toString('base64url') !== text) return undefined;
    const block = this.#decipher.update(sealed);
    if (block.readBigUInt64BE(positionBytes) !== 0n) return undefined;
    const position = block.readBigUInt64BE();
    return position <= BigInt(Number.MAX_SAFE_INTEGER) ? Number(position) : undefined;
  }
}
