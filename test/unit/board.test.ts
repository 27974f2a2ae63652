/** The board and its server: what it asks for and when, when it may be out of date, and what it says of it. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Message } from '../../src/client/message.ts';
import type { Board, BoardChange, BoardOptions } from '../../src/client/types.ts';
import { normalize } from '../../src/protocol/normalized.ts';
import { FakeServer, type FakeSocket } from '../support/fake-server.ts';
import { kazooMessage } from '../support/kazoo-messages.ts';

const a = 'ZjE5OTk.b64+a/c=@192.0.2.10';
const channels = kazooMessage('answer.query_account_channels_resp').Channels as readonly Message[];

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

/** @param ms enough for every question, if nothing else is said */
const pass = (ms = 2000) => vi.advanceTimersByTimeAsync(ms);

class World {
  readonly server = new FakeServer();
  /** What is asked, oldest first, as `NAME ACCOUNT`. */
  readonly asked: string[] = [];
  readonly questions: Message[] = [];
  /** Answers by name; the rest is empty, and whole. */
  answers: Record<string, Message> = {};
  readonly horizon;
  readonly board: Board;
  readonly changes: BoardChange[] = [];
  #cursors = 0;

  constructor(options?: BoardOptions, refusals: Readonly<Record<string, string>> = {}) {
    this.server.answers = ({ action, data }) => {
      const { name, account_id: account, bindings = [] } = (data ?? {}) as Message;
      const refused = (bindings as string[]).find((binding) => Object.hasOwn(refusals, binding));
      if (refused !== undefined) return { code: refusals[refused] };
      if (action !== 'query') return undefined;
      this.asked.push(`${name} ${account ?? 'own'}`);
      this.questions.push(data as Message);
      const result = name === 'conference' ? null : [];
      return { name, account_id: account ?? 'own', result, partial: false, ...this.answers[String(name)] };
    };
    this.horizon = this.server.connect().horizon;
    this.board = this.horizon.board(options);
    this.board.addEventListener('change', (event) => this.changes.push(event));
  }

  get socket(): FakeSocket {
    return this.server.last;
  }

  hear(file: string, changes: Message = {}): void {
    const data = normalize({ ...kazooMessage(file), ...changes }) as Message;
    const binding = file.startsWith('call') ? 'call.*.*' : 'conference.event.*';
    this.#cursors += 1;
    this.socket.event(binding, `c${this.#cursors}`, { name: data.event_name, data });
  }
}

test('it asks for all that there is, and is stale until that is there', async () => {
  const world = new World();
  const { board, asked } = world;
  world.answers = {
    channels: { result: channels },
    conferences: { result: [{ name: '7001', uuid: 'x' }] },
    conference: { result: { name: '7001', uuid: 'x', participants: [{ call_id: a, participant_id: 4 }] } },
  };
  const openedAt = Date.now();
  expect([board.isStale, board.staleSince, board.calls]).toEqual([true, openedAt, []]);
  await pass(60);
  expect(board.calls).toHaveLength(1);
  expect(board.isStale).toBe(true);
  await pass();
  expect(asked).toEqual(['channels own', 'conferences own', 'conference own', 'registrations own']);
  expect([board.isStale, board.staleSince]).toEqual([false, undefined]);
  expect(board.conferences[0]?.members).toMatchObject([{ callId: a, participantId: '4' }]);
  expect(board.calls[0]?.conference).toBe(board.conferences[0]?.key);
  expect(world.changes.at(-1)).toMatchObject({ type: 'change', calls: new Set() });
  expect(world.changes.some(({ calls }) => calls.has(a))).toBe(true);
});

test('changes are told together, by their ids, within 16 ms', async () => {
  const world = new World();
  await pass();
  world.changes.length = 0;
  world.hear('call.CHANNEL_CREATE.a-leg');
  world.hear('call.CHANNEL_CREATE.b-leg');
  world.hear('conference.add-member');
  expect(world.board.calls).toHaveLength(1);
  await pass(15);
  expect(world.changes).toEqual([]);
  await pass(1);
  expect(world.changes).toHaveLength(1);
  const [{ calls, conferences }] = world.changes as [BoardChange];
  expect([...calls]).toEqual([a]);
  expect([...conferences]).toEqual(['own/6a6d9f38-2c6a-4a0f-8f0e-1f8f64c0b1aa']);
  await pass(500);
  expect(world.changes).toHaveLength(1);
});

