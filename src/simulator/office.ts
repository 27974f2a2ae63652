/**
 * The people of an account: names, extensions, telephones, mailboxes, and who of them can be called now. Numbers and
 * addresses are of the ranges reserved for fiction and documentation.
 */
import type { Random } from './random.ts';

/** A telephone that is registered with the PBX. */
export interface Device {
  readonly id: string;
  readonly name: string;
  /** SIP user name. */
  readonly username: string;
  /** Its IP address. */
  readonly address: string;
  readonly userAgent: string;
}

/** A user of the account. */
export interface Person {
  readonly id: string;
  readonly firstName: string;
  readonly lastName: string;
  readonly username: string;
  readonly extension: string;
  /** At least one. */
  readonly devices: readonly Device[];
  readonly mailboxId: string;
  /** The `Call-ID` of what they set by hand about themselves. */
  readonly manualPresenceId: string;
}

/** One end of a call. */
export interface Party {
  readonly name: string;
  readonly number: string;
  /** Whose telephone it is; absent for somebody outside, who comes by way of the carrier. */
  readonly phone?: { readonly person: Person; readonly device: Device };
}

/** Who is on the phone. Somebody may be called while they speak, so that each call counts. */
export interface Engaged {
  has(id: string): boolean;
  add(id: string): void;
  delete(id: string): void;
}

/** All that an account's calls are made between. */
export interface Office {
  readonly people: readonly Person[];
  /** What the world dials, and sees when the office calls. */
  readonly mainNumber: string;
  readonly carrier: { readonly id: string; readonly host: string };
  /** Numbers of its conference rooms. No two accounts of a play have the same. */
  readonly rooms: readonly string[];
  readonly faxboxId: string;
  /** Ids of the people who are on the phone. Whoever plays a call keeps it. */
  readonly engaged: Engaged;
  /** Ids of the people who don't want to be called. */
  readonly undisturbed: Set<string>;
  /** Ids of the devices whose registration ran out. */
  readonly unregistered: Set<string>;
}

const names = [
  ['Ana', 'Sousa'],
  ['Bruno', 'Keller'],
  ['Chiara', 'Lombardi'],
  ['Daniel', 'Okafor'],
  ['Elif', 'Yildiz'],
  ['Frida', 'Lindqvist'],
  ['Gabriel', 'Moreau'],
  ['Hana', 'Suzuki'],
  ['Ivan', 'Petrov'],
  ['Jasmin', 'Haddad'],
  ['Kofi', 'Mensah'],
  ['Laura', 'Brandt'],
  ['Mateo', 'Vargas'],
  ['Nora', 'Byrne'],
  ['Omar', 'Farouk'],
  ['Priya', 'Nair'],
] as const;

const outsiders = [
  'Alice Turner',
  'Baker & Sons',
  'City Library',
  'Dr. Helen Marsh',
  'Evergreen Garage',
  'Freight Office',
  'George Papadakis',
  'Hill Street Dental',
  'Iris Novak',
  'Jonas Weber',
  'Kite Travel',
  'Lucia Ferrari',
] as const;

const phoneModels = [
  { name: 'desk phone', userAgent: 'Yealink SIP-T46S 66.86.0.15' },
  { name: 'cordless phone', userAgent: 'Gigaset N510 IP PRO/42.257' },
  { name: 'conference phone', userAgent: 'PolycomSoundStationIP-SSIP_6000-UA/4.0.14' },
] as const;

const staff = 10;

/**
 * Invents the people of an account; nobody is on the phone yet.
 * @param index which of the accounts of the play it is
 */
export function createOffice(random: Random, index: number): Office {
  return {
    people: shuffled(random, names)
      .slice(0, staff)
      .map((name, index) => hire(random, name, index)),
    mainNumber: outsideNumber(random),
    carrier: { id: random.hex(32), host: `198.51.100.${random.between(2, 254)}` },
    rooms: [`7${String(index).padStart(2, '0')}1`, `7${String(index).padStart(2, '0')}2`],
    faxboxId: random.hex(32),
    engaged: createEngaged(),
    undisturbed: new Set(),
    unregistered: new Set(),
  };
}

function createEngaged(): Engaged {
  const calls = new Map<string, number>();
  const change = (id: string, by: number): void => void calls.set(id, (calls.get(id) ?? 0) + by);
  return { has: (id) => (calls.get(id) ?? 0) > 0, add: (id) => change(id, 1), delete: (id) => change(id, -1) };
}

function hire(random: Random, [firstName, lastName]: readonly [string, string], index: number): Person {
  const devices = [device(random, firstName, random.pick(phoneModels))];
  if (random.chance(0.4)) devices.push(device(random, firstName, { name: 'web phone', userAgent: 'SIP.js/0.21.2' }));
  return {
    id: random.hex(32),
    firstName,
    lastName,
    username: `${firstName}.${lastName}`.toLowerCase(),
    extension: String(1001 + index),
    devices,
    mailboxId: random.hex(32),
    manualPresenceId: random.hex(32),
  };
}

function device(random: Random, firstName: string, model: { name: string; userAgent: string }): Device {
  return {
    id: random.hex(32),
    name: `${firstName}'s ${model.name}`,
    username: `user_${random.hex(10)}`,
    address: `192.168.25.${random.between(10, 250)}`,
    userAgent: model.userAgent,
  };
}

function shuffled<T>(random: Random, list: readonly T[]): T[] {
  const rest = [...list];
  return list.map(() => rest.splice(random.between(0, rest.length - 1), 1)[0] as T);
}

/** 555-0100 to 555-0199 are kept free for fiction. */
const outsideNumber = (random: Random): string =>
  `+1${random.pick([212, 303, 415, 512, 617, 808])}55501${String(random.between(0, 99)).padStart(2, '0')}`;

/** Somebody who is no user of the account. */
export function outsider(random: Random): Party {
  return { name: random.pick(outsiders), number: outsideNumber(random) };
}

/** A person at one of their telephones that are registered; at any of them where none is. */
export function atPhone(random: Random, { unregistered }: Office, person: Person): Party {
  const registered = person.devices.filter(({ id }) => !unregistered.has(id));
  return {
    name: `${person.firstName} ${person.lastName}`,
    number: person.extension,
    phone: { person, device: random.pick(registered.length > 0 ? registered : person.devices) },
  };
}

/** Those whose telephone can ring: registered, and not left in peace. Never nobody, for only so many are either. */
export function reachablePeople({ people, undisturbed, unregistered }: Office): Person[] {
  return people.filter(
    ({ id, devices }) => !undisturbed.has(id) && devices.some((device) => !unregistered.has(device.id)),
  );
}

/** Those of them who are not on the phone. */
export function freePeople(office: Office): Person[] {
  return reachablePeople(office).filter(({ id }) => !office.engaged.has(id));
}
