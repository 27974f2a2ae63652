/**
 * Deliveries whose properties amqplib can't decode.
 *
 * RabbitMQ passes on the properties of a message as the publisher encoded them, and looks into few of them itself. amqplib
 * (2.3.1) decodes all of them, and where it can't (`lib/codec.js`: a header of type `L`, which RabbitMQ takes for `l`;
 * arrays and tables nested so deep that the stack is spent; a field that ends too early) the error ends the connection
 * (`lib/connection.js`, `acceptLoop`): with it go the exclusive queue and all that is in it, and whoever can publish can
 * do that as often as he likes. `recvFrame` there has moved on to the next frame before it decodes one, so a content
 * header that fails can be given out without properties, and the message is known by that. Upstream's own mending would be
 * the same: an error while decoding properties is the message's and not the connection's.
 */
import type { ChannelModel, ConsumeMessage } from 'amqplib';
import { z } from 'zod';

const frameHeaderBytes = 7;
/** Class, weight and the body's size, before the properties. */
const fixedBytes = 12;
const headerFrame = 2;
const contentClass = 60;

/** A content header, as amqplib gives it to the channel. */
interface ContentHeader {
  readonly id: typeof contentClass;
  readonly channel: number;
  /** Of the body that follows, bytes. */
  readonly size: number;
  readonly fields: object;
}

/** What of amqplib's connection this depends on, beside what its types tell. */
interface FrameSource {
  /** What was received and not given out yet: begins with a frame. */
  rest: Buffer;
  /** The next frame, false while none is complete. Reads from the socket, and calls itself then. */
  recvFrame(): unknown;
}

const frameSourceSchema = z.custom<FrameSource>(
  (value) =>
    typeof value === 'object' &&
    value !== null &&
    'rest' in value &&
    Buffer.isBuffer(value.rest) &&
    'recvFrame' in value &&
    typeof value.recvFrame === 'function',
  'this version of amqplib reads its frames in another way',
);

/** The properties of deliveries that could not be decoded: amqplib hands over this very object. */
const undecodable = new WeakSet<object>();

/**
 * From now on a message of this connection that can't be decoded costs nothing but itself.
 * @throws ZodError where amqplib is not the one that this was written for
 */
export function surviveUndecodable(model: ChannelModel): void {
  const connection = frameSourceSchema.parse(model.connection);
  const recvFrame = connection.recvFrame.bind(connection);
  connection.recvFrame = () => {
    const before = connection.rest;
    try {
      return recvFrame();
    } catch (error) {
      const header = contentHeader(before);
      // It is not about a message, or the frame itself is at fault and was not taken.
      if (header === undefined || connection.rest === before) throw error;
      undecodable.add(header.fields);
      return header;
    }
  };
}

/** Whether the message lacks its properties because they could not be decoded: then nobody knows what its body is. */
export function isUndecodable({ properties }: ConsumeMessage): boolean {
  return undecodable.has(properties);
}

/**
 * @param received begins with a frame, which may not be complete: amqplib reads on then, and asks again
 * @returns the content header that this frame is, without its properties; undefined where it is something else
 */
function contentHeader(received: Buffer): ContentHeader | undefined {
  if (received.length < frameHeaderBytes || received[0] !== headerFrame) return undefined;
  const payloadBytes = received.readUInt32BE(3);
  if (payloadBytes < fixedBytes || received.length <= frameHeaderBytes + payloadBytes) return undefined;
  if (received.readUInt16BE(frameHeaderBytes) !== contentClass) return undefined;
  return {
    id: contentClass,
    channel: received.readUInt16BE(1),
    size: Number(received.readBigInt64BE(frameHeaderBytes + 4)),
    fields: {},
  };
}
