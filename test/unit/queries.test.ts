import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { beforeEach, describe, expect, test } from 'vitest';
import { type AccountDirectory, AccountTree } from '../../src/auth/accounts.ts';
import { identityOf } from '../../src/auth/identity.ts';
import type { Answers, Asker, Patience, Question } from '../../src/bus.ts';
import { Queries } from '../../src/queries/queries.ts';

const account = '4b31dd1d32ce6d249897c06332375d65';
const child = 'child';
const stranger = 'stranger';
const realm = 'acme.example.com';

function captured(file: string): Record<string, unknown> {
  const url = new URL(`../fixtures/kazoo/${file}`, import.meta.url);
  return (JSON.parse(readFileSync(url, 'utf8')) as { body: Record<string, unknown> }).body;
}

type Fields = Record<string, unknown>;
type MediaNode = (question: { routingKey: string } & Fields) => Fields | undefined | Promise<Fields | undefined>;

/** A bus on which media nodes answer, each in its own time; patience has no clock here: who says nothing is not waited for. */
class FakeBus implements Asker {
  readonly questions: Fields[] = [];
  constructor(readonly nodes: readonly MediaNode[]) {}

  async ask<Answer>(question: Question<Answer>, patience: Patience<Answer>): Promise<Answers<Answer>> {
    const asked = { routingKey: question.routingKey, exchange: question.exchange, ...(question.fields as Fields) };
    this.questions.push(asked);
    const answers: Answer[] = [];
    patience.enough(answers);
    for (const node of this.nodes) {
      const answer = await node(asked);
      if (answer === undefined) continue;
      answers.push(question.read(answer));
      if (patience.enough(answers)) return { answers, partial: false };
    }
    return { answers, partial: true };
  }
}

let contradictions = 0;
beforeEach(() => {
  contradictions = 0;
});

const tree = new AccountTree([{ id: account, realm }, { id: child, parent_id: account }, { id: stranger }]);

function queriesOn(
  bus: FakeBus,
  living: readonly string[] | undefined,
  ended: readonly string[] = [],
  accounts: AccountDirectory = tree,
): Queries {
  return new Queries({
    asker: bus,
    peers: { running: () => (living === undefined ? undefined : new Set(living)) },
    accounts,
    isUp: () => true,
    hasEnded: (id) => ended.includes(id),
    onContradiction: () => {
      contradictions += 1;
    },
  });
}

let tokens = 0;
/** A token of its own each time: a token may ask ten times a second. */
const someone = (claims: object = {}) => {
  tokens += 1;
  const identity = identityOf({ account_id: account, exp: 4e9, ...claims }, `token ${tokens}`);
  return () => identity;
};

const channelsOf = (node: string, ...entries: Fields[]): Fields => ({
  'Event-Name': 'query_account_channels_resp',
  Node: node,
  Channels: entries,
});
const call = (uuid: string, more: Fields = {}): Fields => ({ uuid, account_id: account, ...more });
const ask = (queries: Queries, name: string, args: Fields = {}, who = someone()) =>
  queries.ask({ name, account: (args.account_id as string | undefined) ?? account, arguments: args }, who);

