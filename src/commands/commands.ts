/**
 * Does something to a call, for who may: whose call it is is asked of the media nodes first, and that somebody takes the
 * command is for the broker to confirm. What comes of it is told by the call's events.
 */
import type { AccountDirectory } from '../auth/accounts.ts';
import { checkAccount, checkFamily, checkScope } from '../auth/authorization.ts';
import type { Identity } from '../auth/identity.ts';
import type { Publisher } from '../bus.ts';
import { ActionError, type ActionErrorCode } from '../errors.ts';
import { everyAccount } from '../families/family.ts';
import { encodeWord } from '../families/routing-key.ts';
import { KeyedBuckets } from '../keyed-buckets.ts';
import type { Log } from '../log.ts';
import { type Command, type CommandAction, isCommandAction, readCommand } from './command.ts';

const exchange = 'metaflow';
/** Of a token. */
const tokenRate = { perSecond: 10, burst: 10 };
/** How often it is logged that a token wants more. */
const refusalLogRate = { perSecond: 1 / 60, burst: 1 };
/** AMQP's limit. */
const maxRoutingKeyBytes = 255;

export interface CommandSurroundings {
  readonly accounts: AccountDirectory;
  /** Adds who sends it. */
  readonly publish: Publisher['publish'];
  /** @throws ActionError source_unavailable */
  findChannel(account: string, callId: string): Promise<Readonly<Record<string, unknown>> | undefined>;
  /** Counts a command. `unknown` stands for any action that there is not. */
  onCommand(action: CommandAction | 'unknown', outcome: 'accepted' | ActionErrorCode): void;
}

/** A command as it came. */
export interface CommandRequest {
  readonly account: string;
  readonly callId: string;
  /** The client's address. */
  readonly source: string;
  /** Not checked yet, as what stands beside it. */
  readonly action: unknown;
  readonly members: Readonly<Record<string, unknown>>;
}

export class Commands {
  readonly #rates = new KeyedBuckets(tokenRate);
  readonly #refusalLogs = new KeyedBuckets(refusalLogRate);

  constructor(
    private readonly surroundings: CommandSurroundings,
    private readonly log: Log,
  ) {}

  /**
   * Resolves once the broker has confirmed that somebody takes it. Each is logged and counted, whatever comes of it.
   * @param who who commands, as it is known at the moment: a token may end while the media nodes think. It throws then
   * @throws ActionError rate_limited, scope_missing, account_unauthorized, invalid_message, not_found,
   *   source_unavailable, token_expired
   */
  async run(request: CommandRequest, who: () => Identity): Promise<void> {
    const identity = who();
    try {
      if (this.#rates.take([identity.tokenDigest], performance.now()) > 0) {
        throw new ActionError(
          'rate_limited',
          `rate limit exceeded: ${tokenRate.perSecond} commands a second of a token`,
        );
      }
      await this.#perform(request, who);
      this.note(request, identity, 'accepted');
    } catch (error) {
      this.note(request, identity, error instanceof ActionError ? error.code : 'internal');
      throw error;
    }
  }

  /** Logs and counts what became of a command. */
  note(
    { account, callId, source, action }: Pick<CommandRequest, 'account' | 'callId' | 'source' | 'action'>,
    identity: Identity,
    outcome: 'accepted' | ActionErrorCode,
  ): void {
    const known = isCommandAction(action) ? action : 'unknown';
    this.surroundings.onCommand(known, outcome);
    const digest = identity.tokenDigest;
    if (outcome === 'rate_limited' && this.#refusalLogs.take([digest], performance.now()) > 0) return;
    this.log.info(
      {
        account,
        owner: identity.ownerId,
        tokenDigest: `sha256:${digest.slice(0, 12)}`,
        source,
        call: callId,
        action: known,
        outcome,
      },
      'a command to a call',
    );
  }

  async #perform({ account, callId, action, members }: CommandRequest, who: () => Identity): Promise<void> {
    this.#check(account, who());
    const command = readCommand(action, members);
    const routingKey = routingKeyOf(command, callId);
    const channel = await this.surroundings.findChannel(account, callId);
    this.#check(account, who());
    if (channel === undefined) throw new ActionError('not_found', 'the account has no such call');
    if (command.action === 'transfer' && typeof channel.other_leg_call_id !== 'string') {
      throw new ActionError('invalid_message', 'invalid message: data.action: a transfer needs a call with two ends');
    }
    await this.#publish(routingKey, {
      'Event-Category': 'metaflow',
      'Call-ID': callId,
      ...(command.action === 'metaflow'
        ? { 'Event-Name': 'flow', Flow: command.data }
        : { 'Event-Name': 'action', Action: command.action, Data: command.data }),
    });
  }

  #check(account: string, identity: Identity): void {
    checkScope(identity, 'commands');
    checkFamily(identity, 'call');
    if (account === everyAccount) {
      throw new ActionError('account_unauthorized', 'unauthorized wildcard account id: a command is for one account');
    }
    checkAccount(identity, account, this.surroundings.accounts);
  }

  async #publish(routingKey: string, fields: object): Promise<void> {
    const nobody = 'no call control is listening';
    let outcome: Awaited<ReturnType<Publisher['publish']>>;
    try {
      outcome = await this.surroundings.publish(exchange, routingKey, fields, { mandatory: true });
    } catch (error) {
      // An exchange that nobody has declared: AMQP's code for it.
      if (error instanceof Error && 'code' in error && error.code === 404) {
        throw new ActionError('source_unavailable', nobody);
      }
      throw new ActionError('source_unavailable', undefined, { cause: error });
    }
    if (outcome === 'unroutable') throw new ActionError('source_unavailable', nobody);
  }
}

/** @throws ActionError invalid_message */
function routingKeyOf({ action }: Command, callId: string): string {
  const word = encodeWord(callId);
  const key = action === 'metaflow' ? `metaflow.flow.${word}` : `metaflow.action.${word}.${action}`;
  if (Buffer.byteLength(key) <= maxRoutingKeyBytes) return key;
  throw new ActionError('invalid_message', 'invalid message: data.call_id: too long for a command on the bus');
}
