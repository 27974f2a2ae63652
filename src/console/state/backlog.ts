/** What happened before the page was opened, as far as the server keeps it. */
import { placeOf } from '../../client/held.ts';
import type { HorizonEvent } from '../../client/types.ts';
import { accountPath, ask } from './rest.ts';

interface Frame {
  readonly name: string;
  readonly subscribed_key: string;
  readonly account_id: string;
  readonly cursor?: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** As many as one page has. */
const most = 1000;
const mostBindings = 20;

/**
 * The latest events of an account, oldest first; none where the server keeps no history.
 * @param isKnown whether an event with such a cursor has come already
 */
export async function backlogOf(
  account: string,
  bindings: readonly string[],
  isKnown: (cursor: string) => boolean,
): Promise<readonly HorizonEvent[]> {
  const query = new URLSearchParams({ dialect: 'kazoo4', limit: String(most) });
  for (const binding of bindings.slice(0, mostBindings)) query.append('binding', binding);
  const { data } = await ask<{ readonly events: readonly Frame[] }>(`${accountPath(account)}/events?${query}`);
  return data.events
    .filter(({ cursor }) => cursor === undefined || !isKnown(cursor))
    .map((frame) => ({
      name: frame.name,
      family: placeOf(frame.subscribed_key).family,
      account: frame.account_id,
      binding: frame.subscribed_key,
      data: frame.data,
      cursor: frame.cursor,
      replayed: true,
    }));
}