describe('channels', () => {
  test('what Kazoo’s media nodes answer is one list, in the words of kazoo4, without what is the platform’s own business', async () => {
    const bus = new FakeBus([() => captured('answer.query_account_channels_resp.json')]);
    const { result, partial } = await ask(queriesOn(bus, ['ecallmgr@apps1.example.com']), 'channels');
    expect(partial).toBe(false);
    const channels = result as Fields[];
    expect(channels.map(({ uuid }) => uuid)).toEqual(
      (captured('answer.query_account_channels_resp.json').Channels as Fields[]).map(({ uuid }) => uuid),
    );
    expect(channels[0]).toMatchObject({ account_id: account, answered: true, username: 'user_zoe' });
    for (const name of [
      'node',
      'switch_url',
      'context',
      'dialplan',
      'precedence',
      'profile',
      'bridge_id',
      'handling_locally',
    ]) {
      expect(channels[0]).not.toHaveProperty(name);
    }
    expect(bus.questions).toEqual([
      {
        exchange: 'callevt',
        routingKey: `call.status_req.${account}`,
        'Event-Category': 'call_event',
        'Event-Name': 'query_account_channels_req',
        'Account-ID': account,
        'Active-Only': false,
      },
    ]);
  });

  test('a call that several list is one entry: of who handles it, else the last one heard', async () => {
    const queries = queriesOn(
      new FakeBus([
        () => channelsOf('a', call('1', { state: 'old', handling_locally: true }), call('2', { state: 'old' })),
        () => channelsOf('b', call('1', { state: 'new', handling_locally: false }), call('2', { state: 'new' })),
      ]),
      ['a', 'b'],
    );
    const { result } = await ask(queries, 'channels');
    expect(result).toEqual([
      { uuid: '1', account_id: account, state: 'old' },
      { uuid: '2', account_id: account, state: 'new' },
    ]);
  });

  test('another account’s entry, and one that names none, reach nobody and are counted', async () => {
    const queries = queriesOn(
      new FakeBus([() => channelsOf('a', call('1', { account_id: stranger }), { uuid: '2' }, call('3'))]),
      ['a'],
    );
    expect((await ask(queries, 'channels')).result).toEqual([{ uuid: '3', account_id: account }]);
    expect(contradictions).toBe(2);
  });

  test('own members alone are looked at', async () => {
    const lying = JSON.parse(`{"__proto__": {"account_id": "${account}", "uuid": "1"}}`) as Fields;
    const queries = queriesOn(new FakeBus([() => channelsOf('a', lying, call('constructor'))]), ['a']);
    expect((await ask(queries, 'channels')).result).toEqual([{ uuid: 'constructor', account_id: account }]);
  });

  test.each([
    ['no list', { Channels: 'none' }],
    ['entries that are no objects', { Channels: [1, 'x', null, [], {}] }],
    ['an error', { 'Event-Name': 'error', Channels: [call('1')] }],
    [
      'an entry nested without end',
      { Channels: [call('1', { deep: JSON.parse(`${'['.repeat(20_000)}${']'.repeat(20_000)}`) })] },
    ],
    ['nothing', {}],
  ])('garbage counts as an empty answer: %s', async (_title, answer) => {
    const queries = queriesOn(new FakeBus([() => ({ ...channelsOf('a'), ...answer })]), ['a']);
    expect(await ask(queries, 'channels')).toEqual({ result: [], partial: false });
  });

  test('a call whose end this node has heard of is no ghost', async () => {
    const queries = queriesOn(new FakeBus([() => channelsOf('a', call('1'), call('2'))]), ['a'], ['1']);
    expect((await ask(queries, 'channels')).result).toEqual([{ uuid: '2', account_id: account }]);
  });

  test('partial: a living media node is missing, none answered, or it is too early to know who lives', async () => {
    const one = () => channelsOf('a', call('1'));
    expect(await ask(queriesOn(new FakeBus([one]), ['a', 'b']), 'channels')).toMatchObject({ partial: true });
    expect(await ask(queriesOn(new FakeBus([]), []), 'channels')).toMatchObject({ partial: true });
    expect(await ask(queriesOn(new FakeBus([one]), undefined), 'channels')).toMatchObject({ partial: true });
    expect(await ask(queriesOn(new FakeBus([one]), []), 'channels')).toMatchObject({ partial: false });
  });

  test('a second answer of a node counts for nothing, and a stranger’s is merged and not counted', async () => {
    const queries = queriesOn(
      new FakeBus([
        () => channelsOf('a', call('1')),
        () => channelsOf('a', call('2')),
        () => channelsOf('stranger', call('3')),
        () => channelsOf('b', call('4')),
      ]),
      ['a', 'b'],
    );
    const { result, partial } = await ask(queries, 'channels');
    expect((result as Fields[]).map(({ uuid }) => uuid)).toEqual(['1', '3', '4']);
    expect(partial).toBe(false);
  });

  test('details: each entry is completed by its channel, a hundred at most', async () => {
    const entries = Array.from({ length: 102 }, (_, index) => call(String(index)));
    const bus = new FakeBus([
      (question) =>
        question['Event-Name'] === 'query_account_channels_req'
          ? channelsOf('a', ...entries)
          : {
              'Event-Name': 'query_channels_resp',
              Node: 'a',
              Channels: {
                [String(question['Call-ID'])]: {
                  'Call-ID': question['Call-ID'],
                  'Account-ID': account,
                  'Caller-ID-Number': '1001',
                },
              },
            },
    ]);
    const some = await ask(queriesOn(bus, ['a']), 'channels', { details: true, call_ids: ['7', 'unknown'] });
    expect(some.detailsPartial).toBe(false);
    expect((some.result as Fields[]).filter((entry) => 'caller_id_number' in entry)).toEqual([
      { uuid: '7', call_id: '7', account_id: account, caller_id_number: '1001' },
    ]);
    const all = await ask(queriesOn(bus, ['a']), 'channels', { details: true });
    expect(all).toMatchObject({ detailsPartial: true });
  });
});

