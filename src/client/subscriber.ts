/**
 * Makes the server hold what is wanted, and nothing else: one message at a time, what resumes before what is new. What
 * happens meanwhile is seen in the next round.
 */
import type { Cursors } from './cursors.ts';
import { type Held, isToAsk, isWanted } from './held.ts';
import { codeOf, HorizonError, isOfMessage, isOfToken, isRefusal } from './horizon-error.ts';
import { type Message, textOf } from './message.ts';
import type { Requests } from './requests.ts';
import { type Group, planSubscribes, planUnsubscribes, subscribeData } from './resume-plan.ts';
import type { Subscriptions } from './subscriptions.ts';
import { guarded } from './surroundings.ts';

/** What may pass by itself (the broker is away, say) is asked for again after a while, each client at a moment of its own. ms */
const leastRetryMs = 1000;
const mostRetryMs = 5000;
/** The server lets 20 replays wait on a connection. */
const mostReplays = 16;

export interface SubscriberListener {
  /** Events may be missing of these. */
  onGap(helds: readonly Held[], reason: string): void;
  onRefused(helds: readonly Held[], error: HorizonError): void;
  /** Another token is wanted. */
  onTokenEnded(error: HorizonError): void;
  /** The server answers nothing. */
  onSilence(): void;
  /** What the server holds is another. */
  onProgress(): void;
}

export class Subscriber {
  #isSignedIn = false;
  #isRunning = false;
  #isAsked = false;
  /** The message that is under way. */
  #asked: string | undefined;
  #retry: ReturnType<typeof setTimeout> | undefined;
  /** When the message was sent that the server has not answered yet; it answers nothing else meanwhile. Unix time, ms */
  busySince: number | undefined;
  readonly #subscriptions: Subscriptions;
  readonly #cursors: Cursors;
  readonly #requests: Requests;
  readonly #listener: SubscriberListener;

  constructor(subscriptions: Subscriptions, cursors: Cursors, requests: Requests, listener: SubscriberListener) {
    this.#subscriptions = subscriptions;
    this.#cursors = cursors;
    this.#requests = requests;
    this.#listener = listener;
  }

  /** The server takes our token: everything is asked for. @returns when it was, whatever came of it */
  async begin(): Promise<void> {
    this.#isSignedIn = true;
    // What another token or connection was refused may be this one's.
    this.#subscriptions.release([...this.#subscriptions.all()].filter(({ state }) => state === 'refused'));
    await this.#reconcile();
  }

