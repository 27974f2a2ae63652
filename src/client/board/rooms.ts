/**
 * The rules of conferences: who is in which room, who talks, who is muted. Pure, as those of calls. An event's name counts
 * and not the flags beside it: Kazoo sends those as they were before.
 */

import { type Listing, type Told, trustIn } from './listing.ts';
import { type Data, flag, number, part, text, unixMs } from './reading.ts';

/** Somebody in a conference. */
export interface Member {
  /** Of their leg. */
  readonly callId: string;
  readonly participantId: string | undefined;
  readonly name: string | undefined;
  readonly number: string | undefined;
  readonly userId: string | undefined;
  readonly deviceId: string | undefined;
  readonly isModerator: boolean;
  readonly isTalking: boolean;
  readonly isMuted: boolean;
  /** They hear nothing. */
  readonly isDeaf: boolean;
  /** Unix time, ms. */
  readonly since: number;
}

/** A conference that is held now. */
export interface Conference {
  /** One of its account's: what `change` calls it. */
  readonly key: string;
  /** Its name: what is dialled. */
  readonly id: string;
  readonly account: string;
  /** Another one each time that the room opens. */
  readonly instanceId: string | undefined;
  readonly isLocked: boolean;
  /** Unix time, ms; undefined: nobody saw it. */
  readonly since: number | undefined;
  /** In the order in which they came. */
  readonly members: readonly Member[];
}

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
    const key = `${account}/${id}`;
    const instanceId = text(data, 'instance_id');
    const known = this.rooms.get(key);
    if (event === 'conference-destroy') {
      // The end of an earlier one may come late.
      if (known !== undefined && known.instanceId === (instanceId ?? known.instanceId)) this.#close(known);
      if (instanceId !== undefined) this.#gone.set(instanceId, now);
      return;
    }
    if (event === 'del-member') {
      if (callId !== undefined) this.#part(known, callId, now);
      return;
    }
    const change = Object.hasOwn(changes, event) ? changes[event] : undefined;
    const isOfRoom = event === 'conference-create' || event.endsWith('lock');
    if (!isOfRoom && (change === undefined || callId === undefined)) return;
    const isNew = known === undefined || known.instanceId !== (instanceId ?? known.instanceId);
    if (isNew && known !== undefined) this.#close(known);
    this.#gone.delete(instanceId ?? '');
    const opened = {
      key,
      id,
      account,
      instanceId,
      isLocked: false,
      since: undefined,
      members: new Map(),
      lockToldAt: 0,
    };
    const room = { ...(isNew ? opened : known), heardAt: now };
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
    const { account, isComplete } = listing;
    const listed = new Set<string>();
    let isWhole = true;
    for (const entry of list) {
      const id = text(entry, 'name');
      const instanceId = text(entry, 'uuid');
      // One that was heard to end may be listed for a moment more, beside its successor.
      if (id === undefined || this.#gone.has(instanceId ?? '')) continue;
      const key = `${account}/${id}`;
      listed.add(key);
      let known = this.rooms.get(key);
      if (known !== undefined && known.instanceId !== instanceId) {
        const trust = trustIn(known.heardAt, listing);
        isWhole &&= trust !== 'none';
        if (trust !== 'list') continue;
        this.#close(known);
        known = undefined;
      }
      const said = flag(entry, 'is_locked') ?? false;
      const trust = trustIn(known?.lockToldAt ?? 0, listing);
      const isLocked = known === undefined || trust === 'list' ? said : known.isLocked;
      isWhole &&= isLocked === said || trust !== 'none';
      const room = known ?? { members: new Map<string, MemberFacts>(), heardAt: 0, lockToldAt: 0, since: undefined };
      const since = room.since ?? unixMs(number(entry, 'start_time'));
      this.rooms.set(key, { ...room, key, id, account, instanceId, isLocked, since });
      this.touched(key);
    }
    for (const room of isComplete ? [...this.rooms.values()] : []) {
      if (room.account !== account || listed.has(room.key)) continue;
      const trust = trustIn(room.heardAt, listing);
      if (trust === 'list') this.#close(room);
      isWhole &&= trust !== 'none';
    }
    return isWhole;
  }

  /**
   * Who is in a room (`conference`).
   * @returns whether it is the whole truth
   */
  listMembers(key: string, participants: readonly Data[], listing: Omit<Listing, 'account'>): boolean {
    const { now, isComplete } = listing;
    const room = this.rooms.get(key);
    if (room === undefined) return true;
    const listed = new Set<string>();
    let isWhole = true;
    for (const entry of participants) {
      const callId = text(entry, 'call_id');
      const isOther = (text(entry, 'conference_uuid') ?? room.instanceId) !== room.instanceId;
      if (callId === undefined || isOther || this.#gone.has(callId)) continue;
      listed.add(callId);
      const known = room.members.get(callId);
      const member = { ...memberOf(callId, entry, now), ...(known && { since: known.since }) };
      for (const name of flags) {
        const trust = trustIn(known?.toldAt[name] ?? 0, listing);
        isWhole &&= trust !== 'none' || member[name] === known?.[name];
        if (known !== undefined && trust !== 'list') Object.assign(member, { [name]: known[name] });
      }
      this.#join(room, { ...member, heardAt: known?.heardAt ?? 0, toldAt: known?.toldAt ?? {} });
      this.touched(key, callId);
    }
    for (const { callId, heardAt } of isComplete ? [...room.members.values()] : []) {
      if (listed.has(callId)) continue;
      const trust = trustIn(heardAt, listing);
      if (trust === 'list') this.#part(room, callId);
      isWhole &&= trust !== 'none';
    }
    return isWhole;
  }

  /** Forgets who went long ago. */
  sweep(now: number): boolean {
    for (const [id, at] of this.#gone) if (now - at >= 60_000) this.#gone.delete(id);
    return this.#gone.size > 0;
  }
}

/** A room as it is shown. */
export const roomView = ({ key, id, account, instanceId, isLocked, since, members }: RoomFacts): Conference => ({
  ...{ key, id, account, instanceId, isLocked, since },
  members: [...members.values()].map(({ heardAt: _, toldAt: __, ...member }) => member),
});

function memberOf(callId: string, data: Data, now: number): Member {
  const [own, vars] = [part(data, 'custom_channel_vars'), part(data, 'conference_channel_vars')];
  const joinedAt = number(data, 'join_time');
  return {
    callId,
    participantId: text(data, 'participant_id'),
    name: text(data, 'caller_id_name'),
    number: text(data, 'caller_id_number'),
    userId: text(own, 'owner_id'),
    deviceId: text(own, 'authorizing_type') === 'device' ? text(own, 'authorizing_id') : undefined,
    isModerator: flag(vars, 'is_moderator') === true,
    isTalking: flag(vars, 'talking') === true,
    isMuted: flag(vars, 'speak') === false,
    isDeaf: flag(vars, 'hear') === false,
    since: joinedAt === undefined ? now : joinedAt * 1000,
  };
}
