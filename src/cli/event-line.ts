/** An event as a line for people: time, name, who with whom, what has become of it. Pure. */
import { unixMs } from '../gregorian.ts';
import { party } from './calls.ts';
import { type Paint, shown, spanOf, timeOf } from './terminal.ts';

/** As much of an event as is shown, members in the kazoo4 spelling. */
export interface ShownEvent {
  readonly name: string;
  readonly family: string;
  readonly account: string;
  readonly data: Readonly<Record<string, unknown>>;
  readonly replayed: boolean;
}

type Data = ShownEvent['data'];

/** What there is to say of an event; texts that are empty are left out. */
interface Words {
  readonly name?: string;
  readonly who: string;
  readonly state: string;
  /** What it is known by. */
  readonly id?: unknown;
}

const nameWidth = 16;
const whoWidth = 48;
const stateWidth = 22;

/**
 * @param at when it came
 * @param withAccount whether events of several accounts come
 */
export function eventLine(event: ShownEvent, at: Date, paint: Paint, withAccount: boolean): string {
  const { name = event.name, who, state, id } = wordsOf(event);
  const words = [
    paint.dim(timeOf(timeOfEvent(event) ?? at)),
    nameColour(event, paint)(shown(name).padEnd(nameWidth)),
    who.padEnd(whoWidth),
    paint.bold(state.padEnd(stateWidth)),
    paint.dim(shown(id)),
    ...(withAccount ? [paint.dim(shown(event.account))] : []),
  ];
  return words
    .filter((word) => word !== '')
    .join('  ')
    .trimEnd();
}

/** One that comes late says itself when it was; one that comes at once was just now. */
function timeOfEvent({ replayed, data }: ShownEvent): Date | undefined {
  const seconds = Number(data.timestamp);
  return replayed && Number.isSafeInteger(seconds) && seconds > 0 ? new Date(unixMs(seconds)) : undefined;
}

function nameColour({ name, family }: ShownEvent, paint: Paint): (text: string) => string {
  if (/DESTROY|ABANDONED|deleted|missed/.test(name)) return paint.red;
  if (/CREATE|created|PARKED/.test(name)) return paint.yellow;
  if (/ANSWER|BRIDGE|RETRIEVED|UNHOLD/.test(name)) return paint.green;
  return family === 'call' ? paint.cyan : (text) => text;
}

function wordsOf(event: ShownEvent): Words {
  const { family, data } = event;
  switch (family) {
    case 'call':
      return ofCall(event);
    case 'conference':
      return ofConference(data);
    case 'object':
      return { who: shown(data.type), state: data.is_soft_deleted === true ? 'deleted' : '', id: data.id };
    case 'fax':
      return {
        name: `fax ${event.name}`,
        who: both(data),
        state: `${shown(data.direction)} ${shown(data.status)}`.trim(),
        id: data.job_id,
      };
    case 'presence':
      return ofPresence(data);
    case 'registration':
      return { who: `${shown(data.username)}@${shown(data.realm)}`, state: shown(data.status), id: data.contact };
    case 'notifications':
      return ofNotification(data);
    default:
      return { who: '', state: '', id: JSON.stringify(data) };
  }
}

const callStates: Readonly<Record<string, (data: Data) => string>> = {
  CHANNEL_CREATE: () => 'ringing',
  CHANNEL_ANSWER: () => 'answered',
  CHANNEL_BRIDGE: () => 'talking',
  CHANNEL_HOLD: () => 'held',
  CHANNEL_UNHOLD: () => 'talking',
  CHANNEL_DESTROY: ({ duration_seconds: seconds, hangup_cause: cause }) =>
    `ended${seconds === undefined ? '' : ` after ${spanOf(Number(seconds))}`}${isOrdinary(cause) ? '' : `, ${shown(cause)}`}`,
  PARK_PARKED: ({ parking_slot: slot }) => `parked in ${shown(slot)}`,
  PARK_RETRIEVED: ({ parking_slot: slot }) => `taken from ${shown(slot)}`,
  PARK_ABANDONED: ({ parking_slot: slot }) => `gave up in ${shown(slot)}`,
};

const isOrdinary = (cause: unknown): boolean => cause === undefined || cause === 'NORMAL_CLEARING';

function ofCall({ name, data }: ShownEvent): Words {
  const state = Object.hasOwn(callStates, name) ? callStates[name]?.(data) : undefined;
  const direction = shown(data.call_direction);
  return {
    who: both(data),
    state: [state, direction === '' ? '' : `(${direction})`].filter((word) => word).join(' '),
    id: data.call_id,
  };
}

/** Who calls whom. Whom an inbound leg is for is not known before it is routed: then it is what was dialled. */
function both(data: Data): string {
  const from = party(data.caller_id_number, data.caller_id_name);
  const dialled = shown(data.request ?? data.to).split('@')[0] ?? '';
  const to = party(data.callee_id_number, data.callee_id_name) || dialled;
  return [from, to].filter((one) => one !== '').join(' → ');
}

function ofConference(data: Data): Words {
  return {
    name: shown(data.event) || shown(data.event_name),
    who: [shown(data.conference_id), party(data.caller_id_number, data.caller_id_name)]
      .filter((one) => one !== '')
      .join(': '),
    state: '',
    id: data.call_id,
  };
}

const lamps: Readonly<Record<string, string>> = { early: 'ringing', confirmed: 'talking', terminated: 'idle' };

function ofPresence(data: Data): Words {
  const lamp = shown(data.state);
  const waiting =
    data.messages_new === undefined ? '' : `${shown(data.messages_new)} new, ${shown(data.messages_saved)} saved`;
  return {
    who: shown(data.presence_id ?? data.from),
    state: waiting || (Object.hasOwn(lamps, lamp) ? (lamps[lamp] ?? lamp) : lamp),
    id: data.call_id,
  };
}

function ofNotification(data: Data): Words {
  const from = party(data.caller_id_number, data.caller_id_name) || shown(data.username ?? data.from_user);
  const to = shown(data.callee_id_number ?? (data.username === undefined ? data.to_user : undefined));
  return { who: [from, to].filter((one) => one !== '').join(' → '), state: '', id: data.call_id ?? data.voicemail_box };
}
