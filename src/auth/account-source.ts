/** Where the account tree comes from: a file, a Crossbar, or nowhere. */
import type { Config } from '../config.ts';
import { ConfigError, messageOf } from '../errors.ts';
import type { Log } from '../log.ts';
import type { AccountSource, Accounts } from './accounts.ts';
import { AccountsFile } from './accounts-file.ts';
import { CrossbarAccounts } from './crossbar-accounts.ts';
import { type Credentials, CrossbarListing } from './crossbar-listing.ts';

const noSource: AccountSource = { missingBecause: undefined, tick: () => undefined };

/**
 * @param accounts filled at once from a file, later from a Crossbar
 * @param onChanged told after each later change of the tree in force
 * @throws ConfigError when ACCOUNTS_FILE can't be used
 */
export function createAccountSource(
  config: Config,
  accounts: Accounts,
  onChanged: () => void,
  log: Log,
): AccountSource {
  if (config.ACCOUNTS_URL !== undefined) {
    return new CrossbarAccounts(
      new CrossbarListing(config.ACCOUNTS_URL, credentialsOf(config)),
      accounts,
      onChanged,
      log,
    );
  }
  if (config.ACCOUNTS_FILE === undefined) return noSource;
  try {
    return new AccountsFile(config.ACCOUNTS_FILE, accounts, onChanged, log);
  } catch (error) {
    throw new ConfigError([`ACCOUNTS_FILE: ${config.ACCOUNTS_FILE} can't be used: ${messageOf(error)}`]);
  }
}

/** One of the two ways is there, and whole: the settings were checked for it. */
function credentialsOf(config: Config): Credentials {
  const {
    ACCOUNTS_URL_API_KEY: apiKey,
    ACCOUNTS_URL_USER: user = '',
    ACCOUNTS_URL_PASSWORD: password = '',
    ACCOUNTS_URL_ACCOUNT: account = '',
  } = config;
  return apiKey === undefined ? { user, password, account } : { apiKey };
}
