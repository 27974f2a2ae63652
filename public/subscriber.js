/** Asks the server for what the page wants to hold: again after each sign-in, from where the last connection ended. */
import { ConnectionLost, isOfToken, isPassing, makeId, RequestFailed } from './connection.js';
import { Cursors } from './cursors.js';
import { dataOf, keyOf, sinceOf } from './subscription.js';

/** @typedef {import('./subscription.js').Subscription} Subscription */

export class Subscriber {
  cursors;
  /** Ended here, and still held by the server: without a token it would not end them. @type {Subscription[]} */
  leftBehind = [];

  /** @param {import('./session.js').Session} session */
  constructor(session) {
    this.session = session;
    this.cursors = new Cursors(
      () => session.subscriptions.values(),
      () => session.ownAccount,
    );
  }

  /** Asks for everything that is held here. What the server holds already is a success that changes nothing. */
  async askAll() {
    await this.#endLeftBehind();
    /** @type {Map<string, Subscription[]>} */
    const groups = new Map();
    for (const subscription of this.session.subscriptions.values()) {
      if (subscription.state === 'ending' || subscription.state === 'refused') continue;
      // One message has one cursor. What the socket holds already is not replayed.
      const key = keyOf(subscription.account, sinceOf(subscription) ?? '');
      groups.set(key, [...(groups.get(key) ?? []), subscription]);
    }
    for (const group of groups.values()) await this.#subscribeAll(group);
  }

  async #endLeftBehind() {
    const left = this.leftBehind.filter(
      ({ account, binding }) => !this.session.subscriptions.has(keyOf(account, binding)),
    );
    this.leftBehind = [];
    for (const subscription of left) {
      const { account, binding } = subscription;
      await this.session.connection
        .request({ action: 'unsubscribe', data: dataOf(account, { binding }) })
        .catch((error) => {
          if (error instanceof RequestFailed) this.leftBehind.push(subscription);
        });
    }
  }

  /** @param {Subscription[]} group of one account, and with one cursor */
  async #subscribeAll(group) {
    const [first] = group;
    if (first === undefined) return;
    const { account } = first;
    const [bindings, since, id] = [group.map(({ binding }) => binding), sinceOf(first), makeId()];
    const outcome = await this.session.connection
      .request(
        { action: 'subscribe', data: dataOf(account, since === undefined ? { bindings } : { bindings, since }) },
        id,
      )
      .then((data) => this.begin(id, account, bindings, data))
      .catch((error) => error);
    if (outcome instanceof ConnectionLost) return;
    if (isOfToken(outcome)) return;
    const willPass = isPassing(outcome);
    if (outcome !== undefined && !willPass && group.length > 1) {
      // All or nothing: one bad binding keeps the others out, so each is asked for alone.
      for (const subscription of group) await this.#subscribeAll([subscription]);
      return;
    }
    for (const subscription of group) {
      if (subscription.state === 'ending') continue;
      subscription.state = outcome === undefined ? 'active' : willPass ? 'waiting' : 'refused';
      subscription.why = outcome === undefined ? '' : outcome.message;
    }
    this.session.onChange();
  }

  /**
   * The server has taken a subscribe.
   * @param {string} id of the message
   * @param {string} account
   * @param {readonly string[]} bindings
   * @param {any} data of the reply
   */
  begin(id, account, bindings, data) {
    const added = new Set(data.subscribed);
    const group = [...this.session.subscriptions.values()].filter(
      (held) => held.account === account && bindings.includes(held.binding) && added.has(held.binding),
    );
    if (group.length === 0) return;
    const isFirst = group.every(({ requestId }) => requestId === undefined);
    if (!this.cursors.begin(id, group, data)) {
      this.session.onUnknown(
        account,
        group.map(({ binding }) => binding),
        isFirst,
      );
    }
  }
}
