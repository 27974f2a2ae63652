/** Slow consumers: nobody may owe this process more memory, or for longer, than the limits say. */
import type { Connection } from './connection.ts';

export interface BacklogSettings {
  readonly slowConsumerBytes: number;
  readonly slowConsumerSeconds: number;
  readonly maxUnsentBytes: number;
}

/** What is known of a socket that has something unsent. Most sockets never have one. */
interface Debt {
  /** Unsent bytes, when last looked at. */
  bytes: number;
  /** Since when (Unix time, ms) the bytes up to `mark` wait. */
  since: number;
  /** A position in the stream of all bytes that the socket was ever given. */
  mark: number;
}

export class Backlog {
  readonly #debts = new Map<Connection, Debt>();
  #total = 0;

  constructor(private readonly settings: BacklogSettings) {}

  /**
   * Looks at a socket that was just written to, or once a second.
   * Closes it when it has too much unsent, or something unsent for too long.
   */
  check(connection: Connection, now: number): void {
    const bytes = connection.raw.writableLength;
    if (bytes === 0) {
      this.forget(connection);
    } else if (connection.closeCode === undefined) {
      const waitedMs = this.#note(connection, bytes, now);
      if (bytes > this.settings.slowConsumerBytes || waitedMs > this.settings.slowConsumerSeconds * 1000) {
        this.forget(connection);
        connection.close('slow_consumer');
      }
    }
  }

  /** @returns how long the oldest unsent byte has waited, ms */
  #note(connection: Connection, bytes: number, now: number): number {
    const given = connection.raw.bytesWritten;
    let debt = this.#debts.get(connection);
    if (debt === undefined) {
      debt = { bytes: 0, since: now, mark: given };
      this.#debts.set(connection, debt);
    } else if (given - bytes >= debt.mark) {
      // Everything up to the mark has left; from now on what has been given by now is watched.
      debt.mark = given;
      debt.since = now;
    }
    this.#total += bytes - debt.bytes;
    debt.bytes = bytes;
    return now - debt.since;
  }

  forget(connection: Connection): void {
    const debt = this.#debts.get(connection);
    if (debt === undefined) return;
    this.#total -= debt.bytes;
    this.#debts.delete(connection);
  }

  /** Closes those with the most unsent until the rest is within MAX_UNSENT_BYTES. */
  checkTotal(): void {
    if (this.#total <= this.settings.maxUnsentBytes) return;
    this.#recount();
    const byDebt = [...this.#debts].sort(([, a], [, b]) => b.bytes - a.bytes);
    for (const [connection] of byDebt) {
      if (this.#total <= this.settings.maxUnsentBytes) return;
      this.forget(connection);
      connection.close('slow_consumer');
    }
  }

  /** Sockets drain without telling; what they were last seen to owe may be long paid. */
  #recount(): void {
    for (const [connection, debt] of this.#debts) {
      const bytes = connection.raw.writableLength;
      this.#total += bytes - debt.bytes;
      debt.bytes = bytes;
    }
  }
}
