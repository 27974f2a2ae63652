/**
 * Every setting: its schema, default, unit and meaning, in one place. Environment variables and the JSON file named by
 * CONFIG_FILE are parsed here once; the rest of the program sees the typed result only.
 */
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { z } from 'zod';
import { defaultDialect, dialectBesideKazoo, dialectNames } from './dialects/dialects.ts';
import { ConfigError, messageOf } from './errors.ts';
import { describeFamily } from './families/families-file.ts';
import { defaultCallEvents, defaultDocumentTypes, defaultNotifications } from './setting-defaults.ts';
import { accountsFaults, demoFaults, portFaults, realFaults } from './setting-rules.ts';
import {
  amqpUrl,
  boolean,
  familiesFile,
  httpUrl,
  integer,
  list,
  notification,
  oneOf,
  origin,
  publicKey,
  trustedProxies,
  word,
} from './setting-types.ts';

const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

/** All settings, in the order in which help and documentation show them. */
export const settingsSchema = z.object({
  HOST: z.string().default('127.0.0.1').describe('address of the one listener for WebSocket and REST'),
  PORT: integer(0, 65535).default(5555).describe('port of the listener; 0 takes any free one'),
  AMQP_URL: list(amqpUrl)
    .optional()
    .describe('amqp://, amqps:// or kazoo:// URLs, tried in turn; without one: demo mode'),
  DIALECT: z
    .enum(dialectNames, oneOf(dialectNames))
    .default(defaultDialect)
    .describe(`dialect of frames and REST bodies; with AUTH_CROSSBAR_URL ${dialectBesideKazoo}`),
  AUTH_JWT_SECRET: z.string().optional().describe('accept HS256/384/512 tokens made with it'),
  AUTH_JWT_PREVIOUS_SECRET: z.string().optional().describe('the secret before, accepted too while keys are changed'),
  AUTH_JWT_PUBLIC_KEY: publicKey.optional().describe('accept RS256/ES256/EdDSA tokens: a PEM, or a path to one'),
  AUTH_JWKS_URL: httpUrl.optional().describe('accept tokens signed with the keys of this JWKS document'),
  AUTH_JWT_ISSUER: z.string().optional().describe('the `iss` that a token must carry'),
  AUTH_JWT_AUDIENCE: z.string().optional().describe('the `aud` that a token must carry'),
  AUTH_CROSSBAR_URL: httpUrl.optional().describe('ask this Kazoo Crossbar about tokens that are no JWT of ours'),
  ACCOUNTS_FILE: z.string().optional().describe('JSON array of accounts: the tree, realms, administrators'),
  ACCOUNTS_URL: httpUrl.optional().describe('read the account tree from this Kazoo Crossbar, every minute'),
  ACCOUNTS_URL_API_KEY: z.string().optional().describe('API key of the topmost account, for ACCOUNTS_URL'),
  ACCOUNTS_URL_USER: z.string().optional().describe('or a user of the topmost account, for ACCOUNTS_URL'),
  ACCOUNTS_URL_PASSWORD: z.string().optional().describe("that user's password"),
  ACCOUNTS_URL_ACCOUNT: z.string().max(253).optional().describe("name or realm of that user's account"),
  CALL_EVENTS: list(word).default(defaultCallEvents).describe('call events that may be subscribed to'),
  DOC_TYPES: list(word).default(defaultDocumentTypes).describe('document types that may be subscribed to'),
  NOTIFICATION_EVENTS: list(notification)
    .default(defaultNotifications)
    .describe('notifications that may be subscribed to, CATEGORY.NAME; never those with passwords'),
  FAMILIES_FILE: familiesFile.optional().describe('JSON array of families of events beside those of Kazoo'),
  HISTORY: z
    .enum(['off', 'stream'], oneOf(['off', 'stream']))
    .default('off')
    .describe('stream: events are taken from a RabbitMQ stream and can be resumed; the demo always keeps them'),
  HISTORY_STREAM: z
    .string()
    .regex(/^(?!amq\.)[\w.:-]{1,128}$/, 'must be letters, digits, ".", ":", "-" or "_", and not begin with "amq."')
    .default('horizon.history')
    .describe('name of the stream, the same on all nodes of a cluster'),
  HISTORY_MAX_AGE_SECONDS: integer(1, 31_536_000).default(600).describe('for how long events can be resumed, seconds'),
  HISTORY_MAX_BYTES: integer(4_000_000, Number.MAX_SAFE_INTEGER)
    .default(1_073_741_824)
    .describe('what the broker keeps on disk at least, bytes'),
  HISTORY_RING_BYTES: integer(65_536, Number.MAX_SAFE_INTEGER)
    .default(268_435_456)
    .describe('what this process keeps in memory, bytes; nothing older can be resumed'),
  MAX_CONNECTIONS: integer(1).default(50_000).describe('sockets of this process; more are answered 503'),
  MAX_CONNECTIONS_PER_IP: integer(1).optional().describe('sockets of one address; more are answered 429'),
  MAX_CONNECTIONS_PER_ACCOUNT: integer(1)
    .optional()
    .describe('sockets of one account; unset: a quarter of MAX_CONNECTIONS, at least 1000'),
  MAX_HTTP_CONNECTIONS: integer(1)
    .default(5000)
    .describe('connections that are no sockets; beyond it the idlest is closed'),
  REST_RATE_PER_SECOND: integer(1).default(20).describe('REST requests a second of a token, and of an address'),
  REST_RATE_BURST: integer(1).default(200).describe('REST requests at once'),
  MAX_BINDINGS_PER_SOCKET: integer(1).default(250).describe('bindings that one socket may hold'),
  MAX_BINDINGS_PER_ACCOUNT: integer(1).default(200_000).describe('bindings that the sockets of one account may hold'),
  MAX_PATTERNS: integer(1).default(100).describe('patterns that this node holds at the broker; above it coarser ones'),
  MAX_MESSAGE_BYTES: integer(64)
    .default(65_536)
    .describe('largest client message, bytes; before its first valid token 16 KiB'),
  RATE_LIMIT_PER_SECOND: integer(1).default(20).describe('client messages and pings a second and socket'),
  RATE_LIMIT_BURST: integer(1).default(200).describe('client messages and pings at once'),
  SLOW_CONSUMER_BYTES: integer(1).default(1_048_576).describe('a socket with more unsent is closed, bytes'),
  SLOW_CONSUMER_SECONDS: integer(1).default(5).describe('a socket with anything unsent for longer is closed, seconds'),
  MAX_UNSENT_BYTES: integer(1, Number.MAX_SAFE_INTEGER).default(268_435_456).describe('unsent over all sockets, bytes'),
  PING_INTERVAL_SECONDS: integer(1, 86_400).default(25).describe('WebSocket ping, seconds'),
  PONG_TIMEOUT_SECONDS: integer(1, 86_400)
    .default(10)
    .describe('a socket that does not answer a ping is dropped, seconds'),
  AUTH_TIMEOUT_SECONDS: integer(1, 86_400).default(60).describe('a socket without a valid token is closed, seconds'),
  COMPRESSION: boolean.default(false).describe('on: events go compressed to clients that take permessage-deflate'),
  ALLOWED_ORIGINS: list(origin).optional().describe('origins that may connect, comma separated; unset: any'),
  TRUST_PROXY: trustedProxies
    .default(['127.0.0.1', '::1'])
    .describe('whose X-Forwarded-For is believed: addresses, CIDR'),
  NODE_NAME: z
    .string()
    .regex(/^[\w.@:-]{1,128}$/, 'must be letters, digits, ".", "@", ":", "-" or "_"')
    .default(() => hostname())
    .describe('name of this node; on the bus event-horizon@NAME where it has no @'),
  WORKERS: integer(1, 256).default(1).describe('processes that share the port'),
  METRICS_PORT: integer(1, 65535).optional().describe('serve /metrics on a port of its own'),
  DRAIN_SECONDS: integer(0, 86_400).default(10).describe('how long a shutdown spreads the closing of sockets, seconds'),
  LOG_LEVEL: z.enum(logLevels, oneOf(logLevels)).default('info').describe('least level that is logged'),
  LOG_PRETTY: boolean.optional().describe('readable lines instead of JSON; on when standard output is a terminal'),
});

