/** Pieces of what was read: Node reads up to 64 KiB at a time, and one byte of it that is kept keeps all of it. */

/** What a piece may hold beside itself and as much again: a copy of its own costs about this, bytes. */
const freeSlackBytes = 256;

/** @returns the bytes themselves, or a copy where they would hold far more memory than they are long */
export function withoutSlack(bytes: Buffer): Buffer {
  if (bytes.buffer.byteLength <= 2 * bytes.length + freeSlackBytes) return bytes;
  // Not `Buffer.from`: that takes small pieces from a pool, and they would hold the pool.
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
