/**
 * Messages that no sound publisher sends: the properties are bytes of the test's own. RabbitMQ reads them as well, and ends
 * the publisher's connection where a field is cut short or of a type that it does not know.
 */
import type { Duplex } from 'node:stream';
import amqp from 'amqplib';

const methodFrame = 1;
const headerFrame = 2;
const bodyFrame = 3;
const frameEnd = 0xce;
/** The flag of the headers among the properties. */
const headersFlag = 0x2000;

export interface RawMessage {
  readonly exchange: string;
  readonly routingKey: string;
  /** Flags and fields of the properties, as they go on the wire. */
  readonly properties: Buffer;
  readonly body: Buffer;
}

/** Publishes the messages and waits until the broker has taken them. */
export async function publishRaw(broker: { readonly url: string }, ...messages: readonly RawMessage[]): Promise<void> {
  const model = await amqp.connect(broker.url);
  // The broker may end the connection over what it can't read; the channel below fails then.
  model.on('error', () => undefined);
  try {
    const channel = await model.createChannel();
    // Below what amqplib offers: it would not encode these.
    const { ch, connection } = channel as typeof channel & { ch: number; connection: { stream: Duplex } };
    for (const message of messages) connection.stream.write(framesOf(ch, message));
    // An answer on the same channel: everything before it was seen.
    await channel.assertQueue('', { exclusive: true });
  } finally {
    await model.close();
  }
}

/** The properties of a message that has headers and nothing else. @param table its entries, encoded */
export function headerProperties(table: Buffer): Buffer {
  return Buffer.concat([u16(headersFlag), u32(table.length), table]);
}

/** One entry of a table. @param value with its type before it */
export function tableEntry(key: string, value: Buffer): Buffer {
  return Buffer.concat([shortString(key), value]);
}

/** A value of the type `L`, which RabbitMQ takes for a signed number of 64 bits. */
export const typeL = Buffer.concat([Buffer.from('L'), Buffer.alloc(8, 1)]);

/** Arrays in arrays. */
export function nestedArrays(depth: number): Buffer {
  const levels: Buffer[] = [];
  for (let level = depth; level > 0; level -= 1) levels.push(Buffer.from('A'), u32((level - 1) * 5));
  return Buffer.concat(levels);
}

/** Tables in tables, the name of each being empty. */
export function nestedTables(depth: number): Buffer {
  const levels: Buffer[] = [];
  for (let level = depth; level > 0; level -= 1) {
    if (level < depth) levels.push(Buffer.from([0]));
    levels.push(Buffer.from('F'), u32((level - 1) * 6));
  }
  return Buffer.concat(levels);
}

function framesOf(channel: number, { exchange, routingKey, properties, body }: RawMessage): Buffer {
  const publish = [u16(60), u16(40), u16(0), shortString(exchange), shortString(routingKey), Buffer.from([0])];
  const header = [u16(60), u16(0), u32(0), u32(body.length), properties];
  return Buffer.concat([
    frame(methodFrame, channel, Buffer.concat(publish)),
    frame(headerFrame, channel, Buffer.concat(header)),
    ...(body.length === 0 ? [] : [frame(bodyFrame, channel, body)]),
  ]);
}

function frame(type: number, channel: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([type]), u16(channel), u32(payload.length), payload, Buffer.from([frameEnd])]);
}

function shortString(text: string): Buffer {
  const bytes = Buffer.from(text);
  return Buffer.concat([Buffer.from([bytes.length]), bytes]);
}

function u16(value: number): Buffer {
  const bytes = Buffer.alloc(2);
  bytes.writeUInt16BE(value);
  return bytes;
}

export function u32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
