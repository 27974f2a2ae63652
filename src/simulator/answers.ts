/**
 * What the media nodes answer when somebody asks what is now: each for the calls, conferences and registrations that are
 * its own, in the shape of Kazoo's ecallmgr 4.3.
 */
import { z } from 'zod';
import { gregorianSeconds } from '../gregorian.ts';
import { type Channel, channelVariables, presenceId } from './channel.ts';
import { type Conference, memberVariables } from './conferences.ts';
import type { Registration } from './registrations.ts';
import type { Playing } from './snapshot.ts';
import { type Fields, type MediaServer, mediaServer, mediaServerFor } from './stage.ts';

const text = z.string().min(1);

/** The questions, as far as they are looked at. */
export const questionSchema = z.discriminatedUnion('Event-Name', [
  z.object({ 'Event-Name': z.literal('query_account_channels_req'), 'Account-ID': text }),
  z.object({
    'Event-Name': z.literal('query_channels_req'),
    'Call-ID': text.optional(),
    'Active-Only': z.boolean().default(false),
  }),
  z.looseObject({
    'Event-Name': z.literal('search_req'),
    'Account-ID': text.optional(),
    'Conference-ID': text.optional(),
  }),
  z.object({ 'Event-Name': z.literal('reg_query'), Realm: text, Username: text.optional() }),
]);

export type MediaQuestion = z.output<typeof questionSchema>;

/** What a node knows: its own part of what is played. */
export class MediaTables {
  constructor(
    private readonly playing: readonly Playing[],
    private readonly server: MediaServer,
  ) {}

  /** @returns undefined where this node says nothing */
  answer(question: MediaQuestion): Fields | undefined {
    switch (question['Event-Name']) {
      case 'query_account_channels_req': {
        const Channels = this.#channelsOf((one) => one.account.id === question['Account-ID']).map(shortForm);
        return { ...callHeaders('query_account_channels_resp'), Channels };
      }
      case 'query_channels_req': {
        const id = question['Call-ID'];
        const found = this.#channelsOf(() => true).filter(([, { callId }]) => id === undefined || callId === id);
        if (found.length === 0 && question['Active-Only']) return undefined;
        const Channels = Object.fromEntries(found.map((entry) => [entry[1].callId, longForm(entry)]));
        return { ...callHeaders('query_channels_resp'), Channels };
      }
      case 'search_req':
        return question['Conference-ID'] === undefined
          ? this.#conferencesOf(question['Account-ID'] ?? '')
          : this.#conference(question['Conference-ID'], question);
      case 'reg_query':
        return this.#registrationsOf(question.Realm, question.Username);
    }
  }

