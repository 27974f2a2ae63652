/**
 * Registrations of devices: `registration.success.{REALM}.{USERNAME}`, on `registrar` and, from some Kamailio set-ups,
 * on `callmgr`.
 */
import {
  type Binding,
  contradictsRealm,
  everyAccount,
  type Family,
  invalidFormat,
  lastValue,
  type Payload,
  type Reading,
  type RealmDirectory,
  textField,
} from './family.ts';
import { checkRoutingKey, decodeWord, encodeWord } from './routing-key.ts';

const exchanges = ['registrar', 'callmgr'];

export function registrationFamily(directory: RealmDirectory): Family {
  function parse(words: readonly string[], account: string): Binding {
    if (words[1] !== 'success' || words.length < 3) throw invalidFormat('registration', words);
    const username = lastValue('registration', words, 2);
    // An account without a known realm still owns what carries its id: all realms are bound, the rest sorted out here.
    const realm = account === everyAccount ? '*' : (directory.realmOf(account) ?? '*');
    const key = `registration.success.${encodeWord(realm)}.${encodeWord(username)}`;
    checkRoutingKey('registration', key);
    return {
      family: 'registration',
      source: 'registration',
      words: [encodeWord(username)],
      patterns: exchanges.map((exchange) => ({
        exchange,
        routingPattern: `registration.success.${encodeWord(realm)}.*`,
      })),
      subscriptionKey: () => key,
    };
  }

  function read(routingKey: string, payload: Payload): Reading {
    const [family, kind, realmWord, username, ...more] = routingKey.split('.');
    if (family !== 'registration' || kind !== 'success' || realmWord === undefined || username === undefined)
      return 'foreign';
    if (more.length > 0) return 'foreign';
    const realm = decodeWord(realmWord);
    const owner = directory.accountOfRealm(realm);
    if (contradictsRealm(payload, textField(payload, 'Realm'), realm, owner)) return 'contradiction';
    const eventName = textField(payload, 'Event-Name') ?? 'reg_success';
    return {
      source: 'registration',
      account: textField(payload, 'Account-ID') ?? owner,
      words: [username],
      name: eventName,
      eventName,
      routingKey,
    };
  }

  return {
    name: 'registration',
    roots: ['registration'],
    exchanges,
    coarse: exchanges.map((exchange) => ({ exchange, routingPattern: 'registration.success.*.*' })),
    offers: [
      {
        classic: { binding: 'registration.success.*', event: 'reg_success' },
        kazoo4: 'registration.success.{USERNAME}',
      },
    ],
    parse,
    read,
  };
}
