/**
 * A channel, which is one leg of a call between the switch and a telephone or the carrier, and how its events describe
 * it. Which event carries which fields is as Kazoo's ecallmgr 4.3 publishes them.
 */
import { gregorianSeconds } from '../gregorian.ts';
import type { Office, Party } from './office.ts';
import { type Fields, type MediaServer, mediaServer, type PbxAccount } from './stage.ts';

/** The events of a channel that the media server tells. */
export type ChannelEvent =
  | 'CHANNEL_CREATE'
  | 'CHANNEL_ANSWER'
  | 'CHANNEL_BRIDGE'
  | 'CHANNEL_HOLD'
  | 'CHANNEL_UNHOLD'
  | 'CHANNEL_DESTROY';

/** A name and a number as a telephone displays them. */
export interface DisplayId {
  readonly name: string;
  readonly number: string;
}

/** The switch changes it as the call goes on. Times are Unix time, ms. */
export interface Channel {
  readonly callId: string;
  /** As the switch sees it: whoever calls makes an inbound channel, who is called gets an outbound one. */
  readonly direction: 'inbound' | 'outbound';
  /** Who is at the other end of this channel. */
  readonly party: Party;
  readonly caller: DisplayId;
  /** Unknown while an inbound call has not been routed to anybody. */
  callee: DisplayId | undefined;
  readonly dialled: string;
  /** Shared by all channels of one call; whoever retrieves a parked call enters its interaction. */
  interactionId: string;
  readonly fromTag: string;
  readonly toTag: string;
  readonly fetchId: string;
  /** What it runs over: both ends of a call, and all members of a conference, have the same. */
  readonly server: MediaServer;
  readonly createdAt: number;
  answeredAt: number | undefined;
  isHeld: boolean;
  /** The slot that it is parked in. */
  slot: string | undefined;
  /** The channel at the other end of the call. It stays when that one hangs up, for the sake of the last event. */
  otherLeg: Channel | undefined;
  bridgeId: string | undefined;
  /** How often a command took it away from whoever told its story. */
  takeovers: number;
}

/** `Channel-Call-State` and `Channel-State` at an event: FreeSWITCH tells of an answer before it changes the state. */
function statesAt(event: ChannelEvent, { direction }: Channel): readonly [call: string, channel: string] {
  const isInbound = direction === 'inbound';
  switch (event) {
    case 'CHANNEL_CREATE':
      return ['DOWN', 'INIT'];
    case 'CHANNEL_ANSWER':
      return isInbound ? ['EARLY', 'EXECUTE'] : ['RINGING', 'CONSUME_MEDIA'];
    case 'CHANNEL_HOLD':
      return ['HELD', isInbound ? 'EXECUTE' : 'EXCHANGE_MEDIA'];
    case 'CHANNEL_DESTROY':
      return ['HANGUP', 'REPORTING'];
    default:
      return ['ACTIVE', isInbound ? 'EXECUTE' : 'EXCHANGE_MEDIA'];
  }
}

/** What an event says of its channel. @param now Unix time, ms */
export function channelFields(
  event: ChannelEvent,
  channel: Channel,
  account: PbxAccount,
  office: Office,
  now: number,
): Fields {
  const [callState, channelState] = statesAt(event, channel);
  return {
    'Call-ID': channel.callId,
    'Call-Direction': channel.direction,
    'Channel-Call-State': callState,
    'Channel-State': channelState,
    'Channel-Created-Time': channel.createdAt * 1000,
    'Channel-Name': `sofia/sipinterface_1/${farEnd(channel, account, office)}`,
    ...identityFields(channel),
    ...otherLegFields(event, channel),
    ...addressFields(event, channel, account, office),
    'Custom-Channel-Vars': channelVariables(event, channel, account, office),
    'Custom-Application-Vars': {},
    Disposition: disposition(event, channel),
    'Media-Server': channel.server.host,
    'Switch-Hostname': channel.server.host,
    'Switch-Nodename': channel.server.node,
    'Switch-URI': `sip:${channel.server.address}:11000`,
    'Switch-URL': `sip:mod_sofia@${channel.server.address}:11000`,
    Timestamp: gregorianSeconds(now),
  };
}

/** Who calls, and who is called as far as that is known. */
export function identityFields({ caller, callee }: Channel): Fields {
  return {
    'Caller-ID-Name': caller.name,
    'Caller-ID-Number': caller.number,
    ...(callee !== undefined && { 'Callee-ID-Name': callee.name, 'Callee-ID-Number': callee.number }),
  };
}

