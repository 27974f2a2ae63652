/** What no client may see, whatever family it would be an event of. */
import { secretNotifications } from '../setting-defaults.ts';
import { type Payload, textField } from './family.ts';

const exchange = 'notifications';
const keys = new Set([...secretNotifications.keys()].map((name) => `notifications.${name}`));
const names = new Set(secretNotifications.values());
/** Fields of Kazoo's that hold a secret, whatever the notification is called. */
const fields = ['Password', 'Password-Reset-Link'];

/** Whether a message is a notification of Kazoo's with a password or a link that sets one in it. */
export function carriesSecret(from: string, routingKey: string, payload: Payload): boolean {
  if (from !== exchange) return false;
  return (
    keys.has(routingKey) ||
    names.has(textField(payload, 'Event-Name') ?? '') ||
    fields.some((field) => Object.hasOwn(payload, field))
  );
}
