/** A subscription as the page remembers it, and what is said of it to the server. */

/**
 * @typedef {object} Subscription
 * @property {string} account empty: the token's own
 * @property {string} binding
 * @property {'active' | 'waiting' | 'refused' | 'ending'} state
 * @property {string} why it is waiting or refused
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
