/**
 * What events carry, as far as it is known: the members of Kazoo's payloads in the kazoo4 dialect (lower case, `_`).
 * Publishers leave out what they don't know, so every member is optional; those that stand nowhere here are `unknown`.
 */

/** Whatever else a publisher says. */
interface Unlisted {
  readonly [member: string]: unknown;
}

/** What the platform knows of a channel; the application's name for it is `custom_channel_vars`. */
export interface ChannelVariables extends Unlisted {
  readonly account_id?: string;
  readonly account_name?: string;
  readonly account_realm?: string;
  /** The device whose leg this is; with `authorizing_type` `user` or `resource` that. */
  readonly authorizing_id?: string;
  readonly authorizing_type?: string;
  /** The user that the device belongs to. */
  readonly owner_id?: string;
}

/** A leg of a call: who calls is `inbound` to the switch, who is called `outbound`. */
export interface CallData extends Unlisted {
  readonly call_id?: string;
  /** The leg at the other end, once there is one. */
  readonly other_leg_call_id?: string;
  readonly call_direction?: 'inbound' | 'outbound';
  readonly caller_id_name?: string;
  readonly caller_id_number?: string;
  readonly callee_id_name?: string;
  readonly callee_id_number?: string;
  /** What was dialled, `1002@realm`. */
  readonly request?: string;
  readonly to?: string;
  readonly from?: string;
  readonly presence_id?: string;
  readonly channel_state?: string;
  readonly channel_call_state?: string;
  /** Unix time, microseconds. */
  readonly channel_created_time?: number;
  /** Gregorian seconds: Unix time and 62,167,219,200. */
  readonly timestamp?: number;
  readonly parking_slot?: string;
  /** Of `CHANNEL_DESTROY`: `NORMAL_CLEARING`, `USER_BUSY`, … */
  readonly hangup_cause?: string;
  readonly hangup_code?: string;
  readonly duration_seconds?: number;
  readonly ringing_seconds?: number;
  readonly billing_seconds?: number;
  readonly channel_is_loopback?: boolean;
  readonly channel_loopback_other_leg_id?: string;
  readonly user_agent?: string;
  readonly custom_channel_vars?: ChannelVariables;
}

export interface ConferenceData extends Unlisted {
  /** What happened: `add-member`, `start-talking`, … */
  readonly event?: string;
  readonly conference_id?: string;
  readonly instance_id?: string;
  readonly account_id?: string;
  /** The member's leg. */
  readonly call_id?: string;
  readonly participant_id?: number;
  readonly caller_id_name?: string;
  readonly caller_id_number?: string;
  readonly conference_channel_vars?: Unlisted;
  readonly custom_channel_vars?: ChannelVariables;
}

/** A document that was made, changed or deleted. */
export interface ObjectData extends Unlisted {
  readonly id?: string;
  readonly rev?: string;
  /** `user`, `device`, `mailbox_message`, … */
  readonly type?: string;
  readonly database?: string;
  readonly account_id?: string;
  /** What the document says in public. */
  readonly doc?: Unlisted;
  readonly is_soft_deleted?: boolean;
  /** Gregorian seconds. */
  readonly date_created?: number;
  readonly date_modified?: number;
}

export interface FaxData extends Unlisted {
  readonly job_id?: string;
  readonly faxbox_id?: string;
  readonly account_id?: string;
  /** `incoming` or `outgoing`. */
  readonly direction?: string;
  readonly fax_state?: string;
  readonly status?: string;
  readonly page?: number;
  readonly caller_id_name?: string;
  readonly caller_id_number?: string;
  readonly callee_id_name?: string;
  readonly callee_id_number?: string;
}

/** A dialog (a lamp for a busy line), or how many voicemail messages wait. */
export interface PresenceData extends Unlisted {
  /** `1001@realm`: whose lamp it is. */
  readonly presence_id?: string;
  readonly from?: string;
  readonly to?: string;
  readonly call_id?: string;
  /** `initiator` or `recipient`. */
  readonly direction?: string;
  /** `early`, `confirmed` or `terminated`. */
  readonly state?: string;
  readonly messages_new?: number;
  readonly messages_saved?: number;
}

export interface RegistrationData extends Unlisted {
  readonly username?: string;
  readonly realm?: string;
  readonly contact?: string;
  /** Seconds; 0: it has ended. */
  readonly expires?: number | string;
  readonly user_agent?: string;
  readonly network_ip?: string;
  readonly network_port?: number | string;
  readonly account_id?: string;
  readonly custom_channel_vars?: ChannelVariables;
}

export interface NotificationData extends Unlisted {
  readonly account_id?: string;
  readonly call_id?: string;
  readonly caller_id_name?: string;
  readonly caller_id_number?: string;
  readonly from_user?: string;
  readonly from_realm?: string;
  readonly to_user?: string;
  readonly to_realm?: string;
  readonly voicemail_box?: string;
  readonly timestamp?: number;
}

/** By family. Families of other buses (`FAMILIES_FILE`) have whatever members they have. */
export interface FamilyPayloads {
  readonly call: CallData;
  readonly conference: ConferenceData;
  readonly object: ObjectData;
  readonly fax: FaxData;
  readonly presence: PresenceData;
  readonly registration: RegistrationData;
  readonly notifications: NotificationData;
}

/** The call events that are offered unless a server's `CALL_EVENTS` says otherwise. */
export type CallEventName =
  | 'CHANNEL_CREATE'
  | 'CHANNEL_ANSWER'
  | 'CHANNEL_BRIDGE'
  | 'CHANNEL_HOLD'
  | 'CHANNEL_UNHOLD'
  | 'CHANNEL_DESTROY'
  | 'PARK_PARKED'
  | 'PARK_RETRIEVED'
  | 'PARK_ABANDONED';

/** Any text; an editor offers the known ones. */
type AnyText = string & Record<never, never>;

/** The names of a family's events, as far as they are known. */
interface FamilyEventNames {
  readonly call: CallEventName | AnyText;
  readonly object: 'doc_created' | 'doc_edited' | 'doc_deleted' | AnyText;
}

/** The family whose events a binding asks for, where its text tells. */
export type FamilyOf<Binding extends string> = Binding extends `fax.object.${string}`
  ? 'object'
  : Binding extends `doc_${string}`
    ? 'object'
    : Binding extends `${infer Root extends keyof FamilyPayloads & string}.${string}`
      ? Root
      : string;

/** What the events of a binding carry. */
export type DataOf<Binding extends string> =
  FamilyOf<Binding> extends infer Family extends keyof FamilyPayloads ? FamilyPayloads[Family] : Unlisted;

/** What the events of a binding are called. */
export type NameOf<Binding extends string> = Binding extends `call.${infer Event extends CallEventName}.${string}`
  ? Event
  : FamilyOf<Binding> extends infer Family extends keyof FamilyEventNames
    ? FamilyEventNames[Family]
    : string;