describe('channel', () => {
  const id = 'ZjE5OTk.b64+a/c=@192.0.2.10';

  test('the first media node that has it ends the wait', async () => {
    const silent = () => undefined;
    const bus = new FakeBus([silent, () => captured('answer.query_channels_resp.json')]);
    const { result, partial } = await ask(queriesOn(bus, ['a', 'b']), 'channel', { call_id: id });
    expect(partial).toBe(false);
    expect(result).toMatchObject({ call_id: id, account_id: account, caller_id_number: '1001' });
    expect(result).not.toHaveProperty('media_node');
    expect(bus.questions[0]).toMatchObject({ routingKey: 'call.status_req.channels', 'Call-ID': id, Fields: 'all' });
  });

  test('another account’s is null, as one that nobody has, and ends no wait', async () => {
    const theirs = captured('answer.query_channels_resp.json');
    const asked: string[] = [];
    const node = (name: string, answer: Fields) => () => {
      asked.push(name);
      return { ...answer, Node: name };
    };
    const bus = new FakeBus([node('a', theirs), node('b', { ...theirs, Channels: {} })]);
    const outcome = await ask(queriesOn(bus, ['a', 'b']), 'channel', { call_id: id, account_id: child });
    expect(outcome).toEqual({ result: null, partial: false });
    expect(asked).toEqual(['a', 'b']);
  });
});

describe('a channel that is to be commanded', () => {
  const id = 'a call id of two';
  const answer = (node: string, of?: string) => () => ({
    'Event-Name': 'query_channels_resp',
    Node: node,
    Channels: of === undefined ? {} : { [id]: { 'Call-ID': id, 'Account-ID': of } },
  });
  const silent = () => undefined;

  test.each<[string, MediaNode[]]>([
    ['before', [answer('a', stranger), answer('b', account)]],
    ['after', [answer('a', account), answer('b', stranger)]],
    ['and a third one is silent', [answer('a', account), silent, answer('b', stranger)]],
    ['says a stranger', [answer('a', account), answer('nobody knows it', stranger), answer('b')]],
  ])('is nobody’s where another node has it as another account’s: %s', async (_when, nodes) => {
    const queries = queriesOn(new FakeBus(nodes), ['a', 'b', ...nodes.slice(2).map(() => 'c')]);
    expect(await queries.findChannel(account, id)).toBeUndefined();
    expect(contradictions).toBe(1);
  });

  test.each<[string, MediaNode[]]>([
    ['alone has it', [answer('a', account), answer('b')]],
    ['has it as well', [answer('a'), answer('b', account), answer('c', account)]],
    ['has it, and another one is silent', [answer('a', account), silent]],
  ])('is the account’s where a node %s', async (_what, nodes) => {
    const queries = queriesOn(new FakeBus(nodes), ['a', 'b']);
    expect(await queries.findChannel(account, id)).toMatchObject({ call_id: id, account_id: account });
  });

  test('another account’s alone is told from none by nothing, whoever is silent', async () => {
    for (const has of [answer('a', stranger), answer('a')]) {
      const missing = queriesOn(new FakeBus([has, silent]), ['a', 'b']);
      await expect(missing.findChannel(account, id)).rejects.toMatchObject({ code: 'source_unavailable' });
      expect(await queriesOn(new FakeBus([has]), ['a']).findChannel(account, id)).toBeUndefined();
    }
  });
});

