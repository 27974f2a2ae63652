/** What a browser keeps for the page. Where it may keep nothing, the page works all the same, and forgets. */

function open(kind: 'sessionStorage' | 'localStorage'): Storage | undefined {
  try {
    return window[kind];
  } catch {
    // Blocked by a setting of the browser's.
    return undefined;
  }
}

const tokenName = 'event-horizon-token';

/** The token stays in this tab, and goes with it. */
export function keptToken(): string {
  return open('sessionStorage')?.getItem(tokenName) ?? '';
}

/** @param token empty: none is kept */
export function keepToken(token: string): void {
  const storage = open('sessionStorage');
  if (token === '') storage?.removeItem(tokenName);
  else storage?.setItem(tokenName, token);
}

/** A choice of the reader's, for all tabs and days. @param fallback also where what was kept can't be read */
export function keptChoice<T>(name: string, fallback: T): T {
  try {
    const text = open('localStorage')?.getItem(`event-horizon-${name}`);
    const value: unknown = text == null ? fallback : JSON.parse(text);
    return typeof value === typeof fallback ? (value as T) : fallback;
  } catch {
    // Somebody else's text under our name.
    return fallback;
  }
}

export function keepChoice(name: string, value: unknown): void {
  try {
    open('localStorage')?.setItem(`event-horizon-${name}`, JSON.stringify(value));
  } catch {
    // Full: the choice holds until the page is left.
  }
}
