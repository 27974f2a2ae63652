/** What is wanted, and who gets which event. What comes twice is handed out once. */
import type { Cursors } from './cursors.ts';
import { type Held, isWanted, keyOf, newHeld, type Wish } from './held.ts';
import { HorizonError } from './horizon-error.ts';
import { isRecord, type Message, textOf } from './message.ts';
import { guarded } from './surroundings.ts';
import type { Handler, HorizonEvent, Stop, SubscribeOptions } from './types.ts';

/** So many events are remembered at least, and at most twice as many, to know them when they come again. */
const mostRemembered = 5000;

export class Subscriptions {
  readonly #helds = new Map<string, Held>();
  readonly #byBinding = new Map<string, Set<Held>>();
  /** Cursor and subscription, those of late and those of before. */
  #seen = new Set<string>();
  #seenBefore = new Set<string>();
  /** Where there are no cursors: a frame that comes for several subscriptions comes once for each. */
  #last = { text: '', times: 0 };
  /** The token's own account, as soon as it is known. */
  ownAccount: string | undefined;

  /**
   * @param onWish told when the server may have to be asked
   * @param onFault told of a subscription that is none
   */
  constructor(
    private readonly onWish: () => void,
    private readonly onFault: (error: HorizonError) => void,
  ) {}

  /** All of this moment. */
  readonly all = (): Iterable<Held> => this.#helds.values();

  readonly accountOf = ({ account }: Held): string => account ?? this.ownAccount ?? '';

  /** @param options with the account that is meant where they name none */
  add(bindings: readonly string[], handler: Handler, options: SubscribeOptions): Stop {
    let resolve: () => void = () => undefined;
    let reject: (error: HorizonError) => void = resolve;
    const ready = new Promise<void>((resolveReady, rejectReady) => {
      [resolve, reject] = [resolveReady, rejectReady];
    });
    const fault = this.#faultOf(bindings, handler, options);
    const isOver = fault !== undefined;
    // Who doesn't look at it is not punished for a refusal.
    ready.catch(isOver ? this.onFault : () => undefined);
    const helds = isOver ? [] : [...new Set(bindings)].map((binding) => this.#heldFor(binding, options));
    const wish: Wish = { handler, once: options.once === true, helds, isReady: false, isOver, resolve, reject };
    for (const held of helds) held.wishes.add(wish);
    if (isOver) reject(new HorizonError(fault, `subscribe: ${fault.replace('_', ' ')}`));
    this.confirm(helds);
    this.onWish();
    const isHeld = (): boolean => !wish.isOver && helds.every(({ state }) => state === 'held');
    return Object.defineProperty(
      Object.assign(() => this.end(wish), { ready }),
      'isHeld',
      { get: isHeld },
    ) as Stop;
  }

  /** @returns why nothing of it can be asked for: the code, which is the words as well */
  #faultOf(bindings: readonly string[], handler: unknown, options: SubscribeOptions): string | undefined {
    // What is no binding must not come among those that are asked for together: it would keep all of them out.
    if (bindings.length === 0) return 'binding_missing';
    if (typeof handler !== 'function' || !bindings.every(textOf)) return 'invalid_message';
    // The server replays nothing of what it holds already, and may hold for a moment what was stopped just now.
    const isTaken = (binding: string): boolean => {
      const known = this.#helds.get(keyOf(binding, options));
      return known !== undefined && known.cursor !== options.since;
    };
    return options.since && bindings.some(isTaken) ? 'already_held' : undefined;
  }

