/**
 * What a query is: a question to the media nodes of the bus about what is now, whose answers are merged into one result.
 * One file a query implements this, and `queries.ts` lists them. Exchanges, keys and members are Kazoo's own
 * (kapi_call, kapi_conference, kapi_registration).
 */
import type { z } from 'zod';
import type { FamilyName, Payload } from '../families/family.ts';

/** An answer of a media node: its fields are looked at one by one. */
export type Answer = Payload;

/** A question as a query puts it; who asks is added. */
export interface MediaQuestion {
  readonly exchange: string;
  readonly routingKey: string;
  readonly fields: object;
  /** The `Event-Name` of an answer that says something. Any other one, an error say, counts as empty. */
  readonly answer: string;
}

export interface MediaAnswers {
  /** One a node; errors are left out. */
  readonly answers: readonly Answer[];
  /** Some media node that lives has not answered in time, or none did, or nobody can know yet which ones live. */
  readonly partial: boolean;
}

/** What queries work with. */
export interface QueryTools {
  /**
   * @param suffices whether an answer makes the others' unnecessary
   * @param isExtra whether it is one of many for one query: all these together leave room for others' questions
   * @throws ActionError rate_limited, where this node asks too much already
   */
  ask(question: MediaQuestion, suffices?: (answer: Answer) => boolean, isExtra?: boolean): Promise<MediaAnswers>;
  /** An account's realm. */
  realmOf(account: string): string | undefined;
  /** Whether this node has just heard that a call ended: a media node may list it for a while yet. */
  hasEnded(callId: string): boolean;
  /** Counts an entry that is another account's, or says of itself what contradicts the question. */
  onContradiction(): void;
}

/** What came of a query. */
export interface QueryOutcome {
  readonly result: unknown;
  readonly partial: boolean;
  /** Not every entry that details were wanted of has them. */
  readonly detailsPartial?: boolean;
}

export interface Query<Arguments = unknown> {
  /** As clients spell it. */
  readonly name: string;
  /** The family that a token's `families` must name. */
  readonly family: FamilyName;
  /** What else is in the message's `data`. */
  readonly arguments: z.ZodType<Arguments>;
  /** @throws ActionError binding_unsupported, rate_limited */
  run(account: string, args: Arguments, tools: QueryTools): Promise<QueryOutcome>;
}
