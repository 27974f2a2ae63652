/** When to come back after a connection has ended, and what its end means in words. Pure. */

/** Full jitter: a pause is any moment of a window that doubles with each try, so that a thousand clients don't come at once. ms */
const firstWindowMs = 250;
const longestWindowMs = 30_000;
/** The server names the pause itself when it restarts. Longer than this is no pause but a mistake. ms */
const longestAskedMs = 300_000;

/** When to come back. */
export interface Return {
  /** undefined: the server told us to stay away. */
  readonly pauseMs: number | undefined;
  /** The server chose it, so that not all come back at once: nothing makes it shorter. */
  readonly isAdvised: boolean;
}

/**
 * @param code of the close
 * @param reason of the close
 * @param tries that failed since a connection last held
 */
export function returnAfter(code: number, reason: string, tries: number, random: () => number = Math.random): Return {
  if (code >= 4500 && code <= 4999) return { pauseMs: undefined, isAdvised: true };
  const asked = code === 1012 ? askedPause(reason) : undefined;
  if (asked !== undefined) return { pauseMs: asked, isAdvised: true };
  return { pauseMs: random() * Math.min(longestWindowMs, firstWindowMs * 2 ** tries), isAdvised: false };
}

/** @param reason `{"reconnect":MS}` */
function askedPause(reason: string): number | undefined {
  try {
    const ms: unknown = (JSON.parse(reason) as { reconnect?: unknown } | null)?.reconnect;
    return typeof ms === 'number' && ms >= 0 && ms <= longestAskedMs ? ms : undefined;
  } catch {
    return undefined;
  }
}

/** What the server's own words don't say, or say for programs. */
const closes: Readonly<Record<number, string>> = {
  1006: 'the connection was lost',
  1012: 'the server is restarting',
  4008: 'this client was too slow for its events',
  4500: 'closed by an administrator',
};

/**
 * @param wasOpen false: the connection never came about
 * @param trouble what is known of that; empty in browsers, which don't say
 */
export function closeWords(code: number, reason: string, wasOpen: boolean, trouble = ''): string {
  if (code === 1006 && !wasOpen) return `no connection could be made${trouble === '' ? '' : `: ${trouble}`} (1006)`;
  // The reason is the server's to choose; a JSON text is for programs.
  const words = reason === '' || reason.startsWith('{') ? 'closed by the server' : reason;
  return `${closes[code] ?? words} (${code})${code >= 4500 && code <= 4999 ? '; the server asks to stay away' : ''}`;
}
