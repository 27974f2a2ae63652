/** `conferences`: the rooms of an account that are in use now; `conference`: one of them, with who is in it. */
import { z } from 'zod';
import { type Entry, entryOf, inSlices, listIn, membersIn, ownMember, shown, textOf } from './entries.ts';
import type { Query, QueryTools } from './query.ts';

const question = { exchange: 'conference', routingKey: 'conference.discovery', answer: 'search_resp' } as const;
const fields = { 'Event-Category': 'conference', 'Event-Name': 'search_req' };

interface Rooms {
  readonly rooms: readonly Entry[];
  readonly partial: boolean;
}

/** Answers name the account that they are about; the entries don't. */
async function roomsOf(account: string, tools: QueryTools): Promise<Rooms> {
  const { answers, partial } = await tools.ask({ ...question, fields: { ...fields, 'Account-ID': account } });
  const named: (readonly [string, unknown])[] = [];
  for (const answer of answers) {
    const members = membersIn(answer, 'Conferences');
    if (ownMember(answer, 'Account-ID') === account) named.push(...members);
    else if (members.length > 0) tools.onContradiction();
  }
  const rooms = new Map<string, Entry>();
  await inSlices(named, ([name, value]) => {
    const entry = entryOf(value);
    // Two rooms may have a name, one that has just ended among them; media nodes that list the same room know its id.
    if (entry !== undefined) rooms.set(textOf(entry, 'uuid') ?? name, { name, ...shown(entry) });
  });
  return { rooms: [...rooms.values()], partial };
}

export const conferences: Query<object> = {
  name: 'conferences',
  family: 'conference',
  arguments: z.object({}),

  async run(account, _args, tools) {
    const { rooms, partial } = await roomsOf(account, tools);
    return { result: rooms, partial };
  },
};

const conferenceArguments = z.object({ conference_id: z.string().min(1).max(256) });

export const conference: Query<z.output<typeof conferenceArguments>> = {
  name: 'conference',
  family: 'conference',
  arguments: conferenceArguments,

  /** Whoever asks for a room by its name gets it from the bus, whosever it is: so the account's own are looked up first. */
  async run(account, { conference_id: id }, tools) {
    const { rooms, partial } = await roomsOf(account, tools);
    const own = rooms.filter(({ name }) => name === id);
    const [room] = own;
    if (room === undefined) return { result: null, partial };
    const ids = new Set(own.map((entry) => textOf(entry, 'uuid')).filter((uuid) => uuid !== undefined));
    const found = await tools.ask({ ...question, fields: { ...fields, 'Conference-ID': id } });
    const participants = new Map<string, Entry>();
    for (const answer of found.answers) {
      const uuid = ownMember(answer, 'UUID');
      if (typeof uuid !== 'string' || !ids.has(uuid)) {
        tools.onContradiction();
        continue;
      }
      await inSlices(listIn(answer, 'Participants'), (value) => {
        const entry = entryOf(value);
        if (entry === undefined) return;
        const callId = textOf(entry, 'call_id');
        if (callId !== undefined && tools.hasEnded(callId)) return;
        participants.set(`${uuid} ${callId ?? participants.size}`, shown(entry));
      });
    }
    return { result: { ...room, participants: [...participants.values()] }, partial: partial || found.partial };
  },
};
