/** A message of the bus, read: its family's event, or why it is none. */
import type { Delivery } from './bus.ts';
import type { ReadEvent } from './dialects/dialect.ts';
import type { Catalogue } from './families/catalogue.ts';
import { type DropReason, decodeBody } from './payload.ts';

/**
 * @param isPast it was read before, when it came: nothing is to be learnt from it
 * @returns the family that it counts for, and the event or why the message is nobody's
 */
export function readEvent(
  catalogue: Catalogue,
  delivery: Pick<Delivery, 'exchange' | 'routingKey' | 'body' | 'contentEncoding' | 'isUndecodable'>,
  isPast = false,
): { readonly family: string; readonly read: ReadEvent | DropReason } {
  const { exchange, routingKey } = delivery;
  const decoded = decodeBody(delivery);
  if (typeof decoded === 'string') return { family: catalogue.familyOn(exchange), read: decoded };
  const { family, reading } = catalogue.read(exchange, routingKey, decoded.payload, isPast);
  return { family, read: typeof reading === 'string' ? reading : { event: reading, ...decoded } };
}
