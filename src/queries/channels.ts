/** `channels`: the calls of an account that run now; `channel`: one of them, by its call id. */
import { setTimeout } from 'node:timers/promises';
import { z } from 'zod';
import { ActionError } from '../errors.ts';
import { encodeWord } from '../families/routing-key.ts';
import { type Entry, entryOf, inSlices, listIn, ownMember, shown, textOf } from './entries.ts';
import type { Answer, MediaQuestion, Query, QueryTools } from './query.ts';

const exchange = 'callevt';
/** How many are completed for one question: each costs a question of its own. */
export const maxDetails = 100;
/** How many of those are under way at a time. */
const detailsAtOnce = 10;
/** How long they may wait for their turn in all, and how often they look whether it has come. ms */
const detailsMs = 3000;
const turnMs = 25;

/** A SIP `Call-ID`: there are long ones. */
export const callId = z.string().min(1).max(1024);

const channelsArguments = z.object({
  details: z.boolean().nullish().describe('complete each entry with all that `channel` knows of it'),
  call_ids: z.array(callId).max(maxDetails).nullish().describe('which ones to complete; without: the first hundred'),
});

export const channels: Query<z.output<typeof channelsArguments>> = {
  name: 'channels',
  family: 'call',
  arguments: channelsArguments,

  async run(account, { details, call_ids: callIds }, tools) {
    const { answers, partial } = await tools.ask({
      exchange,
      routingKey: `call.status_req.${encodeWord(account)}`,
      fields: {
        'Event-Category': 'call_event',
        'Event-Name': 'query_account_channels_req',
        'Account-ID': account,
        'Active-Only': false,
      },
      answer: 'query_account_channels_resp',
    });
    const byId = new Map<string, Entry>();
    await inSlices(
      answers.flatMap((answer) => listIn(answer, 'Channels')),
      (value) => noteChannel(byId, value, account, tools),
    );
    const result = new Map<string, Entry>();
    await inSlices(byId, ([id, entry]) => {
      if (!tools.hasEnded(id)) result.set(id, shown(entry));
    });
    if (details !== true) return { result: [...result.values()], partial };
    const detailsPartial = await complete(result, account, callIds ?? undefined, tools);
    return { result: [...result.values()], partial, detailsPartial };
  },
};

/** Several media nodes may list a call: the one that handles it knows best, else the last one heard. */
function noteChannel(byId: Map<string, Entry>, value: unknown, account: string, tools: QueryTools): void {
  const entry = entryOf(value);
  const id = entry === undefined ? undefined : textOf(entry, 'uuid');
  if (entry === undefined || id === undefined) return;
  if (entry.account_id !== account) {
    tools.onContradiction();
    return;
  }
  if (byId.get(id)?.handling_locally === true && entry.handling_locally !== true) return;
  byId.set(id, entry);
}

/** @returns whether some were left as they are */
async function complete(
  result: Map<string, Entry>,
  account: string,
  callIds: readonly string[] | undefined,
  tools: QueryTools,
): Promise<boolean> {
  const wanted = (callIds ?? [...result.keys()]).filter((id) => result.has(id));
  const ids = wanted.slice(0, maxDetails);
  let isPartial = wanted.length > ids.length;
  const until = performance.now() + detailsMs;
  const work = ids[Symbol.iterator]();
  const worker = async (): Promise<void> => {
    for (const id of work) {
      const found = await detailsOf(id, account, tools, until);
      const entry = result.get(id);
      if (found === undefined || entry === undefined) isPartial = true;
      // What the list says stands: it is the same channel, said in other words.
      else result.set(id, { ...found, ...entry });
    }
  };
  await Promise.all(Array.from({ length: detailsAtOnce }, worker));
  return isPartial;
}

/** Where this node asks too much already, details wait for their turn, and then the list goes without them. */
async function detailsOf(id: string, account: string, tools: QueryTools, until: number): Promise<Entry | undefined> {
  for (;;) {
    try {
      return (await findChannel(id, account, tools, true)).found;
    } catch (error) {
      if (!(error instanceof ActionError) || error.code !== 'rate_limited') throw error;
    }
    if (performance.now() >= until) return undefined;
    await setTimeout(turnMs);
  }
}

const channelArguments = z.object({ call_id: callId });

export const channel: Query<z.output<typeof channelArguments>> = {
  name: 'channel',
  family: 'call',
  arguments: channelArguments,

  async run(account, { call_id: id }, tools) {
    const { found, partial } = await findChannel(id, account, tools);
    return { result: found ?? null, partial };
  },
};

interface FoundChannel {
  readonly found: Entry | undefined;
  readonly partial: boolean;
}

/** The first media node that has it ends the wait. */
async function findChannel(id: string, account: string, tools: QueryTools, isExtra = false): Promise<FoundChannel> {
  const { answers, partial } = await tools.ask(
    questionFor(id),
    // Another account's ends no wait: how long an answer takes must not tell that there is such a call.
    (answer) => ownedIn(answer, id, account) !== undefined,
    isExtra,
  );
  return { found: pick(answers, id, account, tools), partial };
}

/**
 * The same for who is about to act on it. A call id is whatever a telephone says, and two accounts may have one each:
 * whatever is sent to it then would reach either. So all media nodes are heard, and a call that is another account's as
 * well is nobody's.
 */
export async function findChannelAlone(id: string, account: string, tools: QueryTools): Promise<FoundChannel> {
  const { answers, partial } = await tools.ask(questionFor(id));
  const found = pick(answers, id, account, tools);
  const isContested = answers.some((answer) => {
    const owner = entryIn(answer, id)?.account_id;
    return typeof owner === 'string' && owner !== account;
  });
  // Of one that is not the account's at all nothing else is told than of one that there is not.
  return found !== undefined && isContested ? { found: undefined, partial: false } : { found, partial };
}

function questionFor(id: string): MediaQuestion {
  return {
    exchange,
    routingKey: 'call.status_req.channels',
    fields: {
      'Event-Category': 'call_event',
      'Event-Name': 'query_channels_req',
      'Call-ID': id,
      Fields: 'all',
      // With true a media node that doesn't have it says nothing at all, and would be waited for.
      'Active-Only': false,
    },
    answer: 'query_channels_resp',
  };
}

/** The account's own of what was answered; the others are counted. */
function pick(answers: readonly Answer[], id: string, account: string, tools: QueryTools): Entry | undefined {
  const owned = answers.map((answer) => ownedIn(answer, id, account));
  for (const [at, answer] of answers.entries()) {
    if (owned[at] === undefined && entryIn(answer, id) !== undefined) tools.onContradiction();
  }
  const found = owned.find((entry) => entry !== undefined);
  return found === undefined || tools.hasEnded(id) ? undefined : shown(found);
}

function ownedIn(answer: Answer, id: string, account: string): Entry | undefined {
  const entry = entryIn(answer, id);
  return entry?.account_id === account && (entry.call_id ?? id) === id ? entry : undefined;
}

function entryIn(answer: Answer, id: string): Entry | undefined {
  const all = ownMember(answer, 'Channels');
  return typeof all === 'object' && all !== null ? entryOf(ownMember(all, id)) : undefined;
}
