/** The log: pino, one line a change of state, fields first, and nothing secret. */
import { once } from 'node:events';
import type { Writable } from 'node:stream';
import { type LoggerOptions, type Logger as PinoLogger, pino, symbols } from 'pino';
import type { Config } from './config.ts';

export type Log = Pick<PinoLogger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'>;

/** The log of a process, which it ends. */
export type ProcessLog = PinoLogger;

/** How long whoever reads the log may keep the process from ending. ms */
const lastLinesMs = 1000;

/** Nothing puts these into a log line on purpose; this is the second lock. */
const secretFields = [
  'token',
  'auth_token',
  'password',
  'secret',
  'authorization',
  '*.token',
  '*.auth_token',
  '*.password',
  '*.secret',
  '*.authorization',
  '*.headers.authorization',
  '*.headers["x-auth-token"]',
];

/** @param isTerminal whether standard output is one: lines for people are the default there */
export function createLog(
  config: Pick<Config, 'LOG_LEVEL' | 'LOG_PRETTY' | 'NODE_NAME'>,
  isTerminal: boolean,
): ProcessLog {
  const options: LoggerOptions = {
    level: config.LOG_LEVEL,
    base: { node: config.NODE_NAME },
    redact: { paths: secretFields, censor: '(hidden)' },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
  };
  if (!(config.LOG_PRETTY ?? isTerminal)) return pino(options);
  return pino({
    ...options,
    transport: { target: 'pino-pretty', options: { ignore: 'node', translateTime: 'HH:MM:ss.l' } },
  });
}

/**
 * Resolves when every line is written. To be called last: pino writes in the background, and an exit in the middle of
 * that puts the last lines in the wrong order.
 */
export async function endLog(log: ProcessLog): Promise<void> {
  // Its type doesn't tell that the stream is there: a writable one, or pino's own that is like it.
  const stream = (log as ProcessLog & Record<typeof symbols.streamSym, Writable>)[symbols.streamSym];
  const closed = once(stream, 'close');
  stream.end();
  let timer: NodeJS.Timeout | undefined;
  const deadline = new Promise((resolve) => {
    timer = setTimeout(resolve, lastLinesMs);
  });
  await Promise.race([closed, deadline]);
  clearTimeout(timer);
}
