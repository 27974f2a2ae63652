/**
 * Who this page is to the server, and what it holds there: the token, and the subscriptions, which outlive both the
 * connection and the token. After every sign-in all of them are made again.
 */
import { isOfToken, isPassing, makeId, RequestFailed } from './connection.js';
import { Subscriber } from './subscriber.js';
import { dataOf, keyOf } from './subscription.js';
import { keepToken, readToken } from './token.js';
import { errorWords } from './words.js';

const retryMs = 5000;

/**
 * @typedef {import('./subscription.js').Subscription} Subscription
 *
 * @typedef {object} Notice
 * @property {'success' | 'error'} kind
 * @property {string} text
 *
 * @typedef {{ token: string, accountId: string, subAccount: { id: string, name: string } }} DemoAccess
 */

export class Session {
  token = '';
  /** `needed`: there is none that the server takes, and `tokenTrouble` says why. @type {'needed' | 'unchecked' | 'accepted'} */
  tokenState = 'needed';
  tokenTrouble = '';
  /** @type {Map<string, Subscription>} */
  subscriptions = new Map();
  #subscriber;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #retry;

  /**
   * @param {import('./connection.js').Connection} connection
   * @param {() => void} onChange told after every change of what is public here
   * @param {(account: string, bindings: readonly string[], isFirst: boolean) => void} onUnknown told when bindings are
   * held from now on, and what happened before, or since the last time, is not going to come
   * @param {(() => Promise<DemoAccess | undefined>) | undefined} [askDemo] in a demo: gets the token anew
   */
  constructor(connection, onChange, onUnknown, askDemo) {
    this.connection = connection;
    this.onChange = onChange;
    this.onUnknown = onUnknown;
    this.#subscriber = new Subscriber(this);
    this.askDemo = askDemo;
  }

  get ownAccount() {
    return readToken(this.token).accountId;
  }

  get cursors() {
    return this.#subscriber.cursors;
  }

  get isDemo() {
    return this.askDemo !== undefined;
  }

  /**
   * Takes a token and signs in with it, over a new connection where there is none.
   * @param {string} token
   * @returns {Promise<string>} why the server doesn't take it; empty when it does, or when it is yet to be asked
   */
  async useToken(token) {
    if (this.connection.isOpen) return this.#signIn(token);
    this.#adopt(token, 'unchecked');
    this.connection.open();
    return '';
  }

  /** Forgets the token, and disconnects. The subscriptions are kept for the next one. */
  forget() {
    this.#adopt('', 'needed');
    this.tokenTrouble = '';
    this.connection.close();
    this.#suspend('waits for a token');
  }

  /** On a fresh socket: says who we are, and asks for everything again. */
  async begin() {
    this.#subscriber.leftBehind = [];
    if (this.askDemo !== undefined) {
      // The demo makes its token anew at each start; the one from before a restart is worth nothing.
      const access = await this.askDemo().catch(() => undefined);
      if (access !== undefined) this.#adopt(access.token, 'unchecked');
    }
    if (this.token !== '' && this.connection.isOpen) await this.#signIn(this.token);
  }

  /** The connection is gone; what was held there waits for the next. */
  onLost() {
    clearTimeout(this.#retry);
    this.cursors.lose();
    if (this.tokenState === 'accepted') this.tokenState = 'unchecked';
    this.#suspend('waits for the connection');
  }

  /**
   * An error that nothing asked for: the token ended, or something that it allowed is allowed no more.
   * @param {RequestFailed} error
   */
  async onUnasked(error) {
    if (isOfToken(error)) await this.#onTokenEnded(error);
    else await this.#resubscribe();
  }

  /** The broker is back: what could not be had without it is asked for at once. */
  async onSourceUp() {
    const isWaiting = [...this.subscriptions.values()].some(({ state }) => state === 'waiting');
    if (isWaiting && this.tokenState === 'accepted') await this.#resubscribe();
  }

  /**
   * Notes what is wanted, for the next sign-in.
   * @param {readonly string[]} bindings
   */
  want(bindings) {
    for (const binding of bindings) this.#put('', binding, 'waiting', 'waits for the connection');
  }

  /**
   * All of the bindings, or none.
   * @param {string} account empty: the token's own
   * @param {readonly string[]} bindings
   * @returns {Promise<Notice>}
   */
  async subscribe(account, bindings) {
    const own = account === this.ownAccount ? '' : account;
    const names = bindings.join(', ');
    const isHeld = (/** @type {string} */ binding) => this.subscriptions.get(keyOf(own, binding))?.state === 'active';
    if (bindings.length > 0 && bindings.every(isHeld)) {
      return { kind: 'success', text: `Already subscribed to ${names}.` };
    }
    const id = makeId();
    let data;
    try {
      data = await this.connection.request({ action: 'subscribe', data: dataOf(own, { bindings }) }, id);
    } catch (error) {
      return this.#failure(error);
    }
    const added = bindings.filter((binding) => !isHeld(binding));
    for (const binding of added) this.#put(own, binding, 'active');
    this.#subscriber.begin(id, own, added, data);
    return { kind: 'success', text: `Subscribed to ${names}.` };
  }

  /**
   * @param {Subscription} subscription
   * @returns {Promise<Notice>}
   */
  end(subscription) {
    const { account, binding } = subscription;
    return this.#end([subscription], dataOf(account, { binding }), `Ended ${binding}.`);
  }

  /** @returns {Promise<Notice>} */
  endAll() {
    // Without a binding it is everything: one message, which no rate limit is too low for.
    return this.#end([...this.subscriptions.values()], {}, 'Ended all subscriptions.');
  }

  /**
   * @param {Subscription[]} subscriptions
   * @param {object} data of the message that ends them
   * @param {string} success
   * @returns {Promise<Notice>}
   */
  async #end(subscriptions, data, success) {
    const before = subscriptions.map(({ state }) => state);
    for (const subscription of subscriptions) subscription.state = 'ending';
    this.onChange();
    try {
      if (this.connection.isOpen) await this.connection.request({ action: 'unsubscribe', data });
    } catch (error) {
      if (error instanceof RequestFailed && !isOfToken(error)) {
        for (const [index, subscription] of subscriptions.entries()) subscription.state = before[index] ?? 'waiting';
        this.onChange();
        return this.#failure(error);
      }
      // Without a connection the server holds nothing for us any more; without a token it does, until the next one.
      if (error instanceof RequestFailed) this.#subscriber.leftBehind.push(...subscriptions);
    }
    for (const { account, binding } of subscriptions) this.subscriptions.delete(keyOf(account, binding));
    this.onChange();
    return { kind: 'success', text: success };
  }

