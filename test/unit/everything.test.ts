import { expect, test } from 'vitest';
import { createCatalogue } from '../../src/families/catalogue.ts';
import { patternsOfEverything } from '../../src/families/everything.ts';

const nobody = { accountOfRealm: () => undefined, realmOf: () => undefined };
const catalogue = createCatalogue(
  { callEvents: ['CHANNEL_CREATE', 'PARK_PARKED'], documentTypes: ['user'], notifications: ['sip.register'] },
  nobody,
);
const everything = new Map(patternsOfEverything(catalogue).map((patterns) => [patterns.exchange, patterns]));

test('everything that is offered is bound, and nothing else that shares the exchanges', () => {
  expect(everything.get('callevt')).toEqual({
    exchange: 'callevt',
    families: ['call'],
    isOptional: false,
    routingPatterns: ['call.CHANNEL_CREATE.*', 'call.PARK_PARKED.*'],
  });
  expect(everything.get('configuration')?.routingPatterns).toEqual([
    'doc_created.*.user.*',
    'doc_deleted.*.user.*',
    'doc_edited.*.user.*',
  ]);
  expect(everything.get('conference')?.routingPatterns).toEqual(['conference.command.#', 'conference.event.#']);
  expect(everything.get('notifications')?.routingPatterns).toEqual(['notifications.sip.register']);
});

test('what others have to declare is optional', () => {
  expect([...everything.values()].filter(({ isOptional }) => isOptional).map(({ exchange }) => exchange)).toEqual([
    'fax',
  ]);
});

test('all exchanges of all families are there', () => {
  for (const { name, exchanges } of catalogue.families) {
    for (const exchange of exchanges) expect(everything.get(exchange)?.families).toContain(name);
  }
});

test('the patterns of every offered binding are among them, or covered by one that is', () => {
  for (const { offers } of catalogue.families) {
    for (const { form } of offers) {
      if (form === undefined) continue;
      for (const { exchange, routingPattern } of catalogue.parse(form.replaceAll(/\{\w+\}/g, '*'), '*').patterns) {
        const words = routingPattern.split('.');
        const bound = everything.get(exchange)?.routingPatterns.map((pattern) => pattern.split('.')) ?? [];
        const covering = bound.filter(
          (pattern) =>
            (pattern.length === words.length || pattern.at(-1) === '#') &&
            pattern.every((word, at) => word === '*' || word === '#' || word === words[at]),
        );
        expect(covering, routingPattern).not.toEqual([]);
      }
    }
  }
});