  #channelsOf(isAsked: (one: Playing) => boolean): (readonly [Playing, Channel])[] {
    return this.playing
      .filter(isAsked)
      .flatMap((one) => [...one.line.channels].map((channel) => [one, channel] as const))
      .filter(([, { server }]) => server === this.server);
  }

  #rooms(): (readonly [Playing, Conference])[] {
    return this.playing
      .flatMap((one) => [...one.conferences.open].map((room) => [one, room] as const))
      .filter(([, { server }]) => server === this.server);
  }

  #conferencesOf(account: string): Fields {
    const rooms = this.#rooms().filter(([one]) => one.account.id === account);
    const Conferences = Object.fromEntries(
      rooms.map(([{ stage }, room]) => {
        const moderators = room.members.filter(({ isModerator }) => isModerator).length;
        const counts = {
          'Participant-Count': room.members.length,
          Moderators: moderators,
          Members: room.members.length - moderators,
        };
        return [room.id, { ...roomFields(room, stage.now()), 'Is-Locked': room.isLocked, ...counts }];
      }),
    );
    return { ...conferenceHeaders('search_resp'), 'Account-ID': account, Conferences };
  }

  #conference(id: string, question: object): Fields {
    const [found] = this.#rooms().filter(([, room]) => room.id === id);
    if (found === undefined) {
      const said = { 'Conference-ID': id, 'Error-Message': `Conference ${id} not found`, Request: question };
      return { ...conferenceHeaders('error'), ...said };
    }
    const [{ account, office, stage }, room] = found;
    return {
      ...conferenceHeaders('search_resp'),
      Zone: 'local',
      ...roomFields(room, stage.now()),
      'Conference-ID': id,
      Locked: room.isLocked,
      'Participant-Count': room.members.length,
      Participants: room.members.map((member) => ({
        'Call-ID': member.channel.callId,
        'Caller-ID-Name': member.channel.caller.name,
        'Caller-ID-Number': member.channel.caller.number,
        'Conference-Name': id,
        'Conference-UUID': room.instanceId,
        'Participant-ID': member.participantId,
        'Join-Time': Math.floor(member.joinedAt / 1000),
        'Switch-Hostname': room.server.host,
        'Custom-Application-Vars': {},
        ...memberVariables(room, member, account, office),
      })),
    };
  }

  #registrationsOf(realm: string, username: string | undefined): Fields {
    const Registrar = { 'Registrar-Age': 600 };
    const Fields = this.playing
      .filter(({ account }) => account.realm.toLowerCase() === realm.toLowerCase())
      .flatMap((one) => [...one.registrar.registrations.values()].map((registration) => [one, registration] as const))
      .filter(([, { device }]) => mediaServerFor(device.id) === this.server)
      .filter(([, { device }]) => username === undefined || device.username === username)
      .map(registrationFields);
    if (Fields.length === 0) return { ...directoryHeaders('reg_query_error'), ...Registrar };
    return { ...directoryHeaders('reg_query_resp'), ...Registrar, Fields };
  }
}

const headers = (category: string) => (name: string) => ({ 'Event-Category': category, 'Event-Name': name });
const callHeaders = headers('call_event');
const conferenceHeaders = headers('conference');
const directoryHeaders = headers('directory');

/** What the list of an account says of a channel: in its own words, and with little on who is called by an outbound one. */
function shortForm([{ account, office, line, stage }, channel]: readonly [Playing, Channel]): Fields {
  const { caller, callee, server, direction } = channel;
  const variables = channelVariables('CHANNEL_ANSWER', channel, account, office);
  const other = livingOther(channel, line.channels);
  return {
    account_id: account.id,
    answered: channel.answeredAt !== undefined,
    authorizing_id: variables['Authorizing-ID'],
    authorizing_type: variables['Authorizing-Type'],
    ...(channel.bridgeId !== undefined && { bridge_id: channel.bridgeId }),
    ...(direction === 'inbound' && {
      caller_id_name: caller.name,
      caller_id_number: caller.number,
      ...(callee !== undefined && { callee_id_name: callee.name, callee_id_number: callee.number }),
      from_tag: channel.fromTag,
    }),
    context: 'context_2',
    custom_application_vars: '',
    destination: channel.dialled,
    dialplan: 'XML',
    direction,
    elapsed_s: seconds(channel.createdAt, stage.now()),
    handling_locally: true,
    interaction_id: channel.interactionId,
    is_loopback: false,
    is_onhold: channel.isHeld,
    node: server.node,
    ...(other !== undefined && { other_leg: other.callId }),
    ...(variables['Owner-ID'] !== undefined && { owner_id: variables['Owner-ID'] }),
    precedence: 5,
    presence_id: presenceId(channel, account),
    profile: 'sipinterface_1',
    realm: account.realm,
    switch_nodename: server.node,
    switch_url: switchUrl(server),
    timestamp: gregorianSeconds(channel.createdAt),
    ...(variables.Username !== undefined && { username: variables.Username }),
    uuid: channel.callId,
  };
}

