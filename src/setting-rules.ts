/** What settings must be beside each other. Every fault is a sentence that begins with a setting's name. */

/** The settings that the rules look at. */
interface Judged {
  readonly HOST: string;
  readonly PORT: number;
  readonly METRICS_PORT?: number | undefined;
  readonly WORKERS: number;
  readonly AUTH_JWT_SECRET?: string | undefined;
  readonly AUTH_JWT_PUBLIC_KEY?: object | undefined;
  readonly AUTH_JWKS_URL?: string | undefined;
  readonly AUTH_CROSSBAR_URL?: string | undefined;
  readonly ACCOUNTS_FILE?: string | undefined;
  readonly ACCOUNTS_URL?: string | undefined;
  readonly ACCOUNTS_URL_API_KEY?: string | undefined;
  readonly ACCOUNTS_URL_USER?: string | undefined;
  readonly ACCOUNTS_URL_PASSWORD?: string | undefined;
  readonly ACCOUNTS_URL_ACCOUNT?: string | undefined;
}

export function portFaults({ PORT, METRICS_PORT }: Judged): string[] {
  if (METRICS_PORT !== PORT) return [];
  return [`METRICS_PORT: ${METRICS_PORT} is PORT, too; without METRICS_PORT the one listener serves /metrics`];
}

const isLoopback = (host: string): boolean =>
  host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);

/**
 * Invented calls must never be taken for real ones: whoever sets one of these meant the real thing.
 * @param meant names that say so
 */
export function demoFaults({ HOST, WORKERS }: Judged, meant: readonly string[]): string[] {
  const lines = [...meant, ...(WORKERS > 1 ? ['WORKERS'] : [])].map(
    (name) =>
      `AMQP_URL: not set, but ${name} is; name the broker, or unset ${name} to run the demo with invented calls`,
  );
  if (isLoopback(HOST)) return lines;
  return [
    ...lines,
    `HOST: ${HOST} is no loopback address, and without AMQP_URL this is a demo, which listens on loopback only`,
  ];
}

export function realFaults(settings: Judged): string[] {
  const authenticators = [
    settings.AUTH_JWT_SECRET,
    settings.AUTH_JWT_PUBLIC_KEY,
    settings.AUTH_JWKS_URL,
    settings.AUTH_CROSSBAR_URL,
  ];
  if (authenticators.some((setting) => setting !== undefined)) return [];
  return [
    'AUTH_JWT_SECRET: no way to check tokens is configured; set AUTH_JWT_SECRET, AUTH_JWT_PUBLIC_KEY, AUTH_JWKS_URL or AUTH_CROSSBAR_URL',
  ];
}

const user = ['ACCOUNTS_URL_USER', 'ACCOUNTS_URL_PASSWORD', 'ACCOUNTS_URL_ACCOUNT'] as const;

/** The account tree comes from one place, and a Crossbar tells it to those alone who show who they are. */
export function accountsFaults(settings: Judged): string[] {
  const credentials = ['ACCOUNTS_URL_API_KEY' as const, ...user].filter((name) => settings[name] !== undefined);
  if (settings.ACCOUNTS_URL === undefined)
    return credentials.map((name) => `${name}: set without ACCOUNTS_URL, which it is for`);
  if (settings.ACCOUNTS_FILE !== undefined) return ['ACCOUNTS_URL: set together with ACCOUNTS_FILE; use one of them'];
  if (credentials.length === 0)
    return [
      `ACCOUNTS_URL: needs ACCOUNTS_URL_API_KEY, or ${user.join(', ')}: Crossbar tells the accounts to nobody else`,
    ];
  if (settings.ACCOUNTS_URL_API_KEY === undefined)
    return user
      .filter((name) => settings[name] === undefined)
      .map((name) => `${name}: not set, but ${credentials[0]} is`);
  return credentials.length === 1 ? [] : [`ACCOUNTS_URL_API_KEY: set together with ${credentials[1]}; use one of them`];
}
