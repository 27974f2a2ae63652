/**
 * Calls: `call.{EVENT}.{CALL_ID}` on `callevt`. The routing key has no account; only the payload tells whose call it is.
 * The key may carry the call id that the call was originated with; the one that clients know is the payload's.
 */
import {
  accountField,
  type Binding,
  everyAccount,
  type Family,
  invalidFormat,
  lastValue,
  type Payload,
  type Reading,
  textField,
  unsupportedEvent,
} from './family.ts';
import { checkRoutingKey, encodeWord, wordings, wordsOf } from './routing-key.ts';

const exchange = 'callevt';

/** @param events the call events that may be subscribed to; all else on the exchange reaches nobody */
export function callFamily(events: readonly string[]): Family {
  const listed = new Set(events);
  const [shortest = ''] = events.toSorted((a, b) => a.length - b.length);

  function parse(words: readonly string[], account: string): Binding {
    if (words.length < 3) throw invalidFormat('call', words);
    const event = words[1] as string;
    if (event !== '*' && !listed.has(event)) throw unsupportedEvent(event);
    const callId = lastValue('call', words, 2);
    const callIds = wordsOf(callId);
    checkRoutingKey('call', `call.${event === '*' ? shortest : event}.${callIds.at(-1)}`);
    return {
      family: 'call',
      eventFamily: 'call',
      wordings: wordings([event], callIds),
      // Per event and never per call id: a queue's bindings cost publishers when it is closed.
      patterns: (event === '*' ? events : [event]).map((name) => ({ exchange, routingPattern: `call.${name}.*` })),
      // Of the event's own kind, as Kazoo has it: `call.*.*` is one binding for each event there.
      subscriptionKey: ({ words }) => `call.${account}.${words[0]}.${callId}`,
    };
  }

  function read(routingKey: string, payload: Payload): Reading {
    const first = routingKey.indexOf('.');
    const second = routingKey.indexOf('.', first + 1);
    const event = routingKey.slice(first + 1, second);
    if (second < 0 || !listed.has(event) || routingKey.slice(0, first) !== 'call') return 'foreign';
    const keyWord = routingKey.slice(second + 1);
    if (keyWord === '' || keyWord.includes('.')) return 'foreign';
    const ownId = textField(payload, 'Call-ID');
    // Some publishers have it in the payload as it stands in the key.
    const callId = ownId === undefined || ownId === keyWord ? keyWord : encodeWord(ownId);
    const account = accountField(payload);
    const name = textField(payload, 'Event-Name') ?? event;
    return {
      family: 'call',
      account,
      words: [event, callId],
      name,
      eventName: name,
      routingKey: `call.${account ?? everyAccount}.${event}.${callId}`,
    };
  }

  return {
    name: 'call',
    roots: ['call'],
    exchanges: [exchange],
    coarse: [{ exchange, routingPattern: 'call.*.*' }],
    offers: events.map((event) => ({
      sample: { binding: `call.${event}.*`, event },
      form: `call.${event}.{CALL_ID}`,
    })),
    parse,
    read,
  };
}
