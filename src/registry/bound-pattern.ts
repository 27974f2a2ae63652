/** What is known of a pattern at the broker. `binder.ts` acts on it. */
import type { FamilyName, Pattern } from '../families/family.ts';

/** Pauses between two looks for an exchange that others declare, and that is not there; each is twice the one before. */
const lookMs = { least: 1000, most: 60_000 };

export interface BoundPattern {
  readonly key: string;
  readonly pattern: Pattern;
  /** The families that have wanted it: those that share an exchange may need the same. */
  readonly families: Set<FamilyName>;
  /** The broker holds it, or may. */
  isBound: boolean;
  /** It may as well not: an operation failed, is under way, or succeeded long ago. Nobody relies on it now. */
  isDoubtful: boolean;
  /** Its exchange is optional and could not be bound when it was last looked for: nobody waits for it. */
  isMissed: boolean;
  /** Pause before the next look. */
  pauseMs: number;
  isBusy: boolean;
  /** Of `performance.now()`, as all times here: a wall clock that is set back would put off audits and retries. */
  confirmedAt: number;
  retryAt: number;
}

export function notBound(key: string, pattern: Pattern, family: FamilyName): BoundPattern {
  return {
    key,
    pattern,
    families: new Set([family]),
    isBound: false,
    isDoubtful: false,
    isMissed: false,
    pauseMs: 0,
    isBusy: false,
    confirmedAt: 0,
    retryAt: 0,
  };
}

/** The broker holds it for certain. */
export function isHeld({ isBound, isDoubtful }: BoundPattern): boolean {
  return isBound && !isDoubtful;
}

/** Whoever needs it need not wait: it is held, or it is optional and can't be had. */
export function isRelied(state: BoundPattern): boolean {
  return isHeld(state) || state.isMissed;
}

/**
 * A pattern on an exchange that others declare could not be bound.
 * @param isAbsent its exchange is not there; otherwise the broker may have bound it all the same
 * @param isUrgent somebody waits for it
 * @param now `performance.now()`
 */
export function miss(state: BoundPattern, isAbsent: boolean, isUrgent: boolean, now: number): void {
  state.isBound = !isAbsent;
  state.isMissed = state.pattern.isOptional === true;
  state.confirmedAt = now;
  state.pauseMs = isUrgent ? lookMs.least : Math.min(lookMs.most, Math.max(lookMs.least, state.pauseMs * 2));
  state.retryAt = now + state.pauseMs;
}