  /** Nothing can be asked for now: the token has ended, or the connection is gone. */
  pause(): void {
    this.#isSignedIn = false;
    clearTimeout(this.#retry);
  }

  /** Something is wanted that wasn't, or wanted no more. All that comes of one run of a program goes together. */
  wake(): void {
    if (this.#isAsked) return;
    this.#isAsked = true;
    queueMicrotask(() => {
      this.#isAsked = false;
      void guarded(() => this.#reconcile());
    });
  }

  async #reconcile(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    clearTimeout(this.#retry);
    try {
      while (this.#isSignedIn && (await this.#round()));
    } finally {
      this.#isRunning = false;
    }
  }

  /** @returns whether there may be more to do */
  async #round(): Promise<boolean> {
    const [ending] = planUnsubscribes(this.#subscriptions.all(), this.#subscriptions.accountOf);
    const [group] = planSubscribes(this.#subscriptions.all());
    // A new subscription may need the room of one that ends; but nothing comes before what resumes.
    if (ending !== undefined && group?.helds[0]?.wasHeld !== true) return this.#end(ending);
    if (group === undefined) return false;
    // It goes on when one of them is done.
    if (group.since !== undefined && this.#replays() >= mostReplays) return false;
    return this.#ask(group);
  }

  async #end({ data, helds }: ReturnType<typeof planUnsubscribes>[number]): Promise<boolean> {
    for (const held of helds) held.state = 'ending';
    try {
      await this.#request('unsubscribe', data);
    } catch (error) {
      for (const held of helds) if (held.state === 'ending') held.state = 'held';
      if (!isRefusal(error)) return this.#onFailure(error);
      // Of an account, say, that the token may not see any more: then nothing of it is held either.
    }
    this.#subscriptions.drop(helds);
    this.#listener.onProgress();
    return true;
  }

  async #ask(group: Group): Promise<boolean> {
    const { helds } = group;
    for (const held of helds) if (held.state === 'absent') held.state = 'asking';
    const id = this.#requests.makeId();
    try {
      await this.#request('subscribe', subscribeData(group), id, (answer) => this.#begin(id, group, answer));
      return true;
    } catch (error) {
      this.#subscriptions.release(helds.filter(({ state }) => state === 'asking'));
      return isRefusal(error) ? this.#onRefused(group, error) : this.#onFailure(error);
    }
  }

  /** All or nothing: one bad binding keeps the others out. It is found by halves, so that few messages do it. */
  async #onRefused(group: Group, error: HorizonError): Promise<boolean> {
    const helds = group.helds.filter(isToAsk);
    if (helds.length > 1 && !isOfMessage(error)) {
      const half = Math.ceil(helds.length / 2);
      for (const part of [helds.slice(0, half), helds.slice(half)]) {
        const wanted = part.filter(isToAsk);
        if (wanted.length > 0 && !(this.#isSignedIn && (await this.#ask({ ...group, helds: wanted })))) return false;
      }
    } else if (helds.length > 0) {
      this.#listener.onRefused(helds, error);
      for (const held of helds) this.#subscriptions.refuse(held, error);
      this.#listener.onProgress();
    }
    return true;
  }

  async #request(
    action: string,
    data: Message,
    id = this.#requests.makeId(),
    onAnswer?: (data: Message) => void,
  ): Promise<Message> {
    this.#asked = id;
    this.busySince = Date.now();
    try {
      return await this.#requests.ask({ action, data }, id, onAnswer);
    } finally {
      this.#asked = undefined;
      this.busySince = undefined;
    }
  }

  /** A message was too large to be read at the moment, so that the server doesn't know whose answer this is: ours. */
  onUnread(error: HorizonError): void {
    if (this.#asked !== undefined) this.#requests.fail(this.#asked, error);
  }

  #onFailure(error: unknown): boolean {
    const code = codeOf(error);
    // On the next connection everything is asked for anew.
    if (code === 'connection_lost') return false;
    if (code === 'timeout') this.#listener.onSilence();
    else if (error instanceof HorizonError && isOfToken(error)) this.#listener.onTokenEnded(error);
    else this.#retry = setTimeout(() => this.wake(), leastRetryMs + Math.random() * (mostRetryMs - leastRetryMs));
    return false;
  }

  #begin(id: string, { helds }: Group, data: Message): void {
    const made: readonly unknown[] = Array.isArray(data.subscribed) ? data.subscribed : [];
    const added = helds.filter(({ binding }) => made.includes(binding));
    const isRecovered = data.recovered === true;
    const lost = isRecovered ? [] : added.filter(({ wasHeld }) => wasHeld);
    for (const held of helds) Object.assign(held, { state: 'held', wasHeld: true, isDoubted: false });
    this.#cursors.begin(id, added, textOf(data.cursor), isRecovered);
    this.#subscriptions.confirm(helds);
    // A reply that says nothing of it is an older server's.
    if (lost.length > 0) this.#listener.onGap(lost, textOf(data.reason) ?? 'no_history');
    this.#listener.onProgress();
  }

  #replays(): number {
    const replaying = [...this.#subscriptions.all()].filter(({ isReplaying }) => isReplaying);
    return new Set(replaying.map(({ requestId }) => requestId)).size;
  }
}

/** @returns those of the families; all where none are named */
export function ofFamilies(helds: Iterable<Held>, families: unknown): Held[] {
  return [...helds].filter(
    (held) => held.state === 'held' && isWanted(held) && (!Array.isArray(families) || families.includes(held.family)),
  );
}