  #heldFor(binding: string, options: SubscribeOptions): Held {
    const key = keyOf(binding, options);
    const known = this.#helds.get(key);
    if (known !== undefined) {
      // What was refused may be asked for anew.
      if (known.state === 'refused') known.state = 'absent';
      return known;
    }
    const held = newHeld(binding, options);
    this.#helds.set(key, held);
    const siblings = this.#byBinding.get(binding);
    if (siblings === undefined) this.#byBinding.set(binding, new Set([held]));
    else siblings.add(held);
    return held;
  }

  end(wish: Wish): void {
    if (wish.isOver) return;
    wish.isOver = true;
    for (const held of wish.helds) {
      held.wishes.delete(wish);
      this.#forgetUnwanted(held);
    }
    wish.resolve();
    this.onWish();
  }

  /** Those whose subscriptions are all held now are told. */
  confirm(helds: Iterable<Held>): void {
    for (const { wishes } of helds) {
      for (const wish of wishes) {
        if (wish.isReady || !wish.helds.every(({ state }) => state === 'held')) continue;
        wish.isReady = true;
        wish.resolve();
      }
    }
  }

  /** Nobody waits any longer to hear that it is held; it is wanted all the same. */
  disappoint(error: HorizonError): void {
    for (const { wishes } of this.#helds.values()) for (const { reject } of wishes) reject(error);
  }

  /**
   * The server refuses. Who asked for the first time gets nothing of what they asked for together; what was held before
   * is asked for again on the next connection, or with the next token.
   */
  refuse(held: Held, error: HorizonError): void {
    Object.assign(held, { state: 'refused', isDoubted: false, isReplaying: false });
    for (const wish of [...held.wishes]) {
      if (wish.isReady) continue;
      wish.reject(error);
      this.end(wish);
    }
  }

  /** The server has ended them, as we asked. */
  drop(helds: readonly Held[]): void {
    for (const held of helds) {
      Object.assign(held, { isReplaying: false, requestId: undefined, cursor: undefined, wasHeld: false });
    }
    this.release(helds);
  }

  /** The server doesn't hold them. */
  release(helds: readonly Held[]): void {
    for (const held of helds) {
      Object.assign(held, { state: 'absent', isDoubted: false });
      this.#forgetUnwanted(held);
    }
  }

  /** The connection is gone, and with it all that was held there. */
  lose(): void {
    this.release([...this.#helds.values()]);
  }

  /** Nobody knows what the server still holds: everything is asked for again, which changes nothing where it does. */
  doubt(): void {
    for (const held of this.#helds.values()) if (held.state === 'held') held.isDoubted = true;
    this.onWish();
  }

  #forgetUnwanted(held: Held): void {
    if (isWanted(held) || (held.state !== 'absent' && held.state !== 'refused')) return;
    this.#helds.delete(held.key);
    const siblings = this.#byBinding.get(held.binding);
    siblings?.delete(held);
    if (siblings?.size === 0) this.#byBinding.delete(held.binding);
  }

  /** An event's frame: to all who want it. */
  deliver(frame: Message, cursors: Cursors): void {
    const [binding, account, cursor] = [frame.subscribed_key, frame.account_id, frame.cursor].map(textOf);
    if (binding === undefined || account === undefined) return;
    const owners = this.#ownersOf(frame, binding, account);
    cursors.onEvent(cursor, binding, owners);
    for (const held of owners) {
      if (cursor !== undefined && this.#isSeen(held, cursor)) continue;
      this.#hand(held, {
        name: textOf(frame.name) ?? '',
        family: held.family,
        account,
        binding,
        data: isRecord(frame.data) ? frame.data : {},
        cursor,
        replayed: held.isReplaying,
      });
    }
  }

  #ownersOf(frame: Message, binding: string, account: string): Held[] {
    const fitting = [...(this.#byBinding.get(binding) ?? [])].filter((held) => {
      if (held.state !== 'held') return false;
      // The server says which message it was where options tell subscriptions apart.
      if (held.options !== '') return held.requestId === frame.request_id;
      return frame.request_id === undefined && (held.account === '*' || this.#isOf(held, account));
    });
    const named = fitting.filter((held) => held.account !== undefined);
    if (
      this.ownAccount === undefined &&
      fitting.length > named.length &&
      fitting.every(({ options }) => options === '')
    ) {
      // Whose the token is nobody has told: an account that somebody names is theirs, any other is the token's.
      if (named.some((held) => held.account === account)) return named;
      if (named.length === 0 && account !== '*') this.ownAccount = account;
    }
    return frame.cursor === undefined ? this.#inTurn(frame, fitting) : fitting;
  }

  #isOf(held: Held, account: string): boolean {
    return (held.account ?? this.ownAccount ?? account) === account;
  }

  /** Without cursors: the n-th of several frames that are the same is for the n-th of several subscriptions. */
  #inTurn(frame: Message, fitting: Held[]): Held[] {
    const accounts = [...new Set(fitting.map(this.accountOf))];
    if (accounts.length < 2) return fitting;
    const text = JSON.stringify(frame);
    this.#last = { text, times: this.#last.text === text ? this.#last.times + 1 : 0 };
    const turn = accounts[this.#last.times % accounts.length];
    return fitting.filter((held) => this.accountOf(held) === turn);
  }

  #isSeen({ serial }: Held, cursor: string): boolean {
    const mark = `${cursor} ${serial}`;
    if (this.#seen.has(mark) || this.#seenBefore.has(mark)) return true;
    if (this.#seen.size >= mostRemembered) [this.#seenBefore, this.#seen] = [this.#seen, new Set()];
    this.#seen.add(mark);
    return false;
  }

  #hand(held: Held, event: HorizonEvent): void {
    // One that ends itself, or another, does so at once.
    for (const wish of [...held.wishes]) {
      if (wish.isOver) continue;
      if (wish.once) this.end(wish);
      guarded((): unknown => wish.handler(event));
    }
  }
}
