/** A token as far as a page may know it: where it is kept, and what can be read of it without its key. */

/** The tab's own, gone with it. Never in the address, where histories and logs would keep it. */
const storageKey = 'event-horizon-token';

/** @returns {string} the token that this tab kept; empty without one */
export function keptToken() {
  try {
    return sessionStorage.getItem(storageKey) ?? '';
  } catch {
    // Storage may be switched off; then the token lives as long as the page.
    return '';
  }
}

/** @param {string} token empty: forget the one that is kept */
export function keepToken(token) {
  try {
    if (token === '') sessionStorage.removeItem(storageKey);
    else sessionStorage.setItem(storageKey, token);
  } catch {
    // As above.
  }
}

/**
 * What can be read of a token without its key, for people to see; the server decides what it is worth.
 * @param {string} token
 * @returns {{ accountId: string, expiresAt: number | undefined }} the account is empty where the token is opaque
 */
export function readToken(token) {
  try {
    const base64 = (token.split('.')[1] ?? '').replaceAll('-', '+').replaceAll('_', '/');
    const claims = JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))));
    return {
      accountId: typeof claims.account_id === 'string' ? claims.account_id : '',
      expiresAt: typeof claims.exp === 'number' ? claims.exp * 1000 : undefined,
    };
  } catch {
    return { accountId: '', expiresAt: undefined };
  }
}
