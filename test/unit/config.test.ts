import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { describeConfig, readConfig, readSetting, type SettingName, settingsHelp } from '../../src/config.ts';
import { ConfigError } from '../../src/errors.ts';
import { callEvents, documentTypes, notifications } from '../support/offers.ts';

const folder = mkdtempSync(join(tmpdir(), 'event-horizon-config-'));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | object): string {
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

/** The least of the real thing. */
const real = { AMQP_URL: 'amqp://localhost', AUTH_JWT_SECRET: 'a secret' };

/** @returns what a person reads when the settings are refused */
function refusal(environment: Record<string, string | undefined>): readonly string[] {
  try {
    readConfig(environment);
  } catch (error) {
    if (error instanceof ConfigError) return error.lines;
    throw error;
  }
  throw new Error('the settings were accepted');
}

function pem(type: 'rsa' | 'ec' | 'ed25519' | 'x25519', size: number | string = ''): string {
  const pair =
    type === 'rsa'
      ? generateKeyPairSync('rsa', { modulusLength: Number(size) })
      : type === 'ec'
        ? generateKeyPairSync('ec', { namedCurve: String(size) })
        : type === 'ed25519'
          ? generateKeyPairSync('ed25519')
          : generateKeyPairSync('x25519');
  return pair.publicKey.export({ type: 'spki', format: 'pem' }).toString();
}

describe('defaults', () => {
  test('are those of the table', () => {
    expect(readConfig({})).toEqual({
      demo: true,
      HOST: '127.0.0.1',
      PORT: 5555,
      COMPRESSION: false,
      DIALECT: 'classic',
      CALL_EVENTS: callEvents,
      DOC_TYPES: documentTypes,
      NOTIFICATION_EVENTS: notifications,
      HISTORY: 'off',
      HISTORY_STREAM: 'horizon.history',
      HISTORY_MAX_AGE_SECONDS: 600,
      HISTORY_MAX_BYTES: 1_073_741_824,
      HISTORY_RING_BYTES: 268_435_456,
      MAX_CONNECTIONS: 50_000,
      MAX_HTTP_CONNECTIONS: 5000,
      REST_RATE_PER_SECOND: 20,
      REST_RATE_BURST: 200,
      MAX_BINDINGS_PER_SOCKET: 250,
      MAX_BINDINGS_PER_ACCOUNT: 200_000,
      MAX_PATTERNS: 100,
      MAX_MESSAGE_BYTES: 65_536,
      RATE_LIMIT_PER_SECOND: 20,
      RATE_LIMIT_BURST: 200,
      SLOW_CONSUMER_BYTES: 1_048_576,
      SLOW_CONSUMER_SECONDS: 5,
      MAX_UNSENT_BYTES: 268_435_456,
      PING_INTERVAL_SECONDS: 25,
      PONG_TIMEOUT_SECONDS: 10,
      AUTH_TIMEOUT_SECONDS: 60,
      TRUST_PROXY: ['127.0.0.1', '::1'],
      NODE_NAME: hostname(),
      WORKERS: 1,
      DRAIN_SECONDS: 10,
      LOG_LEVEL: 'info',
    });
  });

  test.each([
    [{ AUTH_JWT_SECRET: 'a secret' }, 'classic'],
    [{ AUTH_CROSSBAR_URL: 'http://crossbar:8000' }, 'kazoo4'],
    [{ AUTH_CROSSBAR_URL: 'http://crossbar:8000', DIALECT: '' }, 'kazoo4'],
    [{ AUTH_CROSSBAR_URL: 'http://crossbar:8000', DIALECT: 'classic' }, 'classic'],
    [{ AUTH_CROSSBAR_URL: ' ', AUTH_JWT_SECRET: 'a secret' }, 'classic'],
  ])('the dialect is kazoo4 where there is a Crossbar: %j', (settings, dialect) => {
    expect(readConfig({ AMQP_URL: 'amqp://broker', ...settings }).DIALECT).toBe(dialect);
  });

  test('an empty one counts as unset', () => {
    expect(readConfig({ PORT: '', AMQP_URL: '', AUTH_JWT_SECRET: ' ', ACCOUNTS_FILE: '', CONFIG_FILE: ' ' })).toEqual(
      readConfig({}),
    );
  });
});

describe('a bad value is refused with the name of the variable and what is wrong', () => {
  test.each<[SettingName, string, string]>([
    ['PORT', 'five', 'must be a whole number'],
    ['PORT', '65536', 'must be at most 65535'],
    ['PORT', '1e3', 'must be a whole number'],
    ['AMQP_URL', 'localhost:5672', 'has the protocol localhost://; only amqp://, amqps:// and kazoo:// can be used'],
    ['AMQP_URL', 'http://localhost', 'has the protocol http://; only amqp://, amqps:// and kazoo:// can be used'],
    ['AMQP_URL', 'amqp://one, amqp://', 'has an address without a host'],
    ['AMQP_URL', 'amqp://me:100%@host', 'has a "%" that begins no %HH in its user, password or virtual host'],
    ['AMQP_URL', ',', 'must name at least one'],
    ['DIALECT', 'Classic', 'must be one of classic, kazoo4'],
    ['AUTH_JWT_PUBLIC_KEY', '/no/such/file', 'is neither a PEM public key nor a path to one'],
    ['AUTH_JWT_PUBLIC_KEY', '-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----', 'is neither a PEM'],
    ['AUTH_JWKS_URL', 'keys.json', 'must be an http:// or https:// address'],
    ['AUTH_CROSSBAR_URL', 'ftp://crossbar', 'must be an http:// or https:// address'],
    ['AUTH_CROSSBAR_URL', 'http://me:pass@crossbar', 'must not carry a user or a password'],
    ['CALL_EVENTS', 'CHANNEL_CREATE,DTMF.*', 'must be letters, digits, "-" or "_"'],
    ['DOC_TYPES', 'a#', 'must be letters, digits, "-" or "_"'],
    [
      'NOTIFICATION_EVENTS',
      'voicemail',
      'has "voicemail"; a notification\'s form is CATEGORY.NAME, voicemail.new for instance',
    ],
    [
      'NOTIFICATION_EVENTS',
      'sip.register,user.new',
      'has user.new, which carries a password or a link that sets one: no browser may see it',
    ],
    [
      'NOTIFICATION_EVENTS',
      'user.password_recovery',
      'has user.password_recovery, which carries a password or a link that sets one: no browser may see it',
    ],
    ['MAX_CONNECTIONS', '0', 'must be at least 1'],
    ['ALLOWED_ORIGINS', 'https://console.example.com/', 'is no origin'],
    ['TRUST_PROXY', '10.0.0.0/99', 'must be addresses or CIDR ranges'],
    ['NODE_NAME', 'a name', 'must be letters, digits'],
    ['WORKERS', '-1', 'must be a whole number'],
    ['LOG_LEVEL', 'loud', 'must be one of trace, debug'],
    ['LOG_PRETTY', 'perhaps', 'must be on or off'],
  ])('%s=%s', (name, value, problem) => {
    const lines = refusal({ ...real, [name]: value });
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(new RegExp(`^${name}: `));
    expect(lines[0]).toContain(problem);
  });

  test('METRICS_PORT is not PORT', () => {
    expect(refusal({ ...real, METRICS_PORT: '5555' })).toEqual([expect.stringMatching(/^METRICS_PORT: 5555 is PORT/)]);
    expect(readConfig({ ...real, METRICS_PORT: '9555' }).METRICS_PORT).toBe(9555);
  });

  test('several bad ones are all named', () => {
    expect(refusal({ PORT: 'x', DIALECT: 'y' }).map((line) => line.split(':')[0])).toEqual(['PORT', 'DIALECT']);
  });

  test.each([
    ['an EC key that is not P-256', pem('ec', 'P-384'), 'RSA, EC P-256 or Ed25519'],
    ['a key that signs nothing', pem('x25519'), 'RSA, EC P-256 or Ed25519'],
    ['an RSA key that is too short to be trusted', pem('rsa', 1024), 'at least 2048 bits'],
  ])('AUTH_JWT_PUBLIC_KEY: %s', (_title, key, problem) => {
    expect(refusal({ ...real, AUTH_JWT_PUBLIC_KEY: key })).toEqual([expect.stringContaining(problem)]);
  });
});

describe('values', () => {
  test('AMQP_URL: one or more amqp://, amqps:// or kazoo:// URLs, comma separated', () => {
    const config = readConfig({ ...real, AMQP_URL: 'amqp://a, amqps://b:5671/v ,kazoo://u:p%40@c' });
    expect(config.AMQP_URL).toEqual(['amqp://a', 'amqps://b:5671/v', 'kazoo://u:p%40@c']);
    expect(config.demo).toBe(false);
  });

  test('AUTH_JWT_PUBLIC_KEY: a PEM, one on a single line with \\n, or a path to one', () => {
    for (const key of [pem('rsa', 2048), pem('ec', 'P-256'), pem('ed25519')]) {
      for (const value of [key, key.replaceAll('\n', '\\n'), file('key.pem', key)]) {
        const { AUTH_JWT_PUBLIC_KEY } = readConfig({ AMQP_URL: real.AMQP_URL, AUTH_JWT_PUBLIC_KEY: value });
        expect(AUTH_JWT_PUBLIC_KEY?.export({ type: 'spki', format: 'pem' })).toBe(key);
      }
    }
  });

  test('lists are trimmed, and what is named twice counts once', () => {
    expect(readConfig({ CALL_EVENTS: ' DTMF, CHANNEL_CREATE ,DTMF,' }).CALL_EVENTS).toEqual(['DTMF', 'CHANNEL_CREATE']);
    expect(readConfig({ TRUST_PROXY: '10.0.0.0/8, ::1' }).TRUST_PROXY).toEqual(['10.0.0.0/8', '::1']);
    expect(readConfig({ ALLOWED_ORIGINS: 'https://a.example.com' }).ALLOWED_ORIGINS).toEqual(['https://a.example.com']);
  });

  test.each([
    ['true', true],
    ['1', true],
    ['on', true],
    ['false', false],
    ['0', false],
    ['off', false],
  ])('LOG_PRETTY=%s', (text, value) => expect(readConfig({ LOG_PRETTY: text }).LOG_PRETTY).toBe(value));
});

describe('CONFIG_FILE', () => {
  test('has the same names, and the environment wins', () => {
    const CONFIG_FILE = file('some.json', { PORT: 6000, DIALECT: 'kazoo4', LOG_PRETTY: true, CALL_EVENTS: ['A', 'B'] });
    const config = readConfig({ CONFIG_FILE, PORT: '7000', DIALECT: '' });
    expect(config).toMatchObject({ PORT: 7000, DIALECT: 'kazoo4', LOG_PRETTY: true, CALL_EVENTS: ['A', 'B'] });
  });

  test('an empty value in it counts as unset', () => {
    expect(readConfig({ CONFIG_FILE: file('empty.json', { PORT: '' }) }).PORT).toBe(5555);
  });

  test.each([
    ['an unknown name', { PROT: 1, PORT: 2 }, 'CONFIG_FILE: PROT is no setting'],
    ['a name of its own', { CONFIG_FILE: 'x' }, 'CONFIG_FILE: CONFIG_FILE is no setting'],
    ['a value of a kind that no setting has', { PORT: { a: 1 } }, 'CONFIG_FILE: PORT must be a text, a number'],
    ['a bad value', { PORT: 'x' }, 'PORT: must be a whole number'],
    ['no object', [1], 'CONFIG_FILE: the file'],
    ['no JSON', '{', "can't be read as JSON"],
  ])('%s is an error', (_title, content, problem) => {
    expect(refusal({ CONFIG_FILE: file('bad.json', content) })).toEqual([expect.stringContaining(problem)]);
  });

  test('a file that is not there is an error', () => {
    expect(refusal({ CONFIG_FILE: '/no/such.json' })).toEqual([expect.stringMatching(/^CONFIG_FILE: .*ENOENT/)]);
  });

  test('a broken one is not quoted: the secrets are in it', () => {
    const lines = refusal({ CONFIG_FILE: file('broken.json', '{"AUTH_JWT_SECRET": hunter2}') });
    expect(lines.join()).not.toMatch(/hun|SECRET/);
  });
});

describe('a secret may be given as NAME_FILE', () => {
  test.each(['AMQP_URL', 'AUTH_JWT_SECRET', 'AUTH_JWT_PREVIOUS_SECRET'] as const)('%s_FILE', (name) => {
    const value = name === 'AMQP_URL' ? 'amqp://me:pass@host' : 'from a file';
    const { [name]: _unset, ...others } = { ...real, AUTH_JWT_PREVIOUS_SECRET: 'old', AUTH_JWKS_URL: 'http://keys' };
    const config = readConfig({ ...others, [`${name}_FILE`]: file(name, `${value}\n`) });
    expect(String(config[name])).toBe(value);
  });

  test('in CONFIG_FILE as well', () => {
    const CONFIG_FILE = file('secret.json', { AMQP_URL: 'amqp://a', AUTH_JWT_SECRET_FILE: file('secret', 'deep') });
    expect(readConfig({ CONFIG_FILE }).AUTH_JWT_SECRET).toBe('deep');
  });

  test('the environment wins over CONFIG_FILE, whichever form the two have', () => {
    const inFile = file('one.json', { ...real, AUTH_JWT_SECRET: 'of the file' });
    const asPath = file('two.json', { AMQP_URL: 'amqp://a', AUTH_JWT_SECRET_FILE: file('secret', 'of the file') });
    const own = { AUTH_JWT_SECRET_FILE: file('own', 'of the environment') };
    expect(readConfig({ CONFIG_FILE: inFile, ...own }).AUTH_JWT_SECRET).toBe('of the environment');
    expect(readConfig({ CONFIG_FILE: asPath, AUTH_JWT_SECRET: 'direct' }).AUTH_JWT_SECRET).toBe('direct');
  });

  test('both forms in one place, a missing file and an empty one are errors', () => {
    expect(refusal({ ...real, AUTH_JWT_SECRET_FILE: file('s', 'x') })[0]).toMatch(/^AUTH_JWT_SECRET: set together/);
    expect(refusal({ AMQP_URL_FILE: '/no/such' })[0]).toMatch(/^AMQP_URL_FILE: .*ENOENT/);
    expect(refusal({ AMQP_URL_FILE: file('nothing', '\n') })[0]).toMatch(/^AMQP_URL_FILE: .* is empty/);
  });

  test('what the commands read goes the same ways', () => {
    expect(readSetting({ AUTH_JWT_SECRET_FILE: file('s', 'x') }, 'AUTH_JWT_SECRET')).toBe('x');
    expect(readSetting({ CONFIG_FILE: file('c.json', real), AMQP_URL: 'amqp://b' }, 'AMQP_URL')).toBe('amqp://b');
    expect(readSetting({}, 'AMQP_URL')).toBeUndefined();
  });
});

describe('demo mode', () => {
  test.each([
    ['AUTH_JWT_SECRET', 's'],
    ['AUTH_JWT_PREVIOUS_SECRET', 's'],
    ['AUTH_JWT_PUBLIC_KEY', pem('ed25519')],
    ['AUTH_JWKS_URL', 'http://keys'],
    ['AUTH_JWT_ISSUER', 'i'],
    ['AUTH_JWT_AUDIENCE', 'a'],
    ['AUTH_CROSSBAR_URL', 'http://crossbar'],
    ['AUTH_TIMEOUT_SECONDS', '5'],
    ['AUTH_JWT_SECRT', 'a name that somebody mistyped'],
    ['ACCOUNTS_FILE', '/accounts.json'],
    ['ACCOUNTS_URI', 'a name that somebody mistyped'],
    ['WORKERS', '2'],
    ['NODE_ENV', 'production'],
  ])('is refused where %s is set: somebody meant the real thing', (name, value) => {
    const lines = refusal({ [name]: value });
    expect(lines).toEqual([expect.stringMatching(new RegExp(`^AMQP_URL: not set, but ${name}`))]);
  });

  test('is refused for what CONFIG_FILE and NAME_FILE set, too', () => {
    expect(refusal({ CONFIG_FILE: file('w.json', { WORKERS: 2 }) })).toEqual([expect.stringContaining('WORKERS')]);
    expect(refusal({ AUTH_JWT_SECRET_FILE: file('s', 'x') })).toEqual([expect.stringContaining('AUTH_JWT_SECRET')]);
  });

  test.each([{ WORKERS: '1' }, { NODE_ENV: 'development' }, { AUTH_JWT_SECRET: '' }, { PATH: '/bin' }])(
    'runs with %o',
    (environment) => expect(readConfig(environment).demo).toBe(true),
  );

  test('listens on loopback only', () => {
    for (const HOST of ['localhost', '::1', '127.0.0.2']) expect(readConfig({ HOST }).HOST).toBe(HOST);
    for (const HOST of ['0.0.0.0', '::', '192.0.2.1', '127.0.0.1.example.com']) {
      expect(refusal({ HOST })).toEqual([expect.stringMatching(/^HOST: .* loopback only/)]);
    }
  });
});

describe('the real thing', () => {
  test('needs an authenticator, and says which variables to set', () => {
    const [line, ...others] = refusal({ AMQP_URL: 'amqp://localhost' });
    expect(others).toEqual([]);
    for (const name of ['AUTH_JWT_SECRET', 'AUTH_JWT_PUBLIC_KEY', 'AUTH_JWKS_URL', 'AUTH_CROSSBAR_URL']) {
      expect(line).toContain(name);
    }
  });

  test('may listen anywhere, with workers, in production', () => {
    const config = readConfig({ ...real, HOST: '0.0.0.0', WORKERS: '4', NODE_ENV: 'production' });
    expect(config).toMatchObject({ demo: false, HOST: '0.0.0.0', WORKERS: 4 });
  });
});

describe('the account tree of a Crossbar', () => {
  const url = { ...real, ACCOUNTS_URL: 'http://crossbar:8000' };
  const user = { ACCOUNTS_URL_USER: 'u', ACCOUNTS_URL_PASSWORD: 'p', ACCOUNTS_URL_ACCOUNT: 'a.example.com' };

  test('takes an API key, or a user with password and account; secrets from files, too', () => {
    expect(readConfig({ ...url, ACCOUNTS_URL_API_KEY: 'k' })).toMatchObject({ ACCOUNTS_URL_API_KEY: 'k' });
    const { ACCOUNTS_URL_PASSWORD, ...others } = user;
    const config = readConfig({ ...url, ...others, ACCOUNTS_URL_PASSWORD_FILE: file('p', ACCOUNTS_URL_PASSWORD) });
    expect(config).toMatchObject(user);
  });

  test.each<[string, object, RegExp[]]>([
    ['nothing to log in with', url, [/^ACCOUNTS_URL: needs ACCOUNTS_URL_API_KEY, or /]],
    ['half a user', { ...url, ACCOUNTS_URL_USER: 'u' }, [/^ACCOUNTS_URL_PASSWORD: /, /^ACCOUNTS_URL_ACCOUNT: /]],
    ['both ways', { ...url, ...user, ACCOUNTS_URL_API_KEY: 'k' }, [/^ACCOUNTS_URL_API_KEY: set together/]],
    ['a file as well', { ...url, ...user, ACCOUNTS_FILE: 'x' }, [/^ACCOUNTS_URL: set together with ACCOUNTS_FILE/]],
    ['a key and no address', { ...real, ACCOUNTS_URL_API_KEY: 'k' }, [/^ACCOUNTS_URL_API_KEY: set without/]],
    ['an address that is none', { ...url, ACCOUNTS_URL: 'crossbar' }, [/^ACCOUNTS_URL: must be/]],
  ])('is refused with %s', (_name, settings, lines) => {
    expect(refusal({ ...settings })).toEqual(lines.map((line) => expect.stringMatching(line)));
  });

  test('its secrets are hidden', () => {
    const shown = describeConfig(readConfig({ ...url, ...user, ACCOUNTS_URL_PASSWORD: 'hunter2' }));
    expect(shown).not.toContain('hunter2');
    expect(shown).toContain('ACCOUNTS_URL_PASSWORD=(hidden)');
  });
});

describe('what is shown', () => {
  test('every setting stands there, secrets and passwords hidden', () => {
    const text = describeConfig(
      readConfig({
        AMQP_URL: 'amqp://me:hunter2@one/v,kazoo://you:hunter2@two',
        AUTH_JWT_SECRET: 'hunter2',
        AUTH_JWT_PREVIOUS_SECRET: 'hunter2',
        AUTH_JWT_PUBLIC_KEY: pem('ed25519'),
        ALLOWED_ORIGINS: 'https://a.example.com,https://b.example.com',
      }),
    );
    expect(text).not.toContain('hunter2');
    expect(text.split('\n')).toEqual(
      expect.arrayContaining([
        'HOST=127.0.0.1',
        'PORT=5555',
        'AMQP_URL=amqp://me:***@one/v,kazoo://you:***@two',
        'AUTH_JWT_SECRET=(hidden)',
        'AUTH_JWT_PREVIOUS_SECRET=(hidden)',
        'AUTH_JWT_PUBLIC_KEY=(ed25519 public key)',
        'ALLOWED_ORIGINS=https://a.example.com,https://b.example.com',
        'METRICS_PORT=',
      ]),
    );
    expect(text.split('\n')).toHaveLength(Object.keys(settingsHelpByName()).length);
  });

  test('help has a line with its default for each', () => {
    const help = settingsHelpByName();
    expect(help.PORT).toMatch(/\(5555\)$/);
    expect(help.NODE_NAME).toMatch(/\(host name\)$/);
    expect(Object.values(help).every((line) => line !== '')).toBe(true);
  });
});

function settingsHelpByName(): Record<string, string> {
  return Object.fromEntries(
    settingsHelp()
      .split('\n')
      .map((line) => [line.trim().split(/\s/)[0] ?? '', line.trim().split(/\s+/).slice(1).join(' ')]),
  );
}
