/** What an action is, and what its steps share. One file an action implements this, and `actions.ts` lists them. */
import type { z } from 'zod';
import type { AccountDirectory } from '../auth/accounts.ts';
import type { Authenticator, Identity, Scope } from '../auth/identity.ts';
import type { Commands } from '../commands/commands.ts';
import { ActionError } from '../errors.ts';
import type { Catalogue } from '../families/catalogue.ts';
import type { RequestId } from '../protocol/client-message.ts';
import type { Queries } from '../queries/queries.ts';
import type { Registry } from '../registry/registry.ts';
import type { Resumption } from '../replay/resumption.ts';
import type { Session } from '../session/session.ts';
import type { RateLimit } from '../token-bucket.ts';
import type { SessionGuard } from './guard.ts';

export interface ActionLimits {
  readonly maxBindings: number;
  readonly maxBindingsPerAccount: number;
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
  readonly queries: Queries;
  readonly commands: Commands;
  readonly limits: ActionLimits;
  readonly resumption: Resumption;
}

/** One message for an action, read to its end. */
export class Request<Message> {
  constructor(
    readonly session: Session,
    readonly services: ActionServices,
    /** The client's own. */
    readonly requestId: RequestId | undefined,
    readonly message: Message,
  ) {}

  /** Who asks. @throws ActionError token_required where nobody knows, which happens to actions for anybody alone */
  get identity(): Identity {
    const { identity } = this.session;
    if (identity === undefined) throw new ActionError('token_required');
    return identity;
  }
}

/**
 * One thing that clients can ask for. Its checks refuse a request by throwing an ActionError; they are made in the order in
 * which they stand here, and none of them waits.
 */
export interface Action<Message = unknown, Reply = unknown> {
  /** As clients spell it. */
  readonly name: string;
  /** Who may ask: `anybody`, or who has shown a token that is still valid. */
  readonly access: 'anybody' | 'token';
  /** What the token must allow beside. */
  readonly scope?: Scope;
  /**
   * Whether the messages that come behind it need not wait until it is done: a question to the bus would hold up an
   * unsubscribe for as long as the answer takes. What came before it is done in any case.
   */
  readonly isConcurrent: boolean;
  /** The message, less what all messages have. A fault in it is answered with `invalid_message`. */
  readonly message: z.ZodType<Message>;
  /** The reply's `data`. */
  readonly reply: z.ZodType<Reply>;
  /** Whether the sender may. */
  authorize?(request: Request<Message>): void;
  checkLimits?(request: Request<Message>): void;
  /** Whether the message makes sense. */
  validate?(request: Request<Message>): void;
  perform(request: Request<Message>): Reply | Promise<Reply>;
}
