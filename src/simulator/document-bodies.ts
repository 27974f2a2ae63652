/** What stands in the documents of an account, and what the administrator of the demo finds to change in them. */
import type { Device, Office, Person } from './office.ts';
import type { Random } from './random.ts';
import type { Fields } from './stage.ts';

/** A document as it stands, before it has a revision. */
export interface Draft {
  readonly type: 'user' | 'device' | 'vmbox' | 'callflow' | 'mailbox_message';
  readonly id: string;
  readonly body: Fields;
}

/** The field of each type that an edit turns over. */
export const toggles = {
  user: 'do_not_disturb',
  device: 'call_waiting',
  vmbox: 'require_pin',
  callflow: 'ignore_early_media',
  mailbox_message: 'is_saved',
} as const satisfies Record<Draft['type'], string>;

/** The documents that are there before the play begins: those of the people who make the calls. */
export function firstDocuments(office: Office, random: Random): Draft[] {
  return office.people.flatMap((person) => [
    userOf(person),
    ...person.devices.map((device) => deviceOf(person, device)),
    mailboxOf(person, person.mailboxId),
    callflowOf(person, random.hex(32), person.extension),
  ]);
}

/** Something that an administrator adds. */
export function newDocument(office: Office, random: Random): Draft {
  const person = random.pick(office.people);
  const id = random.hex(32);
  const number = String(random.between(2000, 2999));
  const makers = [
    () => trainee(id, number),
    () => spareDevice(id, person, `user_${random.hex(10)}`),
    () => mailboxOf(person, id, `Project line of ${person.firstName}`, number),
    () => callflowOf(person, id, number),
  ];
  return random.pick(makers)();
}

const userOf = ({ id, firstName, lastName, username, extension }: Person): Draft => ({
  type: 'user',
  id,
  body: {
    first_name: firstName,
    last_name: lastName,
    username,
    enabled: true,
    caller_id: { internal: { name: `${firstName} ${lastName}`, number: extension } },
    do_not_disturb: false,
  },
});

const trainee = (id: string, number: string): Draft => ({
  type: 'user',
  id,
  body: {
    first_name: 'Trainee',
    last_name: number,
    username: `trainee.${number}`,
    enabled: true,
    caller_id: { internal: { name: `Trainee ${number}`, number } },
    do_not_disturb: false,
  },
});

const deviceOf = (person: Person, { id, name, username, userAgent }: Device): Draft => ({
  type: 'device',
  id,
  body: {
    name,
    enabled: true,
    owner_id: person.id,
    device_type: userAgent.startsWith('SIP.js') ? 'softphone' : 'sip_device',
    sip: { method: 'password', username },
    call_waiting: true,
  },
});

const spareDevice = (id: string, person: Person, username: string): Draft => ({
  type: 'device',
  id,
  body: {
    name: `${person.firstName}'s phone at home`,
    enabled: true,
    owner_id: person.id,
    device_type: 'softphone',
    sip: { method: 'password', username },
    call_waiting: true,
  },
});

const mailboxOf = (
  person: Person,
  id: string,
  name = `${person.firstName} ${person.lastName}'s mailbox`,
  mailbox = person.extension,
): Draft => ({
  type: 'vmbox',
  id,
  body: { name, mailbox, owner_id: person.id, timezone: 'Europe/Lisbon', require_pin: false },
});

const callflowOf = (person: Person, id: string, number: string): Draft => ({
  type: 'callflow',
  id,
  body: {
    name: `${person.firstName} ${person.lastName}`,
    numbers: [number],
    owner_id: person.id,
    flow: { module: 'user', data: { id: person.id, timeout: 20 }, children: {} },
    ignore_early_media: false,
  },
});
