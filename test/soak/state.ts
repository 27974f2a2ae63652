/** What a process holds when it is at rest: what grows there from one rest to the next would grow for ever. */
import { z } from 'zod';

export const stateSchema = z.object({
  /** After a full collection, bytes. */
  heapBytes: z.number(),
  residentBytes: z.number(),
  /** Open handles and timers, by their kind. */
  resources: z.record(z.string(), z.number()),
  /** Of all open handles, and of the process itself. */
  listeners: z.number(),
});

export type State = z.output<typeof stateSchema>;
