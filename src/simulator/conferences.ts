/**
 * Conferences: people and outsiders dial in one after the other, talk, mute themselves and leave; the room opens with
 * the first and closes with the last. Each member is a channel, too. Events are published on `conference`.
 */
import { encodeWord } from '../families/routing-key.ts';
import type { Channel } from './channel.ts';
import { presenceId } from './channel.ts';
import { atPhone, freePeople, type Office, outsider, type Party } from './office.ts';
import {
  type Fields,
  type MediaServer,
  mediaServer,
  mediaServerFor,
  type PbxAccount,
  publishers,
  type Script,
  type Stage,
  uuid,
} from './stage.ts';
import type { Switch } from './switch.ts';

/** Somebody in a conference. */
export interface Member {
  readonly channel: Channel;
  readonly participantId: number;
  readonly isModerator: boolean;
  /** Unix time, ms. */
  readonly joinedAt: number;
  isTalking: boolean;
  isMuted: boolean;
  isDeaf: boolean;
}

/** A conference from its first member to its last. */
export interface Conference {
  readonly id: string;
  /** Another one each time that the room opens. */
  readonly instanceId: string;
  readonly server: MediaServer;
  /** Unix time, ms. */
  readonly startedAt: number;
  readonly members: Member[];
  seated: number;
  isLocked: boolean;
  /** Who spoke up last. */
  floor: Member | undefined;
}

/** The conferences that are held now. */
export interface Conferences {
  readonly open: ReadonlySet<Conference>;
  /** Whoever is in a conference by this channel leaves it; the channel still has to hang up. */
  dismiss(channel: Channel): void;
}

