/** What events and calls have told of people: it stays known when the calls are over. */
import { text } from '../describe.ts';
import type { Leg } from '../library.ts';

export interface Learned {
  readonly name: string | undefined;
  /** What is dialled for them. */
  readonly extension: string | undefined;
}

/** By user, or by telephone where it is nobody's. */
const learned = new Map<string, Learned>();
const mostLearned = 5000;

export function learnedOf(key: string): Learned | undefined {
  return learned.get(key);
}

/** @param presence `1001@realm`; of somebody outside it is their number, which nobody dials as an extension */
function extensionOf(presence: string | undefined): string | undefined {
  const user = presence?.split('@')[0];
  return user === undefined || user === '' || user.startsWith('+') ? undefined : user;
}

function note(key: string, { name, extension }: Learned): void {
  const before = learned.get(key);
  if (before === undefined && learned.size >= mostLearned) return;
  learned.set(key, { name: name ?? before?.name, extension: extension ?? before?.extension });
}

export function learnFromLeg(key: string, { name, presenceId }: Leg): void {
  note(key, { name, extension: extensionOf(presenceId) });
}

/** Of a call's event whose line it is, and of a user's document what they are called. */
export function learnFrom(family: string, data: Readonly<Record<string, unknown>>): void {
  if (family === 'object' && text(data, 'type') === 'user') {
    const name = `${text(data.doc, 'first_name')} ${text(data.doc, 'last_name')}`.trim();
    const id = text(data, 'id');
    if (id !== '' && name !== '') note(id, { name, extension: undefined });
  }
  const owner = text(data.custom_channel_vars, 'owner_id');
  if (family !== 'call' || owner === '') return;
  const side = text(data, 'call_direction') === 'inbound' ? 'caller' : 'callee';
  const name = text(data, `${side}_id_name`);
  note(owner, { name: name === '' ? undefined : name, extension: extensionOf(text(data, 'presence_id')) });
}
