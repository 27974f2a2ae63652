/**
 * The switch: it makes channels, changes their state, and publishes the event of each change on `callevt`, and what it
 * means for presence. It takes care that what is published agrees with itself; which story is told is the scenarios'
 * affair.
 */
import { encodeWord } from '../families/routing-key.ts';
import { gregorianSeconds } from '../gregorian.ts';
import {
  type Channel,
  type ChannelEvent,
  channelFields,
  type DisplayId,
  identityFields,
  ownerVariables,
  sessionDescription,
} from './channel.ts';
import type { Office, Party } from './office.ts';
import type { Presence } from './presence.ts';
import {
  type Fields,
  type MediaServer,
  mediaServerFor,
  type Publisher,
  publishers,
  type Stage,
  uuid,
} from './stage.ts';

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
  /** The channels that there are, oldest first. */
  readonly channels: ReadonlySet<Channel>;
  /**
   * Somebody calls: a channel from a telephone or from the carrier.
   * @param server where what was dialled is, when it is on one already
   */
  receive(caller: Party, dialled: string, server?: MediaServer): Channel;
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
  retrieve(call: Channel, by: Channel): void;
  /** The parked caller gives up. The channel still has to hang up. */
  abandon(call: Channel): void;
  /** The last event of a channel; nothing where it has ended already. */
  hangUp(channel: Channel, cause: HangupCause): void;
}

/** The switch of one account. */
export function createSwitch(stage: Stage, office: Office, presence: Presence): Switch {
  const { account, random } = stage;
  const channels = new Set<Channel>();

  function publish(event: ChannelEvent, channel: Channel, more: Fields = {}): void {
    const fields = channelFields(event, channel, account, office, stage.now());
    const by = { ...publishers.ecallmgr, node: channel.server.ecallmgr };
    publishCallEvent(by, event, channel, { ...fields, ...more });
  }

  /** Callflow publishes these, not the media server, and says less of the channel. */
  function publishParking(event: string, channel: Channel, slot: string): void {
    publishCallEvent(publishers.callflow, event, channel, {
      'Call-ID': channel.callId,
      ...identityFields(channel),
      'Custom-Channel-Vars': { ...ownerVariables(channel, account, office), 'Fetch-ID': channel.fetchId },
      'Parking-Slot': slot,
    });
  }

  function publishCallEvent(by: Publisher, event: string, { callId }: Channel, fields: Fields): void {
    const routingKey = `call.${event}.${encodeWord(callId)}`;
    stage.publish(by, 'callevt', routingKey, { 'Event-Category': 'call_event', 'Event-Name': event, ...fields });
  }

  function newChannel(
    means: Pick<Channel, 'callId' | 'direction' | 'party' | 'caller' | 'callee' | 'dialled'>,
    server?: MediaServer,
    interactionId = `${gregorianSeconds(stage.now())}-${random.hex(8)}`,
  ): Channel {
    const channel: Channel = {
      ...means,
      interactionId,
      fromTag: random.hex(10),
      toTag: random.hex(13),
      fetchId: uuid(random),
      server: server ?? mediaServerFor(interactionId),
      createdAt: stage.now(),
      answeredAt: undefined,
      isHeld: false,
      slot: undefined,
      otherLeg: undefined,
      bridgeId: undefined,
      takeovers: 0,
    };
    channels.add(channel);
    return channel;
  }

  /** A telephone's caller sees the office's number outside, and the person's name inside. */
  function displayedCaller(callee: Party, { caller, party, direction }: Channel): DisplayId {
    if (callee.phone === undefined && party.phone !== undefined) {
      return { name: account.name, number: office.mainNumber };
    }
    // Who was called before and is passed on is who calls now.
    const { name, number } = direction === 'outbound' ? party : caller;
    return { name, number };
  }

  /** @returns the slot that is free again */
  function leaveSlot(call: Channel): string {
    const slot = call.slot ?? '';
    call.slot = undefined;
    presence.slot(slot, call, 'terminated');
    return slot;
  }

  return {
    channels,
    receive(caller, dialled, server) {
      const host = caller.phone?.device.address ?? office.carrier.host;
      const channel = newChannel(
        {
          callId: `${random.hex(20)}@${host}`,
          direction: 'inbound',
          party: caller,
          caller,
          callee: undefined,
          dialled,
        },
        server,
      );
      publish('CHANNEL_CREATE', channel);
      return channel;
    },
    ring(callee, call) {
      const caller = displayedCaller(callee, call);
      const dialled = callee.phone?.device.username ?? callee.number;
      const callId = uuid(random);
      const means = { callId, direction: 'outbound', party: callee, caller, callee, dialled } as const;
      const channel = newChannel(means, call.server, call.interactionId);
      connect(call, channel);
      call.callee = callee;
      publish('CHANNEL_CREATE', channel);
      presence.follow(call, 'early');
      presence.follow(channel, 'early');
      return channel;
    },
    answer(channel) {
      channel.answeredAt = stage.now();
      // A room or a mailbox answers: its number is all that there is to call it by.
      channel.callee ??= { name: channel.dialled, number: channel.dialled };
      publish('CHANNEL_ANSWER', channel);
      presence.follow(channel, 'confirmed');
    },
    bridge: (call) => publish('CHANNEL_BRIDGE', call),
    hold(channel) {
      channel.isHeld = true;
      publish('CHANNEL_HOLD', channel);
    },
    unhold(channel) {
      channel.isHeld = false;
      publish('CHANNEL_UNHOLD', channel);
    },
    detach(call) {
      call.otherLeg = undefined;
    },
    park(call, slot) {
      call.slot = slot;
      publishParking('PARK_PARKED', call, slot);
      presence.slot(slot, call, 'early');
    },
    retrieve(call, by) {
      by.interactionId = call.interactionId;
      by.callee = call.caller;
      call.callee = by.caller;
      connect(call, by);
      publishParking('PARK_RETRIEVED', call, leaveSlot(call));
    },
    abandon: (call) => publishParking('PARK_ABANDONED', call, leaveSlot(call)),
    hangUp(channel, cause) {
      if (!channels.delete(channel)) return;
      const sdp = sessionDescription(channel);
      publish('CHANNEL_DESTROY', channel, {
        'Hangup-Cause': cause,
        'Hangup-Code': hangupCodes[cause],
        'Local-SDP': sdp,
        'Remote-SDP': sdp,
        ...durations(channel, stage.now()),
      });
      presence.follow(channel, 'terminated');
    },
  };
}

function connect(call: Channel, other: Channel): void {
  call.otherLeg = other;
  other.otherLeg = call;
  call.bridgeId = call.callId;
  other.bridgeId = call.callId;
}

/** In whole seconds. A clock that was set back must not make them negative. */
function durations({ createdAt, answeredAt }: Channel, now: number): Fields {
  const seconds = (from: number, to: number): number => Math.max(0, Math.floor((to - from) / 1000));
  const billed = answeredAt === undefined ? 0 : seconds(answeredAt, now);
  const whole = Math.max(billed, seconds(createdAt, now));
  return { 'Duration-Seconds': whole, 'Billing-Seconds': billed, 'Ringing-Seconds': whole - billed };
}
