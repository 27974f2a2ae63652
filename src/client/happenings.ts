/** What is dispatched at a Horizon. */
import type { Held } from './held.ts';
import type { HorizonError } from './horizon-error.ts';
import type { FailureEvent, GapEvent, Horizon } from './types.ts';

type TypedTarget = Pick<Horizon, 'addEventListener' | 'removeEventListener'> & { dispatchEvent(event: Event): boolean };

/** An EventTarget whose listeners know what they are told. */
export const TypedEventTarget = EventTarget as unknown as new () => TypedTarget;

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
