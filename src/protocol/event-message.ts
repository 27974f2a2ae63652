/** An event as it is said to those who subscribed: a JSON object in parts, made once and shared by all who receive it. Pure. */

const objectEnd = Buffer.from('}');

export class EventMessage {
  /**
   * Where a carrier keeps the form in which it sends the message, so that this is made once as well: see `frameOf` in
   * `socket/frame.ts`. A field of the message, since looking a form up in a map would cost as much as the delivery.
   */
  carried: unknown;

  /**
   * @param open the parts of the object, to be joined, without its closing brace: the last members may differ from receiver
   *   to receiver, and are the receiver's tail
   */
  constructor(readonly open: readonly Buffer[]) {}

  /**
   * The whole object as JSON, UTF-8.
   * @param tail what this receiver's copy ends with, closing brace included
   */
  json(tail: Buffer = objectEnd): Buffer {
    return Buffer.concat([...this.open, tail]);
  }
}

/**
 * Members that a receiver's copy of a message ends with.
 * @returns undefined when there are none
 */
export function tailOf(members: Readonly<Record<string, unknown>>): Buffer | undefined {
  const text = JSON.stringify(members);
  return text === '{}' ? undefined : Buffer.from(`,${text.slice(1)}`);
}
