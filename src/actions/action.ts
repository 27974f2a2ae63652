/** What an action is, and what its steps share. */
import type { AccountDirectory } from '../auth/accounts.ts';
import type { Authenticator, Identity } from '../auth/identity.ts';
import type { Catalogue } from '../families/catalogue.ts';
import type { ClientMessage } from '../protocol/client-message.ts';
import type { ReplyData } from '../protocol/reply.ts';
import type { Registry } from '../registry/registry.ts';
import type { Session } from '../session/session.ts';
import type { RateLimit } from '../token-bucket.ts';
import type { SessionGuard } from './guard.ts';

export interface ActionLimits {
  readonly maxBindings: number;
  readonly rate: RateLimit;
  readonly maxMessageBytes: number;
}

/** What actions work with. */
export interface ActionServices {
  readonly registry: Registry;
  readonly catalogue: Catalogue;
  readonly accounts: AccountDirectory;
  readonly authenticator: Authenticator;
  readonly guard: SessionGuard;
  readonly limits: ActionLimits;
}

/** A message whose sender is known, as actions see it. */
export interface Request {
  readonly session: Session;
  readonly message: ClientMessage;
  readonly identity: Identity;
  readonly services: ActionServices;
}

/** Refuses a request by throwing an ActionError. */
export type Check = (request: Request) => void;

interface OpenAction {
  readonly needsToken: false;
  perform(): ReplyData;
}

interface GuardedAction {
  readonly needsToken: true;
  /** Whether the sender may. */
  readonly authorize?: Check;
  readonly checkLimits?: Check;
  /** Whether the message makes sense. */
  readonly validate?: Check;
  perform(request: Request): ReplyData | Promise<ReplyData>;
}

/** One thing that clients can ask for. */
export type Action = OpenAction | GuardedAction;
