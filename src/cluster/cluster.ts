/** Several nodes on one broker: who lives, which sockets the others have, closing one of theirs. */
import { randomUUID } from 'node:crypto';
import { ZodError } from 'zod';
import type { ControlChannel, Delivery } from '../bus.ts';
import { messageOf } from '../errors.ts';
import { gregorianSeconds } from '../gregorian.ts';
import type { Log } from '../log.ts';
import { decodeBody } from '../payload.ts';
import { Throttle } from '../throttle.ts';
import {
  type Answer,
  advertiseSchema,
  answerSchema,
  answersExchange,
  closeKey,
  closeRequestSchema,
  getKey,
  getRequestSchema,
  headersOf,
  isFromOurKind,
  nodesExchange,
  questionsExchange,
  type Sender,
  type SocketRecord,
  withoutOwner,
} from './messages.ts';
import { type NodeKey, nodeKeyOf, Roster } from './roster.ts';

/** How often a node says that it lives; it counts as gone after twice the time. ms */
const advertiseMs = 5000;
/** How long the others have for an answer. ms */
const answerMs = 500;
/** Whoever hears of a new node says at once that it lives: so long after a connect questions wait for that. ms */
const introductionMs = 200;
/** An answer lists all sockets of an account, which may be ten thousands. */
const maxMessageBytes = 67_108_864;

const ofNoUse = 'a message of another node was of no use';

/** The sockets of this node, as the cluster sees them. */
export interface LocalSockets {
  /** The account's own, and those of accounts above it that watch it. */
  ofAccount(account: string): SocketRecord[];
  /**
   * One of those that `ofAccount` lists.
   * @param account undefined: whichever account it belongs to
   */
  find(id: string, account: string | undefined): SocketRecord | undefined;
  /** The account's own alone. @returns whether there was such a socket */
  close(account: string, id: string): boolean;
}

/** What was asked of all nodes. */
export interface Gathered<T> {
  readonly found: T;
  /** Some node that lives didn't answer in time, or could not be asked. */
  readonly partial: boolean;
}

interface Question {
  readonly missing: Set<NodeKey>;
  readonly answers: Answer[];
  /** Whether an answer makes the others' unnecessary. */
  readonly isEnough: (answer: Answer) => boolean;
  readonly done: () => void;
}

export class Cluster {
  readonly #roster: Roster;
  readonly #questions = new Map<string, Question>();
  readonly #startedAt = Date.now();
  readonly #throttle = new Throttle<string>();
  #advertiseAt = 0;
  /** From when on those that live are known. Of `performance.now()`, as all times here: a wall clock may be set back. */
  #introducedAt = 0;

  constructor(
    private readonly control: ControlChannel,
    private readonly sockets: LocalSockets,
    private readonly sender: Sender,
    private readonly log: Log,
  ) {
    this.#roster = new Roster(sender.instanceId);
  }

