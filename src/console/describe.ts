/** What an event tells, in a few words: who with whom, and what became of it. All of it is text of somebody else's. */
import { causeWords, conferenceVerb, words } from './words.ts';

type Data = Readonly<Record<string, unknown>>;

export interface Description {
  readonly what: string;
  readonly state: string;
  /** Empty where it is of no call. */
  readonly callId: string;
}

/** A member as text; empty where it is no text and no number. */
export function text(data: unknown, name: string): string {
  if (typeof data !== 'object' || data === null || !Object.hasOwn(data, name)) return '';
  const value = (data as Data)[name];
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? String(value) : '';
}

/** Characters that turn the order of what is written beside them: overrides, embeddings, isolates and their ends. */
const turning = /[\u202A-\u202E\u2066-\u2069]/g;
/** Scripts that are written from the right to the left, and the marks that stand for them. */
const fromTheRight = /[\u0590-\u08FF\u200F\uFB1D-\uFDFF\uFE70-\uFEFC]|[\u{10800}-\u{10FFF}\u{1E800}-\u{1EFFF}]/u;

/** Somebody else's text for a line of several: whatever it is made of, it changes the order of nothing beside it. */
export function isolated(part: string): string {
  const plain = part.replace(turning, '');
  return fromTheRight.test(plain) ? `\u2068${plain}\u2069` : plain;
}

/** A member for a line that people read. */
function shown(data: unknown, name: string): string {
  return isolated(text(data, name));
}

export function person(name: string | undefined, number: string | undefined): string {
  if (!name || name === number) return isolated(number ?? '');
  return number ? `${isolated(name)} (${isolated(number)})` : isolated(name);
}

function describeCall(name: string, data: Data): readonly [string, string] {
  const from = person(text(data, 'caller_id_name'), text(data, 'caller_id_number'));
  const dialled = (text(data, 'request') || text(data, 'to')).split('@')[0] ?? '';
  const to = person(text(data, 'callee_id_name'), text(data, 'callee_id_number') || dialled);
  const slot = text(data, 'parking_slot');
  const cause = text(data, 'hangup_cause');
  const state = words.events.calls[name] ?? text(data, 'channel_call_state').toLowerCase();
  return [to === '' ? from : `${from} → ${to}`, causeWords(cause) || (slot === '' ? state : words.states.slot(slot))];
}

function describeConference(data: Data): readonly [string, string] {
  const event = text(data, 'event');
  const who = person(text(data, 'caller_id_name'), text(data, 'caller_id_number'));
  return [`${who === '' ? '' : `${who} `}${conferenceVerb(event)} ${shown(data, 'conference_id')}`, event];
}

function describeDocument(name: string, data: Data): readonly [string, string] {
  const { doc } = data;
  const called = `${shown(doc, 'first_name')} ${shown(doc, 'last_name')}`.trim();
  const type = text(data, 'type').replaceAll('_', ' ');
  return [`${type}: ${shown(doc, 'name') || called || shown(data, 'id')}`, name.replace('doc_', '')];
}

/** `sip:1003@realm`: what stands before the realm. */
function userOf(address: string): string {
  return isolated(address.replace(/^sips?:/, '').split('@')[0] ?? address);
}

function describePresence(data: Data): readonly [string, string] {
  const fresh = text(data, 'messages_new');
  if (fresh !== '') return [userOf(text(data, 'to')), words.events.mailbox(fresh, text(data, 'messages_saved') || '0')];
  const ends = [text(data, 'from'), text(data, 'to')].filter((end) => end !== '').map(userOf);
  return [ends.join(' → ') || shown(data, 'presence_id'), text(data, 'state')];
}

function describeOther(data: Data): readonly [string, string] {
  const [from, to] = [shown(data, 'from_user'), shown(data, 'to_user')];
  const called = from !== '' && to !== '' ? `${from} → ${to}` : '';
  return [called || shown(data, 'call_id') || shown(data, 'id'), ''];
}

function tell(family: string, name: string, data: Data): readonly [string, string] {
  switch (family) {
    case 'call':
      return describeCall(name, data);
    case 'conference':
      return describeConference(data);
    case 'object':
      return describeDocument(name, data);
    case 'presence':
      return describePresence(data);
    case 'fax':
      return [`fax ${shown(data, 'job_id')}`, text(data, 'status') || text(data, 'fax_state')];
    case 'registration':
      return [`${shown(data, 'username')}@${shown(data, 'realm')}`, words.people.registered.toLowerCase()];
    default:
      return describeOther(data);
  }
}

export function describe(family: string, name: string, data: Data): Description {
  const [what, state] = tell(family, name, data);
  return { what, state, callId: family === 'call' || family === 'conference' ? text(data, 'call_id') : '' };
}
