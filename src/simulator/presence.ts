/**
 * Presence: what the lamps beside the names on a telephone show. Dialogs follow the calls and the parking slots, updates
 * follow what people set by hand. Published on `presence`.
 */
import { encodeWord } from '../families/routing-key.ts';
import { type Channel, presenceId } from './channel.ts';
import { freePeople, type Office, type Person } from './office.ts';
import { type Fields, mediaServer, publishers, type Script, type Stage } from './stage.ts';

/** `early`: it rings; `confirmed`: busy; `terminated`: idle. */
export type PresenceState = 'early' | 'confirmed' | 'terminated';

/** Tells what becomes of calls and slots. */
export interface Presence {
  /** The call of a telephone changed; channels to the outside have nobody's presence. */
  follow(channel: Channel, state: PresenceState): void;
  /** @param state `early`: somebody waits in the slot */
  slot(slot: string, parked: Channel, state: 'early' | 'terminated'): void;
}

/** So many people may leave themselves in peace at a time: the office must still be able to make calls. */
const mostUndisturbed = 2;

/** How long a state is good for, as ecallmgr and callflow say it. s */
const dialogSeconds = { early: 0, confirmed: 0, terminated: 20 } as const;
const parkedSeconds = 3600;

/** Plays what people set by hand for as long as the stage lasts, and tells of what else changes. */
export function playPresence(stage: Stage, office: Office): Presence {
  const { account, random } = stage;
  const { realm } = account;

  function publishDialog(by: (typeof publishers)['ecallmgr' | 'park'], callId: string, fields: Fields): void {
    stage.publish(by, 'presence', `dialog.${encodeWord(realm)}.${encodeWord(callId)}`, {
      'Event-Category': 'presence',
      'Event-Name': 'dialog_update',
      'Event-Package': 'dialog',
      'Call-ID': callId,
      'From-Realm': realm,
      'To-Realm': realm,
      'Switch-URI': `sip:${mediaServer.address}:11000`,
      ...fields,
    });
  }

  function publishUpdate(person: Person, state: PresenceState): void {
    // What is set by hand hangs on no call; Kazoo makes an id of the person's address, the same each time.
    const callId = person.manualPresenceId;
    stage.publish(publishers.callCommand, 'presence', `update.${encodeWord(realm)}.${callId}`, {
      'Event-Category': 'presence',
      'Event-Name': 'update',
      'Call-ID': callId,
      'Presence-ID': `${person.extension}@${realm}`,
      From: `sip:${person.extension}@${realm}`,
      'From-User': person.extension,
      'From-Realm': realm,
      To: `sip:${person.extension}@${realm}`,
      'To-User': person.extension,
      'To-Realm': realm,
      State: state,
    });
  }

  function* doNotDisturb(): Script {
    for (;;) {
      yield random.between(12_000, 30_000);
      const left = office.people.filter(({ id }) => office.undisturbed.has(id));
      if (left.length === mostUndisturbed || (left.length > 0 && random.chance(0.5))) {
        const person = random.pick(left);
        office.undisturbed.delete(person.id);
        publishUpdate(person, 'terminated');
      } else if (freePeople(office).length > 0) {
        const person = random.pick(freePeople(office));
        office.undisturbed.add(person.id);
        publishUpdate(person, 'confirmed');
      }
    }
  }

  stage.play(doNotDisturb());
  return {
    follow(channel, state) {
      if (channel.party.phone === undefined) return;
      const isCaller = channel.direction === 'inbound';
      const id = presenceId(channel, account);
      const other = isCaller ? channel.dialled : channel.caller.number;
      publishDialog(publishers.ecallmgr, channel.callId, {
        'Presence-ID': id,
        Direction: isCaller ? 'initiator' : 'recipient',
        State: state,
        Expires: dialogSeconds[state],
        From: `sip:${id}`,
        'From-User': channel.party.number,
        'From-Tag': channel.fromTag,
        To: `sip:${other}@${realm}`,
        'To-User': other,
        'To-Tag': channel.toTag,
        'To-URI': `sip:${id}`,
      });
    },
    slot(slot, parked, state) {
      // `*3` and the number of the slot is how Kazoo's parking is dialled, and what its lamp is called.
      const user = `*3${slot}`;
      publishDialog(publishers.park, parked.callId, {
        'Presence-ID': `${user}@${realm}`,
        Direction: 'recipient',
        State: state,
        Expires: state === 'early' ? parkedSeconds : 0,
        From: `sip:${user}@${realm}`,
        'From-User': user,
        'From-Tag': 'A',
        To: `${parked.caller.number}@${realm}`,
        'To-User': parked.caller.name,
        'To-Tag': 'B',
        'To-URI': `sip:${user}@${realm}`,
      });
    },
  };
}
