/** What the page remembers, without a browser: which calls still live. */
import { expect, test } from 'vitest';

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

const { Calls } = await load<CallsModule>('calls.js');

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
