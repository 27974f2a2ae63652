/** The simulated PBX as a board sees it: its messages as events, its media nodes' answers as lists, and what it really has. */
import type { Picture } from '../../src/client/board/picture.ts';
import { normalize } from '../../src/protocol/normalized.ts';
import { entryOf, shown } from '../../src/queries/entries.ts';
import { MediaTables } from '../../src/simulator/answers.ts';
import type { Pbx, PbxMessage, PbxSnapshot } from '../../src/simulator/pbx.ts';
import { type MediaServer, mediaServers } from '../../src/simulator/stage.ts';

export type BoardEvent = Parameters<Picture['take']>[0];
type Fields = Readonly<Record<string, unknown>>;

const families = new Map([
  ['callevt', 'call'],
  ['conference', 'conference'],
  ['presence', 'presence'],
  ['registrar', 'registration'],
]);

/** @returns undefined for what no board subscribes to */
export function boardEvent({ exchange, payload }: PbxMessage, account: { id: string; realm: string }) {
  const isDeregistration = payload['Event-Name'] === 'deregister';
  const family = isDeregistration ? 'notifications' : families.get(exchange);
  if (family === undefined || payload['Event-Name'] === 'command') return undefined;
  const variables = (payload['Custom-Channel-Vars'] ?? {}) as Fields;
  const owner = payload['Account-ID'] ?? variables['Account-ID'];
  const isOurs = owner === account.id || (owner === undefined && payload['To-Realm'] === account.realm);
  if (!isOurs) return undefined;
  return { family, account: account.id, data: normalize(payload) as Fields, replayed: false } satisfies BoardEvent;
}

/** What the media nodes would answer at this moment, as the server passes it on. */
export interface Answers {
  readonly channels: Fields[];
  readonly conferences: Fields[];
  /** By the room's name. */
  readonly participants: ReadonlyMap<string, Fields>;
  readonly registrations: Fields[];
}

/** @param servers those that answer */
export function answersOf(
  { playing }: Pbx,
  account: { id: string; realm: string },
  servers: readonly MediaServer[] = mediaServers,
): Answers {
  const tables = servers.map((server) => new MediaTables(playing, server));
  const ask = (question: Parameters<MediaTables['answer']>[0]) => tables.map((one) => one.answer(question) ?? {});
  const entry = (value: unknown): Fields => shown(entryOf(value) ?? {});
  const listIn = (name: string, question: Parameters<MediaTables['answer']>[0]): Fields[] =>
    ask(question)
      .flatMap((answer) => ((answer as Fields)[name] as unknown[] | undefined) ?? [])
      .map(entry);
  const rooms = ask({ 'Event-Name': 'search_req', 'Account-ID': account.id }).flatMap((answer) =>
    Object.entries(((answer as Fields).Conferences ?? {}) as Fields),
  );
  const participants = rooms.map(([name, room]) => {
    const list = listIn('Participants', { 'Event-Name': 'search_req', 'Conference-ID': name });
    return [name, { ...entry(room), name, participants: list }] as const;
  });
  return {
    channels: listIn('Channels', { 'Event-Name': 'query_account_channels_req', 'Account-ID': account.id }),
    conferences: rooms.map(([name, room]) => ({ name, ...entry(room) })),
    participants: new Map(participants),
    registrations: listIn('Fields', { 'Event-Name': 'reg_query', Realm: account.realm }),
  };
}

/** Which of what a list can't tell nobody knows, since its events were lost. */
export interface Unknowns {
  /** Legs whose parking was missed. */
  readonly parking: ReadonlySet<string>;
}

/** Calls as both sides have them, comparable: the legs of each, with their state. */
export function callsOfPbx({ channels }: PbxSnapshot, { parking }: Unknowns): string[] {
  const groups = new Map(channels.map(({ callId }) => [callId, new Set([callId])]));
  for (const { callId, otherLeg } of channels) {
    const [own, other] = [groups.get(callId), groups.get(otherLeg ?? '')];
    if (own === undefined || other === undefined || own === other) continue;
    for (const id of other) groups.set(id, own.add(id));
  }
  const byId = new Map(channels.map((channel) => [channel.callId, channel]));
  return [...new Set(groups.values())]
    .map((ids) =>
      [...ids]
        .map((id) => {
          const { direction, answeredAt, isHeld, slot } = byId.get(id) as PbxSnapshot['channels'][number];
          const isParked = slot !== undefined && !parking.has(id);
          return legText(id, direction, answeredAt !== undefined, isParked ? 'parked' : isHeld ? 'held' : '');
        })
        .sort()
        .join(' + '),
    )
    .sort();
}

