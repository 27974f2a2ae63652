/** Pings, and what becomes of who doesn't answer them: a peer that vanished without a word is found and dropped. */
import type { Connection } from './connection.ts';

export interface HeartbeatSettings {
  readonly pingIntervalSeconds: number;
  readonly pongTimeoutSeconds: number;
}

/** The first ping comes at a random moment of the interval, so that those who came together aren't pinged together. */
export function schedulePings(
  connection: Connection,
  second: number,
  { pingIntervalSeconds }: HeartbeatSettings,
): void {
  connection.pingAt = second + Math.ceil(Math.random() * pingIntervalSeconds);
}

/** @param second of the clock, counted from the start of the process */
export function beat(connection: Connection, second: number, settings: HeartbeatSettings): void {
  const { pongOwedSince } = connection;
  if (pongOwedSince !== 0 && second - pongOwedSince >= settings.pongTimeoutSeconds) {
    connection.cut();
    return;
  }
  if (second < connection.pingAt) return;
  connection.pingAt = second + settings.pingIntervalSeconds;
  if (pongOwedSince === 0) connection.pongOwedSince = second;
  connection.sendPing();
}
