/**
 * Asks the media nodes of the bus what is now. A new query is a file beside this and a line here.
 *
 * No answer is older than its question: who asks while the same is under way shares the next one, so that five hundred
 * boards which reload together cost two questions.
 */
import { z } from 'zod';
import type { AccountDirectory } from '../auth/accounts.ts';
import { checkAccount, checkFamily, checkScope, checkUnfiltered } from '../auth/authorization.ts';
import type { Identity } from '../auth/identity.ts';
import type { Asker } from '../bus.ts';
import { ActionError } from '../errors.ts';
import { everyAccount } from '../families/family.ts';
import { KeyedBuckets } from '../keyed-buckets.ts';
import { Shared } from '../shared.ts';
import { TokenBucket } from '../token-bucket.ts';
import { channel, channels, findChannelAlone } from './channels.ts';
import { conference, conferences } from './conferences.ts';
import type { Answer, MediaAnswers, MediaQuestion, Query, QueryOutcome, QueryTools } from './query.ts';
import { registrations } from './registrations.ts';

export const allQueries = [channels, channel, conferences, conference, registrations] as const;

/** The application whose nodes know of calls, conferences and registrations: Kazoo's own word. */
const application = 'ecallmgr';
/** How long the media nodes have at most. ms */
const answerMs = 2000;
/** Of a token. */
const tokenRate = { perSecond: 10, burst: 10 };
/** Of this node, on the bus. */
const nodeRate = { perSecond: 100, burst: 100 };
/** What of it the details of lists may take: one who asks for all of them must not silence everybody else. */
const extraRate = { perSecond: 50, burst: 50 };

/** Who lives on the bus. */
export interface Peers {
  /** The names of the living nodes that run an application; undefined: it is too early to know. */
  running(application: string): ReadonlySet<string> | undefined;
}

/** What queries need of the rest of the server. */
export interface QuerySurroundings {
  readonly asker: Asker;
  readonly peers: Peers;
  readonly accounts: AccountDirectory;
  /** Whether the bus can be asked at all. */
  isUp(): boolean;
  hasEnded(callId: string): boolean;
  /** Counts an entry that is not the account's, whatever the bus says. */
  onContradiction(): void;
}

/** What is asked on whose behalf. */
export interface QueryRequest {
  readonly name: string;
  readonly account: string;
  /** Not checked yet. */
  readonly arguments: unknown;
}

const nodeOf = z.looseObject({ Node: z.string().min(1).max(256).optional().catch(undefined) });

export class Queries {
  readonly #byName = new Map<string, Query>(allQueries.map((query) => [query.name, query as Query]));
  readonly #shared = new Shared<QueryOutcome>();
  readonly #tokenRates = new KeyedBuckets(tokenRate);
  readonly #nodeRate = new TokenBucket(nodeRate);
  readonly #extraRate = new TokenBucket(extraRate);

  constructor(private readonly surroundings: QuerySurroundings) {}

  /**
   * Whether somebody may ask this.
   * @throws ActionError invalid_message, scope_missing, account_unauthorized
   */
  check({ name, account }: Pick<QueryRequest, 'name' | 'account'>, identity: Identity): void {
    const query = this.#query(name);
    checkScope(identity, 'events');
    checkUnfiltered(identity);
    checkFamily(identity, query.family);
    if (account === everyAccount) {
      throw new ActionError('account_unauthorized', 'unauthorized wildcard account id: a query is about one account');
    }
    checkAccount(identity, account, this.surroundings.accounts);
  }

