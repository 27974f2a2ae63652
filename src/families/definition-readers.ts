/** What a message's routing key and payload say, to a family that is made from its definition. */
import type { AccountRule, FamilyDefinition } from './definition.ts';
import type { Payload, RealmDirectory } from './family.ts';
import { type ValueAt, valueAt } from './payload-path.ts';
import { decodeWord, encodeWord } from './routing-key.ts';
import type { TemplateWord } from './template.ts';

/**
 * Reads the values out of a routing key, encoded, by their places. Publishers that don't encode are understood, too.
 * @returns undefined for a key that doesn't fit
 */
export function keyReader(
  definition: FamilyDefinition,
  form: readonly TemplateWord[],
  valued: readonly string[],
  combinations: readonly (readonly string[])[],
): (routingKey: string) => ReadonlyMap<string, string> | undefined {
  const together = new Set(combinations.map((values) => values.map(encodeWord).join('.')));
  const listed = new Map(
    Object.entries(definition.values ?? {}).map(([place, values]) => [place, new Set(values.map(encodeWord))]),
  );
  return (routingKey) => {
    const words = routingKey.split('.');
    const isLong = definition.lastValueHasDots && words.length > form.length;
    if (words.length !== form.length && !isLong) return undefined;
    const values = new Map<string, string>();
    for (const [at, word] of form.entries()) {
      const given = isLong && at === form.length - 1 ? words.slice(at) : [words[at] as string];
      if ('literal' in word) {
        if (word.literal !== given[0]) return undefined;
        continue;
      }
      const value = encodeWord(given.map(decodeWord).join('.'));
      if (value === '' || listed.get(word.place)?.has(value) === false) return undefined;
      values.set(word.place, value);
    }
    return together.has(valued.map((place) => values.get(place)).join('.')) ? values : undefined;
  };
}

/** @returns whose an event is: undefined where that can't be told, an object where it is told in ways that don't agree */
export function accountReader(rule: AccountRule, directory: RealmDirectory) {
  const paths: readonly ValueAt[] = (rule.payload ?? []).map(valueAt);
  const realmPath = rule.payloadRealm === undefined ? undefined : valueAt(rule.payloadRealm);
  const contradiction = { isContradiction: true } as const;
  return (payload: Payload, values: ReadonlyMap<string, string>): string | undefined | typeof contradiction => {
    let account: string | undefined;
    for (const path of paths) {
      const claimed = path(payload);
      if (typeof claimed === 'object') return contradiction;
      account ??= claimed;
    }
    for (const told of [inKey(values), byRealm(values)]) {
      if (told === undefined) continue;
      if (account !== undefined && account !== told) return contradiction;
      account = told;
    }
    return saysOtherRealm(payload, values) ? contradiction : account;
  };

  function inKey(values: ReadonlyMap<string, string>): string | undefined {
    return rule.key === undefined ? undefined : decodeWord(values.get(rule.key) as string);
  }

  function byRealm(values: ReadonlyMap<string, string>): string | undefined {
    return rule.realm === undefined
      ? undefined
      : directory.accountOfRealm(decodeWord(values.get(rule.realm) as string));
  }

  function saysOtherRealm(payload: Payload, values: ReadonlyMap<string, string>): boolean {
    if (realmPath === undefined || rule.realm === undefined) return false;
    const claimed = realmPath(payload);
    if (claimed === undefined) return false;
    const realm = decodeWord(values.get(rule.realm) as string).toLowerCase();
    return typeof claimed === 'object' || claimed.toLowerCase() !== realm;
  }
}