  /**
   * @param {string} token
   * @returns {Promise<string>} as `useToken`
   */
  async #signIn(token) {
    try {
      await this.connection.request({ action: 'ping', auth_token: token });
    } catch (error) {
      return this.#onSignInFailed(token, error);
    }
    this.connection.settle();
    const wasSuspended = this.tokenState === 'needed';
    // What another token was refused may be this one's.
    for (const subscription of this.subscriptions.values()) {
      if (subscription.state === 'refused') subscription.state = 'waiting';
    }
    this.#adopt(token, 'accepted');
    if (wasSuspended) this.#tellSuspended();
    await this.#resubscribe();
    return '';
  }

  /** The server goes on where the old token ended, but only with a history: then there are cursors. */
  #tellSuspended() {
    for (const { account, binding, isHeld, cursor } of this.subscriptions.values()) {
      if (isHeld === true && cursor === undefined) this.onUnknown(account, [binding], false);
    }
  }

  /**
   * @param {string} token
   * @param {unknown} error
   */
  #onSignInFailed(token, error) {
    if (!(error instanceof RequestFailed)) return '';
    if (error.code === 'account_unauthorized') {
      // A socket belongs to the account of its first token for good: another account takes another socket.
      this.#adopt(token, 'unchecked');
      this.connection.open();
      return '';
    }
    if (isPassing(error)) {
      this.#adopt(token, 'unchecked');
      this.#again(() => this.#signIn(token));
    } else if (this.tokenState !== 'accepted') {
      this.#need(errorWords(error.code, error.message));
    }
    return errorWords(error.code, error.message);
  }

  /** @param {RequestFailed} error */
  async #onTokenEnded(error) {
    this.#need(
      error.code === 'token_expired' ? 'Your token has expired.' : errorWords(error.code, error.message),
      this.subscriptions.size > 0 ? ' Your subscriptions are kept and will be made again.' : '',
    );
    if (this.isDemo && this.connection.isOpen) await this.begin();
  }

  async #resubscribe() {
    clearTimeout(this.#retry);
    await this.#subscriber.askAll();
    if ([...this.subscriptions.values()].some(({ state }) => state === 'waiting')) {
      this.#again(() => this.#resubscribe());
    }
  }

  /** @param {() => Promise<unknown>} task */
  #again(task) {
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => {
      if (this.connection.isOpen) void task();
    }, retryMs);
  }

  /**
   * @param {string} token
   * @param {'needed' | 'unchecked' | 'accepted'} state
   */
  #adopt(token, state) {
    this.token = token;
    this.tokenState = state;
    if (state !== 'needed') this.tokenTrouble = '';
    // A demo's token can be had again at any time, and is never mistaken for a real one if it isn't kept.
    keepToken(this.isDemo ? '' : token);
    this.onChange();
  }

  #need(trouble = '', more = '') {
    this.tokenState = 'needed';
    this.tokenTrouble = `${trouble}${more}`;
    this.#suspend('waits for a token');
  }

  /** @param {string} why */
  #suspend(why) {
    for (const subscription of this.subscriptions.values()) {
      if (subscription.state === 'refused') continue;
      subscription.state = 'waiting';
      subscription.why = why;
    }
    this.onChange();
  }

  /**
   * @param {string} account
   * @param {string} binding
   * @param {Subscription['state']} state
   * @param {string} [why]
   */
  #put(account, binding, state, why = '') {
    this.subscriptions.set(keyOf(account, binding), { account, binding, state, why });
    this.onChange();
  }

  /**
   * @param {unknown} error
   * @returns {Notice}
   */
  #failure(error) {
    if (!(error instanceof RequestFailed)) return { kind: 'error', text: 'Not connected; try again in a moment.' };
    if (isOfToken(error) && this.tokenState === 'accepted') void this.#onTokenEnded(error);
    return { kind: 'error', text: errorWords(error.code, error.message) };
  }
}
