/**
 * Notifications: `notifications.{CATEGORY}.{NAME}` on `notifications`. Only the payload tells the account. Some carry what no
 * browser may see (`secrets.ts`), so there is a list, and what isn't on it is nobody's, however the exchange is bound.
 */
import type { FamilyDefinition } from './definition.ts';

/** @param names the notifications that may be subscribed to, `CATEGORY.NAME` */
export function notificationsDefinition(names: readonly string[]): FamilyDefinition {
  const combinations = names.map((name) => name.split('.'));
  const values = (at: number): string[] => [...new Set(combinations.map((words) => words[at] as string))];
  return {
    name: 'notifications',
    exchanges: [{ name: 'notifications', type: 'topic', whenMissing: 'declare' }],
    routingKey: 'notifications.{CATEGORY}.{NAME}',
    binding: 'notifications.{CATEGORY}.{NAME}',
    values: { CATEGORY: values(0), NAME: values(1) },
    combinations,
    account: { payload: ['Account-ID'] },
    fallbackName: '{NAME}',
    subscriptionKey: 'notifications.{CATEGORY}.{NAME}',
  };
}
