/**
 * Makes the plan so at the broker. One loop a pattern compares what is planned with what is bound and does the next
 * operation, one at a time: so a subscribe and an unsubscribe that race on a pattern can't lose it, and subscribe,
 * unsubscribe, recovery, a switch to coarse patterns and the stop are all the same loop.
 */
import { type Bus, ExchangeAbsent } from '../bus.ts';
import { late, withDeadline } from '../deadline.ts';
import { ActionError } from '../errors.ts';
import type { FamilyName, Pattern } from '../families/family.ts';
import type { Log } from '../log.ts';
import { TokenBucket } from '../token-bucket.ts';
import { type BoundPattern, isHeld, isRelied, miss, notBound } from './bound-pattern.ts';
import { type Plan, patternKey } from './plan.ts';
import { type Waiter, Waiters } from './waiters.ts';

/** How long a subscribe waits for the broker. */
const confirmMs = 5000;
/**
 * An exchange that somebody deletes takes its bindings with it, and nobody tells us. So a pattern that a subscribe relies
 * on is bound again, and every pattern is this often.
 */
const auditMs = 10_000;
/** A storm of subscribes would bind the same again and again. Beyond so many a second what was bound lately is trusted. */
const rebindsPerSecond = 100;
const trustMs = 2000;
/** Pause after an operation that the broker refused. */
const retryMs = 1000;

export class Binder {
  readonly #patterns = new Map<string, BoundPattern>();
  readonly #waiters = new Waiters();
  /** Counts connections: what an operation on an earlier one came to says nothing of the present queue. */
  #connection = 0;
  /** What may be bound again before it is trusted. */
  readonly #rebinds = new TokenBucket({ perSecond: rebindsPerSecond, burst: rebindsPerSecond });
  #stopping = false;

  constructor(
    private readonly bus: Pick<Bus, 'isUp' | 'bind' | 'unbind'>,
    private readonly plan: Plan,
    private readonly families: readonly FamilyName[],
    private readonly log: Log,
  ) {}