/** Plays one conference after the other for as long as the stage lasts. */
export function playConferences(stage: Stage, office: Office, line: Switch): Conferences {
  const { account, random } = stage;
  const open = new Set<Conference>();

  function* conferences(): Script {
    yield random.between(1500, 3000);
    for (;;) {
      yield* conference();
      yield random.between(8000, 20_000);
    }
  }

  function* conference(): Script {
    const id = random.pick(office.rooms);
    const instanceId = uuid(random);
    const room: Conference = {
      id,
      instanceId,
      server: mediaServerFor(instanceId),
      startedAt: stage.now(),
      members: [],
      seated: 0,
      isLocked: false,
      floor: undefined,
    };
    const size = random.between(3, 4);
    yield* join(room);
    for (let turns = random.between(25, 45); turns > 0; turns -= 1) {
      yield random.between(800, 2400);
      // A command may end calls at any time, and with the last one the conference.
      if (room.members.length === 0) return;
      if (room.members.length < size && !room.isLocked && random.chance(0.35)) yield* join(room);
      else if (room.members.length > 2 && random.chance(0.04)) yield* leave(room, random.pick(room.members));
      else if (room.members.length > 2 && random.chance(0.05)) turnLock(room);
      else speak(room, random.pick(room.members));
    }
    while (room.members.length > 0) {
      yield random.between(300, 1500);
      if (room.members.length > 0) yield* leave(room, random.pick(room.members));
    }
  }

  function* join(room: Conference): Script {
    const guest = nextGuest();
    const channel = line.receive(guest, guest.phone === undefined ? office.mainNumber : room.id, room.server);
    yield random.between(150, 400);
    if (!line.channels.has(channel)) return goHome(channel);
    line.answer(channel);
    yield random.between(200, 600);
    if (!line.channels.has(channel)) return goHome(channel);
    room.seated += 1;
    const member: Member = {
      channel,
      participantId: room.seated,
      isModerator: room.seated === 1,
      joinedAt: stage.now(),
      isTalking: false,
      isMuted: false,
      isDeaf: false,
    };
    open.add(room);
    if (room.members.length === 0) publishRoom(room, 'conference-create', channel);
    room.members.push(member);
    publishMember(room, 'add-member', member);
  }

  function nextGuest(): Party {
    const free = freePeople(office);
    // The office must still be able to make calls.
    if (free.length < 3 || random.chance(0.2)) return outsider(random);
    const person = random.pick(free);
    office.engaged.add(person.id);
    return atPhone(random, office, person);
  }

  function* leave(room: Conference, member: Member): Script {
    walkOut(room, member);
    yield random.between(20, 120);
    line.hangUp(member.channel, 'NORMAL_CLEARING');
    goHome(member.channel);
  }

  function goHome({ party: { phone } }: Channel): void {
    if (phone !== undefined) office.engaged.delete(phone.person.id);
  }

  function dismiss(channel: Channel): void {
    for (const room of open) {
      const member = room.members.find((one) => one.channel === channel);
      if (member === undefined) continue;
      walkOut(room, member);
      goHome(channel);
    }
  }

  function walkOut(room: Conference, member: Member): void {
    if (member.isTalking) fallSilent(room, member);
    room.members.splice(room.members.indexOf(member), 1);
    publishMember(room, 'del-member', member);
    if (room.floor === member) room.floor = undefined;
    if (room.members.length === 0) {
      open.delete(room);
      publishRoom(room, 'conference-destroy');
    }
  }

  /** Whatever comes next of this member: a word, silence, a finger on the mute key, a moderator who mutes. */
  function speak(room: Conference, member: Member): void {
    if (member.isDeaf) {
      member.isDeaf = false;
      publishMember(room, 'undeaf-member', member);
    } else if (random.chance(0.03)) {
      member.isDeaf = true;
      publishMember(room, 'deaf-member', member);
    } else if (member.isMuted) {
      member.isMuted = false;
      publishMember(room, 'unmute-member', member);
    } else if (random.chance(0.12)) {
      if (random.chance(0.3)) command(room, 'mute_participant', { 'Participant-ID': member.participantId });
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

  function turnLock(room: Conference): void {
    if (!room.isLocked) command(room, 'lock');
    room.isLocked = !room.isLocked;
    publishRoom(room, room.isLocked ? 'lock' : 'unlock');
  }

  function publishMember(room: Conference, event: string, member: Member): void {
    const { channel, participantId } = member;
    publish(room, event, channel.callId, {
      'Call-ID': channel.callId,
      'Caller-ID-Name': channel.caller.name,
      'Caller-ID-Number': channel.caller.number,
      'Channel-Presence-ID': presenceId(channel, account),
      'Participant-ID': participantId,
      ...memberVariables(room, member, account, office),
    });
  }

  /** The room's own events: the first carries the call of whoever opened it, the others no call. */
  function publishRoom(room: Conference, event: string, opener?: Channel): void {
    publish(room, event, opener?.callId ?? room.id, {
      ...(opener !== undefined && { 'Call-ID': opener.callId }),
      'Custom-Channel-Vars': { 'Account-ID': account.id, 'Application-Node': mediaServer.apps },
      'Conference-Channel-Vars': {},
    });
  }

  /** @param last where a member's call stands in the key, the room's own events have its id once more */
  function publish(room: Conference, event: string, last: string, more: Fields): void {
    const routingKey = `conference.event.${event}.${encodeWord(account.id)}.${room.id}.${encodeWord(last)}`;
    const by = { ...publishers.ecallmgr, node: room.server.ecallmgr };
    stage.publish(by, 'conference', routingKey, {
      'Event-Category': 'conference',
      'Event-Name': 'event',
      Event: event,
      'Account-ID': account.id,
      'Conference-ID': room.id,
      'Instance-ID': room.instanceId,
      ...more,
    });
  }

  /** What a moderator asks for in a browser. It names no account. */
  function command(room: Conference, name: 'lock' | 'mute_participant', more: Fields = {}): void {
    stage.publish(publishers.conferenceCommand, 'conference', `conference.command.${room.id}`, {
      'Event-Category': 'conference',
      'Event-Name': 'command',
      'Application-Name': name,
      'Conference-ID': room.id,
      ...more,
    });
  }

  stage.play(conferences());
  return { open, dismiss };
}

/** What is said of a member wherever it is described. */
export function memberVariables(room: Conference, member: Member, account: PbxAccount, office: Office): Fields {
  const { channel, participantId, isModerator } = member;
  const { phone } = channel.party;
  return {
    'Custom-Channel-Vars': {
      'Account-ID': account.id,
      'Authorizing-ID': phone?.device.id ?? office.carrier.id,
      'Authorizing-Type': phone === undefined ? 'resource' : 'device',
      'Fetch-ID': channel.fetchId,
      ...(phone !== undefined && { 'Owner-ID': phone.person.id }),
    },
    'Conference-Channel-Vars': {
      'Energy-Level': 200,
      Floor: room.floor === member,
      Hear: !member.isDeaf,
      'Is-Moderator': isModerator,
      'Member-Ghost': false,
      'Member-ID': participantId,
      'Member-Type': isModerator ? 'moderator' : 'member',
      'Mute-Detect': false,
      See: true,
      Speak: !member.isMuted,
      Talking: member.isTalking,
      Video: false,
    },
  };
}
