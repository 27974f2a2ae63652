/** An event on its way to its receivers, in whichever dialects they speak: each message is made once. */
import type { EventMessage } from '../protocol/event-message.ts';
import type { Dialect, ReadEvent, Rendering, SubscribedBinding } from './dialect.ts';

/** What some of the receivers are told: a dialect, with or without cursors. */
interface Voice {
  readonly dialect: Dialect;
  readonly isResumable: boolean;
  /** Undefined where the dialect can't say the event. */
  rendering: Rendering | undefined;
  /** The one asked for last: all who hold a binding come one after the other. */
  binding: SubscribedBinding | undefined;
  message: EventMessage | undefined;
}

export class EventInTransit {
  /** Why a dialect could not say the event; undefined while all that were asked could. */
  failure: unknown;

  /** Those that somebody asked for. There are few, so a walk over the list is quicker than a look into a map. */
  readonly #voices: Voice[] = [];
  #cursor: string | undefined;

  /** @param cursorOf makes the event's cursor, where there is a history and somebody asks for it */
  constructor(
    private readonly read: ReadEvent,
    private readonly cursorOf?: () => string,
  ) {}

  /**
   * Hot: called for every delivery.
   * @param isResumable with its cursor, where there is one
   * @returns undefined where the event can't be said in that dialect; those of others still get it
   */
  message(dialect: Dialect, binding: SubscribedBinding, isResumable = false): EventMessage | undefined {
    for (const voice of this.#voices) {
      if (voice.dialect === dialect && voice.isResumable === isResumable) {
        return isSaid(voice.binding, binding) ? voice.message : this.#say(voice, binding);
      }
    }
    return this.#say(this.#begin(dialect, isResumable), binding);
  }

  #begin(dialect: Dialect, isResumable: boolean): Voice {
    // What the dialect made of the event is the same with and without cursors.
    const same = this.#voices.find((voice) => voice.dialect === dialect);
    const voice: Voice = { dialect, isResumable, rendering: undefined, binding: undefined, message: undefined };
    this.#voices.push(voice);
    voice.rendering = same === undefined ? this.#try(() => dialect.render(this.read)) : same.rendering;
    return voice;
  }

  #say(voice: Voice, binding: SubscribedBinding): EventMessage | undefined {
    if (voice.isResumable) this.#cursor ??= this.cursorOf?.();
    const cursor = voice.isResumable ? this.#cursor : undefined;
    voice.message = this.#try(() => voice.rendering?.message(binding, cursor));
    voice.binding = binding;
    // Once is enough: it would fail for all others as well.
    if (voice.message === undefined) voice.rendering = undefined;
    return voice.message;
  }

  /** An event may be nested so deeply that the stack ends, for instance. Those who get it in the publisher's own words lose nothing. */
  #try<T>(make: () => T): T | undefined {
    try {
      return make();
    } catch (error) {
      this.failure = error;
      return undefined;
    }
  }
}

/** One binding with several filters makes several interests, whose messages are the same but for their tails. */
function isSaid(last: SubscribedBinding | undefined, binding: SubscribedBinding): boolean {
  if (last === binding) return true;
  if (last === undefined || last.includesSubaccounts !== binding.includesSubaccounts) return false;
  return last.text === binding.text && last.account === binding.account;
}
