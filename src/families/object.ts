/**
 * Documents: `{ACTION}.{DATABASE}.{TYPE}.{ID}` on `configuration`. Types kept in monthly databases are bound for every
 * database and sorted out here, so that neither a month's turn nor an edit of an older month's document is missed.
 */
import {
  type Binding,
  everyAccount,
  type Family,
  type FamilyName,
  invalidFormat,
  lastValue,
  type Pattern,
  type Payload,
  type Reading,
  textField,
  unsupportedEvent,
} from './family.ts';
import { accountOfDatabase, checkRoutingKey, databaseWord, decodeWord, wordings, wordsOf } from './routing-key.ts';

const exchange = 'configuration';
const actions = ['doc_created', 'doc_edited', 'doc_deleted'];
/** `cdr` is not published unless a cluster is set up to. */
const monthlyTypes = new Set(['fax', 'mailbox_message', 'call_recording', 'cdr']);

/** What `fax.object.{ACTION}` asks for, too: it is a binding of the fax family for documents of the type fax. */
export function documentBinding(
  family: FamilyName,
  account: string,
  [action, type, id]: readonly [action: string, type: string, id: string],
  types: readonly string[],
): Binding {
  if (action !== '*' && !actions.includes(action)) throw unsupportedEvent(action);
  if (type !== '*' && !types.includes(type)) throw unsupportedEvent(type);
  const ids = wordsOf(id);
  checkRoutingKey(
    'object',
    `${action === '*' ? 'doc_created' : action}.${databaseWord(account)}.${type}.${ids.at(-1)}`,
  );
  return {
    family,
    eventFamily: 'object',
    wordings: wordings([action], [type], ids),
    patterns: documentPatterns(account, action, type, types),
    subscriptionKey: (event) => `${action}.${event.database ?? databaseWord(account)}.${type}.*`,
  };
}

function documentPatterns(account: string, action: string, type: string, types: readonly string[]): Pattern[] {
  const own = { exchange, routingPattern: `${action}.${databaseWord(account)}.${type}.*` };
  const everyMonth = (name: string) => ({ exchange, routingPattern: `${action}.*.${name}.*` });
  if (account === everyAccount) return [own];
  if (monthlyTypes.has(type)) return [everyMonth(type)];
  if (type !== '*') return [own];
  return [own, ...types.filter((name) => monthlyTypes.has(name)).map(everyMonth)];
}

/** @param types the document types that may be subscribed to */
export function objectFamily(types: readonly string[]): Family {
  const listed = new Set(types);

  function parse(words: readonly string[], account: string): Binding {
    if (words[0] === 'object') {
      if (words.length !== 3) throw invalidFormat('object', words);
      return documentBinding('object', account, [words[1] as string, words[2] as string, '*'], types);
    }
    if (words.length < 4) throw invalidFormat('object', words);
    const [action, database, type] = words as [string, string, string];
    const ownNames = [databaseWord(account), decodeWord(databaseWord(account))];
    // A database that is not the account's own is refused, whatever would have come of it: it asks for another's events.
    if (database !== '*' && !ownNames.includes(database)) throw invalidFormat('object', words);
    return documentBinding('object', account, [action, type, lastValue('object', words, 3)], types);
  }

  function read(routingKey: string, payload: Payload): Reading {
    const [action, database, type, id, ...more] = routingKey.split('.');
    if (action === undefined || database === undefined || type === undefined || id === undefined) return 'foreign';
    if (more.length > 0 || !actions.includes(action) || !listed.has(type)) return 'foreign';
    const account = accountOfDocument(payload, database, type);
    if (account === undefined) return 'contradiction';
    const eventName = textField(payload, 'Event-Name') ?? action;
    return {
      family: 'object',
      account,
      words: [action, type, id],
      name: `${eventName}_${textField(payload, 'Type') ?? type}`,
      eventName,
      routingKey,
      database,
    };
  }

  return {
    name: 'object',
    roots: [...actions, 'object'],
    exchanges: [exchange],
    coarse: [{ exchange, routingPattern: '*.*.*.*' }],
    offers: actions.flatMap((action) =>
      types.map((type) => ({
        sample: { binding: `${action}.*.${type}.*`, event: `${action}_${type}` },
        form: `object.${action}.${type}`,
      })),
    ),
    parse,
    read,
  };
}

/** Payload and key name the account up to three times; undefined where they don't agree. */
function accountOfDocument(payload: Payload, databaseInKey: string, type: string): string | undefined {
  const monthly = monthlyTypes.has(type);
  const account = accountOfDatabase(decodeWord(databaseInKey), monthly);
  // The name is the key's, encoded as it is there; very old publishers write it with plain slashes.
  const database = textField(payload, 'Database');
  const named = database === undefined ? [] : [database, decodeWord(database)];
  if (database !== undefined && !named.some((name) => accountOfDatabase(name, monthly) === account)) return undefined;
  const claimed = textField(payload, 'Account-ID');
  return claimed === undefined || claimed === account ? account : undefined;
}
