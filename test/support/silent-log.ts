/** A log for parts that are tested without the rest of the server. */
import type { Log } from '../../src/log.ts';

const ignore = (): undefined => undefined;

export const silentLog: Log = {
  trace: ignore,
  debug: ignore,
  info: ignore,
  warn: ignore,
  error: ignore,
  fatal: ignore,
};
