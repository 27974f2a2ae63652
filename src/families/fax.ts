/**
 * Faxes: `fax.status.{ACCOUNT}.{JOB_ID}` on `faxes`; before Kazoo 4.1 on the fanout exchange `fax`, which Kazoo has to declare
 * itself. `fax.object.{ACTION}` asks for fax documents, which object.ts owns.
 */
import {
  type Binding,
  type Family,
  invalidFormat,
  lastValue,
  type Pattern,
  type Payload,
  type Reading,
  textField,
} from './family.ts';
import { documentBinding } from './object.ts';
import { checkRoutingKey, decodeWord, encodeWord, wordsOf } from './routing-key.ts';

const exchange = 'faxes';
/** A fanout has every fax of every account, whatever is bound: one pattern is enough for all. */
const olderFaxes: Pattern = {
  exchange: 'fax',
  routingPattern: 'fax.status.*.*',
  isOptional: true,
  isUncounted: true,
};

/** @param documentTypes the document types that may be subscribed to */
export function faxFamily(documentTypes: readonly string[]): Family {
  const hasDocuments = documentTypes.includes('fax');

  function parse(words: readonly string[], account: string): Binding {
    if (words[1] === 'object' && words.length === 3) {
      return documentBinding('fax', account, [words[2] as string, 'fax', '*'], documentTypes);
    }
    if (words[1] !== 'status' || words.length < 3) throw invalidFormat('fax', words);
    const faxId = lastValue('fax', words, 2);
    const faxIds = wordsOf(faxId);
    checkRoutingKey('fax', `fax.status.${encodeWord(account)}.${faxIds.at(-1)}`);
    const key = `fax.status.${account}.${faxId}`;
    return {
      family: 'fax',
      eventFamily: 'fax',
      wordings: faxIds.map((word) => [word]),
      patterns: [{ exchange, routingPattern: `fax.status.${encodeWord(account)}.*` }, olderFaxes],
      subscriptionKey: () => key,
    };
  }

  return {
    name: 'fax',
    roots: ['fax'],
    exchanges: [exchange, olderFaxes.exchange],
    coarse: [{ exchange, routingPattern: 'fax.status.*.*' }, olderFaxes],
    offers: [
      { sample: { binding: 'fax.status.*', event: 'fax.status' }, form: 'fax.status.{FAX_ID}' },
      ...(hasDocuments ? [{ form: 'fax.object.{ACTION}' }] : []),
    ],
    parse,
    read,
  };
}

function read(routingKey: string, payload: Payload): Reading {
  const [family, kind, accountWord, job, ...more] = routingKey.split('.');
  if (family !== 'fax' || kind !== 'status' || accountWord === undefined || job === undefined || more.length > 0)
    return 'foreign';
  const claimed = textField(payload, 'Account-ID');
  if (claimed !== undefined && encodeWord(claimed) !== accountWord) return 'contradiction';
  return {
    family: 'fax',
    account: claimed ?? decodeWord(accountWord),
    words: [job],
    name: 'fax.status',
    eventName: textField(payload, 'Event-Name') ?? 'status',
    routingKey,
  };
}
