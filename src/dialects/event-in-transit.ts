/** An event on its way to its receivers, in whichever dialects they speak: each message is made once. */
import type { EventMessage } from '../protocol/event-message.ts';
import type { Dialect, ReadEvent, Rendering, SubscribedBinding } from './dialect.ts';

export class EventInTransit {
  /** Why a dialect could not say the event; undefined while all that were asked could. */
  failure: unknown;

  /** One entry a dialect that somebody asked for; no rendering where it failed. There are few, so a list is enough. */
  readonly #dialects: Dialect[] = [];
  readonly #renderings: (Rendering | undefined)[] = [];

  /** The answer given last: nearly always the same is asked for again. */
  #lastDialect: Dialect | undefined;
  #lastBinding: SubscribedBinding | undefined;
  #lastIsResumable = false;
  #lastMessage: EventMessage | undefined;

  #cursor: string | undefined;

  /** @param cursorOf makes the event's cursor, where there is a history and somebody asks for it */
  constructor(
    private readonly read: ReadEvent,
    private readonly cursorOf?: () => string,
  ) {}

  /**
   * @param isResumable with its cursor, where there is one
   * @returns undefined where the event can't be said in that dialect; those of others still get it
   */
  message(dialect: Dialect, binding: SubscribedBinding, isResumable = false): EventMessage | undefined {
    const isLast = dialect === this.#lastDialect && binding === this.#lastBinding;
    if (isLast && isResumable === this.#lastIsResumable) return this.#lastMessage;
    if (isResumable) this.#cursor ??= this.cursorOf?.();
    this.#lastMessage = this.#make(dialect, binding, isResumable ? this.#cursor : undefined);
    this.#lastDialect = dialect;
    this.#lastBinding = binding;
    this.#lastIsResumable = isResumable;
    return this.#lastMessage;
  }

  #make(dialect: Dialect, binding: SubscribedBinding, cursor: string | undefined): EventMessage | undefined {
    let at = this.#dialects.indexOf(dialect);
    if (at < 0) at = this.#dialects.push(dialect) - 1;
    try {
      if (this.#renderings.length === at) this.#renderings.push(dialect.render(this.read));
      return this.#renderings[at]?.message(binding, cursor);
    } catch (error) {
      // Nested so deeply that the stack ends, for instance. Those who get it in the publisher's own words lose nothing.
      this.failure = error;
      this.#renderings[at] = undefined;
      return undefined;
    }
  }
}
