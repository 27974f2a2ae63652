/**
 * Who this page is to the server, and what it holds there: the token, and the subscriptions, which outlive both the
 * connection and the token. The connection itself is the client library's.
 */
import { connect, HorizonError } from '/client.js';
import { keepToken, readToken } from './token.js';
import { Wishes } from './wishes.js';
import { errorWords } from './words.js';

/**
 * @typedef {import('/client.js').Horizon} Horizon
 *
 * @typedef {object} Notice
 * @property {'success' | 'error'} kind
 * @property {string} text
 *
 * @typedef {{ token: string, accountId: string, subAccount: { id: string, name: string } }} DemoAccess
 *
 * @typedef {object} Listener
 * @property {() => void} onChange told after every change of what is public here
 * @property {(event: import('/client.js').HorizonEvent) => void} onEvent
 * @property {(accounts: readonly string[], bindings: readonly string[]) => void} onGap events of these may be missing
 * @property {(account: string, binding: string) => void} onHeld the server holds one for the first time: what was before
 * isn't going to come
 * @property {() => void} onLost nothing comes for now
 * @property {() => void} onCaughtUp all that was missed has come, or is known to be missing
 */

export class Session {
  token = '';
  /** `needed`: there is none that the server takes, and `tokenTrouble` says why. @type {'needed' | 'unchecked' | 'accepted'} */
  tokenState = 'needed';
  tokenTrouble = '';
  #wishes;
  /** @type {Horizon | undefined} */
  #horizon;
  /** The token was shown on this connection: whoever asks for one wants another. */
  #isShown = false;
  /** Who waits for a person's token. @type {((token: string) => void) | undefined} */
  #give;
  #wasOpen = false;
  #wasCatchingUp = false;

