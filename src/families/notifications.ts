/** Notifications: `notifications.{CATEGORY}.{NAME}` on `notifications`. Only the payload tells the account. */
import { type Binding, type Family, invalidFormat, type Payload, type Reading, textField } from './family.ts';
import { checkRoutingKey, encodeWord } from './routing-key.ts';

const exchange = 'notifications';

function parse(words: readonly string[]): Binding {
  if (words.length !== 3) throw invalidFormat('notifications', words);
  const values = words.slice(1).map(encodeWord);
  const key = `notifications.${values.join('.')}`;
  checkRoutingKey('notifications', key);
  return {
    family: 'notifications',
    source: 'notifications',
    words: values,
    patterns: [{ exchange, routingPattern: key }],
    subscriptionKey: () => key,
  };
}

function read(routingKey: string, payload: Payload): Reading {
  const [family, category, name, ...more] = routingKey.split('.');
  if (family !== 'notifications' || category === undefined || name === undefined || more.length > 0) return 'foreign';
  const eventName = textField(payload, 'Event-Name') ?? name;
  return {
    source: 'notifications',
    account: textField(payload, 'Account-ID'),
    words: [category, name],
    name: eventName,
    eventName,
    routingKey,
  };
}

export function notificationsFamily(): Family {
  return {
    name: 'notifications',
    roots: ['notifications'],
    exchanges: [exchange],
    coarse: [{ exchange, routingPattern: 'notifications.*.*' }],
    offers: [
      { classic: { binding: 'notifications.*.*', event: '*' }, kazoo4: 'notifications.{CATEGORY}.{NAME}' },
      { classic: { binding: 'notifications.sip.missed_call', event: 'missed_call' } },
      { classic: { binding: 'notifications.voicemail.new', event: 'new' } },
    ],
    parse,
    read,
  };
}