test('an incomplete answer is asked for again, after 2 s, 4 s and so on up to 30 s', async () => {
  const world = new World({ parts: ['calls'] });
  world.answers = { channels: { partial: true } };
  const at: number[] = [];
  const startedAt = Date.now();
  for (let ms = 0; ms < 130_000; ms += 500) {
    await pass(500);
    while (at.length < world.asked.length) at.push(Date.now() - startedAt);
  }
  const waits = at.slice(1).map((ms, index) => Math.floor((ms - (at[index] ?? 0)) / 1000));
  expect(waits.slice(0, 6)).toEqual([2, 4, 8, 16, 30, 30]);
  expect(world.board.isStale).toBe(true);
  world.answers = {};
  await pass(31_000);
  expect(world.board.isStale).toBe(false);
});

describe('it may be out of date', () => {
  test('while the connection is away; what comes late makes up for it', async () => {
    const world = new World();
    await pass();
    world.hear('call.CHANNEL_CREATE.a-leg');
    await pass(20);
    world.asked.length = 0;
    world.changes.length = 0;
    world.socket.end(1006);
    expect(world.board.isStale).toBe(true);
    await pass(16);
    expect(world.changes).toHaveLength(1);
    await vi.waitFor(() => expect(world.server.sockets).toHaveLength(2));
    await pass(300);
    const { request_id } = world.socket.sent.find(({ action }) => action === 'subscribe') as Message;
    // Still being replayed.
    expect([world.horizon.state, world.board.isStale]).toEqual(['open', true]);
    world.hear('call.CHANNEL_ANSWER.a-leg');
    world.socket.say({ action: 'notice', notice: 'live', cursor: 'l', request_id, replayed: 1 });
    expect(world.board.isStale).toBe(false);
    expect(world.board.calls[0]?.state).toBe('talking');
    await pass();
    expect(world.asked).toEqual([]);
  });

  test('while the broker is away, and where that has lost something, until a list is there', async () => {
    const world = new World();
    await pass();
    world.asked.length = 0;
    world.socket.say({ action: 'notice', notice: 'source_down', since: '2026-03-02T09:14:07.512Z' });
    expect(world.board.isStale).toBe(true);
    world.socket.say({ action: 'notice', notice: 'source_up' });
    expect(world.board.isStale).toBe(true);
    world.socket.say({ action: 'notice', notice: 'gap' });
    await pass(16);
    expect([world.board.isStale, world.asked]).toEqual([true, []]);
    // Everybody is told at once, so each waits a while.
    await pass(4000);
    expect(world.asked).toEqual(expect.arrayContaining(['channels own', 'conferences own', 'registrations own']));
    expect(world.board.isStale).toBe(false);
  });

  test('no more once the broker is back and nothing is missing', async () => {
    const world = new World();
    await pass();
    world.asked.length = 0;
    world.socket.say({ action: 'notice', notice: 'source_down' });
    world.socket.say({ action: 'notice', notice: 'source_up' });
    await pass(500);
    expect([world.board.isStale, world.asked]).toEqual([false, []]);
  });

  test('after a gap of some families those alone are asked for', async () => {
    const world = new World();
    await pass();
    world.asked.length = 0;
    world.socket.say({ action: 'notice', notice: 'gap', cursor: 'x', families: ['conference', 'fax'] });
    expect(world.board.isStale).toBe(true);
    await pass(3000);
    expect(world.asked).toEqual(['conferences own']);
    expect(world.board.isStale).toBe(false);
  });

  test('where what is asked can’t be answered for a while', async () => {
    const world = new World({ parts: ['calls'] });
    world.server.answers = ({ action }) => (action === 'query' ? { code: 'rate_limited' } : undefined);
    await pass(5000);
    expect(world.board.isStale).toBe(true);
    world.server.answers = ({ action }) =>
      action === 'query' ? { name: 'channels', account_id: 'own', result: [], partial: false } : undefined;
    await pass(10_000);
    expect(world.board.isStale).toBe(false);
  });
});

