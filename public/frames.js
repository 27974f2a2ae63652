/**
 * Reads events: what family they are of, whose they are, what they say in a line. Payloads are
 * whatever a publisher made them: only texts and numbers are taken out, and not too much of them.
 */
import { causeWords } from './words.js';

const longestValue = 200;

/** Kazoo's, by `Event-Category`. Others are known by the binding that brought them. */
const families = new Map([
  ['call_event', 'call'],
  ['conference', 'conference'],
  ['configuration', 'object'],
  ['fax', 'fax'],
  ['presence', 'presence'],
  ['directory', 'registration'],
  ['notification', 'notifications'],
]);

/**
 * @typedef {Record<string, unknown>} Payload
 *
 * @typedef {object} EventFrame
 * @property {string} name
 * @property {string} family
 * @property {string} account may be empty
 * @property {string} what who calls whom, say
 * @property {string} state where it stands; may be empty
 * @property {Payload} payload
 */

/**
 * A field of a payload, named as the bus spells it. The kazoo4 dialect has it in lower case with `_`.
 * @param {unknown} payload
 * @param {string} name
 * @returns {string} empty where there is no text and no number
 */
export function field(payload, name) {
  const value = member(payload, name);
  if (typeof value === 'number') return String(value);
  return typeof value === 'string' ? value.slice(0, longestValue) : '';
}

/**
 * @param {unknown} payload
 * @param {string} name
 * @returns {unknown}
 */
function member(payload, name) {
  if (typeof payload !== 'object' || payload === null) return undefined;
  const own = /** @type {Payload} */ (payload);
  if (Object.hasOwn(own, name)) return own[name];
  const normalized = name.toLowerCase().replaceAll('-', '_');
  return Object.hasOwn(own, normalized) ? own[normalized] : undefined;
}

/**
 * A name and a number as one text; either may be missing, and telephones often give the number as the name.
 * @param {string} name
 * @param {string} number
 */
function party(name, number) {
  if (name === '' || name === number) return number;
  return number === '' ? name : `${name} ${number}`;
}

/**
 * Who is called: the callee, or what was dialled where nobody has been found yet.
 * @param {Payload} payload
 * @returns {{ name: string, number: string }}
 */
export function calleeOf(payload) {
  const dialled = field(payload, 'Request') || field(payload, 'To');
  return {
    name: field(payload, 'Callee-ID-Name'),
    number: field(payload, 'Callee-ID-Number') || (dialled.split('@')[0] ?? ''),
  };
}

/**
 * @param {Payload} payload
 * @returns {{ name: string, number: string }}
 */
export function callerOf(payload) {
  return { name: field(payload, 'Caller-ID-Name'), number: field(payload, 'Caller-ID-Number') };
}

/** What a channel is after an event: the media server's own word for it is of the moment before. */
const callWords = new Map([
  ['CHANNEL_CREATE', 'new'],
  ['CHANNEL_ANSWER', 'answered'],
  ['CHANNEL_BRIDGE', 'talking'],
  ['CHANNEL_HOLD', 'held'],
  ['CHANNEL_UNHOLD', 'talking'],
]);

/** @param {Payload} payload */
function describeCall(payload) {
  const caller = callerOf(payload);
  const callee = calleeOf(payload);
  const [from, to] = [party(caller.name, caller.number), party(callee.name, callee.number)];
  const slot = field(payload, 'Parking-Slot');
  const cause = field(payload, 'Hangup-Cause');
  const word = callWords.get(field(payload, 'Event-Name')) ?? field(payload, 'Channel-Call-State').toLowerCase();
  return {
    what: to === '' ? from : `${from} → ${to}`,
    state: causeWords(cause) || (slot === '' ? word : `slot ${slot}`),
  };
}

const conferenceVerbs = new Map([
  ['conference-create', 'opens'],
  ['conference-destroy', 'closes'],
  ['lock', 'locks'],
  ['unlock', 'unlocks'],
  ['add-member', 'joins'],
  ['del-member', 'leaves'],
  ['stop-talking', 'falls silent in'],
  ['start-talking', 'talks in'],
  ['mute-member', 'is muted in'],
  ['unmute-member', 'is unmuted in'],
  ['deaf-member', 'hears nothing in'],
  ['undeaf-member', 'hears again in'],
]);

/** @param {Payload} payload */
function describeConference(payload) {
  const event = field(payload, 'Event');
  const { name, number } = callerOf(payload);
  const verb = conferenceVerbs.get(event) ?? 'in';
  // What a room does by itself names nobody.
  const who = name === '' && number === '' ? '' : `${party(name, number)} `;
  return { what: `${who}${verb} conference ${field(payload, 'Conference-ID')}`, state: event };
}

/** @param {Payload} payload */
function describeDocument(payload) {
  const document = member(payload, 'Doc');
  const name =
    field(document, 'name') ||
    `${field(document, 'first_name')} ${field(document, 'last_name')}`.trim() ||
    field(payload, 'ID');
  const type = field(payload, 'Type').replaceAll('_', ' ');
  return { what: `${type}: ${name}`, state: field(payload, 'Event-Name').replace('doc_', '') };
}

/** @param {Payload} payload */
function describePresence(payload) {
  const [from, to] = [field(payload, 'From'), field(payload, 'To')];
  const fresh = field(payload, 'Messages-New');
  if (fresh !== '') return { what: to, state: `${fresh} new, ${field(payload, 'Messages-Saved') || '0'} saved` };
  return { what: [from, to].filter((end) => end !== '').join(' → '), state: field(payload, 'State') };
}

/** @param {Payload} payload */
function describeOther(payload) {
  const from = field(payload, 'From-User');
  const to = field(payload, 'To-User');
  const called = from !== '' && to !== '' ? `${from} → ${to}` : '';
  return { what: called || field(payload, 'Call-ID') || field(payload, 'ID'), state: '' };
}

/** @type {Map<string, (payload: Payload) => { what: string, state: string }>} */
const describers = new Map([
  ['call', describeCall],
  ['conference', describeConference],
  ['object', describeDocument],
  ['presence', describePresence],
  [
    'fax',
    (payload) => ({
      what: `fax ${field(payload, 'Job-ID')}: ${field(payload, 'Status')}`,
      state: field(payload, 'Fax-State'),
    }),
  ],
  [
    'registration',
    (payload) => ({
      what: `${party(field(payload, 'Username'), '')}@${field(payload, 'Realm')} from ${field(payload, 'Network-IP')}`,
      state: 'registered',
    }),
  ],
]);

/**
 * @param {Pick<import('/client.js').HorizonEvent, 'name' | 'family' | 'account' | 'data'>} event
 * @returns {EventFrame}
 */
export function readFrame(event) {
  const payload = /** @type {Payload} */ (event.data);
  const family = families.get(field(payload, 'Event-Category')) ?? event.family;
  return {
    name: event.name || '(no name)',
    family,
    account:
      field(payload, 'Account-ID') || field(member(payload, 'Custom-Channel-Vars'), 'Account-ID') || event.account,
    ...(describers.get(family) ?? describeOther)(payload),
    payload,
  };
}