  /** Patterns that the broker holds for this node. */
  get boundCount(): number {
    let count = 0;
    for (const { isBound } of this.#patterns.values()) if (isBound) count += 1;
    return count;
  }

  /**
   * Puts an interest's patterns into the plan. Whoever calls this calls `forget` once for it, confirmed or not.
   * @throws ActionError too_many_bindings when this node would have to hold more than it may
   */
  want(family: FamilyName, patterns: readonly Pattern[]): void {
    const changed = this.plan.add(family, patterns);
    if (changed === undefined) {
      throw new ActionError(
        'too_many_bindings',
        'too many bindings: this node may not hold more patterns at the broker',
      );
    }
    for (const switched of changed) {
      this.log.info({ family: switched, patterns: this.plan.size }, 'a family switched to coarse patterns');
      this.#sync(switched);
    }
    for (const pattern of patterns) {
      const key = patternKey(pattern);
      if (this.plan.wants(family, key)) this.#drive(this.#state(key, pattern, family));
    }
  }

  forget(family: FamilyName, patterns: readonly Pattern[]): void {
    if (this.plan.remove(family, patterns)) this.#sync(family);
    for (const pattern of patterns) {
      const state = this.#patterns.get(patternKey(pattern));
      if (state !== undefined) this.#drive(state);
    }
  }

  /**
   * Resolves when the broker holds everything that these patterns need, finely or coarsely: what is published from then
   * on comes here.
   * @throws ActionError source_unavailable when that takes longer than 5 s
   */
  async confirmed(family: FamilyName, patterns: readonly Pattern[]): Promise<void> {
    const fine = patterns.map(patternKey);
    const coarse = [...this.plan.coarsePatterns(family).keys()];
    this.#doubt([...fine, ...coarse]);
    const ways = [fine, coarse].map((keys) => ({
      keys,
      pending: new Set(keys.filter((key) => !this.#isRelied(key))),
    }));
    if (ways.some(({ pending }) => pending.size === 0)) return;
    let waiters: readonly Waiter[] = [];
    const held = new Promise<void>((resolve) => {
      waiters = ways.map((way) => ({ ...way, resolve }));
      for (const waiter of waiters) this.#waiters.add(waiter);
    });
    const outcome = await withDeadline(confirmMs, held);
    for (const waiter of waiters) this.#waiters.remove(waiter);
    if (outcome === late) {
      throw new ActionError('source_unavailable', 'the broker did not confirm the subscription in time; try again');
    }
  }

  /** The broker is (again) there, with an empty queue. */
  onUp(): void {
    for (const state of this.#patterns.values()) state.retryAt = 0;
    for (const family of this.families) this.#sync(family);
  }

  onDown(): void {
    this.#connection += 1;
    this.#waiters.revokeAll();
    for (const state of this.#patterns.values()) {
      state.isBound = false;
      state.isDoubtful = false;
      state.isMissed = false;
      this.#dropIfUnused(state);
    }
  }

  /** Once a second: lets families go fine again, retries what failed, and confirms again what was long not confirmed. */
  tick(now: number): void {
    for (const family of this.plan.refine(now)) {
      this.log.info({ family, patterns: this.plan.size }, 'a family switched to fine patterns');
      this.#sync(family);
    }
    for (const state of this.#patterns.values()) {
      if (state.isBound && now - state.confirmedAt > auditMs) state.isDoubtful = true;
      this.#drive(state);
    }
  }

  /** Unbinds everything, so that closing the queue costs publishers nothing. Gives up when the broker is away. */
  async stop(): Promise<void> {
    this.#stopping = true;
    const deadline = performance.now() + confirmMs;
    for (;;) {
      for (const state of this.#patterns.values()) this.#drive(state);
      if (this.#patterns.size === 0 || !this.bus.isUp || performance.now() >= deadline) return;
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  }

  /** Starts whatever a family's plan asks for now, and ends what it asks for no more. */
  #sync(family: FamilyName): void {
    for (const [key, pattern] of this.plan.target(family)) this.#drive(this.#state(key, pattern, family));
    for (const state of this.#patterns.values()) if (state.families.has(family)) this.#drive(state);
  }

  #state(key: string, pattern: Pattern, family: FamilyName): BoundPattern {
    let state = this.#patterns.get(key);
    if (state === undefined) {
      state = notBound(key, pattern, family);
      this.#patterns.set(key, state);
    } else state.families.add(family);
    return state;
  }

  #drive(state: BoundPattern): void {
    if (state.isBusy || !this.bus.isUp || this.#nextStep(state) === undefined) {
      this.#dropIfUnused(state);
      return;
    }
    state.isBusy = true;
    void this.#run(state).finally(() => {
      state.isBusy = false;
      this.#dropIfUnused(state);
      for (const family of state.families) this.#afterStep(family);
    });
  }

  /** The loop of one pattern. Never rejects: a refusal is logged and tried again later. */
  async #run(state: BoundPattern): Promise<void> {
    for (let step = this.#nextStep(state); step !== undefined && this.bus.isUp; step = this.#nextStep(state)) {
      const connection = this.#connection;
      // From the moment that an unbind is asked for nobody may rely on the pattern. A bind takes nothing away: who waits
      // for several keeps what was confirmed to him, or subscribes that overlap would wait for each other for ever.
      if (step === 'unbind') this.#waiters.revoke(state.key);
      state.isDoubtful = true;
      const failure = await this.#perform(step, state.pattern);
      if (connection !== this.#connection) continue;
      // What failed may have been done all the same, the answer being late or lost.
      state.isBound = step === 'bind' || failure !== undefined;
      state.isDoubtful = failure !== undefined;
      if (failure !== undefined && step === 'bind' && isOthers(state.pattern, failure)) {
        this.#miss(state, failure);
      } else if (failure !== undefined) {
        this.#waiters.revoke(state.key);
        state.retryAt = performance.now() + retryMs;
        if (this.bus.isUp) this.log.warn({ err: failure, pattern: state.key, step }, 'the broker refused');
      } else if (step === 'bind') {
        state.confirmedAt = performance.now();
        state.isMissed = false;
        state.pauseMs = 0;
        this.#waiters.confirm(state.key);
      }
    }
  }

  /** It is looked for again. What is optional holds up nobody: who waits for it goes on without it. */
  #miss(state: BoundPattern, failure: Error): void {
    const { key, pattern } = state;
    const isAbsent = failure instanceof ExchangeAbsent;
    if (!isAbsent && this.bus.isUp) this.log.warn({ err: failure, pattern: key }, 'the broker refused');
    if (pattern.isAwaited && state.pauseMs === 0) {
      this.log.warn({ exchange: pattern.exchange }, 'an exchange is missing that its publishers have to declare');
    }
    miss(state, isAbsent, this.#waiters.isAwaited(key), performance.now());
    if (pattern.isOptional) this.#waiters.confirm(key);
    else this.#waiters.revoke(key);
  }

  /** @returns what went wrong */
  async #perform(step: 'bind' | 'unbind', pattern: Pattern): Promise<Error | undefined> {
    try {
      await this.bus[step](pattern);
      return undefined;
    } catch (error) {
      return error instanceof Error ? error : new Error(String(error));
    }
  }

  #nextStep(state: BoundPattern): 'bind' | 'unbind' | undefined {
    if (state.retryAt > performance.now()) return undefined;
    if (this.#isWanted(state)) return isHeld(state) ? undefined : 'bind';
    return state.isBound && this.#isReplaced(state) ? 'unbind' : undefined;
  }

  #isWanted({ families, key }: BoundPattern): boolean {
    if (this.#stopping) return false;
    for (const family of families) if (this.plan.wants(family, key)) return true;
    return false;
  }

  /**
   * Make before break: a coarse pattern waits for all the fine ones, and these for the coarse one. A fine pattern among
   * fine ones replaces nothing and goes at once.
   */
  #isReplaced({ families, key }: BoundPattern): boolean {
    if (this.#stopping) return true;
    for (const family of families) {
      if (!this.plan.isCoarse(family) && !this.plan.coarsePatterns(family).has(key)) continue;
      for (const [planned] of this.plan.target(family)) if (!this.#isRelied(planned)) return false;
    }
    return true;
  }

  /** A step may have completed what others of its family wait for to go. */
  #afterStep(family: FamilyName): void {
    for (const state of this.#patterns.values()) {
      if (state.families.has(family) && state.isBound && !this.#isWanted(state)) this.#drive(state);
    }
  }

  #dropIfUnused(state: BoundPattern): void {
    if (state.isBusy || state.isBound || this.#isWanted(state)) return;
    this.#patterns.delete(state.key);
  }

  #isRelied(key: string): boolean {
    const state = this.#patterns.get(key);
    return state !== undefined && isRelied(state);
  }

  /** Has patterns confirmed again that somebody is about to rely on. */
  #doubt(keys: readonly string[]): void {
    const now = performance.now();
    for (const key of keys) {
      const state = this.#patterns.get(key);
      if (state === undefined) continue;
      if (!isRelied(state)) {
        // Who comes now doesn't wait for the end of a long pause.
        if (state.pauseMs > 0 && now - state.confirmedAt > retryMs) state.retryAt = 0;
        this.#drive(state);
        continue;
      }
      if ((state.isMissed || !this.#rebinds.take(now)) && now - state.confirmedAt <= trustMs) continue;
      state.isDoubtful = true;
      if (state.isMissed) {
        state.isMissed = false;
        state.retryAt = 0;
      }
      this.#drive(state);
    }
  }
}

/** Whether a failure to bind is no fault of the broker's or ours: the exchange is others' to declare. */
function isOthers(pattern: Pattern, failure: Error): boolean {
  return pattern.isOptional === true || failure instanceof ExchangeAbsent;
}
