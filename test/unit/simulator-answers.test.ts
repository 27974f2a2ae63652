/** The media nodes of the simulated PBX: what they answer is what its events come to, and looks as Kazoo's answers do. */
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { AccountTree } from '../../src/auth/accounts.ts';
import { identityOf } from '../../src/auth/identity.ts';
import type { Asker } from '../../src/bus.ts';
import { Queries } from '../../src/queries/queries.ts';
import { MediaTables, questionSchema } from '../../src/simulator/answers.ts';
import { startMediaNodes } from '../../src/simulator/media-nodes.ts';
import { type Pbx, type PbxMessage, startPbx } from '../../src/simulator/pbx.ts';
import { mediaServers } from '../../src/simulator/stage.ts';
import { accounts, createFakeTimers } from '../support/simulated-pbx.ts';

type Fields = Record<string, unknown>;

function startPlay(seed = 7) {
  const timers = createFakeTimers();
  const heard: PbxMessage[] = [];
  const pbx = startPbx({ accounts, seed, timers, publish: (message) => void heard.push(message) });
  return { timers, heard, pbx };
}

/** The queries of a server whose bus has the two media nodes on it. */
function queriesOf({ playing }: Pbx) {
  const asker: Asker = {
    async ask(question, patience) {
      const asked = questionSchema.parse(question.fields);
      const answers: never[] = [];
      for (const server of mediaServers) {
        const answer = new MediaTables(playing, server).answer(asked);
        if (answer !== undefined) answers.push(question.read({ ...answer, Node: server.ecallmgr }) as never);
        if (patience.enough(answers)) break;
      }
      return { answers, partial: false };
    },
  };
  const queries = new Queries({
    asker,
    peers: { running: () => new Set(mediaServers.map(({ ecallmgr }) => ecallmgr)) },
    accounts: new AccountTree(accounts),
    isUp: () => true,
    hasEnded: () => false,
    onContradiction: () => expect.unreachable('an entry that is not the account’s'),
  });
  return async (account: string, name: string, args: Fields = {}) => {
    const who = identityOf({ account_id: account, exp: 4e9 }, `${Math.random()}`);
    const { result, partial } = await queries.ask({ name, account, arguments: args }, () => who);
    expect(partial).toBe(false);
    return result as Fields[];
  };
}

/** What somebody knows of an account who has heard everything. */
class Listener {
  readonly channels = new Map<string, Fields>();
  readonly rooms = new Map<string, { uuid: string; locked: boolean; members: Map<string, Fields> }>();
  readonly registered = new Map<string, boolean>();

  constructor(private readonly account: { readonly id: string; readonly realm: string }) {}

  hear({ exchange, payload }: PbxMessage): void {
    const variables = (payload['Custom-Channel-Vars'] ?? {}) as Fields;
    if (exchange === 'callevt' && variables['Account-ID'] === this.account.id) this.#hearCall(payload);
    if (exchange === 'conference' && payload['Account-ID'] === this.account.id) this.#hearConference(payload);
    if (payload.Realm !== this.account.realm) return;
    if (payload['Event-Name'] === 'reg_success') this.registered.set(String(payload.Username), true);
    if (payload['Event-Name'] === 'deregister') this.registered.set(String(payload.Username), false);
  }

  #hearCall(payload: Readonly<Fields>): void {
    const id = String(payload['Call-ID']);
    const known = this.channels.get(id);
    const name = payload['Event-Name'];
    const direction = payload['Call-Direction'];
    if (name === 'CHANNEL_CREATE') this.channels.set(id, { direction, answered: false, held: false });
    if (name === 'CHANNEL_DESTROY') this.channels.delete(id);
    if (known === undefined) return;
    if (name === 'CHANNEL_ANSWER') known.answered = true;
    if (name === 'CHANNEL_HOLD' || name === 'CHANNEL_UNHOLD') known.held = name === 'CHANNEL_HOLD';
  }

  #hearConference(payload: Readonly<Fields>): void {
    const name = String(payload['Conference-ID']);
    const event = String(payload.Event);
    const callId = String(payload['Call-ID']);
    const vars = (payload['Conference-Channel-Vars'] ?? {}) as Fields;
    if (event === 'conference-create') {
      this.rooms.set(name, { uuid: String(payload['Instance-ID']), locked: false, members: new Map() });
    }
    if (event === 'conference-destroy') this.rooms.delete(name);
    const room = this.rooms.get(name);
    if (room === undefined) return;
    if (event === 'lock' || event === 'unlock') room.locked = event === 'lock';
    else if (event === 'del-member') room.members.delete(callId);
    else if (vars.Talking !== undefined) {
      room.members.set(callId, { talking: vars.Talking, speak: vars.Speak, hear: vars.Hear });
    }
  }
}