  /**
   * @param who the asker, as it is known at the moment: a token may end while the media nodes think. It throws then
   * @throws ActionError those of `check`, rate_limited, source_unavailable, binding_unsupported, token_expired
   */
  async ask(request: QueryRequest, who: () => Identity): Promise<QueryOutcome> {
    const identity = who();
    this.check(request, identity);
    const query = this.#query(request.name);
    const args = parseArguments(query, request.arguments);
    if (this.#tokenRates.take([identity.tokenDigest], performance.now()) > 0) {
      throw new ActionError('rate_limited', `rate limit exceeded: ${tokenRate.perSecond} queries a second of a token`);
    }
    const key = `${query.name} ${request.account} ${JSON.stringify(args)}`;
    const outcome = await this.#shared.run(key, () => query.run(request.account, args, this.#tools(true)));
    this.check(request, who());
    return outcome;
  }

  /**
   * One channel, as the media nodes know it from now on: for who is about to act on it. Not shared, and not counted. All of
   * them are heard.
   * @returns undefined where nobody knows it as this account's, or somebody as another's
   * @throws ActionError source_unavailable where not all answered, and none knows it as this account's
   */
  async findChannel(account: string, callId: string): Promise<Readonly<Record<string, unknown>> | undefined> {
    const { found, partial } = await findChannelAlone(callId, account, this.#tools(false));
    if (found === undefined && partial) {
      throw new ActionError('source_unavailable', 'no answer from every media node: whose call it is, is not known');
    }
    return found;
  }

  /** @param isCounted whether what is asked counts for the limits */
  #tools(isCounted: boolean): QueryTools {
    const { accounts, hasEnded, onContradiction } = this.surroundings;
    return {
      ask: async (question, suffices, isExtra = false) => {
        if (isCounted) this.#count(isExtra);
        return this.#ask(question, suffices);
      },
      realmOf: (id) => accounts.realmOf(id),
      hasEnded,
      onContradiction,
    };
  }

  #count(isExtra: boolean): void {
    const now = performance.now();
    if ((!isExtra || this.#extraRate.take(now)) && this.#nodeRate.take(now)) return;
    throw new ActionError(
      'rate_limited',
      `rate limit exceeded: this node asks ${nodeRate.perSecond} questions a second`,
    );
  }

  async #ask(question: MediaQuestion, suffices: (answer: Answer) => boolean = () => false): Promise<MediaAnswers> {
    const { asker, peers, isUp } = this.surroundings;
    if (!isUp()) throw new ActionError('source_unavailable');
    const living = peers.running(application);
    const missing = new Set(living);
    const answered = new Set<string>();
    const answers: Answer[] = [];
    let isEnough = false;
    await asker.ask<Answer>(
      {
        exchange: question.exchange,
        routingKey: question.routingKey,
        fields: question.fields,
        read: (message) => nodeOf.parse(message),
      },
      {
        ms: answerMs,
        enough(all) {
          const last = all.at(-1);
          if (last === undefined) return false;
          const node = typeof last.Node === 'string' ? last.Node : undefined;
          // A second answer of a node counts for nothing.
          if (node !== undefined && answered.has(node)) return isEnough;
          if (node !== undefined) answered.add(node);
          if (last['Event-Name'] === question.answer) answers.push(last);
          if (node !== undefined) missing.delete(node);
          // While nobody is known to live, any number of strangers may still answer.
          const isEverybody = living !== undefined && living.size > 0 && missing.size === 0;
          isEnough = isEverybody || (last['Event-Name'] === question.answer && suffices(last));
          return isEnough;
        },
      },
    );
    const isKnown = living !== undefined && missing.size === 0 && answered.size > 0;
    return { answers, partial: !isEnough && !isKnown };
  }

  #query(name: string): Query {
    const query = this.#byName.get(name);
    if (query !== undefined) return query;
    throw new ActionError(
      'invalid_message',
      `invalid message: data.name: no query ${JSON.stringify(name.slice(0, 64))}; there are ${[...this.#byName.keys()].join(', ')}`,
    );
  }
}

/** @throws ActionError invalid_message */
function parseArguments(query: Query, value: unknown): unknown {
  const parsed = query.arguments.safeParse(value);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const path = issue?.path.join('.');
  throw new ActionError('invalid_message', `invalid message: data.${path}: ${issue?.message}`);
}
