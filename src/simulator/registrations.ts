/**
 * Registrations: telephones register with the proxy, again and again before their time runs out. Now and then one loses
 * its network; its registration expires, which is told as a notification, and it comes back. Published on `registrar`.
 */
import { encodeWord } from '../families/routing-key.ts';
import { gregorianSeconds } from '../gregorian.ts';
import { databaseField, notify } from './notifications.ts';
import type { Device, Office, Person } from './office.ts';
import { type Fields, mediaServer, publishers, type Script, type Stage } from './stage.ts';

/** A telephone that is registered. */
export interface Registration {
  readonly person: Person;
  readonly device: Device;
  readonly contact: string;
  readonly callId: string;
  readonly port: string;
  /** Unix time, ms. */
  readonly firstAt: number;
  readonly lastAt: number;
  readonly expiresAt: number;
}

/** Where it can be reached. */
type Address = Pick<Registration, 'contact' | 'callId' | 'port'>;

/** The registrations that are good now. */
export interface Registrar {
  readonly registrations: ReadonlyMap<Device, Registration>;
}

/** s, at a person's pace. Short, so that whoever watches the demo sees telephones come again. */
const paceExpirySeconds = 120;
const longestRefreshMs = 60_000;
/** So many may be away at a time: the office must still be able to make calls. */
const mostAway = 2;

/** Plays registrations for as long as the stage lasts; every telephone is registered when it begins. */
export function playRegistrations(stage: Stage, office: Office): Registrar {
  const { account, random } = stage;
  const registrations = new Map<Device, Registration>();
  // At speeds above 1 the pauses shrink, and so must the time that a registration is good for.
  const expirySeconds = Math.max(1, Math.round(paceExpirySeconds / stage.speed));

  /** One telephone's day. */
  function* life(person: Person, device: Device): Script {
    const contact = `sip:${device.username}@${device.address}:${random.between(5060, 5099)};transport=tcp`;
    const callId = `${random.between(0, 9)}_${random.between(1e9, 2e9)}@${device.address}`;
    const port = String(random.between(40_000, 60_000));
    const describe = (isFirst: boolean): Fields => successFields(person, device, { contact, callId, port, isFirst });
    const at = { contact, callId, port };
    registrations.set(device, registration(person, device, at));
    yield random.between(500, longestRefreshMs);
    for (;;) {
      if (mayLeave(person) && random.chance(0.05)) {
        const { expiresAt = stage.now() } = registrations.get(device) ?? {};
        yield Math.max(0, (expiresAt - stage.now()) * stage.speed);
        // Whoever is on the phone has a network.
        const isBack = !office.engaged.has(person.id);
        if (isBack) yield* expired(device, { contact, callId });
        register(person, device, at, describe(isBack));
        if (isBack) {
          notifyOf('register', {
            ...sharedFields(device, contact, callId),
            'Authorizing-Type': 'device',
            'Owner-ID': person.id,
          });
        }
      } else {
        register(person, device, at, describe(false));
      }
      yield random.between(longestRefreshMs / 2, longestRefreshMs);
    }
  }

  function* expired(device: Device, at: { readonly contact: string; readonly callId: string }): Script {
    registrations.delete(device);
    office.unregistered.add(device.id);
    notifyOf('deregister', sharedFields(device, at.contact, at.callId));
    yield random.between(10_000, 30_000);
    office.unregistered.delete(device.id);
  }

  const mayLeave = ({ id }: Person): boolean => !office.engaged.has(id) && office.unregistered.size < mostAway;

  function register(person: Person, device: Device, at: Address, fields: Fields): void {
    registrations.set(device, registration(person, device, at));
    const routingKey = `registration.success.${encodeWord(account.realm)}.${encodeWord(device.username)}`;
    stage.publish(publishers.kamailio, 'registrar', routingKey, fields);
  }

  const registration = (person: Person, device: Device, at: Address): Registration => ({
    person,
    device,
    ...at,
    firstAt: registrations.get(device)?.firstAt ?? stage.now(),
    lastAt: stage.now(),
    expiresAt: stage.now() + expirySeconds * 1000,
  });

  const userFields = ({ username }: Device): Fields => ({
    Username: username,
    Realm: account.realm,
    'From-User': username,
    'From-Host': account.realm,
    'To-User': username,
    'To-Host': account.realm,
  });

  /** What Kamailio says of it; alone among the neighbours, it counts the seconds as Unix does. */
  const successFields = (
    person: Person,
    device: Device,
    at: { readonly contact: string; readonly callId: string; readonly port: string; readonly isFirst: boolean },
  ): Fields => ({
    'Event-Category': 'directory',
    'Event-Name': 'reg_success',
    'Event-Timestamp': Math.floor(stage.now() / 1000),
    'Call-ID': at.callId,
    Contact: `<${at.contact}>`,
    Expires: expirySeconds,
    'First-Registration': at.isFirst,
    ...userFields(device),
    'Proxy-IP': mediaServer.address,
    'Proxy-Path': `sip:${mediaServer.address}:5060`,
    'Proxy-Port': '5060',
    'Proxy-Protocol': 'tcp',
    'Source-IP': device.address,
    'Source-Port': at.port,
    Status: 'Registered',
    'User-Agent': device.userAgent,
    'Custom-Channel-Vars': {
      'Account-ID': account.id,
      'Account-Name': account.name,
      'Account-Realm': account.realm,
      'Authorizing-ID': device.id,
      'Authorizing-Type': 'device',
      'Owner-ID': person.id,
      Realm: account.realm,
      'Register-Overwrite-Notify': false,
      'Suppress-Unregister-Notifications': false,
      Username: device.username,
    },
  });

  const sharedFields = (device: Device, contact: string, callId: string): Fields => ({
    ...databaseField(stage),
    'Authorizing-ID': device.id,
    'Call-ID': callId,
    Contact: contact,
    'Event-Timestamp': gregorianSeconds(stage.now()),
    Expires: expirySeconds,
    ...userFields(device),
    'Suppress-Unregister-Notify': false,
    'User-Agent': device.userAgent,
  });

  function notifyOf(what: 'register' | 'deregister', fields: Fields): void {
    notify(stage, publishers.ecallmgr, `sip.${what}`, what, fields);
  }

  for (const person of office.people) for (const device of person.devices) stage.play(life(person, device));
  return { registrations };
}
