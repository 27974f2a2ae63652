/** The other nodes that live, as their `advertise` messages tell: Event Horizon's, and Kazoo's that run Blackhole. */
import type { z } from 'zod';
import type { advertiseSchema } from './messages.ts';

/** What stands for a node: its own instance id, or the name of one that knows no such thing. */
export type NodeKey = string;

export function nodeKeyOf(message: {
  readonly Node?: string | undefined;
  readonly 'Instance-ID'?: string | undefined;
}): NodeKey {
  return message['Instance-ID'] ?? message.Node ?? '';
}

export class Roster {
  /** Until when each counts as living. Unix time, ms. */
  readonly #livesUntil = new Map<NodeKey, number>();

  /** @param ownKey messages of this node itself are not noted */
  constructor(private readonly ownKey: NodeKey) {}

  /** @returns whether that is a node not known so far */
  note(message: z.output<typeof advertiseSchema>, now: number): boolean {
    const key = nodeKeyOf(message);
    const answersQuestions = message.WhApps !== undefined && 'blackhole' in message.WhApps;
    if (key === this.ownKey || !answersQuestions) return false;
    if (message.Expires === 0) {
      this.#livesUntil.delete(key);
      return false;
    }
    const isNew = !this.#livesUntil.has(key);
    // Nodes advertise as often as they expire, so one late message must not bury them.
    this.#livesUntil.set(key, now + 2 * message.Expires);
    return isNew;
  }

  living(now: number): Set<NodeKey> {
    for (const [key, until] of this.#livesUntil) if (until <= now) this.#livesUntil.delete(key);
    return new Set(this.#livesUntil.keys());
  }
}
