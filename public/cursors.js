/**
 * Where the server is to go on after a loss: a cursor for each subscription, since a socket's replays run one after
 * the other. Only once the last of them is done does the cursor that came last stand for all.
 */
import { field } from './frames.js';

/** @typedef {import('./subscription.js').Subscription} Subscription */

export class Cursors {
  /**
   * @param {() => Iterable<Subscription>} subscriptions those of this moment
   * @param {() => string} ownAccount empty where the token doesn't tell it
   */
  constructor(subscriptions, ownAccount) {
    this.subscriptions = subscriptions;
    this.ownAccount = ownAccount;
  }

  /** Whether what was missed is still on its way. */
  get isReplaying() {
    return this.#held().some(({ isReplaying }) => isReplaying);
  }

  /** The socket is gone, with all that was held there. The cursors stay. */
  lose() {
    for (const subscription of this.subscriptions()) {
      subscription.isHeld = false;
      subscription.isReplaying = false;
    }
  }

  /**
   * The server has taken a subscribe.
   * @param {string} id of the message
   * @param {readonly Subscription[]} group what the message asked for
   * @param {Record<string, unknown>} data of the reply
   * @returns {boolean} whether all that was missed is known to come. An older server's reply doesn't say: then not
   */
  begin(id, group, data) {
    const isRecovered = data.recovered === true;
    for (const subscription of group) {
      Object.assign(subscription, { isHeld: true, requestId: id, isReplaying: isRecovered });
    }
    this.#note(data.cursor, (subscription) => group.includes(subscription));
    return isRecovered;
  }

  /**
   * An event or a notice.
   * @param {Record<string, unknown>} message
   */
  take(message) {
    if (message.action !== 'notice') {
      this.#note(message.cursor, this.#ownerOf(message));
      return;
    }
    const isOwn = (/** @type {Subscription} */ { requestId }) => requestId === message.request_id;
    if (message.notice === 'live') {
      this.#note(message.cursor, isOwn);
      for (const subscription of this.#held().filter(isOwn)) subscription.isReplaying = false;
    } else if (message.notice === 'gap' && message.families === undefined) {
      // It ends whatever replay there was, and nothing before it is good for anybody.
      for (const subscription of this.#held()) subscription.isReplaying = false;
    }
    this.#note(message.cursor, () => false);
  }

  /**
   * @param {unknown} cursor
   * @param {(subscription: Subscription) => boolean} isOwner whose it is while something is replayed
   */
  #note(cursor, isOwner) {
    if (typeof cursor !== 'string') return;
    const held = this.#held();
    const isReplaying = held.some((subscription) => subscription.isReplaying);
    for (const subscription of held) if (!isReplaying || isOwner(subscription)) subscription.cursor = cursor;
  }

  /**
   * Whose replay an event belongs to. Where that can't be told for sure it is nobody's: a cursor that is too old
   * brings an event twice, one that is too new loses some.
   * @param {Record<string, unknown>} message
   * @returns {(subscription: Subscription) => boolean}
   */
  #ownerOf(message) {
    if (message.action !== 'event') return ({ requestId }) => requestId === message.request_id;
    const account = field(message, 'account_id');
    const own = this.ownAccount();
    const matching = this.#held().filter(
      (held) =>
        held.binding === message.subscribed_key &&
        (held.account === '*' || (held.account || own || account) === account),
    );
    const [only] = matching;
    if (only === undefined || matching.length > 1) return () => false;
    return ({ requestId }) => requestId === only.requestId;
  }

  #held() {
    return [...this.subscriptions()].filter(({ isHeld }) => isHeld);
  }
}
