/** `token`: prints a token, made with the shared secret. */
import { accountId } from '../auth/accounts.ts';
import { makeToken, type TokenClaims } from '../auth/token.ts';
import { readSetting } from '../config.ts';
import { ConfigError, firstFault } from '../errors.ts';
import type { FilterSource } from '../filters/filter.ts';
import { filterSchema } from '../filters/filter-schema.ts';
import { jsonObjectOf, spanMs } from './values.ts';

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

function filterOf(text: string): FilterSource {
  const filter = filterSchema.safeParse(jsonObjectOf('--filter', text));
  if (!filter.success) throw new ConfigError([`--filter: ${firstFault(filter.error, 'the filter')}`]);
  return filter.data.source;
}

/** @throws ConfigError, Failure badUsage where an option can't be used */
export async function printToken(values: TokenOptions): Promise<void> {
  if (values.account === undefined) throw new ConfigError(['--account: is missing (see --help)']);
  const account = accountId.safeParse(values.account);
  if (!account.success) throw new ConfigError([`--account: ${account.error.issues[0]?.message} (see --help)`]);
  const secret = values.secret ?? readSetting(process.env, 'AUTH_JWT_SECRET') ?? '';
  if (secret === '') throw new ConfigError(['--secret: no secret; give it here or as AUTH_JWT_SECRET']);
  const expiresMs = spanMs('--expires', values.expires ?? '8h', Number.POSITIVE_INFINITY);
  const claims: TokenClaims = {
    account_id: account.data,
    ...(values.owner !== undefined && { owner_id: values.owner }),
    ...(values['superduper-admin'] && { superduper_admin: true }),
    ...(values.families !== undefined && { families: values.families.split(',').map((family) => family.trim()) }),
    ...(values.scope !== undefined && { scope: values.scope }),
    ...(values.filter !== undefined && { filter: filterOf(values.filter) }),
  };
  process.stdout.write(`${await makeToken(secret, claims, Math.ceil(expiresMs / 1000))}\n`);
}
