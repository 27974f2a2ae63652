/** `token`: prints a token, made with the shared secret. */
import { accountId } from '../auth/accounts.ts';
import { makeToken, type TokenClaims } from '../auth/token.ts';
import { readSetting } from '../config.ts';
import { ConfigError, firstFault } from '../errors.ts';
import type { FilterSource } from '../filters/filter.ts';
import { filterSchema } from '../filters/filter-schema.ts';

interface TokenOptions {
  readonly account?: string | undefined;
  readonly secret?: string | undefined;
  /** 8h without it. */
  readonly expires?: string | undefined;
  readonly owner?: string | undefined;
  readonly 'superduper-admin'?: boolean | undefined;
  readonly families?: string | undefined;
  readonly scope?: string | undefined;
  /** JSON. */
  readonly filter?: string | undefined;
}

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

function secondsOf(text: string): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const seconds = Number(match?.[1]) * (secondsPerUnit[match?.[2] ?? ''] ?? Number.NaN);
  if (Number.isNaN(seconds) || seconds === 0)
    throw new ConfigError([`--expires: ${text} is no time; its form is 30m, 8h or 7d`]);
  return seconds;
}

function filterOf(text: string): FilterSource {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    throw new ConfigError(['--filter: is no JSON; its form is {"Custom-Channel-Vars.Authorizing-ID":"ID"}']);
  }
  const filter = filterSchema.safeParse(json);
  if (!filter.success) throw new ConfigError([`--filter: ${firstFault(filter.error, 'the filter')}`]);
  return filter.data.source;
}

/** @throws ConfigError where an option can't be used */
export async function printToken(values: TokenOptions): Promise<void> {
  if (values.account === undefined) throw new ConfigError(['--account: is missing (see --help)']);
  const account = accountId.safeParse(values.account);
  if (!account.success) throw new ConfigError([`--account: ${account.error.issues[0]?.message} (see --help)`]);
  const secret = values.secret ?? readSetting(process.env, 'AUTH_JWT_SECRET') ?? '';
  if (secret === '') throw new ConfigError(['--secret: no secret; give it here or as AUTH_JWT_SECRET']);
  const claims: TokenClaims = {
    account_id: account.data,
    ...(values.owner !== undefined && { owner_id: values.owner }),
    ...(values['superduper-admin'] && { superduper_admin: true }),
    ...(values.families !== undefined && { families: values.families.split(',').map((family) => family.trim()) }),
    ...(values.scope !== undefined && { scope: values.scope }),
    ...(values.filter !== undefined && { filter: filterOf(values.filter) }),
  };
  process.stdout.write(`${await makeToken(secret, claims, secondsOf(values.expires ?? '8h'))}\n`);
}
