/** Messages of the WebSocket as they come: JSON objects of which nothing is known yet. Pure. */

export type Message = Readonly<Record<string, unknown>>;

export function isRecord(value: unknown): value is Message {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** @returns undefined where it is no text with a JSON object */
export function readMessage(text: unknown): Message | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const message: unknown = JSON.parse(text);
    return isRecord(message) ? message : undefined;
  } catch {
    return undefined;
  }
}

export function textOf(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
