/** The other nodes that live and run an application, as their `advertise` messages tell. */
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

interface Node {
  /** Of `performance.now()`, ms. */
  readonly livesUntil: number;
  readonly address: string | undefined;
  /** It was heard more than once. */
  readonly isEstablished: boolean;
}

/** More than anybody has. Beyond it a flood of forged names would fill the memory, and every list would wait for them. */
const maxNodes = 256;
/** However long a node says that it can be relied on, ms: Kazoo's say 5 to 15 s. */
const maxExpiresMs = 60_000;

/** What was made of an advertisement. `new`: of a node that doesn't know us either. `full`: it was left unnoticed. */
export type Noted = 'known' | 'new' | 'full';

export class Roster {
  readonly #nodes = new Map<NodeKey, Node>();

  /**
   * @param ownKey messages of this node itself are not noted
   * @param application Kazoo's word for it: `blackhole`, `ecallmgr`
   */
  constructor(
    private readonly ownKey: NodeKey,
    private readonly application: string,
  ) {}

  /** Notes that a node lives. `new` is one that was not known so far, or not on its present connection. */
  note(message: z.output<typeof advertiseSchema>, now: number): Noted {
    const key = nodeKeyOf(message);
    if (key === this.ownKey || !runs(message.WhApps, this.application)) return 'known';
    if (message.Expires === 0) {
      this.#nodes.delete(key);
      return 'known';
    }
    const known = this.#nodes.get(key);
    if (known === undefined && !this.#makeRoom()) return 'full';
    const address = message['Server-ID'];
    // Nodes advertise as often as they expire, so one late message must not bury them.
    const livesUntil = now + 2 * Math.min(message.Expires, maxExpiresMs);
    this.#nodes.set(key, { livesUntil, address, isEstablished: known !== undefined });
    return known === undefined || known.livesUntil <= now || known.address !== address ? 'new' : 'known';
  }

  /** Nodes advertise again and again. One that was heard once gives way, so that forgers can only push out each other. */
  #makeRoom(): boolean {
    if (this.#nodes.size < maxNodes) return true;
    for (const [key, { isEstablished }] of this.#nodes) {
      if (!isEstablished) return this.#nodes.delete(key);
    }
    return false;
  }

  living(now: number): Set<NodeKey> {
    const living = new Set<NodeKey>();
    for (const [key, { livesUntil }] of this.#nodes) if (livesUntil > now) living.add(key);
    return living;
  }

  /** Forgets those that have run out. Not to be called while nothing can be heard of them. */
  purge(now: number): void {
    for (const [key, { livesUntil }] of this.#nodes) if (livesUntil <= now) this.#nodes.delete(key);
  }

  /** Nothing was heard for a while, which is nobody's fault: all that are known have until then to be heard again. */
  spare(until: number): void {
    for (const [key, node] of this.#nodes) {
      if (node.livesUntil < until) this.#nodes.set(key, { ...node, livesUntil: until });
    }
  }
}

/** Whoever says that it runs an application answers its questions. */
function runs(applications: z.output<typeof advertiseSchema>['WhApps'], application: string): boolean {
  if (applications === undefined) return false;
  return Array.isArray(applications) ? applications.includes(application) : Object.hasOwn(applications, application);
}
