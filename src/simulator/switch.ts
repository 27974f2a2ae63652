/**
 * The switch: it makes channels, changes their state, and publishes the event of each change on `callevt`. It takes care
 * that what is published agrees with itself; which story is told is the scenarios' affair.
 */

import { encodeWord } from '../families/routing-key.ts';
import { gregorianSeconds } from '../gregorian.ts';
import { type Channel, channelFields, channelVariables, type DisplayId, identityFields } from './channel.ts';
import type { Office, Party } from './office.ts';
import type { Fields, Stage } from './stage.ts';

/** Why a channel ended, and the SIP status that says so. */
const hangupCodes = {
  NORMAL_CLEARING: 'sip:200',
  NO_ANSWER: 'sip:480',
  USER_BUSY: 'sip:486',
  ORIGINATOR_CANCEL: 'sip:487',
} as const;

/** `Hangup-Cause`, in the words of Q.850. */
export type HangupCause = keyof typeof hangupCodes;

/** Each of these publishes its event at once, `detach` excepted. */
export interface Switch {
  /** Somebody calls: a channel from a telephone or from the carrier. */
  receive(caller: Party, dialled: string): Channel;
  /** Rings somebody for a call that was received: the call's second channel. */
  ring(callee: Party, call: Channel): Channel;
  answer(channel: Channel): void;
  /** Both channels of the call hear each other from now on. */
  bridge(call: Channel): void;
  hold(channel: Channel): void;
  unhold(channel: Channel): void;
  /** The call goes on without its other end: voicemail takes it, or it is going to be parked. */
  detach(call: Channel): void;
  /** Leaves a detached call waiting in a slot. */
  park(call: Channel, slot: string): void;
  /** Joins a parked call with the channel of whoever dialled its slot. */
  retrieve(call: Channel, slot: string, by: Channel): void;
  /** The parked caller gives up. The channel still has to hang up. */
  abandon(call: Channel, slot: string): void;
  /** The last event of a channel. */
  hangUp(channel: Channel, cause: HangupCause): void;
}

/** The switch of one account. */
export function createSwitch(stage: Stage, office: Office): Switch {
  const { account, random } = stage;

  function publish(event: string, channel: Channel, more: Fields = {}): void {
    publishCallEvent(event, channel, { ...channelFields(channel, account, office, stage.now()), ...more });
  }

  /** Callflow publishes these, not the media server, and says less of the channel. */
  function publishParking(event: string, channel: Channel, slot: string): void {
    publishCallEvent(event, channel, {
      'App-Name': 'callflow',
      'Call-ID': channel.callId,
      'Call-Direction': channel.direction,
      'Channel-Call-State': channel.state,
      ...identityFields(channel),
      ...(channel.otherLeg !== undefined && { 'Other-Leg-Call-ID': channel.otherLeg.callId }),
      'Custom-Channel-Vars': channelVariables(channel, account, office),
      'Parking-Slot': slot,
      Timestamp: gregorianSeconds(stage.now()),
    });
  }

  function publishCallEvent(event: string, { callId }: Channel, fields: Fields): void {
    stage.publish('callevt', `call.${event}.${encodeWord(callId)}`, {
      'Event-Category': 'call_event',
      'Event-Name': event,
      ...fields,
    });
  }

  const newChannel = (
    means: Pick<Channel, 'callId' | 'direction' | 'party' | 'caller' | 'callee' | 'dialled' | 'state'>,
    interactionId = `${gregorianSeconds(stage.now())}-${random.hex(8)}`,
  ): Channel => ({
    ...means,
    interactionId,
    tag: random.hex(10),
    createdAt: stage.now(),
    answeredAt: undefined,
    otherLeg: undefined,
    bridgeId: undefined,
  });

  /** A telephone's caller sees the office's number outside, and the person's name inside. */
  const displayedCaller = (callee: Party, { caller, party }: Channel): DisplayId =>
    callee.phone === undefined && party.phone !== undefined
      ? { name: account.name, number: office.mainNumber }
      : { name: caller.name, number: caller.number };

  return {
    receive(caller, dialled) {
      const host = caller.phone?.device.address ?? office.carrier.host;
      const channel = newChannel({
        callId: `${random.hex(20)}@${host}`,
        direction: 'inbound',
        party: caller,
        caller,
        callee: undefined,
        dialled,
        state: 'EARLY',
      });
      publish('CHANNEL_CREATE', channel);
      return channel;
    },
    ring(callee, call) {
      const caller = displayedCaller(callee, call);
      const dialled = callee.phone?.device.username ?? callee.number;
      const callId = [8, 4, 4, 4, 12].map((digits) => random.hex(digits)).join('-');
      const channel = newChannel(
        { callId, direction: 'outbound', party: callee, caller, callee, dialled, state: 'RINGING' },
        call.interactionId,
      );
      connect(call, channel);
      call.callee = callee;
      call.state = 'RINGING';
      publish('CHANNEL_CREATE', channel);
      return channel;
    },
    answer(channel) {
      channel.answeredAt = stage.now();
      channel.state = 'ACTIVE';
      publish('CHANNEL_ANSWER', channel);
    },
    bridge: (call) => publish('CHANNEL_BRIDGE', call),
    hold(channel) {
      channel.state = 'HELD';
      publish('CHANNEL_HOLD', channel);
    },
    unhold(channel) {
      channel.state = 'ACTIVE';
      publish('CHANNEL_UNHOLD', channel);
    },
    detach(call) {
      call.otherLeg = undefined;
    },
    park: (call, slot) => publishParking('PARK_PARKED', call, slot),
    retrieve(call, slot, by) {
      by.interactionId = call.interactionId;
      by.callee = call.caller;
      call.callee = by.caller;
      connect(call, by);
      publishParking('PARK_RETRIEVED', call, slot);
    },
    abandon: (call, slot) => publishParking('PARK_ABANDONED', call, slot),
    hangUp(channel, cause) {
      channel.state = 'HANGUP';
      publish('CHANNEL_DESTROY', channel, {
        'Hangup-Cause': cause,
        'Hangup-Code': hangupCodes[cause],
        ...durations(channel, stage.now()),
      });
    },
  };
}

function connect(call: Channel, other: Channel): void {
  call.otherLeg = other;
  other.otherLeg = call;
  call.bridgeId = call.callId;
  other.bridgeId = call.callId;
}

/** Kazoo has these as texts. A clock that was set back must not make them negative. */
function durations({ createdAt, answeredAt }: Channel, now: number): Fields {
  const seconds = (from: number, to: number): number => Math.max(0, Math.floor((to - from) / 1000));
  const billed = answeredAt === undefined ? 0 : seconds(answeredAt, now);
  const whole = Math.max(billed, seconds(createdAt, now));
  return {
    'Duration-Seconds': String(whole),
    'Billing-Seconds': String(billed),
    'Ringing-Seconds': String(whole - billed),
  };
}
