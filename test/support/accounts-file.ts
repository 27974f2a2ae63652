/** An ACCOUNTS_FILE of the test's own, which it may change while a bridge reads it. */
import { mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export interface AccountEntry {
  readonly id: string;
  readonly name?: string;
  readonly realm?: string;
  readonly parent_id?: string;
  readonly superduper_admin?: boolean;
}

export interface AccountsFile {
  readonly path: string;
  /** Puts another list in its place, whole: no reader sees half of it. */
  rewrite(accounts: readonly AccountEntry[]): Promise<void>;
}

export async function useAccountsFile(accounts: readonly AccountEntry[]): Promise<AccountsFile> {
  const folder = await mkdtemp(join(tmpdir(), 'event-horizon-accounts-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const path = join(folder, 'accounts.json');
  const rewrite = async (list: readonly AccountEntry[]): Promise<void> => {
    await writeFile(`${path}.new`, JSON.stringify(list));
    await rename(`${path}.new`, path);
  };
  await rewrite(accounts);
  return { path, rewrite };
}
