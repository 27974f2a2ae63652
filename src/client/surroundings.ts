/** What a browser, a worker or Node has around us, each of which lacks something. */
import type { SocketConstructor } from './types.ts';

interface Listenable {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

interface Surroundings extends Listenable {
  readonly document?: Listenable & { readonly visibilityState?: string };
  readonly location?: { readonly href: string };
  readonly WebSocket?: SocketConstructor;
  reportError?(error: unknown): void;
  readonly console: { error(...words: unknown[]): void };
}

const around = (): Surroundings => globalThis as unknown as Surroundings;

/** Browsers slow the timers of pages that nobody sees; what has no page counts as seen. */
export function isHidden(): boolean {
  return around().document?.visibilityState === 'hidden';
}

/** Where the page is: what a relative address is relative to. */
export function pageAddress(): string | undefined {
  return around().location?.href;
}

export function ownWebSocket(): SocketConstructor | undefined {
  return around().WebSocket;
}

/** An error of somebody's handler goes where uncaught ones go; Node 20 has no `reportError`. */
function report(error: unknown): void {
  const { reportError, console } = around();
  if (reportError === undefined) console.error(error);
  else reportError.call(globalThis, error);
}

/**
 * Calls somebody else's function: one that throws, or rejects, harms nothing of ours.
 * @returns undefined where it throws
 */
export function guarded<Result>(call: () => Result): Result | undefined {
  try {
    const outcome = call();
    if (outcome instanceof Promise) outcome.catch(report);
    return outcome;
  } catch (error) {
    report(error);
    return undefined;
  }
}

/**
 * Tells when it makes sense to look whether the connection is still there: the network is back, the page is seen again.
 * @returns ends it
 */
export function onWake(wake: () => void): () => void {
  const { document } = around();
  const wakeIfSeen = (): void => {
    if (!isHidden()) wake();
  };
  const ears: readonly (readonly [Listenable | undefined, string, () => void])[] = [
    [around(), 'online', wake],
    [around(), 'pageshow', wakeIfSeen],
    [document, 'visibilitychange', wakeIfSeen],
  ];
  for (const [target, type, listener] of ears) target?.addEventListener?.(type, listener);
  return () => {
    for (const [target, type, listener] of ears) target?.removeEventListener?.(type, listener);
  };
}
