/**
 * Conferences: people and outsiders dial in one after the other, talk, mute themselves and leave; the room opens with
 * the first and closes with the last. Each member is a channel, too. Events are published on `conference`.
 */

import { encodeWord } from '../families/routing-key.ts';
import { gregorianSeconds } from '../gregorian.ts';
import { type Channel, channelVariables } from './channel.ts';
import { atPhone, freePeople, type Office, outsider, type Party } from './office.ts';
import type { Fields, Script, Stage } from './stage.ts';
import type { Switch } from './switch.ts';

interface Member {
  readonly channel: Channel;
  readonly participantId: number;
  readonly isModerator: boolean;
  isTalking: boolean;
  isMuted: boolean;
}

/** A conference from its first member to its last. */
interface Conference {
  readonly id: string;
  /** Another one each time that the room opens. */
  readonly instanceId: string;
  readonly members: Member[];
  seated: number;
  /** Who spoke up last. */
  floor: Member | undefined;
}

const rooms = ['7001', '7002'];

/** Plays one conference after the other for as long as the stage lasts. */
export function playConferences(stage: Stage, office: Office, line: Switch): void {
  const { account, random } = stage;

  function* conferences(): Script {
    yield random.between(1500, 3000);
    for (;;) {
      yield* conference();
      yield random.between(8000, 20_000);
    }
  }

  function* conference(): Script {
    const room: Conference = {
      id: random.pick(rooms),
      instanceId: random.hex(8),
      members: [],
      seated: 0,
      floor: undefined,
    };
    const size = random.between(3, 4);
    yield* join(room);
    for (let turns = random.between(25, 45); turns > 0; turns -= 1) {
      yield random.between(800, 2400);
      if (room.members.length < size && random.chance(0.35)) yield* join(room);
      else if (room.members.length > 2 && random.chance(0.04)) yield* leave(room, random.pick(room.members));
      else speak(room, random.pick(room.members));
    }
    while (room.members.length > 0) {
      yield random.between(300, 1500);
      yield* leave(room, random.pick(room.members));
    }
  }

  function* join(room: Conference): Script {
    const guest = nextGuest();
    const channel = line.receive(guest, guest.phone === undefined ? office.mainNumber : room.id);
    yield random.between(150, 400);
    line.answer(channel);
    yield random.between(200, 600);
    room.seated += 1;
    const member: Member = {
      channel,
      participantId: room.seated,
      isModerator: room.seated === 1,
      isTalking: false,
      isMuted: false,
    };
    if (room.members.length === 0) publish(room, 'conference-create', channel, {});
    room.members.push(member);
    publishMember(room, 'add-member', member);
  }

  function nextGuest(): Party {
    const free = freePeople(office);
    // The office must still be able to make calls.
    if (free.length < 3 || random.chance(0.2)) return outsider(random);
    const person = random.pick(free);
    office.engaged.add(person.id);
    return atPhone(random, person);
  }

  function* leave(room: Conference, member: Member): Script {
    if (member.isTalking) fallSilent(room, member);
    room.members.splice(room.members.indexOf(member), 1);
    publishMember(room, 'del-member', member);
    if (room.floor === member) room.floor = undefined;
    if (room.members.length === 0) publish(room, 'conference-destroy', member.channel, {});
    yield random.between(20, 120);
    line.hangUp(member.channel, 'NORMAL_CLEARING');
    if (member.channel.party.phone !== undefined) office.engaged.delete(member.channel.party.phone.person.id);
  }

  /** Whatever comes next of this member: a word, silence, or a finger on the mute key. */
  function speak(room: Conference, member: Member): void {
    if (member.isMuted) {
      member.isMuted = false;
      publishMember(room, 'unmute-member', member);
    } else if (random.chance(0.12)) {
      if (member.isTalking) fallSilent(room, member);
      member.isMuted = true;
      publishMember(room, 'mute-member', member);
    } else if (member.isTalking) {
      fallSilent(room, member);
    } else {
      member.isTalking = true;
      room.floor = member;
      publishMember(room, 'start-talking', member);
    }
  }

  function fallSilent(room: Conference, member: Member): void {
    member.isTalking = false;
    publishMember(room, 'stop-talking', member);
  }

  function publishMember(room: Conference, event: string, member: Member): void {
    publish(room, event, member.channel, {
      'Participant-ID': member.participantId,
      'Conference-Channel-Vars': {
        Hear: true,
        Speak: !member.isMuted,
        Talking: member.isTalking,
        Floor: room.floor === member,
        'Is-Moderator': member.isModerator,
        'Member-ID': member.participantId,
      },
    });
  }

  /** The room's own events carry the call of whoever opened or closed it. */
  function publish(room: Conference, event: string, channel: Channel, more: Fields): void {
    const routingKey = `conference.event.${event}.${encodeWord(account.id)}.${room.id}.${encodeWord(channel.callId)}`;
    stage.publish('conference', routingKey, {
      'Event-Category': 'conference',
      'Event-Name': 'event',
      Event: event,
      'Account-ID': account.id,
      'Conference-ID': room.id,
      'Instance-ID': room.instanceId,
      'Call-ID': channel.callId,
      'Caller-ID-Name': channel.caller.name,
      'Caller-ID-Number': channel.caller.number,
      'Custom-Channel-Vars': channelVariables(channel, account, office),
      Timestamp: gregorianSeconds(stage.now()),
      ...more,
    });
  }

  stage.play(conferences());
}
