/**
 * Faxes: `fax.status.{ACCOUNT}.{JOB_ID}` on `faxes`; before Kazoo 4.1 on the fanout exchange `fax`, which Kazoo has to declare
 * itself. `fax.object.{ACTION}` asks for fax documents, which object.ts owns.
 */
import type { FamilyDefinition } from './definition.ts';
import type { Binding, Family, RealmDirectory } from './family.ts';
import { documentBinding } from './object.ts';
import { topicFamily } from './topic-family.ts';

const status: FamilyDefinition = {
  name: 'fax',
  exchanges: [
    { name: 'faxes', type: 'topic', whenMissing: 'declare' },
    { name: 'fax', type: 'fanout', whenMissing: 'ignore', isUncounted: true },
  ],
  routingKey: 'fax.status.{ACCOUNT}.{FAX_ID}',
  binding: 'fax.status.{FAX_ID}',
  account: { payload: ['Account-ID'], key: 'ACCOUNT' },
  fallbackName: 'status',
  shortName: 'fax.status',
  subscriptionKey: 'fax.status.{ACCOUNT}.{FAX_ID}',
};

/** @param documentTypes the document types that may be subscribed to */
export function faxFamily(documentTypes: readonly string[], directory: RealmDirectory): Family {
  const family = topicFamily(status, directory);
  const documents = documentTypes.includes('fax') ? [{ form: 'fax.object.{ACTION}' }] : [];
  return {
    ...family,
    offers: [...family.offers, ...documents],
    parse(words, account): Binding {
      if (words[1] !== 'object' || words.length !== 3) return family.parse(words, account);
      return documentBinding('fax', account, [words[2] as string, 'fax', '*'], documentTypes);
    },
  };
}
