/** The log: pino, one line a change of state, fields first, and nothing secret. */
import { type LoggerOptions, type Logger as PinoLogger, pino } from 'pino';
import { prettyFactory } from 'pino-pretty';
import type { Config } from './config.ts';
import { withDeadline } from './deadline.ts';
import type { LogOutput } from './log-output.ts';

export type Log = Pick<PinoLogger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'>;

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
  output: LogOutput,
  isTerminal: boolean,
): Log {
  const options: LoggerOptions = {
    level: config.LOG_LEVEL,
    base: { node: config.NODE_NAME },
    redact: { paths: secretFields, censor: '(hidden)' },
    timestamp: () => `,"time":"${new Date().toISOString()}"`,
    formatters: { level: (label) => ({ level: label }) },
  };
  const log = pino(options, (config.LOG_PRETTY ?? isTerminal) ? forPeople(output) : output);
  output.onRecovered = (lines) => log.warn({ lines }, 'log lines were lost: whatever takes the log was full or slow');
  return log;
}

function forPeople(output: LogOutput): Pick<LogOutput, 'write'> {
  const format = prettyFactory({ ignore: 'node', translateTime: 'HH:MM:ss.l' });
  return { write: (line) => output.write(format(line)) };
}

/** Resolves when every line is written, or after a second: whoever reads the log doesn't keep the process from ending. */
export async function endLog(output: LogOutput): Promise<void> {
  await withDeadline(lastLinesMs, output.end());
}