describe('a snapshot by query is what the events come to', () => {
  test.each([1, 2, 3])('at any moment, of each account, seed %i', async (seed) => {
    const { timers, heard, pbx } = startPlay(seed);
    const listeners = accounts.map((account) => ({ account, listener: new Listener(account) }));
    const query = () => queriesOf(pbx);
    let most = 0;
    let rooms = 0;
    for (let step = 0; step < 150; step += 1) {
      timers.advance(300 + ((step * 7919) % 4000));
      for (const message of heard.splice(0)) for (const { listener } of listeners) listener.hear(message);
      for (const { account, listener } of listeners) {
        const ask = query();
        const channels = await ask(account.id, 'channels');
        most = Math.max(most, channels.length);
        const seen = channels.map(({ uuid, direction, answered, is_onhold: held }) => [
          uuid,
          { direction, answered, held },
        ]);
        expect(new Map(seen as [string, Fields][])).toEqual(listener.channels);
        const found = await ask(account.id, 'conferences');
        const shown = found.map(({ name, uuid, is_locked: locked }) => [name, uuid, locked]);
        expect(shown).toEqual([...listener.rooms].map(([name, { uuid, locked }]) => [name, uuid, locked]));
        for (const [name, { members }] of listener.rooms) {
          rooms += 1;
          const one = (await ask(account.id, 'conference', { conference_id: name })) as unknown as Fields;
          const inside = (one.participants as Fields[]).map(({ call_id: id, conference_channel_vars: vars }) => {
            const { talking, speak, hear } = vars as Fields;
            return [id, { talking, speak, hear }];
          });
          expect(new Map(inside as [string, Fields][])).toEqual(members);
          expect(one.participant_count).toBe(members.size);
        }
        const names = (await ask(account.id, 'registrations')).map(({ username }) => username);
        for (const [name, isThere] of listener.registered) expect(names.includes(name)).toBe(isThere);
      }
    }
    expect(most).toBeGreaterThan(5);
    expect(rooms).toBeGreaterThan(20);
  });

  test('one channel, by its id, and its other end', async () => {
    const { timers, pbx } = startPlay();
    timers.advance(60_000);
    const [account] = accounts;
    if (account === undefined) throw new Error('no account');
    const [now] = pbx.snapshot();
    const joined = now?.channels.find(({ otherLeg }) => otherLeg !== undefined);
    const one = (await queriesOf(pbx)(account.id, 'channel', { call_id: joined?.callId })) as unknown as Fields;
    expect(one).toMatchObject({ call_id: joined?.callId, other_leg_call_id: joined?.otherLeg });
    expect(await queriesOf(pbx)(account.id, 'channel', { call_id: 'nobody' })).toBeNull();
  });
});

describe('two media nodes', () => {
  test('each has calls of its own, and both ends of a call are on one of them', () => {
    const { timers, pbx } = startPlay();
    const counts = mediaServers.map(() => 0);
    for (let step = 0; step < 50; step += 1) {
      timers.advance(3000);
      for (const { line } of pbx.playing) {
        for (const { server, otherLeg } of line.channels) {
          const index = mediaServers.indexOf(server);
          counts[index] = (counts[index] ?? 0) + 1;
          if (otherLeg !== undefined) expect(otherLeg.server).toBe(server);
        }
      }
    }
    for (const count of counts) expect(count).toBeGreaterThan(20);
  });

  test('say that they live, answer to the queue of who asked, and say goodbye', () => {
    const { timers, pbx } = startPlay();
    const said: PbxMessage[] = [];
    const nodes = startMediaNodes(pbx, (message) => void said.push(message));
    const named = (name: string) => said.filter(({ payload }) => payload['Event-Name'] === name);
    const living = mediaServers.map(({ ecallmgr }) => ecallmgr);
    expect(named('advertise').map(({ payload }) => payload.Node)).toEqual(living);
    expect(named('advertise')[0]).toMatchObject({ exchange: 'nodes', payload: { WhApps: { ecallmgr: {} } } });
    timers.advance(10_000);
    expect(named('advertise').length).toBeGreaterThanOrEqual(4);
    nodes.hear({
      'Event-Name': 'query_account_channels_req',
      'Account-ID': accounts[0]?.id,
      'Msg-ID': 'm',
      'Server-ID': 'asker',
    });
    for (const nonsense of [null, 7, 'x', [], {}, { 'Event-Name': 'reg_query', 'Msg-ID': 'm', 'Server-ID': 'q' }]) {
      nodes.hear(nonsense);
    }
    timers.advance(10);
    const answers = said.filter(({ exchange }) => exchange === 'targeted');
    expect(answers.map(({ routingKey, payload }) => [routingKey, payload['Msg-ID'], payload.Node])).toEqual(
      living.map((node) => ['asker', 'm', node]),
    );
    nodes.stop();
    expect(said.slice(-2).map(({ payload }) => payload.Expires)).toEqual([0, 0]);
    const count = said.length;
    timers.advance(20_000);
    expect(said).toHaveLength(count);
    pbx.stop();
  });
});

