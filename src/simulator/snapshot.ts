/** What there is at this moment in an account's PBX: what its events, taken together, must come to. */
import type { Channel } from './channel.ts';
import type { Conferences } from './conferences.ts';
import type { Device, Office } from './office.ts';
import type { Registrar } from './registrations.ts';
import type { PbxAccount, Stage } from './stage.ts';
import type { Switch } from './switch.ts';
import type { Voicemail } from './voicemail.ts';

/** All times are Unix time, ms. */
export interface PbxSnapshot {
  readonly account: PbxAccount;
  readonly channels: readonly ChannelNow[];
  readonly conferences: readonly ConferenceNow[];
  readonly registrations: readonly RegistrationNow[];
  /** Every mailbox, those without a message as well. */
  readonly mailboxes: readonly MailboxNow[];
}

/** A channel that has not ended. */
export interface ChannelNow {
  readonly callId: string;
  readonly direction: Channel['direction'];
  readonly caller: Channel['caller'];
  readonly callee: Channel['callee'];
  readonly dialled: string;
  readonly device: Device | undefined;
  readonly createdAt: number;
  readonly answeredAt: number | undefined;
  readonly isHeld: boolean;
  /** The parking slot that it waits in. */
  readonly slot: string | undefined;
  /** `Call-ID` of the channel at the other end, as long as there is one. */
  readonly otherLeg: string | undefined;
}

/** A conference that has at least one member. */
export interface ConferenceNow {
  readonly id: string;
  readonly instanceId: string;
  readonly startedAt: number;
  readonly isLocked: boolean;
  readonly members: readonly {
    readonly callId: string;
    readonly participantId: number;
    readonly isModerator: boolean;
    readonly isMuted: boolean;
    readonly isDeaf: boolean;
    readonly isTalking: boolean;
  }[];
}

/** A telephone whose registration is good now. */
export interface RegistrationNow {
  readonly username: string;
  readonly deviceId: string;
  readonly ownerId: string;
  readonly contact: string;
  readonly userAgent: string;
  readonly expiresAt: number;
}

/** How many messages somebody has not heard, and how many they keep. */
export interface MailboxNow {
  readonly id: string;
  readonly extension: string;
  readonly fresh: number;
  readonly saved: number;
}

/** What plays for one account. */
export interface Playing {
  readonly account: PbxAccount;
  readonly stage: Stage;
  readonly office: Office;
  readonly line: Switch;
  readonly conferences: Conferences;
  readonly registrar: Registrar;
  readonly voicemail: Voicemail;
}

/** A copy: it doesn't change as the play goes on. */
export function snapshotOf({ account, line, conferences, registrar, voicemail }: Playing): PbxSnapshot {
  return {
    account,
    channels: [...line.channels].map((channel) => channelNow(channel, line.channels)),
    conferences: [...conferences.open].map(({ id, instanceId, startedAt, isLocked, members }) => ({
      id,
      instanceId,
      startedAt,
      isLocked,
      members: members.map(({ channel, participantId, isModerator, isMuted, isDeaf, isTalking }) => ({
        callId: channel.callId,
        participantId,
        isModerator,
        isMuted,
        isDeaf,
        isTalking,
      })),
    })),
    registrations: [...registrar.registrations.values()].map(({ person, device, contact, expiresAt }) => ({
      username: device.username,
      deviceId: device.id,
      ownerId: person.id,
      contact,
      userAgent: device.userAgent,
      expiresAt,
    })),
    mailboxes: voicemail.boxes.map(({ person, fresh, saved }) => ({
      id: person.mailboxId,
      extension: person.extension,
      fresh: fresh.length,
      saved: saved.length,
    })),
  };
}

function channelNow(channel: Channel, living: ReadonlySet<Channel>): ChannelNow {
  const { callId, direction, caller, callee, dialled, createdAt, answeredAt, isHeld, slot, otherLeg } = channel;
  return {
    callId,
    direction,
    caller,
    callee,
    dialled,
    device: channel.party.phone?.device,
    createdAt,
    answeredAt,
    isHeld,
    slot,
    otherLeg: otherLeg !== undefined && living.has(otherLeg) ? otherLeg.callId : undefined,
  };
}
