/** The end of a node: its sockets are closed evenly over a while, each with a delay of its own to come back after. */
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection } from './connection.ts';

/** How long the last ones have for the closing handshake. ms */
const goodbyeMs = 2000;
/** Reconnects are spread so that about this many come in a second, over at least one second and at most thirty. */
const reconnectsPerSecond = 500;

/** How long a client is asked to wait before it connects again, ms: any moment of the time that the others take too. */
function reconnectDelay(count: number): number {
  const spreadMs = Math.min(30_000, Math.max(1000, (count / reconnectsPerSecond) * 1000));
  return Math.round(100 + Math.random() * spreadMs);
}

/**
 * Resolves when every socket is closed.
 * @param connections a live collection: what closes leaves it
 * @param seconds DRAIN_SECONDS
 */
export async function drain(
  connections: { readonly size: number } & Iterable<Connection>,
  seconds: number,
): Promise<void> {
  const all = [...connections];
  const startedAt = performance.now();
  for (const [index, connection] of all.entries()) {
    // Each in the middle of its share of the time: even a single one leaves proxies time to see that this node drains.
    const dueAt = startedAt + ((index + 0.5) / all.length) * seconds * 1000;
    while (performance.now() < dueAt && connections.size > 0) await pause(Math.min(100, dueAt - performance.now()));
    connection.close('restart', JSON.stringify({ reconnect: reconnectDelay(all.length) }));
  }
  const deadline = performance.now() + goodbyeMs;
  while (connections.size > 0 && performance.now() < deadline) await pause(10);
  for (const connection of connections) connection.cut();
}
