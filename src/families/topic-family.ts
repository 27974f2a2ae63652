/** A family made from its definition. What is bound and compared follows from the definition alone. */
import { ActionError } from '../errors.ts';
import type { DefinedExchange, FamilyDefinition } from './definition.ts';
import { accountReader, keyReader } from './definition-readers.ts';
import {
  type Binding,
  everyAccount,
  type Family,
  invalidFormat,
  lastValue,
  type Offer,
  type Pattern,
  type Payload,
  type Reading,
  type RealmDirectory,
  textField,
  unsupportedEvent,
} from './family.ts';
import { checkRoutingKey, decodeWord, encodeWord, wordings, wordsOf } from './routing-key.ts';
import { fill, type TemplateWord, wordsIn } from './template.ts';

/** More than so many combinations of values are offered as a form alone. */
const maxSamples = 200;

/** @param definition whose templates are of the right form; `families-file.ts` checks those of others */
export function topicFamily(definition: FamilyDefinition, directory: RealmDirectory): Family {
  const { name } = definition;
  const keyWords = wordsIn(definition.routingKey);
  const bindingWords = wordsIn(definition.binding);
  const valued = bindingWords.flatMap((word) =>
    'place' in word && isListed(definition, word.place) ? [word.place] : [],
  );
  const combinations = definition.combinations ?? wordings(...valued.map((place) => definition.values?.[place] ?? []));
  const bindingPlaces = places(bindingWords);
  const rule = definition.account === 'shared' ? {} : definition.account;
  const coarse = definition.exchanges.map((exchange) => patternOf(exchange, starred(definition, keyWords)));
  const least = shortest(combinations);
  const accountOf = accountReader(rule, directory);
  const fits = keyReader(definition, keyWords, valued, combinations);

  function parse(words: readonly string[], account: string): Binding {
    const asked = valuesIn(name, bindingWords, words, valued);
    for (const place of valued) {
      const plain = decodeWord(asked.get(place) ?? '*');
      if (definition.values?.[place]?.includes(plain)) asked.set(place, plain);
    }
    const realm = realmOf(account);
    const fixed = new Map<string, string>();
    if (rule.key !== undefined) fixed.set(rule.key, encodeWord(account));
    checkRoutingKey(name, shortestKey(new Map([...fixed, [rule.realm ?? '', encodeWord(realm)]]), asked));
    const meant = combinations.filter((combination) =>
      valued.every((place, at) => asked.get(place) === '*' || asked.get(place) === combination[at]),
    );
    if (meant.length === 0) throw unsupportedEvent(valued.map((place) => asked.get(place)).join('.'));
    return {
      family: name,
      eventFamily: name,
      wordings: wordings(...bindingPlaces.map((place) => alternatives(place, asked.get(place) ?? '*'))),
      patterns: patternsFor(meant, fixed, asked),
      subscriptionKey: ({ words: own }) => subscriptionKey(asked, own, account, encodeWord(realm)),
      ...(definition.account === 'shared' && { isShared: true }),
    };
  }

  function alternatives(place: string, value: string): string[] {
    return valued.includes(place) ? [value === '*' ? value : encodeWord(value)] : wordsOf(value);
  }

  /** @throws ActionError where nothing but the realm could tell the account's events, and it has none */
  function realmOf(account: string): string {
    if (rule.realm === undefined || account === everyAccount) return '*';
    const realm = directory.realmOf(account);
    if (realm !== undefined || rule.payload !== undefined || rule.key !== undefined) return realm ?? '*';
    throw new ActionError(
      'binding_unsupported',
      `${name} is told by realm, and account ${account} has none in the account directory`,
    );
  }

  /** As long as the shortest routing key that could be asked for. */
  function shortestKey(fixed: ReadonlyMap<string, string>, asked: ReadonlyMap<string, string>): string {
    return keyWords
      .map((word) => {
        if ('literal' in word) return word.literal;
        const given = asked.get(word.place) ?? '*';
        const at = given === '*' ? valued.indexOf(word.place) : -1;
        if (at >= 0) return encodeWord(least[at] ?? '*');
        return fixed.get(word.place) ?? wordsOf(given).at(-1);
      })
      .join('.');
  }

  /**
   * Per account where the key has it, else per listed value; never for each of any values: a queue's bindings cost
   * publishers when it is closed.
   */
  function patternsFor(
    meant: readonly (readonly string[])[],
    fixed: ReadonlyMap<string, string>,
    asked: ReadonlyMap<string, string>,
  ): Pattern[] {
    const sets =
      rule.key === undefined && meant.length > 0
        ? meant.map((combination) => new Map(valued.map((place, at) => [place, combination[at] as string])))
        : [new Map(valued.map((place) => [place, asked.get(place) ?? '*']))];
    return definition.exchanges.flatMap((exchange, at) => {
      if (exchange.type === 'fanout') return [coarse[at] as Pattern];
      const texts = sets.map((values) =>
        starred(definition, keyWords, (place) => fixed.get(place) ?? encodeWord(values.get(place) ?? '*')),
      );
      return [...new Set(texts)].map((text) => patternOf(exchange, text));
    });
  }

  function subscriptionKey(
    asked: ReadonlyMap<string, string>,
    words: readonly string[],
    account: string,
    realm: string,
  ): string {
    const value = (place: string): string => {
      if (place === rule.key) return account;
      if (place === rule.realm) return realm;
      // Of the event's own kind, where there is a list of them.
      if (valued.includes(place)) return words[bindingPlaces.indexOf(place)] as string;
      const text = asked.get(place) ?? '*';
      return definition.subscriptionKey === undefined ? text : (wordsOf(text).at(-1) as string);
    };
    if (definition.subscriptionKey !== undefined) return fill(definition.subscriptionKey, value);
    const [root, ...rest] = definition.binding.split('.');
    return [root, account, ...rest.map((word) => fill(word, value))].join('.');
  }

  function read(routingKey: string, payload: Payload): Reading {
    const values = fits(routingKey);
    if (values === undefined) return 'foreign';
    const account = accountOf(payload, values);
    if (typeof account === 'object') return 'contradiction';
    const filled = (template: string): string => fill(template, (place) => decodeWord(values.get(place) ?? ''));
    const own = definition.eventName === undefined ? textField(payload, 'Event-Name') : undefined;
    const eventName = own ?? filled(definition.eventName ?? definition.fallbackName ?? leading(keyWords, name));
    return {
      family: name,
      account,
      words: bindingPlaces.map((place) => values.get(place) as string),
      name: definition.shortName ?? eventName,
      eventName,
      routingKey,
      ...(definition.account === 'shared' && { isShared: true }),
    };
  }

  return {
    name,
    roots: [definition.binding.split('.')[0] as string],
    exchanges: definition.exchanges.map((exchange) => exchange.name),
    coarse,
    offers: offersOf(definition, valued, combinations, leading(keyWords, name)),
    parse,
    read,
  };
}

