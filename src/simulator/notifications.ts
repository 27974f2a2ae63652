/** Notifications: what a platform would send an email about. Published on `notifications`. */
import { databaseWord } from '../families/routing-key.ts';
import { type Fields, mediaServer, type Publisher, type Stage } from './stage.ts';

/**
 * Publishes a notification.
 * @param name behind `notifications.`: `voicemail.new`
 * @param eventName Kazoo's own for it: `voicemail_new`
 */
export function notify(stage: Stage, by: Publisher, name: string, eventName: string, fields: Fields): void {
  stage.publish(by, 'notifications', `notifications.${name}`, {
    'Event-Category': 'notification',
    'Event-Name': eventName,
    'Account-ID': stage.account.id,
    ...fields,
  });
}

/** Some name the account's database as well. */
export const databaseField = ({ account }: Stage): Fields => ({ 'Account-DB': databaseWord(account.id) });

/** What a notification that a person's email waits for says of where an answer would go. @param logId often the call's id */
export const answerFields = (logId: string): Fields => ({
  'Server-ID': `${mediaServer.apps}-amqp_worker-77aa01bc`,
  'System-Log-ID': logId,
});
