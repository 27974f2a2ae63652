/**
 * The rules of conferences: who is in which room, who talks, who is muted. Pure, as those of calls. An event's name counts
 * and not the flags beside it: Kazoo sends those as they were before.
 */

import { dropMissing, forgetOld, type Listing, type Told, trustIn } from './listing.ts';
import { type Data, flag, number, ownerOf, part, text, unixMs } from './reading.ts';
import type { Conference, Member } from './types.ts';

const flags = ['isTalking', 'isMuted', 'isDeaf'] as const;

interface MemberFacts extends Member {
  readonly heardAt: number;
  /** When an event told that they talk, or no more, and so on. */
  readonly toldAt: Readonly<Partial<Record<(typeof flags)[number], number>>>;
}

interface RoomFacts extends Omit<Conference, 'members'> {
  readonly members: Map<string, MemberFacts>;
  readonly heardAt: number;
  readonly lockToldAt: number;
}

/** What an event of a member's makes of them. */
const changes: Readonly<Record<string, Partial<Member>>> = {
  'add-member': {},
  'start-talking': { isTalking: true },
  'stop-talking': { isTalking: false },
  'mute-member': { isMuted: true, isTalking: false },
  'unmute-member': { isMuted: false },
  'deaf-member': { isDeaf: true },
  'undeaf-member': { isDeaf: false },
};

export class Rooms {
  /** By their key. */
  readonly rooms = new Map<string, RoomFacts>();
  readonly #roomOf = new Map<string, string>();
  /** When a member, or an instance of a room, was last heard to go. */
  readonly #gone = new Map<string, number>();

  /** @param touched told of each room that has become another or is gone, and of the leg of the member that it is for */
  constructor(private readonly touched: (key: string, legId?: string) => void) {}

  /** The key of the room that a leg is in. */
  of(legId: string): string | undefined {
    return this.#roomOf.get(legId);
  }

  take({ account, data }: Told, now: number): void {
    const [id, event, callId] = [text(data, 'conference_id'), text(data, 'event') ?? '', text(data, 'call_id')];
    if (id === undefined) return;
    const instanceId = text(data, 'instance_id');
    const key = keyOf(account, instanceId ?? id);
    const known = this.rooms.get(key);
    if (event === 'conference-destroy') {
      this.#gone.set(key, now);
      if (known !== undefined) this.#close(known);
      return;
    }
    if (event === 'del-member') {
      if (callId !== undefined) this.#part(known, callId, now);
      return;
    }
    const change = Object.hasOwn(changes, event) ? changes[event] : undefined;
    const isOfRoom = event === 'conference-create' || event.endsWith('lock');
    if (!isOfRoom && (change === undefined || callId === undefined)) return;
    this.#gone.delete(key);
    const room = { ...(known ?? newRoom(account, id, instanceId)), heardAt: now };
    if (event === 'conference-create') room.since = now;
    if (event.endsWith('lock')) Object.assign(room, { isLocked: event === 'lock', lockToldAt: now });
    this.rooms.set(key, room);
    if (change !== undefined && callId !== undefined) {
      const member = room.members.get(callId) ?? { ...memberOf(callId, data, now), isTalking: false, toldAt: {} };
      const told = Object.fromEntries(Object.keys(change).map((name) => [name, now]));
      this.#join(room, { ...member, ...change, heardAt: now, toldAt: { ...member.toldAt, ...told } });
    }
    this.touched(key, callId);
  }

  /** A leg has ended: wherever it was, it is there no more. */
  leave(callId: string, now: number): void {
    const key = this.#roomOf.get(callId);
    if (key !== undefined) this.#part(this.rooms.get(key), callId, now);
  }

  /** @param now when an event told it; without: a list did */
  #part(room: RoomFacts | undefined, callId: string, now?: number): void {
    if (now !== undefined) this.#gone.set(callId, now);
    if (room?.members.delete(callId) !== true) return;
    if (this.#roomOf.get(callId) === room.key) this.#roomOf.delete(callId);
    this.touched(room.key, callId);
  }

