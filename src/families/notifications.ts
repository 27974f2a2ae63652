/**
 * Notifications: `notifications.{CATEGORY}.{NAME}` on `notifications`. Only the payload tells the account. Some carry what no
 * browser may see, so there is a list, and what isn't on it is nobody's, however the exchange is bound.
 */
import {
  type Binding,
  type Family,
  invalidFormat,
  type Payload,
  type Reading,
  textField,
  unsupportedEvent,
} from './family.ts';
import { checkRoutingKey, encodeWord } from './routing-key.ts';

const exchange = 'notifications';

/** @param names the notifications that may be subscribed to, `CATEGORY.NAME` */
export function notificationsFamily(names: readonly string[]): Family {
  const listed = new Set(names);

  function parse(words: readonly string[]): Binding {
    const [, category = '', name = ''] = words;
    if (words.length !== 3) throw invalidFormat('notifications', words);
    checkRoutingKey('notifications', words.map(encodeWord).join('.'));
    const meant = names.filter((each) => {
      const [itsCategory, itsName] = each.split('.');
      return [itsCategory, '*'].includes(category) && [itsName, '*'].includes(name);
    });
    if (meant.length === 0) throw unsupportedEvent(`${category}.${name}`);
    return {
      family: 'notifications',
      eventFamily: 'notifications',
      wordings: [[category, name]],
      patterns: meant.map((each) => ({ exchange, routingPattern: `notifications.${each}` })),
      subscriptionKey: (event) => `notifications.${event.words.join('.')}`,
    };
  }

  function read(routingKey: string, payload: Payload): Reading {
    const [family, category = '', name = '', ...more] = routingKey.split('.');
    if (family !== 'notifications' || more.length > 0 || !listed.has(`${category}.${name}`)) return 'foreign';
    const eventName = textField(payload, 'Event-Name') ?? name;
    return {
      family: 'notifications',
      account: textField(payload, 'Account-ID'),
      words: [category, name],
      name: eventName,
      eventName,
      routingKey,
    };
  }

  return {
    name: 'notifications',
    roots: ['notifications'],
    exchanges: [exchange],
    coarse: [{ exchange, routingPattern: 'notifications.*.*' }],
    offers: [
      { sample: { binding: 'notifications.*.*', event: '*' }, form: 'notifications.{CATEGORY}.{NAME}' },
      ...names.map((name) => ({
        sample: { binding: `notifications.${name}`, event: name.split('.')[1] as string },
        form: `notifications.${name}`,
      })),
    ],
    parse,
    read,
  };
}
