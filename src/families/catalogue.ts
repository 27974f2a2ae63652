/** The families that this server carries. A new one is a file beside this and a line here. */
import { ActionError } from '../errors.ts';
import { callFamily } from './call.ts';
import { conferenceFamily } from './conference.ts';
import type { FamilyDefinition } from './definition.ts';
import {
  type Binding,
  everyAccount,
  type Family,
  type FamilyName,
  invalidFormat,
  type Payload,
  type Reading,
  type RealmDirectory,
} from './family.ts';
import { faxFamily } from './fax.ts';
import { notificationsDefinition } from './notifications.ts';
import { objectFamily } from './object.ts';
import { presenceFamily } from './presence.ts';
import { registrationDefinition } from './registration.ts';
import { carriesSecret } from './secrets.ts';
import { topicFamily } from './topic-family.ts';

export interface CatalogueSettings {
  readonly callEvents: readonly string[];
  readonly documentTypes: readonly string[];
  /** `CATEGORY.NAME` */
  readonly notifications: readonly string[];
  /** Others; one of the name of a family above stands in its place. */
  readonly families?: readonly FamilyDefinition[];
}

export interface Catalogue {
  readonly families: readonly Family[];
  /**
   * What a message is. Families may share an exchange: an event is that of the first for which it is one.
   * @param isPast see `Family.read`
   * @returns the family, too: of what is no event the first that is on the exchange, if any
   */
  read(
    exchange: string,
    routingKey: string,
    payload: Payload,
    isPast?: boolean,
  ): { readonly family: FamilyName; readonly reading: Reading };
  /** The first family that is on an exchange, before anything is known of a message. */
  familyOn(exchange: string): string;
  /**
   * Understands a client's binding for an account (or `*`).
   * @param includesSubaccounts with all accounts below it
   * @throws ActionError binding_unsupported or binding_invalid
   */
  parse(binding: string, account: string, includesSubaccounts?: boolean): Binding;
}

export function createCatalogue(settings: CatalogueSettings, directory: RealmDirectory): Catalogue {
  const families = familiesOf(settings, directory);
  const byRoot = new Map<string, Family>();
  const byExchange = new Map<string, Family[]>();
  for (const family of families) {
    for (const root of family.roots) byRoot.set(root, family);
    for (const exchange of family.exchanges) {
      const others = byExchange.get(exchange);
      if (others === undefined) byExchange.set(exchange, [family]);
      else others.push(family);
    }
  }
  return {
    families,
    read(exchange, routingKey, payload, isPast = false) {
      const sharing = byExchange.get(exchange) ?? [];
      for (const family of carriesSecret(exchange, routingKey, payload) ? [] : sharing) {
        const reading = family.read(routingKey, payload, isPast);
        if (reading !== 'foreign') return { family: family.name, reading };
      }
      return { family: nameOf(sharing[0]), reading: 'foreign' };
    },
    familyOn: (exchange) => nameOf(byExchange.get(exchange)?.[0]),
    parse(binding, account, includesSubaccounts = false) {
      const words = binding.split('.');
      const family = byRoot.get(words[0] as string);
      if (family === undefined) throw new ActionError('binding_unsupported');
      checkWords(family.name, words);
      return includesSubaccounts ? parseForTree(family, words, account) : family.parse(words, account);
    },
  };
}

/**
 * Accounts come to a tree and leave it while its events go on. So the broker is asked for what all accounts would need, which
 * stays the same, and whose an event is is sorted out when it comes.
 */
function parseForTree(family: Family, words: readonly string[], account: string): Binding {
  const wide = family.parse(words, everyAccount);
  const named = parseOwn(family, words, account) ?? wide;
  return { ...wide, subscriptionKey: (event) => named.subscriptionKey(event) };
}

/** @returns undefined where the account has no events of its own there, for want of a realm: those below it may */
function parseOwn(family: Family, words: readonly string[], account: string): Binding | undefined {
  try {
    return family.parse(words, account);
  } catch (error) {
    if (error instanceof ActionError) return undefined;
    throw error;
  }
}

function familiesOf(settings: CatalogueSettings, directory: RealmDirectory): Family[] {
  const { callEvents, documentTypes, notifications, families: others = [] } = settings;
  // Whoever replaces the documents takes those of faxes along.
  const faxTypes = others.some(({ name }) => name === 'object') ? [] : documentTypes;
  const own: Family[] = [
    callFamily(callEvents),
    conferenceFamily(),
    objectFamily(documentTypes),
    faxFamily(faxTypes, directory),
    presenceFamily(directory),
    topicFamily(registrationDefinition, directory),
    topicFamily(notificationsDefinition(notifications), directory),
  ];
  const byName = new Map(own.map((family) => [family.name, family]));
  for (const definition of others) byName.set(definition.name, topicFamily(definition, directory));
  return [...byName.values()];
}

/** As it is counted: what comes from elsewhere has one name, whatever it is. */
function nameOf(family: Family | undefined): string {
  return family?.name ?? 'other';
}

/** `#` would bind what the binding doesn't say; an empty word is a slip that would never match. */
function checkWords(family: FamilyName, words: readonly string[]): void {
  if (words.some((word) => word.includes('#'))) {
    throw new ActionError('binding_invalid', `${invalidFormat(family, words).message} ("#" is not allowed)`);
  }
  if (words.some((word) => word === '')) throw invalidFormat(family, words);
}
