/**
 * One stay with the broker: from the moment that both connections are there until either fails. It finds the stream, reads
 * it from where the last stay ended (or as far back as the ring may hold), and is up once it has reached the end and knows
 * that everything is bound.
 */
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ChannelModel } from 'amqplib';
import { messageOf } from '../errors.ts';
import { newCursorKey } from '../history/cursor.ts';
import type { HistoryListener } from '../history/source.ts';
import type { Log } from '../log.ts';
import { ensureStream, positionAt, type StreamSettings } from './stream-declare.ts';
import { StreamLooks, type WatchedExchange } from './stream-looks.ts';
import type { Fence, OwnMessage } from './stream-messages.ts';
import { type LastRead, type StreamDelivery, StreamReader } from './stream-reader.ts';
import { TopologyChannel } from './topology-channel.ts';

/** The epoch as fences repeat it. Of two, the one that was born first is the stream's. */
export type KnownEpoch = NonNullable<Fence['epoch']>;

export interface RunSettings extends StreamSettings {
  readonly exchanges: readonly WatchedExchange[];
  /** Events that the ring may hold at most: nothing farther back is read. */
  readonly maxEvents: number;
  readonly prefetch: number;
}

/** What is kept from stay to stay. */
export interface StreamMemory {
  last: LastRead | undefined;
  epoch: KnownEpoch | undefined;
}

export interface RunListener extends HistoryListener {
  /** @param isLate before the end was reached: what was published while this node was away */
  onEvent(delivery: StreamDelivery, isLate: boolean): void;
  /** A fence came out of the stream. @param agoMs since it was sent */
  onFence(fence: Fence, agoMs: number): void;
  /** It is over. Told once. */
  onFailed(reason: string): void;
}

/** A fence that doesn't come out while nothing else does: the stream that is read is not the one that is written. ms */
const stuckMs = 10_000;

export class StreamRun {
  readonly looks: StreamLooks;
  #reader: StreamReader | undefined;
  #isOver = false;
  #isAtEnd = false;
  /** Where reading began and, as far as is known, the end is. */
  #start = 0;
  #end = 0;
  /** Told of every message that was read; an event is `nothing` to them. */
  readonly #waiting = new Set<(message: OwnMessage | 'nothing') => void>();
  #fail: (error: Error) => void = () => undefined;
  readonly #failed: Promise<never>;
  #readAt = performance.now();
  /** When the broker took no messages last. */
  #blockedAt = 0;