export type SettingName = keyof typeof settingsSchema.shape;
export type Settings = z.output<typeof settingsSchema>;

/** Settings that are secrets or carry one: never shown, and `NAME_FILE` may name a file that holds the value. */
export const secretSettings = [
  'AMQP_URL',
  'AUTH_JWT_SECRET',
  'AUTH_JWT_PREVIOUS_SECRET',
  'ACCOUNTS_URL_API_KEY',
  'ACCOUNTS_URL_PASSWORD',
] as const satisfies SettingName[];

/** What the program runs with. */
export interface Config extends Settings {
  /** No broker was named: embedded broker, invented events, loopback only. */
  readonly demo: boolean;
}

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Reads the environment and CONFIG_FILE (the environment wins).
 * @throws ConfigError with a line for each fault.
 */
export function readConfig(environment: Environment): Config {
  const raw = rawSettings(environment);
  const result = settingsSchema.safeParse(withDialect(raw));
  if (!result.success) {
    throw new ConfigError(result.error.issues.map((issue) => `${String(issue.path[0])}: ${issue.message}`));
  }
  const config: Config = { ...result.data, demo: result.data.AMQP_URL === undefined };
  const lines = [
    ...portFaults(config),
    ...accountsFaults(config),
    ...(config.demo ? demoFaults(config, meantForReal(raw, environment)) : realFaults(config)),
  ];
  if (lines.length > 0) throw new ConfigError(lines);
  return config;
}

