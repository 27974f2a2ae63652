/** Faxes: `fax.status.{ACCOUNT}.{JOB_ID}` on `fax`. `fax.object.{ACTION}` asks for fax documents, which object.ts owns. */
import {
  type Binding,
  type Family,
  invalidFormat,
  lastValue,
  type Payload,
  type Reading,
  textField,
} from './family.ts';
import { documentBinding } from './object.ts';
import { checkRoutingKey, decodeWord, encodeWord } from './routing-key.ts';

const exchange = 'fax';

/** @param documentTypes the document types that may be subscribed to */
export function faxFamily(documentTypes: readonly string[]): Family {
  const hasDocuments = documentTypes.includes('fax');

  function parse(words: readonly string[], account: string): Binding {
    if (words[1] === 'object' && words.length === 3) {
      return documentBinding('fax', account, [words[2] as string, 'fax', '*'], documentTypes);
    }
    if (words[1] !== 'status' || words.length < 3) throw invalidFormat('fax', words);
    const faxId = lastValue('fax', words, 2);
    checkRoutingKey('fax', `fax.status.${encodeWord(account)}.${encodeWord(faxId)}`);
    const key = `fax.status.${account}.${faxId}`;
    return {
      family: 'fax',
      source: 'fax',
      words: [encodeWord(faxId)],
      patterns: [{ exchange, routingPattern: `fax.status.${encodeWord(account)}.*` }],
      subscriptionKey: () => key,
    };
  }

  return {
    name: 'fax',
    roots: ['fax'],
    exchanges: [exchange],
    coarse: [{ exchange, routingPattern: 'fax.status.*.*' }],
    offers: [
      { classic: { binding: 'fax.status.*', event: 'fax.status' }, kazoo4: 'fax.status.{FAX_ID}' },
      ...(hasDocuments ? [{ kazoo4: 'fax.object.{ACTION}' }] : []),
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
    source: 'fax',
    account: claimed ?? decodeWord(accountWord),
    words: [job],
    name: 'fax.status',
    eventName: textField(payload, 'Event-Name') ?? 'status',
    routingKey,
  };
}
