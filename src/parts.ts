/** The parts of a running server: started in their order, told of every second, stopped in the order turned round. */
import { type Clock, startClock } from './clock.ts';
import type { Log } from './log.ts';

/** Something that runs for as long as the server does. */
export interface Part {
  /** For the log. */
  readonly name: string;
  /** A part that can't start throws, and ends the start. */
  start?(): void | Promise<void>;
  /**
   * Called once a second while the part runs, just behind the full second.
   * @param date Unix time, ms: for what hangs on dates. What only waits goes by `performance.now()`, which is never set.
   */
  tick?(date: number): void;
  /** Everything that was started after it is stopped already. */
  stop?(): void | Promise<void>;
}

export class Parts {
  /** In the order in which they were started. */
  readonly #running: Part[] = [];
  #clock: Clock | undefined;

  constructor(
    private readonly parts: readonly Part[],
    private readonly log: Log,
  ) {}

  async start(): Promise<void> {
    for (const part of this.parts) {
      await part.start?.();
      this.#running.push(part);
    }
    this.#clock = startClock((date) => this.#tick(date));
  }

  /** A part that fails to stop doesn't keep the others from it. @throws what the first of those threw, at the end */
  async stop(): Promise<void> {
    const failures: unknown[] = [];
    for (let part = this.#running.pop(); part !== undefined; part = this.#running.pop()) {
      try {
        await part.stop?.();
      } catch (error) {
        failures.push(error);
        this.log.error({ err: error, part: part.name }, 'a part of the server failed to stop');
      }
    }
    this.#clock?.stop();
    if (failures.length > 0) throw failures[0];
  }

  #tick(date: number): void {
    for (const part of this.#running) {
      try {
        part.tick?.(date);
      } catch (error) {
        this.log.error({ err: error, part: part.name }, 'fault in what a part of the server does every second');
      }
    }
  }
}