describe('conferences and conference', () => {
  test('as Kazoo answers', async () => {
    const list = queriesOn(new FakeBus([() => captured('answer.search_resp.account.json')]), [
      'ecallmgr@apps1.example.com',
    ]);
    expect(await ask(list, 'conferences')).toEqual({
      result: [
        {
          name: '7001',
          uuid: '6a6d9f38-2c6a-4a0f-8f0e-1f8f64c0b1aa',
          run_time: 0,
          start_time: 63_962_879_025,
          is_locked: false,
          participant_count: 1,
          moderators: 1,
          members: 0,
        },
      ],
      partial: false,
    });
    const one = queriesOn(
      new FakeBus([
        (question) =>
          captured('Account-ID' in question ? 'answer.search_resp.account.json' : 'answer.search_resp.conference.json'),
      ]),
      ['ecallmgr@apps1.example.com'],
    );
    const { result } = await ask(one, 'conference', { conference_id: '7001' });
    expect(result).toMatchObject({ name: '7001', participants: [{ call_id: 'a1b2.c3+d4@198.51.100.7' }] });
    expect(JSON.stringify(result)).not.toMatch(/switch|fetch_id/);
  });

  test('a room that only another account has is not even asked for', async () => {
    const bus = new FakeBus([() => captured('answer.search_resp.account-none.json')]);
    const who = someone();
    expect(
      await ask(queriesOn(bus, ['x']), 'conference', { conference_id: '7001', account_id: child }, who),
    ).toMatchObject({
      result: null,
    });
    expect(bus.questions).toHaveLength(1);
  });

  test('participants of another account’s room of the same name are nobody’s', async () => {
    const bus = new FakeBus([
      (question) =>
        'Account-ID' in question
          ? captured('answer.search_resp.account.json')
          : { ...captured('answer.search_resp.conference.json'), UUID: 'another' },
    ]);
    const { result } = await ask(queriesOn(bus, ['ecallmgr@apps1.example.com']), 'conference', {
      conference_id: '7001',
    });
    expect(result).toMatchObject({ participants: [] });
    expect(contradictions).toBe(1);
  });

  test('an answer about another account is nobody’s', async () => {
    const lie = { ...captured('answer.search_resp.account.json'), 'Account-ID': stranger };
    expect((await ask(queriesOn(new FakeBus([() => lie]), ['a']), 'conferences')).result).toEqual([]);
    expect(contradictions).toBe(1);
  });
});

describe('registrations', () => {
  test('as Kazoo answers; the realm decides where no account is named', async () => {
    const answer = captured('answer.reg_query_resp.json');
    const [own] = answer.Fields as Fields[];
    const others = [
      { ...own, Username: 'theirs', 'Account-ID': stranger },
      { ...own, Username: 'elsewhere', Realm: 'else.example.com', 'Account-Realm': 'else.example.com' },
      { Username: 'bare', Realm: realm.toUpperCase(), Contact: 'sip:bare@192.0.2.9' },
    ];
    const bus = new FakeBus([() => ({ ...answer, Fields: [own, own, ...others] })]);
    const { result } = await ask(queriesOn(bus, ['ecallmgr@apps1.example.com']), 'registrations');
    expect((result as Fields[]).map(({ username }) => username)).toEqual(['user_wpxnx7am9w', 'bare']);
    expect(JSON.stringify(result)).not.toMatch(/account_db|registrar_node/);
    expect(contradictions).toBe(2);
    expect(bus.questions[0]).toMatchObject({
      exchange: 'registrar',
      routingKey: 'registration.query.acme%2Eexample%2Ecom.*',
      Realm: realm,
    });
  });

  test('an error of Kazoo’s is an empty answer; of one user it is asked for by name', async () => {
    const bus = new FakeBus([() => captured('answer.reg_query_resp.error.json')]);
    const queries = queriesOn(bus, ['ecallmgr@apps1.example.com']);
    expect(await ask(queries, 'registrations', { username: 'a b' })).toEqual({ result: [], partial: false });
    expect(bus.questions[0]).toMatchObject({
      routingKey: 'registration.query.acme%2Eexample%2Ecom.a+b',
      Username: 'a b',
    });
  });

  test('a realm that went to another account while it was asked about brings nobody’s devices', async () => {
    let isGone = false;
    const answer = captured('answer.reg_query_resp.json');
    const bus = new FakeBus([
      () => {
        isGone = true;
        return { ...answer, Fields: [{ Username: 'bare', Realm: realm, Contact: 'sip:bare@192.0.2.9' }] };
      },
    ]);
    const before = { isWithin: () => true, parentOf: () => undefined, isSuperduperAdmin: () => false };
    const accounts = {
      ...before,
      accountOfRealm: () => undefined,
      realmOf: () => (isGone ? 'new.example.com' : realm),
    };
    const queries = queriesOn(bus, ['ecallmgr@apps1.example.com'], [], accounts);
    expect(await ask(queries, 'registrations')).toEqual({ result: [], partial: false });
    expect(contradictions).toBe(1);
  });

  test('without a realm there is nothing to ask for', async () => {
    await expect(ask(queriesOn(new FakeBus([]), []), 'registrations', { account_id: child })).rejects.toMatchObject({
      code: 'binding_unsupported',
    });
  });
});

