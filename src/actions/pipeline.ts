/** What happens to a client's message: the server's table of contents. */
import { checkScope } from '../auth/authorization.ts';
import { digestOf } from '../auth/identity.ts';
import { ActionError, type ActionErrorCode, actionErrors } from '../errors.ts';
import type { Log } from '../log.ts';
import {
  decodeEnvelope,
  type Envelope,
  MalformedMessage,
  type RequestId,
  readMessage,
} from '../protocol/client-message.ts';
import { errorReply, successReply } from '../protocol/reply.ts';
import { RareLog } from '../rare-log.ts';
import type { Session } from '../session/session.ts';
import { withoutSlack } from '../slack.ts';
import { type Action, type ActionServices, Request } from './action.ts';
import { actions as allActions } from './actions.ts';

/** A larger message that is refused anyway is not read for its `request_id`: parsing 64 KiB takes a millisecond. */
const maxBytesReadInVain = 4096;

/** However small the burst, so many messages are refused at least before a client counts as one that doesn't listen. */
const minRefusals = 200;

/**
 * What may wait on a socket while the broker, or whoever vouches for tokens, is asked: all sockets may wait for the same.
 * Messages of the largest size; and bytes, where no token was accepted yet.
 */
const largestWaiting = 4;
const strangersWaitingBytes = 32_768;

/** More questions of a socket than this are not answered beside each other: those that come behind wait. */
const maxConcurrent = 16;

/** What a session has asked and was not answered yet. */
interface Inbox {
  /** A message is on its way through the steps, or holds up those behind it. */
  isBusy: boolean;
  readonly waiting: Buffer[];
  /** How many are being performed that hold up nobody. */
  concurrent: number;
}

/** A message on its way through the steps. */
interface Call {
  readonly session: Session;
  readonly frame: Buffer;
  readonly services: ActionServices;
  readonly actions: ReadonlyMap<string, Action>;
  /** Filled in by `count`. */
  isOverLimit: boolean;
  /** Filled in by `decode`, `chooseAction` and `read`; every later step may rely on them. */
  envelope: Envelope;
  action: Action;
  request: Request<unknown>;
  /** Its token is good, but one socket too many has it. */
  hasNoRoom: boolean;
}

/** Every client frame passes these in order, and is performed then. The first to throw becomes the error reply. */
const steps: readonly ((call: Call) => void | Promise<void>)[] = [
  count,
  throttleUnread,
  decode,
  throttle,
  chooseAction,
  authenticate,
  read,
  authorize,
  checkLimits,
  validate,
];

/** Before anything else, since malformed messages count as well. */
function count(call: Call): void {
  call.isOverLimit = !call.session.takeRateToken();
  if (call.isOverLimit) slowDown(call.session, call.services);
}

/** Refusals cost time as well: who doesn't heed them is not listened to for a while. */
function slowDown(session: Session, { limits }: ActionServices): void {
  if (session.countRefused() > Math.max(limits.rate.burst, minRefusals)) session.transport.pauseReading();
}

/** The limit bounds what a client's messages cost, so what is too large to be read in vain is refused unread. */
function throttleUnread({ isOverLimit, frame, services }: Call): void {
  if (isOverLimit && frame.length > maxBytesReadInVain) throw overLimit(services);
}

function decode(call: Call): void {
  call.envelope = decodeEnvelope(call.frame);
}

/** Behind `decode`, so that the refusal carries the message's `request_id`. */
function throttle({ isOverLimit, services }: Call): void {
  if (isOverLimit) throw overLimit(services);
}

function overLimit({ limits }: ActionServices): ActionError {
  const { perSecond, burst } = limits.rate;
  return new ActionError('rate_limited', `rate limit exceeded: ${perSecond} messages a second, ${burst} at once`);
}

function chooseAction(call: Call): void {
  const { action: name } = call.envelope;
  const action = call.actions.get(name);
  if (action === undefined) {
    throw new ActionError('unknown_action', `${actionErrors.unknown_action.text} ${JSON.stringify(name.slice(0, 64))}`);
  }
  call.action = action;
}

async function authenticate({ session, envelope: { token }, action, services }: Call): Promise<void> {
  if (token !== undefined) return acceptToken(session, token, services);
  if (action.access === 'anybody') return;
  if (session.identity === undefined) throw new ActionError('token_required');
  if (!session.hasValidToken(Date.now())) throw new ActionError('token_expired');
}

async function acceptToken(session: Session, token: string, services: ActionServices): Promise<void> {
  // Clients of this field send their token with every message: the same one needs no second check while it is valid.
  if (session.identity?.tokenDigest === digestOf(token) && session.hasValidToken(Date.now())) return;
  const identity = await services.authenticator.identify(token);
  if (session.isEnded) return;
  if (session.identity !== undefined && session.identity.accountId !== identity.accountId) {
    throw new ActionError(
      'account_unauthorized',
      'unauthorized account id: the token is of another account than the socket',
    );
  }
  if (session.identity === undefined) services.guard.checkRoom(identity);
  services.guard.accept(session, identity);
}

/** Behind `authenticate`: what a stranger's message says is not worth the time to read it. */
function read(call: Call): void {
  const { session, services, envelope, action } = call;
  call.request = new Request(session, services, envelope.requestId, readMessage(envelope, action.message));
  session.countWellFormed(performance.now());
}

function authorize({ action, request }: Call): void {
  if (action.scope !== undefined) checkScope(request.identity, action.scope);
  action.authorize?.(request);
}