function places(words: readonly TemplateWord[]): string[] {
  return words.flatMap((word) => ('place' in word ? [word.place] : []));
}

function isListed(definition: FamilyDefinition, place: string): boolean {
  return definition.values?.[place] !== undefined;
}

/** The first words of a key, up to its first place; the family's name where there are none. */
function leading(words: readonly TemplateWord[], name: string): string {
  const end = words.findIndex((word) => 'place' in word);
  const literals = words
    .slice(0, end < 0 ? undefined : end)
    .flatMap((word) => ('literal' in word ? [word.literal] : []));
  return literals.length === 0 ? name : literals.join('.');
}

function patternOf({ name, whenMissing, isUncounted }: DefinedExchange, routingPattern: string): Pattern {
  return {
    exchange: name,
    routingPattern,
    ...(whenMissing === 'ignore' && { isOptional: true }),
    ...(whenMissing === 'wait' && { isAwaited: true }),
    ...(isUncounted && { isUncounted }),
  };
}

/** The key's pattern, with a `*` for each place but those that `value` knows better. */
function starred(
  { lastValueHasDots }: FamilyDefinition,
  words: readonly TemplateWord[],
  value: (place: string) => string = () => '*',
): string {
  return words
    .map((word, at) => {
      if ('literal' in word) return word.literal;
      return lastValueHasDots && at === words.length - 1 ? '#' : value(word.place);
    })
    .join('.');
}

/**
 * A client's values by their places.
 * @throws ActionError binding_invalid
 */
function valuesIn(
  family: string,
  form: readonly TemplateWord[],
  words: readonly string[],
  valued: readonly string[],
): Map<string, string> {
  const last = form.at(-1);
  // What is left is the last place's value, which may have dots, unless there is a list of its values.
  const takesRest = last !== undefined && 'place' in last && !valued.includes(last.place);
  if (words.length < form.length || (words.length > form.length && !takesRest)) throw invalidFormat(family, words);
  const values = new Map<string, string>();
  for (const [at, word] of form.entries()) {
    const given = at === form.length - 1 && takesRest ? lastValue(family, words, at) : (words[at] as string);
    if ('place' in word) values.set(word.place, given);
    else if (word.literal !== given) throw invalidFormat(family, words);
  }
  return values;
}

function shortest(combinations: readonly (readonly string[])[]): readonly string[] {
  const length = (values: readonly string[]): number =>
    values.reduce((sum, value) => sum + encodeWord(value).length, 0);
  const [first = [], ...others] = combinations;
  return others.reduce((least, each) => (length(each) < length(least) ? each : least), first);
}

/** The form itself, where there are values to choose from, and a line for each of them. */
function offersOf(
  definition: FamilyDefinition,
  valued: readonly string[],
  combinations: readonly (readonly string[])[],
  otherwise: string,
): Offer[] {
  const { binding, shortName, eventName, fallbackName } = definition;
  const anything = binding.replaceAll(/\{\w+\}/g, '*');
  const called = shortName ?? eventName ?? fallbackName ?? otherwise;
  const whole: Offer = {
    sample: { binding: anything, event: valued.length > 0 ? '*' : fill(called, () => '*') },
    form: binding,
  };
  if (valued.length === 0 || combinations.length > maxSamples) return [whole];
  const each = combinations.map((values): Offer => {
    const value = (place: string): string => values[valued.indexOf(place)] ?? `{${place}}`;
    const form = fill(binding, value);
    const event = fill(fill(called, value), () => '*');
    return { sample: { binding: form.replaceAll(/\{\w+\}/g, '*'), event }, form };
  });
  return [whole, ...each];
}
