/**
 * Finds out that a connection is dead, which neither browsers nor Node notice by themselves: an unanswered ping tells.
 * What timers skip while a laptop sleeps, or a page isn't seen, is no silence of the server's.
 */
import { isHidden } from './surroundings.ts';

/** After so long without a word the server is asked. ms */
const quietMs = 5000;
/** In a page that nobody sees, whose timers are slow anyway. ms */
const hiddenQuietMs = 30_000;
/** The server is asked at least so often, so that the round trip is known. ms */
const measureMs = 20_000;
/** A probe takes so long. ms */
const probeMs = 3000;
/** As long as the broker may take to confirm a subscription, and a bit: the server answers in order. ms */
const busyMs = 6500;
/** A timer that is later than this has slept. ms */
const lateMs = 1000;

export interface HeartbeatListener {
  /** Sends a ping. */
  ping(): void;
  /** Since when the server is busy with a message of ours; Unix time, ms. */
  busySince(): number | undefined;
  onDead(): void;
}

export class Heartbeat {
  #heardAt = 0;
  #pingedAt = 0;
  /** When the answer to a probe is due; undefined: none is under way. */
  #deadline: number | undefined;
  #timer: ReturnType<typeof setTimeout> | undefined;
  readonly #listener: HeartbeatListener;

  constructor(listener: HeartbeatListener) {
    this.#listener = listener;
  }

  /** There is a connection. */
  start(): void {
    this.#heardAt = Date.now();
    this.#pingedAt = this.#heardAt;
    this.#deadline = undefined;
    this.#rest();
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Something came. */
  heard(): void {
    this.#heardAt = Date.now();
    if (this.#deadline === undefined) return;
    this.#deadline = undefined;
    this.#rest();
  }

  /** Asks whether the server is still there, with three seconds for the answer. */
  probe(): void {
    const now = Date.now();
    this.#pingedAt = now;
    this.#deadline = Math.max(now + probeMs, (this.#listener.busySince() ?? 0) + busyMs);
    this.#listener.ping();
    this.#wait(this.#deadline - now);
  }

  #rest(): void {
    const now = Date.now();
    const quiet = isHidden() ? hiddenQuietMs : quietMs;
    const due = Math.min(this.#heardAt + quiet, this.#pingedAt + measureMs);
    this.#wait(Math.min(Math.max(0, due - now), quiet));
  }

  #wait(ms: number): void {
    clearTimeout(this.#timer);
    const dueAt = Date.now() + ms;
    this.#timer = setTimeout(() => this.#look(dueAt), ms);
  }

  #look(dueAt: number): void {
    const now = Date.now();
    if (this.#deadline !== undefined) {
      // Who has slept may have an answer that nobody has read yet.
      if (now - dueAt > lateMs) this.probe();
      else this.#listener.onDead();
      return;
    }
    // The clock may have been set back.
    this.#heardAt = Math.min(this.#heardAt, now);
    this.#pingedAt = Math.min(this.#pingedAt, now);
    const isQuiet = now - this.#heardAt >= (isHidden() ? hiddenQuietMs : quietMs);
    if (isQuiet || now - this.#pingedAt >= measureMs) this.probe();
    else this.#rest();
  }
}
