/**
 * Registrations of devices: `registration.success.{REALM}.{USERNAME}`, on `registrar` and, from some Kamailio set-ups,
 * on `callmgr`. The realm is as somebody typed it into a telephone, in any case, and a topic exchange compares bytes: so
 * those of all realms are bound, and the rest is sorted out here.
 */
import {
  accountField,
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
import { checkRoutingKey, decodeWord, encodeWord, wordsOf } from './routing-key.ts';

const exchanges = ['registrar', 'callmgr'];
const patterns = exchanges.map((exchange) => ({ exchange, routingPattern: 'registration.success.*.*' }));

export function registrationFamily(directory: RealmDirectory): Family {
  function parse(words: readonly string[], account: string): Binding {
    if (words[1] !== 'success' || words.length < 3) throw invalidFormat('registration', words);
    const username = lastValue('registration', words, 2);
    // An account without a known realm still owns what carries its id.
    const realm = account === everyAccount ? '*' : (directory.realmOf(account) ?? '*');
    const usernames = wordsOf(username);
    const key = `registration.success.${encodeWord(realm)}.${usernames.at(-1)}`;
    checkRoutingKey('registration', key);
    return {
      family: 'registration',
      eventFamily: 'registration',
      wordings: usernames.map((word) => [word]),
      patterns,
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
      family: 'registration',
      account: accountField(payload) ?? owner,
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
    coarse: patterns,
    offers: [
      {
        sample: { binding: 'registration.success.*', event: 'reg_success' },
        form: 'registration.success.{USERNAME}',
      },
    ],
    parse,
    read,
  };
}
