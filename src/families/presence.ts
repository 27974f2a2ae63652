/**
 * Presence: `{dialog,update,mwi_updates}.{REALM}.{CALL_ID or USER}` on `presence`. The account is the one whose realm it
 * is, so without the account directory nobody's presence can be told. Realms come in any case, and a topic exchange
 * compares bytes: so a kind is bound for all realms, and sorted out here.
 */
import { ActionError } from '../errors.ts';
import {
  accountField,
  type Binding,
  everyAccount,
  type Family,
  invalidFormat,
  lastValue,
  type Payload,
  type Reading,
  type RealmDirectory,
  textField,
  unsupportedEvent,
} from './family.ts';
import { checkRoutingKey, decodeWord, encodeWord, wordings, wordsOf } from './routing-key.ts';

const exchange = 'presence';
const kinds = new Map([
  ['dialog', '{CALL_ID}'],
  ['update', '{CALL_ID}'],
  ['mwi_updates', '{USER}'],
]);

/** The realm that a payload names: the presentity's, else that of its address; of waiting messages, the addressee's. */
function claimedRealm(payload: Payload, kind: string): string | undefined {
  const address = textField(payload, kind === 'mwi_updates' ? 'To' : 'Presence-ID');
  return textField(payload, 'Presentity-Realm') ?? /@([^;:>\s]+)/.exec(address ?? '')?.[1];
}

/** Whether a payload names another realm than the routing key, or another account than the one whose realm that is. */
function contradicts(payload: Payload, kind: string, realm: string, account: string | undefined): boolean {
  const ownRealm = claimedRealm(payload, kind);
  if (ownRealm !== undefined && ownRealm.toLowerCase() !== realm.toLowerCase()) return true;
  const ownAccount = accountField(payload);
  return ownAccount !== undefined && account !== undefined && ownAccount !== account;
}

export function presenceFamily(directory: RealmDirectory): Family {
  function parse(words: readonly string[], account: string): Binding {
    const kind = words[1];
    if (words.length < 3 || kind === undefined) throw invalidFormat('presence', words);
    if (!kinds.has(kind)) throw unsupportedEvent(kind);
    const realm = account === everyAccount ? '*' : directory.realmOf(account);
    if (realm === undefined) {
      throw new ActionError(
        'binding_unsupported',
        `presence is told by realm, and account ${account} has none in the account directory`,
      );
    }
    const argument = lastValue('presence', words, 2);
    const values = wordsOf(argument);
    const key = `${kind}.${encodeWord(realm)}.${values.at(-1)}`;
    checkRoutingKey('presence', key);
    return {
      family: 'presence',
      eventFamily: 'presence',
      wordings: wordings([kind], values),
      patterns: [{ exchange, routingPattern: `${kind}.*.*` }],
      subscriptionKey: () => key,
    };
  }

  function read(routingKey: string, payload: Payload): Reading {
    const [kind, realmWord, argument, ...more] = routingKey.split('.');
    if (kind === undefined || realmWord === undefined || argument === undefined || more.length > 0) return 'foreign';
    if (!kinds.has(kind)) return 'foreign';
    const realm = decodeWord(realmWord);
    const account = directory.accountOfRealm(realm);
    if (contradicts(payload, kind, realm, account)) return 'contradiction';
    const eventName = textField(payload, 'Event-Name') ?? kind;
    return { family: 'presence', account, words: [kind, argument], name: eventName, eventName, routingKey };
  }

  return {
    name: 'presence',
    roots: ['presence'],
    exchanges: [exchange],
    coarse: [{ exchange, routingPattern: '*.*.*' }],
    offers: [...kinds].map(([kind, argument]) => ({
      sample: { binding: `presence.${kind}.*`, event: kind === 'mwi_updates' ? 'mwi_update' : kind },
      form: `presence.${kind}.${argument}`,
    })),
    parse,
    read,
  };
}
