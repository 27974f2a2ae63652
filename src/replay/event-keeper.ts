/** What the router tells of every message that it takes, where there is a history. */
import type { Delivery } from '../bus.ts';
import type { BusEvent } from '../families/family.ts';

export interface EventKeeper {
  /** An event, before it goes to anybody. */
  keep(delivery: Delivery, event: BusEvent): void;
  /** A message that is nobody's event. */
  pass(delivery: Delivery): void;
  /** The cursor of a position that was kept. */
  cursorAt(position: number): string;
}