describe('what the server refuses', () => {
  test('leaves that part empty, and says why', async () => {
    const { board } = new World(undefined, { 'presence.dialog.*': 'binding_unsupported' });
    await pass();
    expect(board.refused).toMatchObject([
      { part: 'lamps', account: undefined, error: { code: 'binding_unsupported' } },
    ]);
    expect(board.isStale).toBe(false);
  });

  test('is told as a change, though neither a list nor how fresh they are is another', async () => {
    const told: string[] = [];
    const { board } = new World({ parts: ['calls'] }, { 'call.*.*': 'account_unauthorized' });
    board.addEventListener('change', () => told.push(...board.refused.map(({ part }) => part)));
    await pass();
    expect([board.isStale, told]).toEqual([true, ['calls']]);
  });

  test('a list that is refused as well', async () => {
    const world = new World({ parts: ['calls', 'registrations'] });
    const { answers } = world.server;
    world.server.answers = (message, socket) =>
      (message.data as Message | undefined)?.name === 'registrations'
        ? { code: 'binding_unsupported' }
        : answers(message, socket);
    await pass();
    expect(world.board.refused).toMatchObject([{ part: 'registrations', error: { code: 'binding_unsupported' } }]);
    expect(world.board.isStale).toBe(false);
  });

  test('is forgotten, and looked at anew, where the next connection holds it again, though its history left no gap', async () => {
    const refusals: Record<string, string> = {};
    const world = new World({ parts: ['calls', 'registrations'] }, refusals);
    await pass();
    expect(world.board.isStale).toBe(false);
    for (const [code, isStale] of [
      ['family_forbidden', true],
      ['', false],
    ] as const) {
      if (code === '') delete refusals['call.*.*'];
      else refusals['call.*.*'] = code;
      world.asked.length = 0;
      const connections = world.server.sockets.length;
      world.socket.end(1006);
      await vi.waitFor(() => expect(world.server.sockets.length).toBeGreaterThan(connections));
      await pass(300);
      for (const { action, request_id } of world.socket.sent) {
        if (action === 'subscribe') world.socket.say({ action: 'notice', notice: 'live', cursor: 'l', request_id });
      }
      await pass();
      expect(world.board.refused.map(({ part }) => part)).toEqual(isStale ? ['calls'] : []);
      expect(world.board.isStale).toBe(isStale);
    }
    expect(world.asked).toEqual(['channels own']);
  });

  test('without calls it is never sure', async () => {
    const { board } = new World(undefined, { 'call.*.*': 'scope_missing' });
    await pass(10_000);
    expect(board.isStale).toBe(true);
    expect(board.refused.map(({ part }) => part)).toContain('calls');
  });
});

describe('details', () => {
  const b = channels[0]?.uuid;

  test('are asked for of the calls that somebody looks at, once', async () => {
    const world = new World({ parts: ['calls'] });
    const other = { ...channels[0], uuid: 'other', other_leg: undefined };
    world.answers = { channels: { result: [...channels, other] } };
    await pass();
    world.questions.length = 0;
    const long = kazooMessage('answer.query_channels_resp').Channels as Record<string, Message>;
    world.answers = {
      channels: { result: channels.map((one) => ({ ...(normalize(long[String(one.uuid)]) as object), ...one })) },
    };
    world.board.look([a]);
    await pass();
    expect(world.questions).toEqual([{ name: 'channels', details: true, call_ids: [a, b] }]);
    world.board.look([a]);
    await pass();
    expect(world.questions).toHaveLength(1);
    // A list of some is no list of all.
    expect(world.board.calls).toHaveLength(2);
    expect(world.board.isStale).toBe(false);
  });

  test('are not asked for where events have told them', async () => {
    const world = new World({ parts: ['calls'] });
    await pass();
    world.asked.length = 0;
    world.hear('call.CHANNEL_CREATE.a-leg');
    world.board.look([a, 'nobody']);
    await pass();
    expect(world.asked).toEqual([]);
  });
});

test('only calls that are wanted are shown, with both their legs', async () => {
  const world = new World({ where: ({ to }) => to.number === '1002' });
  await pass();
  world.hear('call.CHANNEL_CREATE.a-leg');
  world.hear('call.CHANNEL_CREATE.b-leg');
  world.hear('call.CHANNEL_CREATE.a-leg', { 'Call-ID': 'x', 'Callee-ID-Number': '1009' });
  expect(world.board.calls.map(({ id, legs }) => [id, legs.length])).toEqual([[a, 2]]);
  expect(world.board.call(a)?.state).toBe('ringing');
  expect(world.board.call('x')).toBeUndefined();
});

test('a listener that throws harms no other, and a call that nobody can judge is shown', async () => {
  const reported = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const world = new World({
    where: () => {
      throw new Error('where');
    },
  });
  const heard: string[] = [];
  world.board.addEventListener('change', () => {
    throw new Error('listener');
  });
  world.board.addEventListener('change', ({ calls }) => heard.push(...calls));
  await pass();
  world.hear('call.CHANNEL_CREATE.a-leg');
  await pass(20);
  expect(heard).toEqual([a]);
  expect(world.board.calls).toHaveLength(1);
  const errors = new Set(reported.mock.calls.map(([error]) => (error as Error).message));
  expect(errors).toEqual(new Set(['where', 'listener']));
  world.board.close();
  reported.mockRestore();
});