/** Settings, and names like theirs, that nobody sets who wants a demo. Whoever mistypes a name has meant the real thing, too. */
function meantForReal(raw: Record<string, string>, environment: Environment): string[] {
  const unknown = Object.keys(environment).filter((name) => !known.has(name) && environment[name]?.trim() !== '');
  const meant = [...Object.keys(raw), ...unknown].filter((name) => /^(AUTH|ACCOUNTS)_/.test(name));
  return environment.NODE_ENV === 'production' ? [...meant, 'NODE_ENV=production'] : meant;
}

/** Whoever has a Crossbar has Monster UI, and whatever else was written for Kazoo 4 and later. */
function withDialect(raw: Record<string, string>): Record<string, string> {
  return raw.AUTH_CROSSBAR_URL === undefined ? raw : { DIALECT: dialectBesideKazoo, ...raw };
}

/** One setting as a text, for the commands that need no more than that. @throws ConfigError */
export function readSetting(environment: Environment, name: SettingName): string | undefined {
  return rawSettings(environment)[name];
}

/** All settings as texts, not checked yet. A secret that the environment names in either form has no other in the file. */
function rawSettings(environment: Environment): Record<string, string> {
  const own = named(environment);
  const ofFile = fileSettings(environment.CONFIG_FILE);
  for (const name of secretSettings) {
    if (own[name] === undefined && own[`${name}_FILE`] === undefined) continue;
    delete ofFile[name];
    delete ofFile[`${name}_FILE`];
  }
  return withSecretFiles({ ...ofFile, ...own });
}

const names = Object.keys(settingsSchema.shape) as SettingName[];
const fileNames = secretSettings.map((name) => `${name}_FILE` as const);
const known = new Set<string>([...names, ...fileNames]);

/** The settings among the environment's variables. An empty one counts as unset. */
function named(environment: Environment): Record<string, string> {
  const found: Record<string, string> = {};
  for (const name of [...names, ...fileNames]) {
    const value = environment[name];
    if (value !== undefined && value.trim() !== '') found[name] = value;
  }
  return found;
}

