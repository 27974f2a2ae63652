/**
 * The way out. What a socket is owed during a turn of the event loop is gathered and leaves in one write at the turn's
 * end: the write call is what a delivery costs. Everything that a socket is sent goes through here, so the order of
 * events, replies, pings and closes is the order in which they were sent.
 */
import { performance } from 'node:perf_hooks';
import { Batch } from './batch.ts';
import type { WireFrame } from './frame.ts';

/** A socket, as the outbox sees it. The fields below `write` are the outbox's own notes. */
export interface Recipient {
  /** Whether frames may still be sent. */
  readonly isOpen: boolean;
  write(bytes: Buffer): void;
  /** Holds writes back until `uncork`, so that several leave as one. */
  cork(): void;
  uncork(): void;
  /** Bytes written that have not left. 0: the kernel has copied all of them. */
  readonly unsentBytes: number;

  /** What it is owed; undefined: nothing, and it is in no queue. */
  batch: Batch | undefined;
  /** What fills the holes of its batch. */
  tail: Buffer | undefined;
  /** What comes before its batch: where frames are its own, or the tail changed on the way. */
  spilled: Buffer[] | undefined;
}

export interface OutboxListener<T> {
  /** A flush begins: everything sent until now is part of it. */
  onFlushStart(): void;
  /** Everything that was sent before that flush began was handed to the sockets. */
  onFlushed(): void;
  /** The socket didn't take all. */
  onUnsent(recipient: T): void;
}

/** A flush that takes longer than this lets other work come in between: one event may go to ten thousands. ms */
const sliceMs = 10;
/** How often the clock is looked at: after so many writes, or so many bytes. A socket that catches up is given 64 KiB at once. */
const writesPerLook = 32;
const bytesPerLook = 262_144;

export class Outbox<T extends Recipient> {
  /** Where batches of this turn begin. */
  #root = Batch.root();
  /** Owed something since the last flush began. */
  #waiting: T[] = [];
  /** Being written. */
  #flushing: T[] = [];
  #cursor = 0;
  /** A flush is scheduled, or in the middle of its slices. */
  #isUnderWay = false;
  /** Another one is to follow. */
  #isWanted = false;

  constructor(private readonly listener: OutboxListener<T>) {}

  /** Owes a frame that others are owed too. Hot: called for every delivery. */
  add(recipient: T, frame: WireFrame, tail: Buffer | undefined): void {
    if (recipient.batch === undefined) this.#enqueue(recipient);
    if (tail !== undefined && recipient.tail !== tail) this.#changeTail(recipient, tail);
    recipient.batch = (recipient.batch as Batch).with(frame);
  }

  /** Owes bytes that nobody else gets. */
  addOwn(recipient: T, bytes: Buffer): void {
    if (recipient.batch === undefined) this.#enqueue(recipient);
    this.#spill(recipient);
    recipient.spilled?.push(bytes);
  }

  /** Has the flush happen at the end of this turn, also when nobody is owed anything. */
  schedule(): void {
    this.#isWanted = true;
    if (this.#isUnderWay) return;
    this.#isUnderWay = true;
    setImmediate(this.#startFlush);
  }

  /** Writes at once what one socket is owed: before it is closed. */
  flushNow(recipient: T): void {
    if (recipient.batch !== undefined) this.#write(recipient);
  }

  #enqueue(recipient: T): void {
    recipient.batch = this.#root;
    this.#waiting.push(recipient);
    this.schedule();
  }

  /** A batch has one tail. The first one costs nothing; another one begins a new batch. */
  #changeTail(recipient: T, tail: Buffer): void {
    if (recipient.tail !== undefined) this.#spill(recipient);
    recipient.tail = tail;
  }

  /** Turns the batch so far into bytes, and begins a new one. */
  #spill(recipient: T): void {
    const batch = recipient.batch as Batch;
    recipient.spilled ??= [];
    if (batch.bytes > 0) recipient.spilled.push(ownBytes(batch, recipient.tail));
    recipient.batch = this.#root;
    recipient.tail = undefined;
  }

  readonly #startFlush = (): void => {
    this.#isWanted = false;
    this.listener.onFlushStart();
    // Who is owed something from here on begins a tree of its own; the old one goes when it is written.
    this.#root = Batch.root();
    const flushed = this.#flushing;
    this.#flushing = this.#waiting;
    flushed.length = 0;
    this.#waiting = flushed;
    this.#cursor = 0;
    this.#flush();
  };

  readonly #flush = (): void => {
    const startedAt = performance.now();
    const queue = this.#flushing;
    let writes = 0;
    let bytes = 0;
    while (this.#cursor < queue.length) {
      const recipient = queue[this.#cursor++] as T;
      writes += 1;
      bytes += recipient.batch?.bytes ?? 0;
      if (recipient.batch !== undefined) this.#write(recipient);
      if (writes < writesPerLook && bytes < bytesPerLook) continue;
      writes = 0;
      bytes = 0;
      if (performance.now() - startedAt > sliceMs) {
        setImmediate(this.#flush);
        return;
      }
    }
    this.listener.onFlushed();
    this.#isUnderWay = false;
    if (this.#isWanted) this.schedule();
  };

  #write(recipient: T): void {
    const { batch, tail, spilled } = recipient;
    recipient.batch = undefined;
    recipient.tail = undefined;
    if (!recipient.isOpen) {
      recipient.spilled = undefined;
      return;
    }
    if (spilled !== undefined) this.#writeSpilled(recipient, spilled, batch as Batch, tail);
    else if (tail === undefined) recipient.write((batch as Batch).joined);
    else this.#writeFilled(recipient, batch as Batch, tail);
    if (recipient.unsentBytes > 0) this.listener.onUnsent(recipient);
  }

  /**
   * Each socket's copy differs in its tails alone, so they all use one buffer, one after the other: a write that left
   * nothing behind has been copied by the kernel. Where it left something, the buffer is that socket's from then on.
   */
  #writeFilled(recipient: T, batch: Batch, tail: Buffer): void {
    if (batch.holeCount === 0) {
      recipient.write(batch.joined);
      return;
    }
    recipient.write(batch.filled(tail));
    if (recipient.unsentBytes > 0) batch.keep();
  }

  #writeSpilled(recipient: T, spilled: readonly Buffer[], batch: Batch, tail: Buffer | undefined): void {
    recipient.spilled = undefined;
    recipient.cork();
    for (const bytes of spilled) recipient.write(bytes);
    if (batch.bytes > 0) recipient.write(ownBytes(batch, tail));
    recipient.uncork();
  }
}

/** A batch's bytes that nobody else will change. */
function ownBytes(batch: Batch, tail: Buffer | undefined): Buffer {
  if (batch.holeCount === 0 || tail === undefined) return batch.joined;
  const bytes = batch.filled(tail);
  batch.keep();
  return bytes;
}