  start(): void {
    // The connection has as long as an answer to be there at all.
    this.#introducedAt = performance.now() + answerMs;
    this.control.start({ onMessage: (message) => this.#onMessage(message), onUp: () => this.#onUp() });
  }

  #onUp(): void {
    const now = performance.now();
    this.#introducedAt = now + introductionMs;
    this.#roster.spare(now + 2 * advertiseMs);
    this.#advertise();
  }

  /** Once a second, more or less: it is time at the tick that is the nearest. */
  tick(now: number): void {
    if (!this.control.isUp) return;
    this.#roster.purge(now);
    if (now >= this.#advertiseAt - 500) this.#advertise();
  }

  async stop(): Promise<void> {
    if (this.control.isUp) this.#say({ Expires: 0 });
    await this.control.stop();
  }

  async socketsOf(account: string): Promise<Gathered<SocketRecord[]>> {
    const { answers, partial } = await this.#ask(
      getKey,
      { 'Event-Name': 'get_req', 'Account-ID': account },
      () => false,
    );
    const others = answers.flatMap((answer) => recordsOf(answer)).filter((record) => belongsTo(record, account));
    return { found: [...this.sockets.ofAccount(account), ...others], partial };
  }

  async findSocket(account: string, id: string): Promise<Gathered<SocketRecord | undefined>> {
    const own = this.sockets.find(id, account);
    if (own !== undefined) return { found: own, partial: false };
    const isIt = (record: SocketRecord): boolean => record.websocket_session_id === id && belongsTo(record, account);
    const found = await this.#findAmong(isIt, { 'Account-ID': account, 'Socket-ID': id });
    // Blackhole looks for the id alone, whosever socket that is, and doesn't tell whose; its lists are the account's.
    const isVouchedFor = found.found === undefined || found.found.account_id != null;
    return isVouchedFor ? found : this.#findAmong(isIt, { 'Account-ID': account });
  }

  async #findAmong(
    isIt: (record: SocketRecord) => boolean,
    question: object,
  ): Promise<Gathered<SocketRecord | undefined>> {
    const { answers, partial } = await this.#ask(getKey, { 'Event-Name': 'get_req', ...question }, (answer) =>
      recordsOf(answer).some(isIt),
    );
    return { found: answers.flatMap((answer) => recordsOf(answer)).find(isIt), partial };
  }

  /** Closes a socket, on whichever node it is. `found` tells whether there was one. */
  async closeSocket(account: string, id: string): Promise<Gathered<boolean>> {
    if (this.sockets.close(account, id)) return { found: true, partial: false };
    const isClosed = (answer: Answer): boolean => answer['Event-Name'] === 'close_resp' && answer.Closed;
    const question = { 'Event-Name': 'close_req', 'Account-ID': account, 'Socket-ID': id };
    const { answers, partial } = await this.#ask(closeKey, question, isClosed);
    return { found: answers.some(isClosed), partial };
  }

  /** Asks all others that live, and waits for exactly those. */
  async #ask(
    routingKey: string,
    question: object,
    isEnough: (answer: Answer) => boolean,
  ): Promise<{ answers: Answer[]; partial: boolean }> {
    await this.#introduced();
    if (!this.control.isUp) return { answers: [], partial: true };
    const missing = this.#roster.living(performance.now());
    if (missing.size === 0) return { answers: [], partial: false };
    const id = randomUUID();
    const answers: Answer[] = [];
    try {
      await new Promise<void>((resolve, reject) => {
        this.#questions.set(id, { missing, answers, isEnough, done: resolve });
        setTimeout(resolve, answerMs).unref();
        try {
          this.control.publish(questionsExchange, routingKey, {
            ...headersOf(this.sender),
            'Msg-ID': id,
            'Event-Category': 'websockets',
            'Server-ID': this.control.address,
            ...question,
          });
        } catch (error) {
          reject(error);
        }
      });
    } catch (error) {
      this.#warn('the other nodes could not be asked', { reason: messageOf(error) });
    } finally {
      this.#questions.delete(id);
    }
    return { answers, partial: missing.size > 0 && !answers.some(isEnough) };
  }

  async #introduced(): Promise<void> {
    const moment = 20;
    while (performance.now() < this.#introducedAt) await new Promise((resolve) => setTimeout(resolve, moment));
  }

  #onMessage(message: Delivery): void {
    const { exchange } = message;
    const decoded = decodeBody(message, maxMessageBytes);
    if (typeof decoded === 'string') {
      this.#warn(ofNoUse, { reason: decoded, exchange });
      return;
    }
    const { payload } = decoded;
    try {
      if (exchange === nodesExchange.name) this.#onAdvertise(payload);
      else if (message.routingKey === getKey) this.#onGetRequest(payload);
      else if (message.routingKey === closeKey) this.#onCloseRequest(payload);
      else this.#onAnswer(payload);
    } catch (error) {
      if (error instanceof ZodError) this.#warn(ofNoUse, { reason: reasonOf(error), exchange });
      else this.#warn('another node could not be answered', { reason: messageOf(error) });
    }
  }

  /** What others send, and how often the broker refuses, is not ours to choose: each is said once a minute. */
  #warn(text: string, fields: object): void {
    const alsoSinceLastReport = this.#throttle.pass(text);
    if (alsoSinceLastReport !== undefined) this.log.warn({ ...fields, alsoSinceLastReport }, text);
  }

  #onAdvertise(payload: unknown): void {
    const message = advertiseSchema.safeParse(payload);
    // Who is new doesn't know us either, and shall not have to wait for our next message.
    if (message.success && this.#roster.note(message.data, performance.now())) this.#advertise();
  }

  #onGetRequest(payload: unknown): void {
    const request = getRequestSchema.parse(payload);
    if (request['Instance-ID'] === this.sender.instanceId) return;
    const isOurs = isFromOurKind(request);
    const id = request['Socket-ID'];
    const found =
      id === undefined ? this.#listFor(request) : this.#lookUp(id, isOurs ? request['Account-ID'] : undefined);
    const data = isOurs ? found : found.map(withoutOwner);
    this.#answer(request, { 'Event-Name': 'get_resp', Data: id === undefined ? data : (data[0] ?? []) });
  }

  /** Those of either account, as Blackhole lists them. */
  #listFor(request: { 'Account-ID'?: string | undefined; 'Auth-Account-ID'?: string | undefined }): SocketRecord[] {
    const accounts = [request['Account-ID'], request['Auth-Account-ID']].filter((account) => account !== undefined);
    const records = accounts.flatMap((account) => this.sockets.ofAccount(account));
    return [...new Map(records.map((record) => [record.websocket_session_id, record])).values()];
  }

  /** @param account undefined: Kazoo's way, who knows the id is shown the socket */
  #lookUp(id: string, account: string | undefined): SocketRecord[] {
    const record = this.sockets.find(id, account);
    return record === undefined ? [] : [record];
  }

  #onCloseRequest(payload: unknown): void {
    const request = closeRequestSchema.parse(payload);
    if (request['Instance-ID'] === this.sender.instanceId) return;
    const isClosed = this.sockets.close(request['Account-ID'], request['Socket-ID']);
    this.#answer(request, { 'Event-Name': 'close_resp', Closed: isClosed });
  }

  #answer(request: { readonly 'Msg-ID'?: string | undefined; readonly 'Server-ID': string }, answer: object): void {
    this.control.publish(answersExchange, request['Server-ID'], {
      ...headersOf(this.sender),
      ...(request['Msg-ID'] !== undefined && { 'Msg-ID': request['Msg-ID'] }),
      'Event-Category': 'websockets',
      ...answer,
    });
  }

  #onAnswer(payload: unknown): void {
    const answer = answerSchema.parse(payload);
    const question = this.#questions.get(answer['Msg-ID']);
    if (question === undefined) return;
    question.answers.push(answer);
    question.missing.delete(nodeKeyOf(answer));
    if (question.missing.size === 0 || question.isEnough(answer)) question.done();
  }

  #advertise(): void {
    this.#advertiseAt = performance.now() + advertiseMs;
    this.#say({ Expires: advertiseMs });
  }

  #say(fields: { readonly Expires: number }): void {
    try {
      this.control.publish(nodesExchange, '', {
        ...headersOf(this.sender),
        'Event-Category': 'nodes',
        'Event-Name': 'advertise',
        'Server-ID': this.control.address,
        'Used-Memory': this.sender.usedMemory(),
        Version: this.sender.version,
        WhApps: { blackhole: { Startup: gregorianSeconds(this.#startedAt) } },
        ...fields,
      });
    } catch (error) {
      this.log.debug({ reason: messageOf(error) }, 'could not advertise this node');
    }
  }
}

/** The first fault: the error's own message has several lines. */
function reasonOf({ issues: [issue] }: ZodError): string {
  return issue === undefined ? 'invalid' : `${issue.path.join('.')}: ${issue.message}`;
}

function recordsOf(answer: Answer): SocketRecord[] {
  if (answer['Event-Name'] !== 'get_resp') return [];
  return Array.isArray(answer.Data) ? answer.Data : [answer.Data];
}

/** Kazoo's own answers name no account: they were asked for this one, as were those of sockets that watch it from above. */
function belongsTo(record: SocketRecord, account: string): boolean {
  return record.account_id == null || record.account_id === account || record.watching === true;
}
