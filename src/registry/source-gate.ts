/**
 * Where a node takes all events from a history there is nothing to bind for a subscription: it is good as soon as the
 * source is there. Stands in the binder's place.
 */
import { ActionError } from '../errors.ts';

/** How long a subscribe waits for the source. */
const confirmMs = 5000;

export class SourceGate {
  #isOpen = false;
  readonly #waiting = new Set<() => void>();

  /** @param boundCount patterns that the source is bound to, for all nodes */
  constructor(readonly boundCount: number) {}

  want(): void {
    // Everything is bound.
  }

  forget(): void {
    // And stays so.
  }

  /** @throws ActionError source_unavailable when the source isn't there within 5 s */
  async confirmed(): Promise<void> {
    if (this.#isOpen) return;
    await new Promise<void>((resolve, reject) => {
      const open = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(open);
        resolve();
      };
      const timer = setTimeout(() => {
        this.#waiting.delete(open);
        reject(new ActionError('source_unavailable', 'the event source is not there; try again'));
      }, confirmMs);
      this.#waiting.add(open);
    });
  }

  onUp(): void {
    this.#isOpen = true;
    for (const open of this.#waiting) open();
  }

  onDown(): void {
    this.#isOpen = false;
  }

  tick(): void {
    // Nothing changes by itself.
  }

  async stop(): Promise<void> {
    // History goes on for those who come back.
  }
}