/** The caller's own channel knows of the other one while they are joined, and at its end by the id alone. */
function otherLegFields(event: ChannelEvent, { direction, otherLeg: other }: Channel): Fields {
  if (other === undefined) return {};
  const isJoined = direction === 'outbound' || !['CHANNEL_ANSWER', 'CHANNEL_DESTROY'].includes(event);
  if (!isJoined) return event === 'CHANNEL_DESTROY' ? { 'Other-Leg-Call-ID': other.callId } : {};
  return {
    'Other-Leg-Call-ID': other.callId,
    'Other-Leg-Direction': other.direction,
    'Other-Leg-Caller-ID-Name': other.caller.name,
    'Other-Leg-Caller-ID-Number': other.caller.number,
    'Other-Leg-Destination-Number': other.dialled,
  };
}

/** What the far end calls itself in SIP: a telephone by its user name, the carrier's side by the number. */
function farEnd({ party }: Channel, { realm }: PbxAccount, { carrier }: Office): string {
  return party.phone === undefined ? `${party.number}@${carrier.host}` : `${party.phone.device.username}@${realm}`;
}

/** Whose presence a channel counts for: `1001@realm`. */
export function presenceId({ party, dialled, caller, direction }: Channel, { realm }: PbxAccount): string {
  if (party.phone !== undefined) return `${party.number}@${realm}`;
  return `${direction === 'inbound' ? dialled : caller.number}@${realm}`;
}

function addressFields(event: ChannelEvent, channel: Channel, account: PbxAccount, office: Office): Fields {
  const { phone, number } = channel.party;
  const isInbound = channel.direction === 'inbound';
  const user = farEnd(channel, account, office);
  const ours = `${isInbound ? channel.dialled : channel.caller.number}@${account.realm}`;
  const [from, to] = isInbound ? [phone === undefined ? user : `${number}@${account.realm}`, ours] : [ours, user];
  const hasAddresses = ['CHANNEL_CREATE', 'CHANNEL_ANSWER', 'CHANNEL_DESTROY'].includes(event);
  return {
    ...(hasAddresses && { From: from, 'From-Uri': isInbound ? user : ours, To: to, 'To-Uri': to, Request: to }),
    'From-Tag': channel.fromTag,
    ...(channel.answeredAt !== undefined && { 'To-Tag': channel.toTag }),
    'Presence-ID': presenceId(channel, account),
    'Custom-SIP-Headers': isInbound && phone !== undefined ? { 'X-AUTH-IP': phone.device.address } : {},
    ...(event === 'CHANNEL_DESTROY' && phone !== undefined && { 'User-Agent': phone.device.userAgent }),
  };
}

/** `Custom-Channel-Vars`: whose channel it is, and by which right it is there. */
export function channelVariables(event: ChannelEvent, channel: Channel, account: PbxAccount, office: Office): Fields {
  const isRouted = channel.direction === 'outbound' || event !== 'CHANNEL_CREATE';
  return {
    ...ownerVariables(channel, account, office),
    'Account-Name': account.name,
    'Call-Interaction-ID': channel.interactionId,
    ...(isRouted && {
      'Application-Name': 'callflow',
      'Application-Node': mediaServer.apps,
      'Channel-Authorized': 'true',
      'Ecallmgr-Node': channel.server.ecallmgr,
      'Fetch-ID': channel.fetchId,
      'Global-Resource': String(channel.party.phone === undefined),
    }),
    ...(channel.bridgeId !== undefined && { 'Bridge-ID': channel.bridgeId }),
  };
}

/** The variables that callflow's own events repeat. */
export function ownerVariables({ party }: Channel, account: PbxAccount, { carrier }: Office): Fields {
  return {
    'Account-ID': account.id,
    'Account-Realm': account.realm,
    Realm: account.realm,
    ...(party.phone === undefined
      ? { 'Authorizing-ID': carrier.id, 'Authorizing-Type': 'resource' }
      : {
          'Authorizing-ID': party.phone.device.id,
          'Authorizing-Type': 'device',
          'Owner-ID': party.phone.person.id,
          Username: party.phone.device.username,
        }),
  };
}

function disposition(event: ChannelEvent, { direction, answeredAt }: Channel): string {
  if (direction === 'outbound') return answeredAt === undefined ? 'failure' : 'SUCCESS';
  if (event === 'CHANNEL_ANSWER') return 'EARLY MEDIA';
  return answeredAt === undefined ? 'DELAYED NEGOTIATION' : 'ANSWER';
}

/** How its two ends agreed on the sound, as the last event of a channel tells it. */
export function sessionDescription({ party, server }: Channel): string {
  const address = party.phone?.device.address ?? server.address;
  return [
    'v=0',
    `o=- 1 2 IN IP4 ${address}`,
    's=-',
    `c=IN IP4 ${address}`,
    't=0 0',
    'm=audio 49382 RTP/AVP 9 8 0 101',
    'a=rtpmap:101 telephone-event/8000',
    '',
  ].join('\r\n');
}