  #join(room: RoomFacts, member: MemberFacts): void {
    room.members.set(member.callId, member);
    this.#roomOf.set(member.callId, room.key);
    this.#gone.delete(member.callId);
  }

  #close(room: RoomFacts): void {
    this.rooms.delete(room.key);
    for (const callId of [...room.members.keys()]) this.#part(room, callId);
    this.touched(room.key);
  }

  /**
   * The rooms of an account (`conferences`), without who is in them.
   * @returns whether it is the whole truth, as with calls
   */
  list(list: readonly Data[], listing: Listing): boolean {
    const { account } = listing;
    const listed = new Set<string>();
    let isWhole = true;
    for (const entry of list) {
      const id = text(entry, 'name');
      const instanceId = text(entry, 'uuid');
      const key = keyOf(account, instanceId ?? id);
      // One that was heard to end may be listed for a moment more.
      if (id === undefined || this.#gone.has(key)) continue;
      listed.add(key);
      const room = this.rooms.get(key) ?? newRoom(account, id, instanceId);
      const isLocked = flag(entry, 'is_locked') ?? false;
      const trust = trustIn(room.lockToldAt, listing);
      isWhole &&= room.isLocked === isLocked || trust !== 'none';
      const since = room.since ?? unixMs(number(entry, 'start_time'));
      this.rooms.set(key, { ...room, since, ...(trust === 'list' && { isLocked }) });
      this.touched(key);
    }
    const isMissing = (room: RoomFacts): boolean => room.account === account && !listed.has(room.key);
    return dropMissing(this.rooms.values(), isMissing, listing, (room) => this.#close(room)) && isWhole;
  }

  /**
   * Who is in the rooms of a name (`conference`): one may have ended just now.
   * @returns whether it is the whole truth
   */
  listMembers(name: string, participants: readonly Data[], listing: Listing): boolean {
    const rooms = [...this.rooms.values()].filter(({ id, account }) => id === name && account === listing.account);
    const isOf =
      ({ instanceId }: RoomFacts) =>
      (entry: Data) =>
        (text(entry, 'conference_uuid') ?? instanceId) === instanceId;
    // All of them, whatever the first one says.
    return rooms.map((room) => this.#compare(room, participants.filter(isOf(room)), listing)).every(Boolean);
  }

  #compare(room: RoomFacts, participants: readonly Data[], listing: Listing): boolean {
    const { now } = listing;
    const listed = new Set<string>();
    let isWhole = true;
    for (const entry of participants) {
      const callId = text(entry, 'call_id');
      if (callId === undefined || this.#gone.has(callId)) continue;
      listed.add(callId);
      const known = room.members.get(callId);
      const member = { ...memberOf(callId, entry, now), ...(known && { since: known.since }) };
      for (const name of flags) {
        const trust = trustIn(known?.toldAt[name] ?? 0, listing);
        isWhole &&= trust !== 'none' || member[name] === known?.[name];
        if (known !== undefined && trust !== 'list') Object.assign(member, { [name]: known[name] });
      }
      this.#join(room, { ...member, heardAt: known?.heardAt ?? 0, toldAt: known?.toldAt ?? {} });
      this.touched(room.key, callId);
    }
    const isMissing = (member: MemberFacts): boolean => !listed.has(member.callId);
    return dropMissing(room.members.values(), isMissing, listing, ({ callId }) => this.#part(room, callId)) && isWhole;
  }

  /** Forgets who went long ago. */
  sweep(now: number): boolean {
    forgetOld(this.#gone, now);
    return this.#gone.size > 0;
  }
}

const keyOf = (account: string, id: string | undefined): string => `${account}/${id}`;

const newRoom = (account: string, id: string, instanceId: string | undefined): RoomFacts => ({
  ...{ key: keyOf(account, instanceId ?? id), id, account, instanceId, isLocked: false, since: undefined },
  ...{ members: new Map(), heardAt: 0, lockToldAt: 0 },
});

/** A room as it is shown. */
export const roomView = ({ heardAt: _, lockToldAt: __, members, ...room }: RoomFacts): Conference => ({
  ...room,
  members: [...members.values()].map(({ heardAt: _, toldAt: __, ...member }) => member),
});

function memberOf(callId: string, data: Data, now: number): Member {
  const vars = part(data, 'conference_channel_vars');
  const joinedAt = number(data, 'join_time');
  return {
    callId,
    participantId: text(data, 'participant_id'),
    name: text(data, 'caller_id_name'),
    number: text(data, 'caller_id_number'),
    ...ownerOf(data),
    isModerator: flag(vars, 'is_moderator') === true,
    isTalking: flag(vars, 'talking') === true,
    isMuted: flag(vars, 'speak') === false,
    isDeaf: flag(vars, 'hear') === false,
    since: joinedAt === undefined ? now : joinedAt * 1000,
  };
}
