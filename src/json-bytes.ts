/** How large a value is as JSON: what limits on parts of a client's message are measured in. */

/** @returns bytes of UTF-8; Infinity for a nesting that was parsed and is too deep to be printed again */
export function jsonBytes(value: unknown): number {
  try {
    return Buffer.byteLength(JSON.stringify(value));
  } catch (error) {
    if (error instanceof RangeError) return Infinity;
    throw error;
  }
}