const settingsFile = z.record(
  z.string(),
  z.union(
    [z.string(), z.number(), z.boolean(), z.array(z.string())],
    'must be a text, a number, true, false or a list of texts',
  ),
);

function fileSettings(path: string | undefined): Record<string, string> {
  if (path === undefined || path.trim() === '') return {};
  const parsed = settingsFile.safeParse(readJson('CONFIG_FILE', path));
  if (!parsed.success) {
    throw new ConfigError(
      parsed.error.issues.map((issue) => `CONFIG_FILE: ${issue.path.join('.') || 'the file'} ${issue.message}`),
    );
  }
  const unknown = Object.keys(parsed.data).filter((name) => !known.has(name));
  if (unknown.length > 0) throw new ConfigError(unknown.map((name) => `CONFIG_FILE: ${name} is no setting`));
  return named(Object.fromEntries(Object.entries(parsed.data).map(([name, value]) => [name, String(value)])));
}

function readJson(setting: string, path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    // The parser's message quotes what stands around the fault, and that may be a secret.
    const reason = error instanceof SyntaxError ? 'it is not valid JSON' : messageOf(error);
    throw new ConfigError([`${setting}: ${path} can't be read as JSON (${reason})`]);
  }
}

/** Puts the content of each NAME_FILE in the place of NAME. */
function withSecretFiles(raw: Record<string, string>): Record<string, string> {
  const settings = { ...raw };
  for (const name of secretSettings) {
    const path = settings[`${name}_FILE`];
    if (path === undefined) continue;
    delete settings[`${name}_FILE`];
    if (settings[name] !== undefined)
      throw new ConfigError([`${name}: set together with ${name}_FILE; use one of them`]);
    const value = readSecret(name, path);
    if (value === '') throw new ConfigError([`${name}_FILE: ${path} is empty`]);
    settings[name] = value;
  }
  return settings;
}

function readSecret(name: string, path: string): string {
  try {
    return readFileSync(path, 'utf8').trim();
  } catch (error) {
    throw new ConfigError([`${name}_FILE: ${path} can't be read (${messageOf(error)})`]);
  }
}

/** What is in force, as lines `NAME=value`, secrets hidden. For `--check-config`. */
export function describeConfig(config: Config): string {
  const secret = new Set<string>(secretSettings);
  return names
    .map((name) => {
      const value = config[name];
      if (value === undefined) return `${name}=`;
      if (name === 'AMQP_URL') return `${name}=${(config.AMQP_URL ?? []).map(withoutPassword).join(',')}`;
      if (secret.has(name)) return `${name}=(hidden)`;
      if (name === 'FAMILIES_FILE')
        return [`${name}=${config.FAMILIES_FILE?.path}`, ...describeFamilies(config)].join('\n');
      if (name === 'AUTH_JWT_PUBLIC_KEY')
        return `${name}=(${config.AUTH_JWT_PUBLIC_KEY?.asymmetricKeyType} public key)`;
      return `${name}=${shown(value)}`;
    })
    .join('\n');
}

function describeFamilies({ FAMILIES_FILE }: Config): string[] {
  return (FAMILIES_FILE?.definitions ?? []).map((definition) => `  ${describeFamily(definition)}`);
}

/** As it would be set. */
function shown(value: unknown): string {
  return typeof value === 'boolean' ? (value ? 'on' : 'off') : String(value);
}

/** An AMQP or HTTP address as it may be shown. */
export function withoutPassword(address: string): string {
  const url = new URL(address);
  if (url.password !== '') url.password = '***';
  return url.href;
}

/** One line a setting, for `--help`. */
export function settingsHelp(): string {
  return names
    .map((name) => {
      const schema = settingsSchema.shape[name];
      const value = name === 'NODE_NAME' ? 'host name' : schema.safeParse(undefined).data;
      return `  ${name.padEnd(26)} ${schema.description ?? ''}${value === undefined ? '' : ` (${shown(value)})`}`;
    })
    .join('\n');
}
