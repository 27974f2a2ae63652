/**
 * Conferences, on the exchange `conference`. Events come with two generations of routing keys: the newer
 * `conference.event.{EVENT}.{ACCOUNT}.{CONFERENCE}.{CALL_ID}`, the older `conference.event.{CONFERENCE}[.{CALL_ID}]`.
 * Bindings have two forms as well, and each form gets events of both generations.
 */
import {
  accountField,
  type Binding,
  type Family,
  invalidFormat,
  lastValue,
  type Pattern,
  type Payload,
  type Reading,
  textField,
} from './family.ts';
import { checkRoutingKey, decodeWord, encodeWord } from './routing-key.ts';

const exchange = 'conference';

const events = [
  'conference-create',
  'conference-destroy',
  'lock',
  'unlock',
  'add-member',
  'del-member',
  'stop-talking',
  'start-talking',
  'mute-member',
  'unmute-member',
  'deaf-member',
  'undeaf-member',
];
const listed = new Set(events);

const isEvent = (word: string | undefined): boolean => word === '*' || (word !== undefined && listed.has(word));

function parse(words: readonly string[], account: string): Binding {
  if (words[1] === 'command' && words.length === 3) return commandBinding(words[2] as string);
  if (words[1] !== 'event' || words.length < 3) throw invalidFormat('conference', words);
  const isNewForm = words.length >= 5 && isEvent(words[2]);
  const [event, conference, from] = isNewForm ? [words[2], words[3], 4] : ['*', words[2], 3];
  const callId = words.length > from ? lastValue('conference', words, from) : '*';
  return eventBinding(account, event as string, conference as string, callId);
}

function commandBinding(conference: string): Binding {
  const key = `conference.command.${encodeWord(conference)}`;
  checkRoutingKey('conference', key);
  return {
    family: 'conference',
    source: 'conference',
    words: ['command', '*', encodeWord(conference), '*'],
    patterns: [{ exchange, routingPattern: 'conference.command.*' }],
    subscriptionKey: () => key,
  };
}

function eventBinding(account: string, event: string, conference: string, callId: string): Binding {
  checkRoutingKey(
    'conference',
    `conference.event.${event}.${encodeWord(account)}.${encodeWord(conference)}.${encodeWord(callId)}`,
  );
  const key = `conference.event.${event}.${account}.${conference}.${callId}`;
  return {
    family: 'conference',
    source: 'conference',
    words: ['event', event, encodeWord(conference), encodeWord(callId)],
    patterns: eventPatterns(account, event),
    subscriptionKey: () => key,
  };
}

/** The older keys have no account: two patterns serve all accounts, and what is another's is sorted out here. */
function eventPatterns(account: string, event: string): Pattern[] {
  return [
    { exchange, routingPattern: `conference.event.${event}.${encodeWord(account)}.*.*` },
    { exchange, routingPattern: 'conference.event.*.*' },
    { exchange, routingPattern: 'conference.event.*' },
  ];
}

function read(routingKey: string, payload: Payload): Reading {
  const words = routingKey.split('.');
  if (words[0] !== 'conference') return 'foreign';
  if (words[1] === 'command' && words.length === 3)
    return reading(routingKey, payload, ['command', '', words[2] as string, '']);
  if (words[1] !== 'event') return 'foreign';
  if (words.length === 6) {
    if (!listed.has(words[2] as string)) return 'foreign';
    return reading(
      routingKey,
      payload,
      ['event', words[2] as string, words[4] as string, words[5] as string],
      words[3],
    );
  }
  const event = textField(payload, 'Event');
  if (event === undefined || !listed.has(event) || words.length < 3 || words.length > 4) return 'foreign';
  return reading(routingKey, payload, ['event', event, words[2] as string, words[3] ?? '']);
}

function reading(routingKey: string, payload: Payload, words: readonly string[], accountWord?: string): Reading {
  const claimed = accountField(payload);
  if (claimed !== undefined && accountWord !== undefined && encodeWord(claimed) !== accountWord) return 'contradiction';
  const eventName = textField(payload, 'Event-Name') ?? (words[0] as string);
  return {
    source: 'conference',
    account: claimed ?? (accountWord === undefined ? undefined : decodeWord(accountWord)),
    words,
    name: textField(payload, 'Application-Name') ?? eventName,
    eventName,
    routingKey,
  };
}

export function conferenceFamily(): Family {
  return {
    name: 'conference',
    roots: ['conference'],
    exchanges: [exchange],
    coarse: [{ exchange, routingPattern: 'conference.#' }],
    offers: [
      { classic: { binding: 'conference.event.*.*', event: 'event' } },
      { classic: { binding: 'conference.event.*', event: 'event' } },
      ...events.map((event) => ({ kazoo4: `conference.event.${event}.{CONFERENCE_ID}.{CALL_ID}` })),
      { kazoo4: 'conference.event.{EVENT}.{CONFERENCE_ID}.{CALL_ID}' },
      { classic: { binding: 'conference.command.*', event: 'command' }, kazoo4: 'conference.command.{CONFERENCE_ID}' },
    ],
    parse,
    read,
  };
}