  constructor(
    private readonly settings: RunSettings,
    private readonly memory: StreamMemory,
    private readonly reading: ChannelModel,
    publisher: () => ChannelModel | undefined,
    private readonly isBlocked: () => boolean,
    private readonly listener: RunListener,
    private readonly log: Log,
  ) {
    this.looks = new StreamLooks(settings.name, settings.exchanges, new TopologyChannel(reading), publisher, log);
    this.#failed = new Promise((_, reject) => {
      this.#fail = reject;
    });
    // Looked at where something is waited for; elsewhere the listener has been told.
    this.#failed.catch(() => undefined);
  }

  /** How far it is with what was published before, 0 to 1. */
  get progress(): number {
    const { last } = this.memory;
    if (last === undefined || this.#end <= this.#start) return 0;
    return Math.min(1, Math.max(0, (last.position - this.#start) / (this.#end - this.#start)));
  }

  get reader(): StreamReader | undefined {
    return this.#reader;
  }

  /** Resolves when it is up. Rejects when it failed; the listener was told then. */
  async begin(): Promise<void> {
    try {
      await Promise.race([this.#begin(), this.#failed]);
    } catch (error) {
      this.over(messageOf(error));
      throw error;
    }
  }

  async #begin(): Promise<void> {
    this.looks.isStreamNew = await ensureStream(this.reading, this.settings, this.log);
    const opening = await this.#writeOpening();
    await this.#read(opening);
    if (this.memory.epoch === undefined) await this.#nameEpoch();
    if (this.isBlocked()) return;
    await this.looks.look(this.memory.epoch);
    // The marks around it are met before anybody is told that the source is there.
    if (await this.looks.mendUnwatched()) await this.looks.look(this.memory.epoch);
  }

  /** @returns the look that the opening fence names; undefined where the broker takes no messages */
  async #writeOpening(): Promise<string | undefined> {
    const look = randomUUID();
    const fence: Fence = { kind: 'fence', look, time: Date.now(), scope: '', looked: [], missing: [] };
    const { epoch } = this.memory;
    const written = this.looks.write(epoch === undefined ? fence : { ...fence, epoch });
    // An alarm is told when something is published, and what was published then waits for its end.
    await Promise.race([written, this.#untilBlocked()]);
    written.catch(() => undefined);
    return this.isBlocked() ? undefined : look;
  }

  async #untilBlocked(): Promise<void> {
    while (!this.isBlocked() && !this.#isOver) await pause(20);
  }

  /** Reads from where the last stay ended, or as far back as is of use. Resolves at the end. */
  async #read(opening: string | undefined): Promise<void> {
    const { name } = this.settings;
    const end = await positionAt(this.reading, name, 'last');
    // The last chunk begins behind all that was read before, since the opening fence has been written after it.
    if (
      this.memory.last !== undefined &&
      opening !== undefined &&
      end !== undefined &&
      end <= this.memory.last.position
    ) {
      this.#forget('the stream was made anew');
    }
    const behind = this.memory.last;
    const start = behind?.position ?? (await this.#farthestStart(end ?? 0));
    if (behind === undefined) this.listener.onBegin(start - 1);
    this.#start = start;
    this.#end = end ?? start;
    const reader = new StreamReader(
      name,
      { position: start, behind },
      {
        onEvent: (delivery) => {
          this.#onRead();
          this.listener.onEvent(delivery, !this.#isAtEnd);
          if (this.#waiting.size > 0) this.#wake('nothing');
        },
        onOwn: (message, position) => {
          this.#onRead();
          this.#onOwn(message, position);
          this.#wake(message);
        },
        onLost: (position) => this.listener.onLost(position),
        onEnd: (ending, detail) => {
          if (ending === 'deleted' || ending === 'made anew') this.#forget(detail);
          this.over(detail);
        },
      },
    );
    this.#reader = reader;
    const reached =
      opening === undefined
        ? this.#until(() => (reader.last?.position ?? -1) >= (end ?? 0))
        : this.#until((message) => message !== 'nothing' && message.kind === 'fence' && message.look === opening);
    await reader.start(this.reading, this.settings.prefetch);
    if (opening !== undefined || end !== undefined) await reached;
    this.#isAtEnd = true;
  }

  /** Two looks into the stream and one at the clock say how far back reading is of use. */
  async #farthestStart(end: number): Promise<number> {
    const { name, maxAgeSeconds, maxEvents } = this.settings;
    const since = Math.floor(Date.now() / 1000) - maxAgeSeconds;
    const first = await positionAt(this.reading, name, 'first');
    const young = await positionAt(this.reading, name, { '!': 'timestamp', value: since });
    return Math.max(first ?? 0, young ?? 0, end - maxEvents);
  }

  /** The first node at a new stream names it; of several the first message counts. */
  async #nameEpoch(): Promise<void> {
    if (this.isBlocked()) {
      throw new Error('the broker takes no messages now (a memory or disk alarm), and a new stream must be written to');
    }
    const named = this.#until(() => this.memory.epoch !== undefined);
    await this.looks.write({ kind: 'epoch', id: randomUUID(), key: newCursorKey() });
    await named;
  }

  /** Resolves at the first message for which it is so. */
  async #until(condition: (message: OwnMessage | 'nothing') => boolean): Promise<void> {
    await new Promise<void>((resolve) => {
      const look = (message: OwnMessage | 'nothing'): void => {
        if (!condition(message)) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
    });
  }

  #onRead(): void {
    this.memory.last = this.#reader?.last;
    this.#readAt = performance.now();
  }

  #onOwn(message: OwnMessage | 'nothing', position: number): void {
    if (message === 'nothing') {
      this.listener.onPass(position);
    } else if (message.kind === 'epoch') {
      this.listener.onPass(position);
      this.#learnEpoch({ id: message.id, key: message.key, born: position });
    } else if (message.kind === 'mark') {
      const { families, when } = message;
      if (when === 'behind') this.looks.onMended(families);
      this.listener.onMark({ position, families, isBegin: when === 'before' });
    } else if (message.kind === 'canary') {
      this.listener.onPass(position);
      this.looks.onCanary(message.look, message.exchange);
    } else {
      const agoMs = Math.max(0, Date.now() - message.time);
      this.listener.onMoment(position, agoMs);
      if (message.epoch !== undefined) this.#learnEpoch(message.epoch);
      this.listener.onFence(message, agoMs);
      this.looks.onFence(message);
    }
  }

  #wake(message: OwnMessage | 'nothing'): void {
    for (const look of this.#waiting) look(message);
  }

  /** Nodes that meet at an empty stream may name it both; the older name is everybody's. */
  #learnEpoch(epoch: KnownEpoch): void {
    const known = this.memory.epoch;
    if (known !== undefined && (known.id === epoch.id || known.born <= epoch.born)) return;
    this.memory.epoch = epoch;
    this.listener.onEpoch(epoch);
  }

  /**
   * Once a while. A reader that stands still while something must come is at the wrong stream; a look whose fence doesn't
   * come among all that does was lost with a broker of the cluster, and is not waited for.
   */
  check(): void {
    const now = performance.now();
    // Under an alarm nothing can come; what was written then comes some time after it.
    if (this.isBlocked()) this.#blockedAt = now;
    const { lookingSince } = this.looks;
    if (lookingSince === undefined) return;
    const begunAt = Math.max(lookingSince, this.#blockedAt);
    if (now - begunAt < stuckMs) return;
    if (now - this.#readAt < stuckMs) this.looks.end('a look did not come back');
    else this.over('nothing comes out of the stream that was written into it');
  }

  /** What is known is of a stream that is gone. */
  #forget(reason: string): void {
    this.log.error({ stream: this.settings.name, reason }, 'the history is lost: all cursors are void');
    this.memory.last = undefined;
    this.memory.epoch = undefined;
  }

  /** Ends it, told or not. */
  over(reason: string): void {
    if (this.#isOver) return;
    this.stop(reason);
    this.listener.onFailed(reason);
  }

  /** Ends it without a word. */
  stop(reason = 'this node stops'): void {
    this.#isOver = true;
    this.#reader?.stop();
    this.looks.end(reason);
    this.#fail(new Error(reason));
  }
}
