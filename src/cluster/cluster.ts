/** Several nodes on one broker: who lives, which sockets the others have, closing one of theirs. */
import { ZodError } from 'zod';
import type { Asker, ControlChannel, Delivery, Publisher } from '../bus.ts';
import { firstFault } from '../errors.ts';
import type { Log } from '../log.ts';
import { decodeBody } from '../payload.ts';
import { RareLog } from '../rare-log.ts';
import { Shared } from '../shared.ts';
import { BusAsker, type Warn } from './asker.ts';
import {
  type Answer,
  answerSchema,
  closeKey,
  getKey,
  headersOf,
  nodesExchange,
  questionsExchange,
  receivedSchema,
  type Sender,
  type SocketRecord,
} from './messages.ts';
import { Neighbourhood } from './neighbourhood.ts';
import { type Listed, mergePages, type Page, type PageRequest, pageOf } from './pages.ts';
import { Respondent } from './respondent.ts';
import { type NodeKey, nodeKeyOf } from './roster.ts';

/** How long the others have for an answer. ms */
const answerMs = 500;
/** Larger answers are dropped: parsing them would hold up every event. */
const maxMessageBytes = 4_194_304;

const ofNoUse = 'a message of another node was of no use';

/** The sockets of this node, as the cluster sees them. */
export interface LocalSockets {
  /** The account's own, and those of accounts above it that watch it. */
  ofAccount(account: string): Iterable<Listed>;
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

export class Cluster {
  readonly #neighbourhood: Neighbourhood;
  readonly #asker: BusAsker;
  readonly #respondent: Respondent;
  readonly #lists = new Shared<Gathered<Page>>();
  /** What others send, and how often the broker refuses, is not ours to choose: each is said once a minute. */
  readonly #warn: Warn;

  constructor(
    private readonly control: ControlChannel,
    private readonly sockets: LocalSockets,
    private readonly sender: Sender,
    log: Log,
    /** How long after a connect every media node has said that it lives, ms: Kazoo's say so every 5 to 15 s. */
    mediaKnownMs = 15_000,
  ) {
    const rareLog = new RareLog(log);
    this.#warn = (text, fields) => rareLog.warn(text, fields, text);
    this.#neighbourhood = new Neighbourhood(control, sender, mediaKnownMs, this.#warn, log);
    this.#asker = new BusAsker(control, sender, this.#warn);
    this.#respondent = new Respondent(control, sockets, sender, this.#warn);
  }

  /** For other questions: answers to them come to the queue of the nodes' conversation, too. */
  get asker(): Asker {
    return this.#asker;
  }

  /** @returns undefined while it is too early to know, or for another application than that of media nodes */
  running(application: string): ReadonlySet<NodeKey> | undefined {
    return this.control.isUp ? this.#neighbourhood.running(application) : undefined;
  }

  /** Says something to others, with who says it. */
  publish: Publisher['publish'] = (exchange, routingKey, fields, options) =>
    this.control.publish(exchange, routingKey, { ...headersOf(this.sender), ...fields }, options);

  /** Whether others can be asked now. */
  get isUp(): boolean {
    return this.control.isUp;
  }

  start(): void {
    this.#neighbourhood.start();
    this.control.start({
      onMessage: (message) => this.#onMessage(message),
      onUp: () => this.#neighbourhood.onUp(),
    });
  }

  tick(now: number): void {
    if (this.control.isUp) this.#neighbourhood.tick(now);
  }

  async stop(): Promise<void> {
    if (this.control.isUp) await this.#neighbourhood.leave();
    await this.control.stop();
  }

  /**
   * A page of an account's sockets. Who asks for the same one while it is on its way shares the next: a thousand wallboards
   * that reload together cost two questions.
   */
  socketsOf(account: string, request: PageRequest): Promise<Gathered<Page>> {
    const { startKey = '', limit, idsOnly } = request;
    return this.#lists.run(`${account} ${idsOnly} ${limit ?? ''} ${startKey}`, () => this.#list(account, request));
  }

  async #list(account: string, request: PageRequest): Promise<Gathered<Page>> {
    const { startKey, limit, idsOnly } = request;
    const { answers, partial } = await this.#ask(
      getKey,
      {
        'Event-Name': 'get_req',
        'Account-ID': account,
        ...(limit !== undefined && { Limit: limit }),
        ...(startKey !== undefined && { 'Start-Key': startKey }),
        ...(idsOnly && { 'Ids-Only': true }),
      },
      () => false,
    );
    const others = answers.map((answer) => theirPage(answer, account));
    return { found: mergePages([pageOf(this.sockets.ofAccount(account), request), ...others], request), partial };
  }

  async findSocket(account: string, id: string): Promise<Gathered<SocketRecord | undefined>> {
    const own = this.sockets.find(id, account);
    if (own !== undefined) return { found: own, partial: false };
    const isIt = (record: SocketRecord): boolean => record.websocket_session_id === id && belongsTo(record, account);
    const found = await this.#findAmong(isIt, { 'Account-ID': account, 'Socket-ID': id });
    // Blackhole looks for the id alone, whosever socket that is, and doesn't tell whose; its lists are the account's.
    const isVouchedFor = found.found === undefined || found.found.account_id != null;
    if (isVouchedFor) return found;
    return this.#findAmong(isIt, { 'Account-ID': account, 'Start-Key': id, Limit: 1 });
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

  /**
   * Asks all others that live, and waits for exactly those.
   * @param suffices whether an answer makes the others' unnecessary
   */
  async #ask(routingKey: string, fields: object, suffices: (answer: Answer) => boolean) {
    await this.#neighbourhood.introduced();
    const living = this.#neighbourhood.living();
    const { answers, partial } = await this.#asker.ask<Answer>(
      {
        exchange: questionsExchange.name,
        routingKey,
        fields: { 'Event-Category': 'websockets', ...fields },
        read: (message) => answerSchema.parse(message),
      },
      {
        ms: answerMs,
        enough(answers) {
          const last = answers.at(-1);
          if (last !== undefined) living.delete(nodeKeyOf(last));
          return living.size === 0 || (last !== undefined && suffices(last));
        },
      },
    );
    return { answers, partial: partial || this.#neighbourhood.isDeaf };
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
      if (exchange === nodesExchange.name) this.#neighbourhood.onAdvertise(payload);
      else if (message.routingKey === getKey) this.#respondent.onGetRequest(payload);
      else if (message.routingKey === closeKey) this.#respondent.onCloseRequest(payload);
      else this.#asker.receive(receivedSchema.parse(payload));
    } catch (error) {
      if (!(error instanceof ZodError)) throw error;
      this.#warn(ofNoUse, { reason: firstFault(error, 'the message'), exchange });
    }
  }
}

/** A Blackhole's page is all that it has. */
function theirPage(answer: Answer, account: string): Page {
  return {
    records: recordsOf(answer).filter((record) => belongsTo(record, account)),
    nextStartKey: answer['Event-Name'] === 'get_resp' ? answer['Next-Start-Key'] : undefined,
    bytes: 0,
  };
}

function recordsOf(answer: Answer): SocketRecord[] {
  if (answer['Event-Name'] !== 'get_resp') return [];
  return Array.isArray(answer.Data) ? answer.Data : [answer.Data];
}

/** Kazoo's own answers name no account: they were asked for this one, as were those of sockets that watch it from above. */
function belongsTo(record: SocketRecord, account: string): boolean {
  return record.account_id == null || record.account_id === account || record.watching === true;
}
