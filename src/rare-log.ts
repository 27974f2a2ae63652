/** Keeps what happens again and again, at somebody else's will, from filling the disk with log lines. */
import type { Log } from './log.ts';

const everyMs = 60_000;

interface Reported {
  /** Of `performance.now()`, ms. */
  readonly at: number;
  /** How many were held back since. */
  held: number;
}

/**
 * Logs one line a minute for each kind, with how many were held back since the one before (`alsoSinceLastReport`). The kinds
 * are few and our own: they are kept for good.
 */
export class RareLog<Kind extends string = string> {
  readonly #reported = new Map<Kind, Reported>();

  constructor(private readonly log: Log) {}

  warn(kind: Kind, fields: object, message: string): void {
    this.#write('warn', kind, fields, message);
  }

  error(kind: Kind, fields: object, message: string): void {
    this.#write('error', kind, fields, message);
  }

  #write(level: 'warn' | 'error', kind: Kind, fields: object, message: string): void {
    const now = performance.now();
    const last = this.#reported.get(kind);
    if (last !== undefined && now - last.at < everyMs) {
      last.held += 1;
      return;
    }
    this.#reported.set(kind, { at: now, held: 0 });
    this.log[level]({ ...fields, alsoSinceLastReport: last?.held ?? 0 }, message);
  }
}