export function callsOfBoard({ calls }: Pick<Picture, 'calls'>, { parking }: Unknowns): string[] {
  return calls.list
    .filter(({ state }) => state !== 'ended')
    .map(({ legs }) =>
      legs
        .filter(({ state }) => state !== 'ended')
        .map(({ id, direction, isAnswered, state }) => {
          const waits = state === 'parked' && parking.has(id) ? '' : ['parked', 'held'].includes(state) ? state : '';
          return legText(id, direction, isAnswered, waits);
        })
        .sort()
        .join(' + '),
    )
    .sort();
}

const legText = (id: string, direction: string, isAnswered: boolean, waits: string): string =>
  [id, direction, isAnswered ? 'answered' : 'ringing', waits].join(' ').trim();

export function roomsOfPbx({ conferences }: PbxSnapshot): string[] {
  return conferences
    .map(({ id, instanceId, isLocked, members }) => {
      const texts = members.map(({ callId, isModerator, isMuted, isDeaf, isTalking }) =>
        memberText(callId, { isModerator, isMuted, isDeaf, isTalking }),
      );
      return `${id} ${instanceId} ${isLocked}: ${texts.sort().join(', ')}`;
    })
    .sort();
}

export function roomsOfBoard({ conferences }: Pick<Picture, 'conferences'>): string[] {
  return conferences.list
    .map(({ id, instanceId, isLocked, members }) => {
      const texts = members.map(({ callId, isModerator, isMuted, isDeaf, isTalking }) =>
        memberText(callId, { isModerator, isMuted, isDeaf, isTalking }),
      );
      return `${id} ${instanceId} ${isLocked}: ${texts.sort().join(', ')}`;
    })
    .sort();
}

const memberText = (id: string, flags: Readonly<Record<string, boolean>>): string =>
  [id, ...Object.entries(flags).flatMap(([name, isSo]) => (isSo ? [name] : []))].join(' ');

/** Those that are about to run out, or just have, are nobody's business. ms */
const edgeMs = 12_000;

export function registrationsOfPbx({ registrations, account }: PbxSnapshot, now: number): string[] {
  return registrations
    .filter(({ expiresAt }) => expiresAt > now + edgeMs)
    .map(({ username, contact, deviceId }) => `${username}@${account.realm} ${contact} ${deviceId}`)
    .sort();
}

export function registrationsOfBoard({ registrations }: Pick<Picture, 'registrations'>, now: number): string[] {
  return registrations.list
    .filter(({ expiresAt = 0 }) => expiresAt > now + edgeMs)
    .map(({ key, contact, deviceId }) => `${key} ${contact} ${deviceId}`)
    .sort();
}

/** The lamps of people and slots that are lit, and those of mailboxes, but for those of whom something was missed. */
export function lampsOfPbx(
  { channels, mailboxes }: PbxSnapshot,
  undisturbed: ReadonlySet<string>,
  isMissed: (user: string) => boolean,
  extensionOf: (device: string) => string | undefined,
): string[] {
  const lit = new Map<string, boolean>();
  for (const { device, answeredAt, slot } of channels) {
    const user = device === undefined ? undefined : extensionOf(device.id);
    if (user !== undefined) lit.set(user, lit.get(user) === true || answeredAt !== undefined);
    if (slot !== undefined) lit.set(`*3${slot}`, lit.get(`*3${slot}`) === true);
  }
  for (const user of undisturbed) lit.set(user, true);
  return [
    ...[...lit].filter(([user]) => !isMissed(user)).map(([user, isBusy]) => `${user} ${isBusy ? 'busy' : 'ringing'}`),
    ...mailboxes
      .filter(({ extension, fresh, saved }) => fresh + saved > 0 && !isMissed(`mailbox ${extension}`))
      .map(({ extension, fresh, saved }) => `mailbox ${extension} ${fresh} ${saved}`),
  ].sort();
}

export function lampsOfBoard({ lamps }: Pick<Picture, 'lamps'>, isMissed: (user: string) => boolean): string[] {
  return lamps.list
    .flatMap(({ user, state, newMessages = 0, savedMessages = 0 }) => [
      ...(state === 'idle' || isMissed(user) ? [] : [`${user} ${state}`]),
      ...(newMessages + savedMessages === 0 || isMissed(`mailbox ${user}`)
        ? []
        : [`mailbox ${user} ${newMessages} ${savedMessages}`]),
    ])
    .sort();
}
