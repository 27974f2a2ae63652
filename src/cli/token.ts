/** `npm run token`: prints a token, made with the shared secret. */
import { parseArgs } from 'node:util';
import { accountId } from '../auth/accounts.ts';
import { makeToken, type TokenClaims } from '../auth/token.ts';
import { readSetting } from '../config.ts';
import { ConfigError } from '../errors.ts';
import { runCommand } from './command.ts';

const help = `Prints a token for Event Horizon.

  npm run -s token -- --account ID [options]

  --account ID          the account that the token is of (required)
  --secret S            the shared secret; without it, the server's own AUTH_JWT_SECRET
  --expires 8h          how long it is good: a number and s, m, h or d (8h)
  --owner ID            the user's id
  --superduper-admin    may watch every account
  --families a,b        only these families may be subscribed to
  --scope "a b"         what it may do: events sockets:read sockets:close commands (all but commands)
`;

const secondsPerUnit: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

function secondsOf(text: string): number {
  const match = /^(\d{1,9})([smhd])$/.exec(text);
  const seconds = Number(match?.[1]) * (secondsPerUnit[match?.[2] ?? ''] ?? Number.NaN);
  if (Number.isNaN(seconds) || seconds === 0)
    throw new ConfigError([`--expires: ${text} is no time; its form is 30m, 8h or 7d`]);
  return seconds;
}

runCommand('token', async () => {
  const { values } = parseArgs({
    options: {
      account: { type: 'string' },
      secret: { type: 'string' },
      expires: { type: 'string', default: '8h' },
      owner: { type: 'string' },
      'superduper-admin': { type: 'boolean', default: false },
      families: { type: 'string' },
      scope: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) {
    process.stdout.write(help);
    return;
  }
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
  };
  process.stdout.write(`${await makeToken(secret, claims, secondsOf(values.expires))}\n`);
});