  /**
   * @param {Listener} listener
   * @param {(() => Promise<DemoAccess | undefined>) | undefined} [askDemo] in a demo: gets the token anew
   */
  constructor(listener, askDemo) {
    this.listener = listener;
    this.askDemo = askDemo;
    this.#wishes = new Wishes(
      (account, binding) => this.#horizon?.subscribe(binding, listener.onEvent, account === '' ? {} : { account }),
      listener.onHeld,
    );
  }

  /** By account and binding. */
  get subscriptions() {
    return this.#wishes.all;
  }

  get isDemo() {
    return this.askDemo !== undefined;
  }

  get ownAccount() {
    return readToken(this.token).accountId;
  }

  /** @returns {{ name: 'closed' | 'connecting' | 'connected' | 'waiting', why?: string | undefined, until?: number | undefined }} */
  get state() {
    const status = this.#horizon?.status;
    if (status === undefined) return { name: 'closed' };
    const { state, reason, nextTryAt } = status;
    // While a person looks for another token the connection stays.
    if (state === 'open' || (state === 'connecting' && this.#isShown)) return { name: 'connected' };
    return { name: state, why: reason, until: nextTryAt };
  }

  get isOpen() {
    return this.#horizon?.state === 'open';
  }

  /** The server has lost its broker, so that nothing comes: since when. @returns {Date | undefined} */
  get awaySince() {
    const status = this.#horizon?.status;
    return status?.source === 'down' ? new Date(status.since) : undefined;
  }

  get roundTripMs() {
    return this.#horizon?.status.rttMs;
  }

  /**
   * Asks what is.
   * @param {string} account empty: the token's own
   * @param {import('/client.js').QueryName} name
   */
  async query(account, name) {
    if (this.#horizon === undefined) throw new HorizonError('closed', 'not connected');
    return this.#horizon.query(name, account === '' ? {} : { account_id: account });
  }

  /** @param {string} token of a person */
  useToken(token) {
    const isOther = readToken(token).accountId !== this.ownAccount;
    this.#adopt(token, 'unchecked');
    // What another token was refused may be this one's.
    this.#wishes.renew();
    if (this.#horizon === undefined || isOther) {
      this.#connect();
    } else if (this.#give !== undefined && this.#horizon.state !== 'closed') {
      this.#give(token);
    } else {
      this.#give?.(token);
      this.#horizon.close();
      this.#horizon.open();
    }
  }

  /** Forgets the token, and disconnects. The subscriptions are kept for the next one. */
  forget() {
    this.#adopt('', 'needed');
    this.tokenTrouble = '';
    this.#disconnect();
    this.listener.onChange();
  }

  /** Connects where there is a token, at once where it waits. */
  open() {
    if (this.token === '' && !this.isDemo) return;
    if (this.#horizon === undefined) this.#connect();
    else this.#horizon.open();
  }

  close() {
    this.#horizon?.close();
  }

  /**
   * Notes what is wanted.
   * @param {readonly string[]} bindings of the token's own account
   */
  want(bindings) {
    for (const binding of bindings) this.#wishes.add('', binding);
    this.listener.onChange();
  }

  /**
   * All of the bindings, or none.
   * @param {string} account empty: the token's own
   * @param {readonly string[]} bindings
   * @returns {Promise<Notice>}
   */
  async subscribe(account, bindings) {
    if (this.#horizon === undefined) return { kind: 'error', text: 'Not connected; try again in a moment.' };
    const own = account === this.ownAccount ? '' : account;
    const names = bindings.join(', ');
    const fresh = bindings.filter((binding) => this.#wishes.get(own, binding)?.state !== 'active');
    if (fresh.length === 0 && bindings.length > 0) {
      return { kind: 'success', text: `Already subscribed to ${names}.` };
    }
    const added = fresh.filter((binding) => this.#wishes.get(own, binding) === undefined);
    try {
      // Without any the server's words for that.
      if (fresh.length === 0) await this.#horizon.subscribe([], () => undefined).ready;
      const asked = fresh.map((binding) => this.#wishes.add(own, binding));
      this.listener.onChange();
      await Promise.all(asked.map(({ stop }) => stop?.ready));
      return { kind: 'success', text: `Subscribed to ${names}.` };
    } catch (error) {
      for (const binding of added) this.#wishes.drop({ account: own, binding });
      this.listener.onChange();
      return failure(error);
    }
  }

  /**
   * @param {import('./wishes.js').Subscription} subscription
   * @returns {Notice}
   */
  end(subscription) {
    this.#wishes.drop(subscription);
    this.listener.onChange();
    return { kind: 'success', text: `Ended ${subscription.binding}.` };
  }

  /** @returns {Notice} */
  endAll() {
    for (const subscription of [...this.subscriptions.values()]) this.#wishes.drop(subscription);
    this.listener.onChange();
    return { kind: 'success', text: 'Ended all subscriptions.' };
  }

  /** A connection of its own for each account: what one has missed is no other's. */
  #connect() {
    this.#disconnect();
    const horizon = connect({ url: '/', token: (refusal) => this.#tokenFor(refusal) });
    this.#horizon = horizon;
    horizon.addEventListener('status', () => this.#onStatus(horizon));
    horizon.addEventListener('gap', ({ accounts, bindings }) =>
      this.listener.onGap(
        accounts.map((name) => this.#own(name)),
        bindings,
      ),
    );
    horizon.addEventListener('error', ({ error, account, bindings }) => {
      this.#wishes.refuse(account ?? '', bindings, error.message);
      this.listener.onChange();
    });
    this.#wishes.renew();
  }

  #disconnect() {
    const horizon = this.#horizon;
    this.#horizon = undefined;
    this.#give = undefined;
    this.#isShown = false;
    this.#wasOpen = false;
    horizon?.close();
    if (horizon !== undefined) this.listener.onLost();
    this.#wishes.detach();
  }

  /** @param {string} account */
  #own(account) {
    return account === this.ownAccount ? '' : account;
  }

  /**
   * The library wants a token.
   * @param {HorizonError | undefined} refusal of the last one
   */
  async #tokenFor(refusal) {
    if (this.askDemo !== undefined) {
      // The demo makes its token anew at each start; the one from before a restart is worth nothing.
      const access = await this.askDemo();
      if (access !== undefined) this.#adopt(access.token, 'unchecked');
      return this.token;
    }
    if (refusal === undefined && !this.#isShown) {
      this.#isShown = true;
      return this.token;
    }
    this.tokenState = 'needed';
    this.tokenTrouble = troubleWords(refusal, this.subscriptions.size > 0);
    this.#isShown = true;
    this.#refresh();
    return new Promise((resolve) => {
      this.#give = (token) => {
        this.#give = undefined;
        resolve(token);
      };
    });
  }

  /** @param {Horizon} horizon */
  #onStatus(horizon) {
    if (horizon !== this.#horizon) return;
    const { state, catchingUp } = horizon.status;
    if (state === 'open' && this.#give === undefined) this.tokenState = 'accepted';
    else if (this.tokenState === 'accepted') this.tokenState = 'unchecked';
    if (state === 'waiting' || state === 'closed') this.#isShown = false;
    // Without a token that the server takes there is nothing to come back for.
    if (state === 'waiting' && this.#give !== undefined) horizon.close();
    const { reason = '' } = horizon.status;
    const code = /\((token_\w+|account_unauthorized)\)$/.exec(reason)?.[1];
    if (state === 'closed' && code !== undefined) {
      this.tokenState = 'needed';
      this.tokenTrouble = errorWords(code, reason);
    }
    const wasOpen = this.#wasOpen;
    this.#wasOpen = state === 'open';
    if (wasOpen && state !== 'open') this.listener.onLost();
    this.#refresh();
    const wasCatchingUp = this.#wasCatchingUp;
    this.#wasCatchingUp = catchingUp !== undefined;
    if (wasCatchingUp && catchingUp === undefined && state === 'open') this.listener.onCaughtUp();
  }

  #refresh() {
    this.#wishes.refresh(this.tokenState);
    this.listener.onChange();
  }

  /**
   * @param {string} token
   * @param {'needed' | 'unchecked'} state
   */
  #adopt(token, state) {
    this.token = token;
    this.tokenState = state;
    if (state !== 'needed') this.tokenTrouble = '';
    // A demo's token can be had again at any time, and is never mistaken for a real one if it isn't kept.
    keepToken(this.isDemo ? '' : token);
    this.listener.onChange();
  }
}

/**
 * @param {HorizonError | undefined} refusal
 * @param {boolean} holdsAny whether there are subscriptions
 */
function troubleWords(refusal, holdsAny) {
  if (refusal === undefined) return '';
  const words =
    refusal.code === 'token_expired' ? 'Your token has expired.' : errorWords(refusal.code, refusal.message);
  return holdsAny ? `${words} Your subscriptions are kept and will be made again.` : words;
}

/**
 * @param {unknown} error
 * @returns {Notice}
 */
function failure(error) {
  const { code, message } = error instanceof HorizonError ? error : new HorizonError('internal', String(error));
  return { kind: 'error', text: errorWords(code, message) };
}