describe('answers have the shape of Kazoo’s', () => {
  const captured = (file: string): Fields => {
    const url = new URL(`../fixtures/kazoo/answer.${file}.json`, import.meta.url);
    return (JSON.parse(readFileSync(url, 'utf8')) as { body: Fields }).body;
  };
  const headers = ['Node', 'Msg-ID', 'App-Name', 'App-Version'];
  const members = (value: unknown): string[] =>
    Object.keys(value as object)
      .filter((name) => !headers.includes(name))
      .sort();

  const { timers, pbx } = startPlay();
  timers.advance(45_000);
  const [account] = accounts;
  const answers = (question: Fields) =>
    mediaServers
      .map((server) => new MediaTables(pbx.playing, server).answer(questionSchema.parse(question)))
      .filter((answer) => answer !== undefined);
  const named = (question: Fields, name: string) =>
    answers(question).filter((answer) => answer['Event-Name'] === name) as Fields[];

  test('lists and channels', () => {
    const list = captured('query_account_channels_resp');
    const ours = named(
      { 'Event-Name': 'query_account_channels_req', 'Account-ID': account?.id },
      String(list['Event-Name']),
    );
    expect(ours.map(members)).toEqual([members(list), members(list)]);
    const entries = ours.flatMap(({ Channels }) => Channels as Fields[]);
    const bridged = entries.find(
      (entry) => entry.direction === 'inbound' && 'other_leg' in entry && 'username' in entry,
    );
    const [, inbound] = list.Channels as Fields[];
    expect(members(bridged)).toEqual(expect.arrayContaining(members(inbound)));
    const one = captured('query_channels_resp');
    const [found] = named(
      { 'Event-Name': 'query_channels_req', 'Call-ID': bridged?.uuid },
      'query_channels_resp',
    ).filter(({ Channels }) => Object.keys(Channels as object).length > 0);
    expect(members(found)).toEqual(members(one));
    const [theirs] = Object.values(one.Channels as Fields);
    expect(members({ ...(found?.Channels as Fields) }[String(bridged?.uuid)])).toEqual(
      expect.arrayContaining(members(theirs)),
    );
    expect(named({ 'Event-Name': 'query_channels_req', 'Call-ID': 'none' }, 'query_channels_resp')).toHaveLength(2);
    expect(answers({ 'Event-Name': 'query_channels_req', 'Call-ID': 'none', 'Active-Only': true })).toEqual([]);
  });

  test('conferences, and one that there is not', () => {
    const [room] = pbx.snapshot()[0]?.conferences ?? [];
    if (room === undefined) throw new Error('no conference is held: take another moment');
    const lists = named({ 'Event-Name': 'search_req', 'Account-ID': account?.id }, 'search_resp');
    const list = captured('search_resp.account');
    expect(lists.map(members)).toEqual([members(list), members(list)]);
    const rooms = lists.flatMap(({ Conferences }) => Object.values(Conferences as Fields));
    expect(rooms.map(members)).toEqual([members(Object.values(list.Conferences as Fields)[0])]);
    const question = { 'Event-Name': 'search_req', 'Conference-ID': room.id };
    const one = captured('search_resp.conference');
    const [found] = named(question, 'search_resp');
    expect(members(found)).toEqual(members(one));
    const [theirs] = one.Participants as Fields[];
    const [ours] = (found?.Participants ?? []) as Fields[];
    expect(members(ours)).toEqual(members(theirs));
    const [refusal] = named(question, 'error');
    expect(members(refusal)).toEqual(members(captured('search_resp.not-found')));
  });

  test('registrations, and a realm that nobody has', () => {
    const found = named({ 'Event-Name': 'reg_query', Realm: account?.realm }, 'reg_query_resp');
    const theirs = captured('reg_query_resp');
    expect(found).toHaveLength(2);
    for (const answer of found) {
      expect(members(answer)).toEqual(members(theirs));
      const [entry] = theirs.Fields as Fields[];
      const left = ['Account-DB', 'Bridge-RURI'];
      expect(members((answer.Fields as Fields[])[0])).toEqual(members(entry).filter((name) => !left.includes(name)));
    }
    const [refusal] = named({ 'Event-Name': 'reg_query', Realm: 'nobody.example.com' }, 'reg_query_error');
    expect(members(refusal)).toEqual(members(captured('reg_query_resp.error')));
  });
});
