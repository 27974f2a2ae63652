/** What is dispatched at a Horizon. */
import type { Held } from './held.ts';
import type { HorizonError } from './horizon-error.ts';
import { guarded } from './surroundings.ts';
import type { FailureEvent, GapEvent, Horizon } from './types.ts';

type TypedTarget = Pick<Horizon, 'addEventListener' | 'removeEventListener'> & { dispatchEvent(event: Event): boolean };

type Listener = ((event: Event) => unknown) | { handleEvent(event: Event): unknown };

/** An EventTarget where a listener that throws ends nothing: Node ends the whole process otherwise. */
class GuardedEventTarget extends EventTarget {
  readonly #guarded = new WeakMap<Listener, (event: Event) => void>();

  override addEventListener(
    type: string,
    listener: Listener,
    options?: Parameters<EventTarget['addEventListener']>[2],
  ): void {
    super.addEventListener(type, this.#guard(listener), options);
  }

  override removeEventListener(type: string, listener: Listener): void {
    super.removeEventListener(type, this.#guard(listener));
  }

  /** The same for the same listener, so that one that is added twice is told once, and can be removed. */
  #guard(listener: Listener): (event: Event) => void {
    const guard =
      this.#guarded.get(listener) ??
      ((event) =>
        void guarded(() =>
          typeof listener === 'function' ? listener.call(this, event) : listener.handleEvent(event),
        ));
    // Itself as well: what ends by a signal may be removed by the guard's name.
    this.#guarded.set(listener, guard).set(guard, guard);
    return guard;
  }
}

/** An EventTarget whose listeners know what they are told. */
export const TypedEventTarget = GuardedEventTarget as unknown as new () => TypedTarget;

export class Gap extends Event implements GapEvent {
  readonly accounts: readonly string[];
  readonly bindings: readonly string[];

  /** @param accountOf of those without one: the token's own; empty where that isn't known */
  constructor(
    helds: readonly Held[],
    accountOf: (held: Held) => string,
    readonly reason: string,
  ) {
    super('gap');
    this.accounts = [...new Set(helds.map(accountOf))];
    this.bindings = [...new Set(helds.map(({ binding }) => binding))];
  }
}

export class Failure extends Event implements FailureEvent {
  readonly account: string | undefined;
  readonly bindings: readonly string[];

  constructor(
    helds: readonly Held[],
    readonly error: HorizonError,
  ) {
    super('error');
    this.account = helds[0]?.account;
    this.bindings = helds.map(({ binding }) => binding);
  }
}
