/** A subscription as the page remembers it, and what is said of it to the server. */

/**
 * @typedef {object} Subscription
 * @property {string} account empty: the token's own
 * @property {string} binding
 * @property {'active' | 'waiting' | 'refused' | 'ending'} state
 * @property {string} why it is waiting or refused
 * @property {string} [cursor] everything up to there was received; none where the server keeps no history
 * @property {boolean} [isHeld] by this connection's socket
 * @property {boolean} [isReplaying] what was missed is on its way
 * @property {string} [requestId] of the message that made it on this socket
 */

/**
 * @param {string} account
 * @param {string} binding
 */
export function keyOf(account, binding) {
  return `${account} ${binding}`;
}

/**
 * @param {string} account empty: left out, so that it is the token's own
 * @param {object} data
 */
export function dataOf(account, data) {
  return account === '' ? data : { account_id: account, ...data };
}

/**
 * What a subscribe says of the past.
 * @param {Subscription} subscription
 * @returns {string | undefined} undefined: nothing, since the socket holds it already, or no cursor ever came
 */
export function sinceOf({ isHeld, cursor }) {
  return isHeld === true ? undefined : cursor;
}