function longForm([{ account, office, line, stage }, channel]: readonly [Playing, Channel]): Fields {
  const { caller, callee, server } = channel;
  const variables = channelVariables('CHANNEL_ANSWER', channel, account, office);
  const other = livingOther(channel, line.channels);
  return {
    'Account-ID': account.id,
    Answered: channel.answeredAt !== undefined,
    'Authorizing-ID': variables['Authorizing-ID'],
    'Authorizing-Type': variables['Authorizing-Type'],
    ...(channel.bridgeId !== undefined && { 'Bridge-ID': channel.bridgeId }),
    'Call-Direction': channel.direction,
    'Call-ID': channel.callId,
    'Call-Interaction-ID': channel.interactionId,
    'Caller-ID-Name': caller.name,
    'Caller-ID-Number': caller.number,
    ...(callee !== undefined && { 'Callee-ID-Name': callee.name, 'Callee-ID-Number': callee.number }),
    Context: 'context_2',
    'Custom-Application-Vars': {},
    'Custom-Channel-Vars': variables,
    Destination: channel.dialled,
    Dialplan: 'XML',
    'Elapsed-Seconds': seconds(channel.createdAt, stage.now()),
    'From-Tag': channel.fromTag,
    'Is-Loopback': false,
    'Is-On-Hold': channel.isHeld,
    'Media-Node': server.node,
    ...(other !== undefined && { 'Other-Leg-Call-ID': other.callId }),
    ...(variables['Owner-ID'] !== undefined && { 'Owner-ID': variables['Owner-ID'] }),
    Precedence: 5,
    'Presence-ID': presenceId(channel, account),
    Profile: 'sipinterface_1',
    Realm: account.realm,
    'Switch-URL': switchUrl(server),
    Timestamp: gregorianSeconds(channel.createdAt),
    ...(channel.answeredAt !== undefined && { 'To-Tag': channel.toTag }),
    ...(variables.Username !== undefined && { Username: variables.Username }),
  };
}

const roomFields = ({ instanceId, startedAt, server }: Conference, now: number): Fields => ({
  UUID: instanceId,
  'Run-Time': seconds(startedAt, now),
  'Start-Time': gregorianSeconds(startedAt),
  'Switch-Hostname': server.host,
  'Switch-URL': switchUrl(server),
  'Switch-External-IP': server.address,
});

function registrationFields([{ account }, registration]: readonly [Playing, Registration]): Fields {
  const { person, device, contact, callId, port, firstAt, lastAt, expiresAt } = registration;
  return {
    Username: device.username,
    Realm: account.realm,
    'User-Agent': device.userAgent,
    'Call-ID': callId,
    'From-User': device.username,
    'From-Host': account.realm,
    'To-User': device.username,
    'To-Host': account.realm,
    'Event-Timestamp': gregorianSeconds(lastAt),
    Contact: contact,
    'Original-Contact': `<${contact}>`,
    'Proxy-Path': `sip:${mediaServer.address}:5060`,
    'Proxy-IP': mediaServer.address,
    'Proxy-Port': 5060,
    'Proxy-Protocol': 'tcp',
    Expires: Math.round((expiresAt - lastAt) / 1000),
    'Account-ID': account.id,
    'Account-Realm': account.realm,
    'Account-Name': account.name,
    'Authorizing-ID': device.id,
    'Authorizing-Type': 'device',
    'Suppress-Unregister-Notify': false,
    'Register-Overwrite-Notify': false,
    'Owner-ID': person.id,
    'Registrar-Node': 'kamailio@proxy1.example.com',
    'First-Registration': firstAt === lastAt,
    'Initial-Registration': gregorianSeconds(firstAt),
    'Last-Registration': gregorianSeconds(lastAt),
    'Source-IP': device.address,
    'Source-Port': port,
  };
}

const livingOther = ({ otherLeg }: Channel, living: ReadonlySet<Channel>): Channel | undefined =>
  otherLeg !== undefined && living.has(otherLeg) ? otherLeg : undefined;
const seconds = (from: number, to: number): number => Math.max(0, Math.floor((to - from) / 1000));
const switchUrl = ({ address }: MediaServer): string => `sip:mod_sofia@${address}:11000`;
