/**
 * Conferences, on the exchange `conference`. Events come with two generations of routing keys: the newer
 * `conference.event.{EVENT}.{ACCOUNT}.{CONFERENCE}.{CALL_ID}`, the older `conference.event.{CONFERENCE}[.{CALL_ID}]`.
 * Bindings have three forms, and each gets events of both generations.
 */
import { performance } from 'node:perf_hooks';
import { ConferenceMemory } from './conference-memory.ts';
import {
  accountField,
  type Binding,
  type BusEvent,
  type Family,
  invalidFormat,
  lastValue,
  type Pattern,
  type Payload,
  type Reading,
  textField,
} from './family.ts';
import { checkRoutingKey, decodeWord, encodeWord, wordings, wordsOf } from './routing-key.ts';

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

/** One way to read a client's binding on events. */
interface EventWords {
  readonly event: string;
  readonly conference: string;
  readonly callId: string;
}

function parse(words: readonly string[], account: string): Binding {
  if (words[1] === 'command' && words.length === 3) return commandBinding(words[2] as string);
  if (words[1] !== 'event' || words.length < 3) throw invalidFormat('conference', words);
  return eventBinding(account, readingsOf(words));
}

/** The first is what the binding is called by; the others are asked for as well. */
function readingsOf(words: readonly string[]): [EventWords, ...EventWords[]] {
  const callIdFrom = (from: number) => (words.length > from ? lastValue('conference', words, from) : '*');
  const [, , third = '', fourth = ''] = words;
  const last = words.at(-1) as string;
  if (words.length >= 5 && isEvent(third)) return [{ event: third, conference: fourth, callId: callIdFrom(4) }];
  // Kazoo 4.3 has the event behind the call: `{CONFERENCE}.{CALL_ID}.{EVENT}`.
  if (words.length === 5 && fourth === '*' && isEvent(last)) return [{ event: last, conference: third, callId: '*' }];
  const classic = { event: '*', conference: third, callId: callIdFrom(3) };
  if (words.length < 5 || !listed.has(last)) return [classic];
  return [{ event: last, conference: third, callId: lastValue('conference', words.slice(0, -1), 3) }, classic];
}

function commandBinding(conference: string): Binding {
  const conferences = wordsOf(conference);
  const key = `conference.command.${conferences.at(-1)}`;
  checkRoutingKey('conference', key);
  return {
    family: 'conference',
    eventFamily: 'conference',
    wordings: wordings(['command'], ['*'], conferences, ['*']),
    // Whose the commands are is known from the conferences' events alone, those of all accounts: see conference-memory.ts.
    patterns: [
      { exchange, routingPattern: 'conference.command.#' },
      { exchange, routingPattern: 'conference.event.#' },
    ],
    subscriptionKey: () => key,
  };
}

function eventBinding(account: string, readings: readonly [EventWords, ...EventWords[]]): Binding {
  const [{ event, conference, callId }] = readings;
  checkRoutingKey(
    'conference',
    `conference.event.${event}.${encodeWord(account)}.${wordsOf(conference).at(-1)}.${wordsOf(callId).at(-1)}`,
  );
  const key = `conference.event.${event}.${account}.${conference}.${callId}`;
  return {
    family: 'conference',
    eventFamily: 'conference',
    wordings: readings.flatMap((each) =>
      wordings(['event'], [each.event], wordsOf(each.conference), wordsOf(each.callId)),
    ),
    patterns: eventPatterns(account, readings.length > 1 ? '*' : event),
    subscriptionKey: () => key,
  };
}

/**
 * Conference ids stand in the key as they are, and their dots make words. The older keys have no account: two patterns serve
 * all accounts, and what is another's is sorted out here.
 */
function eventPatterns(account: string, event: string): Pattern[] {
  return [
    { exchange, routingPattern: `conference.event.${event}.${encodeWord(account)}.#` },
    { exchange, routingPattern: 'conference.event.*.*' },
    { exchange, routingPattern: 'conference.event.*' },
  ];
}

function read(routingKey: string, payload: Payload, isPast: boolean, memory: ConferenceMemory): Reading {
  const [root, kind, ...words] = routingKey.split('.');
  if (root !== 'conference' || words.length === 0) return 'foreign';
  if (kind === 'command') return command(routingKey, payload, words.join('.'), memory);
  if (kind !== 'event') return 'foreign';
  const found = eventIn(words, payload);
  if (found === undefined) return 'foreign';
  const { event, conference, callWord, accountWord } = found;
  const claimed = accountField(payload);
  if (claimed !== undefined && accountWord !== undefined && encodeWord(claimed) !== accountWord) return 'contradiction';
  const account = claimed ?? (accountWord === undefined ? undefined : decodeWord(accountWord));
  if (account !== undefined && !isPast) memory.see(conference, account);
  return reading(routingKey, payload, account, ['event', event, encodeWord(conference), callWord]);
}

interface EventInKey {
  readonly event: string;
  readonly conference: string;
  /** Encoded already; empty in the older key of an event that is no call's. */
  readonly callWord: string;
  /** In the newer keys. */
  readonly accountWord?: string;
}

/** @param words the key's, behind `conference.event` */
function eventIn(words: readonly string[], payload: Payload): EventInKey | undefined {
  const [first = '', accountWord = ''] = words;
  if (words.length >= 4 && listed.has(first)) {
    return { event: first, accountWord, conference: words.slice(2, -1).join('.'), callWord: words.at(-1) as string };
  }
  const event = textField(payload, 'Event');
  if (event === undefined || !listed.has(event) || words.length > 2) return undefined;
  return { event, conference: first, callWord: words[1] ?? '' };
}

function command(routingKey: string, payload: Payload, conference: string, memory: ConferenceMemory): BusEvent {
  const account = accountField(payload) ?? memory.accountOf(conference);
  return reading(routingKey, payload, account, ['command', '', encodeWord(conference), '']);
}

function reading(
  routingKey: string,
  payload: Payload,
  account: string | undefined,
  words: readonly [kind: string, ...string[]],
): BusEvent {
  const eventName = textField(payload, 'Event-Name') ?? words[0];
  return {
    family: 'conference',
    account,
    words,
    name: textField(payload, 'Application-Name') ?? eventName,
    eventName,
    routingKey,
  };
}

/** @param now ms, of a clock that is never set: which account a conference is in is remembered for a while */
export function conferenceFamily(now: () => number = () => performance.now()): Family {
  const memory = new ConferenceMemory(now);
  return {
    name: 'conference',
    roots: ['conference'],
    exchanges: [exchange],
    coarse: [{ exchange, routingPattern: 'conference.#' }],
    offers: [
      { sample: { binding: 'conference.event.*.*', event: 'event' } },
      { sample: { binding: 'conference.event.*', event: 'event' } },
      ...events.map((event) => ({ form: `conference.event.${event}.{CONFERENCE_ID}.{CALL_ID}` })),
      { form: 'conference.event.{EVENT}.{CONFERENCE_ID}.{CALL_ID}' },
      { form: 'conference.event.{CONFERENCE_ID}.{CALL_ID}' },
      { form: 'conference.event.{CONFERENCE_ID}.{CALL_ID}.{EVENT}' },
      { sample: { binding: 'conference.command.*', event: 'command' }, form: 'conference.command.{CONFERENCE_ID}' },
    ],
    parse,
    read: (routingKey, payload, isPast = false) => read(routingKey, payload, isPast, memory),
  };
}