function checkLimits({ action, request }: Call): void {
  action.checkLimits?.(request);
}

function validate({ action, request }: Call): void {
  action.validate?.(request);
}

export class Pipeline {
  /** What lies behind this server may be away for long, and every message that needs it fails then. */
  readonly #failures: RareLog<ActionErrorCode>;
  /** By action: what makes one fail, a client can send again and again. */
  readonly #faults: RareLog;
  readonly #actions: ReadonlyMap<string, Action>;
  /** Of the sessions that have a message in hand. */
  readonly #inboxes = new Map<Session, Inbox>();

  constructor(
    private readonly services: ActionServices,
    log: Log,
    actions: readonly Action[] = allActions,
  ) {
    this.#failures = new RareLog(log);
    this.#faults = new RareLog(log);
    this.#actions = new Map(actions.map((action) => [action.name, action]));
  }

  /**
   * Takes a text frame. Messages of a session are done one after the other, so that an unsubscribe sent behind a
   * subscribe finds it done; while one waits for the broker, as many may wait behind it as the rate limit lets in.
   */
  receive(session: Session, frame: Buffer): void {
    const inbox = this.#inboxes.get(session) ?? this.#open(session);
    if (!inbox.isBusy) {
      void this.#work(session, inbox, frame);
    } else if (this.#hasRoom(session, inbox.waiting)) {
      inbox.waiting.push(withoutSlack(frame));
    } else {
      const error = new ActionError('rate_limited', 'rate limit exceeded: too many messages wait for an earlier one');
      slowDown(session, this.services);
      session.transport.sendText(errorReply(requestIdOf(frame), error));
    }
  }

  #open(session: Session): Inbox {
    const inbox = { isBusy: false, waiting: [], concurrent: 0 };
    this.#inboxes.set(session, inbox);
    return inbox;
  }

  #hasRoom({ identity }: Session, waiting: readonly Buffer[]): boolean {
    const { rate, maxMessageBytes } = this.services.limits;
    const brokerSeconds = 5;
    if (waiting.length >= rate.burst + rate.perSecond * brokerSeconds) return false;
    const mostBytes = identity === undefined ? strangersWaitingBytes : maxMessageBytes * largestWaiting;
    return waiting.length === 0 || waiting.reduce((sum, { length }) => sum + length, 0) < mostBytes;
  }

  /** Never rejects. */
  async #work(session: Session, inbox: Inbox, first: Buffer): Promise<void> {
    inbox.isBusy = true;
    for (
      let frame: Buffer | undefined = first;
      frame !== undefined && !session.isEnded;
      frame = inbox.waiting.shift()
    ) {
      const call = { session, frame, services: this.services, actions: this.#actions } as Call;
      const refusal = await this.#refusal(call);
      if (refusal !== undefined) this.#reply(session, refusal);
      else if (call.action.isConcurrent && inbox.concurrent < maxConcurrent) void this.#performBeside(call, inbox);
      else this.#reply(session, await this.#perform(call));
      if (session.isTooMalformed) session.transport.close('malformed');
      if (call.hasNoRoom) session.transport.close('too_many_sockets');
    }
    inbox.isBusy = false;
    this.#closeIfIdle(session, inbox);
  }

  /** Never rejects. */
  async #performBeside(call: Call, inbox: Inbox): Promise<void> {
    inbox.concurrent += 1;
    this.#reply(call.session, await this.#perform(call));
    inbox.concurrent -= 1;
    this.#closeIfIdle(call.session, inbox);
  }

  #closeIfIdle(session: Session, inbox: Inbox): void {
    if (!inbox.isBusy && inbox.concurrent === 0) this.#inboxes.delete(session);
  }

  #reply(session: Session, text: string): void {
    if (!session.isEnded) session.transport.sendText(text);
  }

  /** @returns the reply to a message that one of the steps refused. Never rejects. */
  async #refusal(call: Call): Promise<string | undefined> {
    try {
      for (const step of steps) await step(call);
      return undefined;
    } catch (error) {
      if (!(error instanceof MalformedMessage)) {
        const refusal = this.#asActionError(error, call.action?.name);
        call.hasNoRoom = refusal.code === 'too_many_sockets';
        return errorReply(call.envelope?.requestId, refusal);
      }
      call.session.countMalformed(performance.now());
      return errorReply(error.requestId, error);
    }
  }

  /** @returns the reply. Never rejects. */
  async #perform({ action, request }: Call): Promise<string> {
    try {
      return successReply(request.requestId, await action.perform(request));
    } catch (error) {
      return errorReply(request.requestId, this.#asActionError(error, action.name));
    }
  }

  /** @param action that it was on its way to, if it was known yet */
  #asActionError(error: unknown, action: string | undefined): ActionError {
    if (!(error instanceof ActionError)) {
      this.#faults.error(action ?? '', { err: error, action }, 'fault while serving a message');
      return new ActionError('internal');
    }
    const { cause, code } = error;
    if (cause !== undefined) this.#failures.warn(code, { err: cause, code }, 'a message could not be served');
    return error;
  }
}

/** The id of a message that is not looked at otherwise, as far as it can be read. */
function requestIdOf(frame: Buffer): RequestId | undefined {
  if (frame.length > maxBytesReadInVain) return undefined;
  try {
    return decodeEnvelope(frame).requestId;
  } catch (error) {
    if (error instanceof MalformedMessage) return error.requestId;
    throw error;
  }
}
