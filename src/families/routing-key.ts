/**
 * Values inside AMQP routing keys: their encoding, the names of account databases, and the protocol's length limit.
 * The rules are those of the bus (Kazoo's kz_amqp_util, the Kamailio module's kz.encode).
 */
import { ActionError } from '../errors.ts';
import type { FamilyName } from './family.ts';

/** AMQP 0-9-1 carries a routing key as a short string: a length octet and at most 255 octets. */
export const maxRoutingKeyBytes = 255;

const unreserved = /^[A-Za-z0-9\-~_]*$/;

/**
 * A value as one word of a routing key: letters, digits, `-`, `~`, `_` stand, a space becomes `+`, any other UTF-8 byte
 * `%HH` in upper case. `*` and `#` alone are left alone.
 */
export function encodeWord(value: string): string {
  if (unreserved.test(value) || value === '*' || value === '#') return value;
  let word = '';
  for (const byte of Buffer.from(value, 'utf8')) {
    const char = String.fromCharCode(byte);
    if (byte < 0x80 && unreserved.test(char)) word += char;
    else if (byte === 0x20) word += '+';
    else word += `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }
  return word;
}

/** The value that a word stands for. A word that nobody can have encoded is taken as it is. */
export function decodeWord(word: string): string {
  if (!word.includes('%') && !word.includes('+')) return word;
  try {
    return decodeURIComponent(word.replaceAll('+', ' '));
  } catch (error) {
    if (error instanceof URIError) return word;
    throw error;
  }
}

/**
 * The words that a client's value may stand for. Kazoo's own clients write call ids as they stand in routing keys, others
 * write them plainly; where a text can be read either way (`a+b`, `x%2Ey`), it stands for both.
 */
export function wordsOf(value: string): string[] {
  const word = encodeWord(value);
  if (word === value) return [word];
  const asEncoded = encodeWord(decodeWord(value));
  return asEncoded.toUpperCase() === value.toUpperCase() ? [word, asEncoded] : [word];
}

/** Every way to choose one of each: the wordings of a binding whose values may each stand for several words. */
export function wordings(...choices: readonly (readonly string[])[]): string[][] {
  return choices.reduce<string[][]>(
    (found, words) => found.flatMap((before) => words.map((word) => [...before, word])),
    [[]],
  );
}

const kazooAccountId = /^[0-9a-f]{32}$/;
const kazooDatabase = /^account\/([0-9a-f]{2})\/([0-9a-f]{2})\/([0-9a-f]{28})(-\d{6})?$/;
const month = /-\d{6}$/;

/**
 * The word for an account's database: `account%2F4b%2F31%2Fdd1d…` for Kazoo's ids (32 lower-case hex characters);
 * any other id is its own database's name.
 */
export function databaseWord(accountId: string): string {
  if (!kazooAccountId.test(accountId)) return encodeWord(accountId);
  return `account%2F${accountId.slice(0, 2)}%2F${accountId.slice(2, 4)}%2F${accountId.slice(4)}`;
}

/**
 * The account that a database belongs to.
 * @param database the name with plain slashes
 * @param monthly whether its documents live in monthly databases (`-YYYYMM` behind the name). For Kazoo's own names the
 *   suffix can't be mistaken; of other names it may be a part.
 */
export function accountOfDatabase(database: string, monthly: boolean): string {
  const match = kazooDatabase.exec(database);
  if (match !== null) return `${match[1]}${match[2]}${match[3]}`;
  return monthly ? database.replace(month, '') : database;
}

/** Refuses what no publisher could send: a routing key over 255 bytes. */
export function checkRoutingKey(family: FamilyName, routingKey: string): void {
  const bytes = Buffer.byteLength(routingKey);
  if (bytes <= maxRoutingKeyBytes) return;
  throw new ActionError(
    'binding_invalid',
    `invalid format for ${family} subscription : its routing key would have ${bytes} bytes, the limit is ${maxRoutingKeyBytes}`,
  );
}
