/** `registrations`: the devices of an account that are registered now. */
import { z } from 'zod';
import { ActionError } from '../errors.ts';
import { encodeWord } from '../families/routing-key.ts';
import { type Entry, entryOf, inSlices, listIn, shown, textOf } from './entries.ts';
import type { Query } from './query.ts';

const registrationsArguments = z.object({ username: z.string().min(1).max(128).nullish() });

export const registrations: Query<z.output<typeof registrationsArguments>> = {
  name: 'registrations',
  family: 'registration',
  arguments: registrationsArguments,

  async run(account, { username }, tools) {
    const realm = tools.realmOf(account);
    if (realm === undefined) {
      throw new ActionError(
        'binding_unsupported',
        `registrations are asked for by realm, and account ${account} has none in the account directory`,
      );
    }
    const { answers, partial } = await tools.ask({
      exchange: 'registrar',
      routingKey: `registration.query.${encodeWord(realm)}.${encodeWord(username ?? '*')}`,
      fields: {
        'Event-Category': 'directory',
        'Event-Name': 'reg_query',
        Realm: realm,
        ...(username != null && { Username: username }),
        Fields: [],
      },
      answer: 'reg_query_resp',
    });
    const found = new Map<string, Entry>();
    await inSlices(
      answers.flatMap((answer) => listIn(answer, 'Fields')),
      (value) => {
        const entry = entryOf(value);
        if (entry === undefined) return;
        // The realm may have gone to another account while the media nodes thought, and with it whose devices these are.
        if (!isOf(entry, account, realm) || tools.realmOf(account)?.toLowerCase() !== realm.toLowerCase()) {
          tools.onContradiction();
          return;
        }
        const name = textOf(entry, 'username');
        if (username == null || name?.toLowerCase() === username.toLowerCase()) {
          found.set(`${name} ${textOf(entry, 'contact')}`, shown(entry));
        }
      },
    );
    return { result: [...found.values()], partial };
  },
};

/** It may name no account; its realm it always names. Realms are compared without regard to case. */
function isOf(entry: Entry, account: string, realm: string): boolean {
  const claimed = textOf(entry, 'account_id');
  if (claimed !== undefined && claimed !== account) return false;
  const own = realm.toLowerCase();
  return [textOf(entry, 'realm'), textOf(entry, 'account_realm')].some((name) => name?.toLowerCase() === own);
}
