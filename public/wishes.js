/** What the page wants to hold at the server: it outlives connections, tokens and refusals, until a person ends it. */

/**
 * @typedef {object} Subscription
 * @property {string} account empty: the token's own
 * @property {string} binding
 * @property {'active' | 'waiting' | 'refused'} state
 * @property {string} why it is waiting or refused
 * @property {import('/client.js').Stop | undefined} stop undefined: nobody was asked for it
 * @property {boolean} wasHeld
 */

/**
 * @param {string} account
 * @param {string} binding
 */
function keyOf(account, binding) {
  return `${account} ${binding}`;
}

export class Wishes {
  /** @type {Map<string, Subscription>} */
  all = new Map();

  /**
   * @param {(account: string, binding: string) => import('/client.js').Stop | undefined} subscribe asks the server
   * @param {(account: string, binding: string) => void} onHeld told when the server holds one for the first time
   */
  constructor(subscribe, onHeld) {
    this.subscribe = subscribe;
    this.onHeld = onHeld;
  }

  /**
   * @param {string} account
   * @param {string} binding
   */
  get(account, binding) {
    return this.all.get(keyOf(account, binding));
  }

  /**
   * Asks for one, unless that is done already.
   * @param {string} account
   * @param {string} binding
   * @returns {Subscription}
   */
  add(account, binding) {
    const known = this.get(account, binding);
    if (known?.stop !== undefined && known.state !== 'refused') return known;
    known?.stop?.();
    const stop = this.subscribe(account, binding);
    /** @type {Subscription} */
    const subscription = { account, binding, state: 'waiting', why: 'waits for the connection', stop, wasHeld: false };
    this.all.set(keyOf(account, binding), subscription);
    return subscription;
  }

  /** @param {Pick<Subscription, 'account' | 'binding'>} subscription */
  drop({ account, binding }) {
    this.get(account, binding)?.stop?.();
    this.all.delete(keyOf(account, binding));
  }

  /** Nobody holds any of it; `renew` asks for it again. */
  detach() {
    for (const subscription of this.all.values()) {
      Object.assign(subscription, { stop: undefined, state: 'waiting', why: 'waits for a token' });
    }
  }

  /** Asks for what was not asked for yet, or was refused. */
  renew() {
    for (const { account, binding } of [...this.all.values()]) this.add(account, binding);
  }

  /**
   * @param {string} account
   * @param {readonly string[]} bindings
   * @param {string} why
   */
  refuse(account, bindings, why) {
    for (const binding of bindings) {
      const refused = this.get(account, binding);
      if (refused !== undefined) Object.assign(refused, { state: 'refused', why });
    }
  }

  /**
   * Looks what the server holds now.
   * @param {'needed' | 'unchecked' | 'accepted'} tokenState
   */
  refresh(tokenState) {
    const isAccepted = tokenState === 'accepted';
    for (const subscription of this.all.values()) {
      const { stop, state, account, binding, wasHeld } = subscription;
      if (stop?.isHeld === true && isAccepted) {
        Object.assign(subscription, { state: 'active', why: '', wasHeld: true });
        if (!wasHeld) this.onHeld(account, binding);
      } else if (state !== 'refused' || !isAccepted) {
        const why = tokenState === 'needed' ? 'waits for a token' : 'waits for the connection';
        Object.assign(subscription, { state: 'waiting', why });
      }
    }
  }
}
