/** What the page remembers, without a browser: where it goes on after a loss, and which calls still live. */
import { expect, test } from 'vitest';

interface Held {
  readonly account: string;
  readonly binding: string;
  readonly cursor?: string;
}

interface Cursors {
  readonly isReplaying: boolean;
  lose(): void;
  begin(id: string, group: readonly Held[], data: object): boolean;
  take(message: object): void;
}

interface CursorsModule {
  readonly Cursors: new (subscriptions: () => Iterable<Held>, ownAccount: () => string) => Cursors;
}

interface Leg {
  readonly callId: string;
  readonly state: string;
  readonly doubtedAt: number | undefined;
}

interface Calls {
  take(frame: object): void;
  doubt(): void;
  doubtfulAccounts(): string[];
  beginSnapshot(): (account: string, entries: readonly unknown[], answer: object) => void;
  joined(): Leg[][];
}

interface CallsModule {
  readonly Calls: new () => Calls;
}

/** They are plain JavaScript, which the compiler of the tests doesn't read. */
const load = async <T>(file: string): Promise<T> => import(new URL(`../../public/${file}`, import.meta.url).href);

const { Cursors } = await load<CursorsModule>('cursors.js');
const { Calls } = await load<CallsModule>('calls.js');

function startCursors() {
  const [calls, rooms]: [Held, Held] = [
    { account: '', binding: 'call.*.*' },
    { account: 'child', binding: 'call.*.*' },
  ];
  const cursors = new Cursors(
    () => [calls, rooms],
    () => 'own',
  );
  return { cursors, calls, rooms, both: () => [calls.cursor, rooms.cursor] };
}

test('without a replay the cursor that came last stands for all subscriptions', () => {
  const { cursors, calls, rooms, both } = startCursors();
  expect(cursors.begin('1', [calls], { cursor: 'a' })).toBe(false);
  expect(cursors.begin('2', [rooms], { cursor: 'b' })).toBe(false);
  expect(both()).toEqual(['b', 'b']);
  cursors.take({ name: 'x', args: {}, cursor: 'c', request_id: '1' });
  expect(both()).toEqual(['c', 'c']);
  cursors.take({ action: 'notice', notice: 'position', cursor: 'd' });
  cursors.take({ action: 'notice', notice: 'source_up' });
  expect(both()).toEqual(['d', 'd']);
});

test.for(['classic', 'kazoo4'])('until the last replay is done each keeps its own (%s)', (dialect) => {
  const { cursors, calls, rooms, both } = startCursors();
  const event = (id: string, account: string, cursor: string) =>
    dialect === 'classic'
      ? { name: 'x', args: {}, cursor, request_id: id }
      : { action: 'event', subscribed_key: 'call.*.*', account_id: account, data: {}, cursor };
  expect(cursors.begin('1', [calls], { cursor: 'a', recovered: true })).toBe(true);
  expect(cursors.begin('2', [rooms], { cursor: 'a', recovered: true })).toBe(true);
  cursors.take(event('1', 'own', 'b'));
  cursors.take({ action: 'notice', notice: 'live', cursor: 'f', request_id: '1', replayed: 1 });
  cursors.take({ action: 'notice', notice: 'gap', cursor: 'g', families: ['fax'] });
  expect(both(), 'lost now, the second would miss what lies before f').toEqual(['f', 'a']);
  cursors.take(event('2', 'child', 'c'));
  expect(both()).toEqual(['f', 'c']);
  expect(cursors.isReplaying).toBe(true);
  cursors.take({ action: 'notice', notice: 'live', cursor: 'h', request_id: '2', replayed: 1 });
  expect(cursors.isReplaying).toBe(false);
  expect(both()).toEqual(['h', 'h']);
});

test('a lost socket replays nothing more, and the cursors stay; a gap of all families ends replays', () => {
  const { cursors, calls, rooms, both } = startCursors();
  cursors.begin('1', [calls, rooms], { cursor: 'a', recovered: true });
  cursors.lose();
  expect(cursors.isReplaying).toBe(false);
  expect(both()).toEqual(['a', 'a']);
  cursors.begin('2', [calls], { cursor: 'a', recovered: true });
  cursors.begin('3', [rooms], { cursor: 'a', recovered: true });
  cursors.take({ action: 'notice', notice: 'gap', cursor: 'z' });
  expect(cursors.isReplaying).toBe(false);
  expect(both()).toEqual(['z', 'z']);
});

const event = (name: string, id: string, account = 'own') => ({
  family: 'call',
  account,
  payload: { 'Event-Name': name, 'Call-ID': id },
});

const states = (calls: Calls): unknown[] =>
  calls
    .joined()
    .flat()
    .map(({ callId, state, doubtedAt }) => `${callId} ${state}${doubtedAt === undefined ? '' : '?'}`)
    .sort();

test('a complete list ends what it lacks, an incomplete one nothing; other accounts and what came since stay', () => {
  const calls = new Calls();
  for (const id of ['lives', 'dies']) calls.take(event('CHANNEL_ANSWER', id));
  calls.take(event('CHANNEL_ANSWER', 'theirs', 'child'));
  calls.doubt();
  expect(calls.doubtfulAccounts()).toEqual(['own', 'child']);
  const list = [{ uuid: 'lives', answered: true }, null, 7, {}];
  calls.beginSnapshot()('own', list, { isComplete: false, adds: true });
  expect(states(calls)).toEqual(['dies answered?', 'lives answered', 'theirs answered?']);

  const take = calls.beginSnapshot();
  calls.take(event('CHANNEL_CREATE', 'new'));
  calls.take(event('CHANNEL_DESTROY', 'over'));
  const late = [...list, { uuid: 'over' }, { uuid: 'old', direction: 'inbound', answered: false }];
  take('own', late, { isComplete: true, adds: true });
  expect(states(calls)).toEqual(['dies ended', 'lives answered', 'new calling', 'old calling', 'theirs answered?']);
});
