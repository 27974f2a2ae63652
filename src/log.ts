/** The log: pino, one line a change of state, fields first, and nothing secret. */
import { type LoggerOptions, type Logger as PinoLogger, pino } from 'pino';
import type { Config } from './config.ts';

export type Log = Pick<PinoLogger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'>;

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
): PinoLogger {
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