describe('accounts', () => {
  test('each is subscribed to and asked for by its name', async () => {
    const world = new World({ account: 'one', accounts: ['two', 'one'], parts: ['calls'] });
    await pass();
    expect(world.asked).toEqual(['channels one', 'channels two']);
    expect(world.socket.asked('subscribe').map(({ account_id }) => account_id)).toEqual(['one', 'two']);
  });

  test.each([[Array.from({ length: 21 }, (_, n) => `a${n}`)], [['*']]])(
    'more than 20, or all, are refused: %s',
    async (names) => {
      const { horizon } = new FakeServer().connect();
      expect(() => horizon.board({ accounts: names })).toThrow(RangeError);
      expect(() => horizon.board({ accounts: names.slice(1) })).not.toThrow();
    },
  );

  test('it is the connection’s where none is named', async () => {
    const server = new FakeServer();
    const { horizon } = server.connect({ account: 'child' });
    horizon.board({ parts: ['calls'], accounts: [] });
    await pass();
    expect(server.last.asked('subscribe')).toEqual([{ account_id: 'child', bindings: ['call.*.*'] }]);
    expect(server.last.asked('query')).toEqual([{ account_id: 'child', name: 'channels' }]);
  });
});

test('closed, it asks and hears nothing more, and shows what it has shown', async () => {
  const world = new World();
  await pass();
  world.hear('call.CHANNEL_CREATE.a-leg');
  await pass(20);
  world.asked.length = 0;
  world.changes.length = 0;
  world.board.close();
  world.hear('call.CHANNEL_ANSWER.a-leg');
  world.socket.say({ action: 'notice', notice: 'gap' });
  await pass(10_000);
  expect([world.asked, world.changes]).toEqual([[], []]);
  expect(world.board.calls[0]?.state).toBe('ringing');
  expect(world.socket.asked('unsubscribe').length).toBeGreaterThan(0);
  world.horizon.close();
  expect(vi.getTimerCount()).toBe(0);
});

test('a connection that is closed leaves no timer behind, whatever the board still has', async () => {
  const world = new World();
  await pass();
  world.hear('call.CHANNEL_DESTROY.a-leg');
  world.horizon.close();
  await pass(3000);
  expect(world.board.isStale).toBe(true);
  expect(vi.getTimerCount()).toBe(0);
});

test('a board without lamps lights none, and what a list ends is let go of though nothing else happens', async () => {
  const world = new World({ parts: ['calls'] });
  await pass(10_000);
  world.hear('call.CHANNEL_CREATE.b-leg');
  await pass(10_000);
  expect([world.board.calls.length, world.board.lamps.length]).toEqual([1, 0]);
  world.socket.say({ action: 'notice', notice: 'gap', cursor: 'x', families: ['call'] });
  for (let ms = 0; ms < 8000 && world.board.calls[0]?.state !== 'ended'; ms += 100) await pass(100);
  expect(world.board.calls).toMatchObject([{ state: 'ended' }]);
  await pass(10_000);
  expect(world.board.calls).toEqual([]);
});

test('a listener may be told once, or until a signal', async () => {
  const world = new World();
  const heard: string[] = [];
  const ending = new AbortController();
  world.board.addEventListener('change', () => heard.push('once'), { once: true });
  world.board.addEventListener('change', () => heard.push('until'), { signal: ending.signal });
  await pass();
  const before = heard.length;
  expect(heard.filter((name) => name === 'once')).toHaveLength(1);
  expect(before).toBeGreaterThan(1);
  ending.abort();
  world.hear('call.CHANNEL_CREATE.a-leg');
  await pass();
  expect(heard).toHaveLength(before);
});

test('made while the connection is closed, or where another holds all of it already, it is right once that is open', async () => {
  const world = new World();
  await pass();
  world.asked.length = 0;
  const second = world.horizon.board();
  await pass();
  expect(second.isStale).toBe(false);
  expect(world.asked.sort()).toEqual(['channels own', 'conferences own', 'registrations own']);
  second.close();
  world.board.close();
  await pass();
  world.horizon.close();
  world.asked.length = 0;
  const third = world.horizon.board();
  await pass();
  expect(third.isStale).toBe(true);
  world.horizon.open();
  await pass();
  expect(third.isStale).toBe(false);
  expect(world.asked.sort()).toEqual(['channels own', 'conferences own', 'registrations own']);
});
