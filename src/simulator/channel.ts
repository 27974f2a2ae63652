/**
 * A channel, which is one leg of a call between the switch and a telephone or the carrier, and how its events describe
 * it. The fields are those that Kazoo's call events carry.
 */
import { gregorianSeconds } from '../gregorian.ts';
import type { Office, Party } from './office.ts';
import { type Fields, mediaServer, type PbxAccount } from './stage.ts';

/** `Channel-Call-State`: where the call stands for this channel. */
export type ChannelState = 'EARLY' | 'RINGING' | 'ACTIVE' | 'HELD' | 'HANGUP';

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
  readonly tag: string;
  readonly createdAt: number;
  answeredAt: number | undefined;
  state: ChannelState;
  /** The channel at the other end of the call. It stays when that one hangs up, for the sake of the last event. */
  otherLeg: Channel | undefined;
  bridgeId: string | undefined;
}

const freeswitchStates = {
  EARLY: 'ROUTING',
  RINGING: 'CONSUME_MEDIA',
  ACTIVE: 'EXCHANGE_MEDIA',
  HELD: 'EXCHANGE_MEDIA',
  HANGUP: 'REPORTING',
} as const satisfies Record<ChannelState, string>;

/** What every event of a channel says. */
export function channelFields(channel: Channel, account: PbxAccount, office: Office, now: number): Fields {
  return {
    'Call-ID': channel.callId,
    'Call-Direction': channel.direction,
    'Channel-Call-State': channel.state,
    'Channel-State': freeswitchStates[channel.state],
    'Channel-Created-Time': channel.createdAt * 1000,
    ...identityFields(channel),
    ...otherLegFields(channel.otherLeg),
    ...addressFields(channel, account, office),
    'Custom-Channel-Vars': channelVariables(channel, account, office),
    Disposition: disposition(channel),
    'Media-Server': mediaServer.host,
    'Switch-URI': `sip:${mediaServer.address}:11000`,
    'Switch-URL': `sip:mod_sofia@${mediaServer.address}:11000`,
    Timestamp: gregorianSeconds(now),
  };
}

/** Who calls, and who is called as far as that is known. */
export function identityFields({ caller, callee, dialled }: Channel): Fields {
  return {
    'Caller-ID-Name': caller.name,
    'Caller-ID-Number': caller.number,
    ...(callee !== undefined && { 'Callee-ID-Name': callee.name }),
    'Callee-ID-Number': callee?.number ?? dialled,
  };
}

function otherLegFields(other: Channel | undefined): Fields {
  if (other === undefined) return {};
  return {
    'Other-Leg-Call-ID': other.callId,
    'Other-Leg-Direction': other.direction,
    'Other-Leg-Caller-ID-Name': other.caller.name,
    'Other-Leg-Caller-ID-Number': other.caller.number,
    ...(other.callee !== undefined && { 'Other-Leg-Callee-ID-Name': other.callee.name }),
    'Other-Leg-Callee-ID-Number': other.callee?.number ?? other.dialled,
    'Other-Leg-Destination-Number': other.dialled,
  };
}

function addressFields(channel: Channel, { realm }: PbxAccount, office: Office): Fields {
  const { phone, number } = channel.party;
  const isInbound = channel.direction === 'inbound';
  // What the far end calls itself in SIP: a telephone by its user name, the carrier's side by the number.
  const user = phone === undefined ? `${number}@${office.carrier.host}` : `${phone.device.username}@${realm}`;
  const ours = isInbound ? `${channel.dialled}@${realm}` : `${channel.caller.number}@${realm}`;
  const [from, to] = isInbound ? [phone === undefined ? user : `${number}@${realm}`, ours] : [ours, user];
  return {
    From: from,
    'From-Tag': channel.tag,
    'From-Uri': isInbound ? user : ours,
    To: to,
    'To-Uri': to,
    Request: to,
    'Presence-ID': phone === undefined ? ours : `${number}@${realm}`,
    ...(phone !== undefined && {
      'Custom-SIP-Headers': { 'X-AUTH-IP': phone.device.address },
      'User-Agent': phone.device.userAgent,
    }),
  };
}

/** `Custom-Channel-Vars`: whose channel it is, and by which right it is there. */
export function channelVariables(channel: Channel, account: PbxAccount, { carrier }: Office): Fields {
  const { phone } = channel.party;
  return {
    'Account-ID': account.id,
    'Account-Name': account.name,
    'Account-Realm': account.realm,
    'Call-Interaction-ID': channel.interactionId,
    'Channel-Authorized': 'true',
    'Ecallmgr-Node': mediaServer.node,
    Realm: account.realm,
    ...(channel.state !== 'EARLY' && { 'Application-Name': 'callflow' }),
    ...(channel.bridgeId !== undefined && { 'Bridge-ID': channel.bridgeId }),
    ...(phone === undefined
      ? { 'Authorizing-ID': carrier.id, 'Authorizing-Type': 'resource', 'Global-Resource': 'true' }
      : {
          'Authorizing-ID': phone.device.id,
          'Authorizing-Type': 'device',
          'Global-Resource': 'false',
          'Owner-ID': phone.person.id,
          Username: phone.device.username,
        }),
  };
}

function disposition({ direction, answeredAt }: Channel): string {
  if (answeredAt !== undefined) return 'ANSWER';
  return direction === 'inbound' ? 'DELAYED NEGOTIATION' : 'EARLY MEDIA';
}