describe('who may ask', () => {
  const queries = queriesOn(new FakeBus([() => channelsOf('a')]), ['a']);

  test.each([
    ['a stranger’s account', { account_id: stranger }, {}, 'account_unauthorized'],
    ['every account, be it an administrator', { account_id: '*' }, { superduper_admin: true }, 'account_unauthorized'],
    ['without the scope', {}, { scope: 'sockets:read' }, 'scope_missing'],
    ['without the family', {}, { families: ['conference'] }, 'scope_missing'],
  ])('%s', async (_title, args, claims, code) => {
    await expect(ask(queries, 'channels', args, someone(claims))).rejects.toMatchObject({ code });
  });

  test('an account below', async () => {
    expect(await ask(queries, 'channels', { account_id: child })).toMatchObject({ result: [] });
  });

  test.each([
    ['channel', {}, 'data.call_id'],
    ['channel', { call_id: 'x'.repeat(1025) }, 'data.call_id'],
    ['channels', { call_ids: Array.from({ length: 101 }, String) }, 'data.call_ids'],
    ['channels', { details: 'yes' }, 'data.details'],
    ['nothing', {}, 'data.name'],
  ])('bad input names its place: %s %j', async (name, args, place) => {
    const failure = await ask(queries, name, args).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: 'invalid_message', message: expect.stringContaining(place) });
  });

  test('who may no longer, when the answer is there, does not get it', async () => {
    let asked = 0;
    const who = someone();
    const outcome = ask(queries, 'channels', {}, () => {
      asked += 1;
      if (asked > 1) throw new Error('the token has ended');
      return who();
    });
    await expect(outcome).rejects.toThrow('the token has ended');
  });
});

describe('how much may be asked', () => {
  test('a token asks ten times a second', async () => {
    const queries = queriesOn(new FakeBus([() => channelsOf('a')]), ['a']);
    const who = someone();
    for (let count = 0; count < 10; count += 1) await ask(queries, 'channels', {}, who);
    await expect(ask(queries, 'channels', {}, who)).rejects.toMatchObject({ code: 'rate_limited' });
    await ask(queries, 'channels');
  });

  test('five hundred who ask together cost two questions, and none gets an answer from before it asked', async () => {
    let answered = 0;
    const bus = new FakeBus([
      async () => {
        answered += 1;
        const version = answered;
        await sleep(20);
        return channelsOf('a', call('1', { version }));
      },
    ]);
    const queries = queriesOn(bus, ['a']);
    const outcomes = await Promise.all(Array.from({ length: 500 }, () => ask(queries, 'channels')));
    expect(bus.questions).toHaveLength(2);
    const versions = outcomes.map(({ result }) => (result as Fields[])[0]?.version);
    expect(versions[0]).toBe(1);
    expect(new Set(versions.slice(1))).toEqual(new Set([2]));
    expect((await ask(queries, 'channels')).result).toMatchObject([{ version: 3 }]);
  });

  test('details of a hundred calls wait for their turn, and leave room for what others ask', async () => {
    const entries = Array.from({ length: 100 }, (_, index) => call(String(index)));
    const bus = new FakeBus([
      (question) =>
        question['Event-Name'] === 'query_account_channels_req'
          ? channelsOf('a', ...entries)
          : {
              'Event-Name': 'query_channels_resp',
              Node: 'a',
              Channels: { [String(question['Call-ID'])]: { 'Account-ID': account, 'Caller-ID-Number': '1001' } },
            },
    ]);
    const queries = queriesOn(bus, ['a']);
    const list = ask(queries, 'channels', { details: true });
    for (let count = 0; count < 20; count += 1) await ask(queries, 'channel', { call_id: String(count) });
    const { result, detailsPartial } = await list;
    expect(detailsPartial).toBe(false);
    expect((result as Fields[]).every((entry) => entry.caller_id_number === '1001')).toBe(true);
  });

  test('a node asks a hundred questions a second', async () => {
    const queries = queriesOn(new FakeBus([() => channelsOf('a')]), ['a']);
    const outcomes = await Promise.all(
      Array.from({ length: 150 }, (_, index) =>
        ask(queries, 'channel', { call_id: String(index) }).then(
          () => 'answered',
          (error: { code?: string }) => error.code,
        ),
      ),
    );
    expect(outcomes.filter((outcome) => outcome === 'answered').length).toBeGreaterThanOrEqual(100);
    expect(outcomes).toContain('rate_limited');
  });
});
