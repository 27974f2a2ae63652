/** What a start is not refused for, and whoever runs the server should know. */
import type { Config } from './config.ts';

export interface StartWarning {
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** For the broker, the logs, the page and idle HTTP connections. */
const otherHandles = 200;
/** RFC 7518, section 3.2: a key for HS256 has as many bits as its hash. */
const leastSecretBytes = 32;

/** @param handles how many files this process may have open; undefined: nobody knows */
export function startWarnings(config: Config, handles: number | undefined): StartWarning[] {
  return [...secretWarnings(config), ...historyWarnings(config), ...handleWarnings(config, handles)];
}

function secretWarnings(config: Config): StartWarning[] {
  const names = ['AUTH_JWT_SECRET', 'AUTH_JWT_PREVIOUS_SECRET'] as const;
  return names
    .filter((name) => Buffer.byteLength(config[name] ?? ' '.repeat(leastSecretBytes)) < leastSecretBytes)
    .map((setting) => ({
      fields: { setting },
      message: `${setting} has under ${leastSecretBytes} bytes: whoever sees one token may find it by trying, and make any other. \`openssl rand -base64 ${leastSecretBytes}\` makes a good one`,
    }));
}

function historyWarnings({ HISTORY, demo }: Config): StartWarning[] {
  if (HISTORY !== 'stream' || !demo) return [];
  const message =
    'HISTORY is stream and AMQP_URL is not set: this is the demo, whose history is in memory and gone when it stops. Name a broker with AMQP_URL, and events are kept in a stream there';
  return [{ fields: { setting: 'HISTORY' }, message }];
}

function handleWarnings({ MAX_CONNECTIONS }: Config, handles: number | undefined): StartWarning[] {
  const needed = MAX_CONNECTIONS + otherHandles;
  if (handles === undefined || handles >= needed) return [];
  return [
    {
      fields: { limit: handles, needed },
      message: `too few file handles for MAX_CONNECTIONS: this process may open ${handles} files, and ${MAX_CONNECTIONS} sockets need ${needed}. Raise the limit (ulimit -n, LimitNOFILE), or lower MAX_CONNECTIONS`,
    },
  ];
}
