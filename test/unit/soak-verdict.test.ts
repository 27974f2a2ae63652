import { expect, test } from 'vitest';
import type { State } from '../soak/state.ts';
import { faultsOfState, judgeDeliveries, type Window } from '../soak/verdict.ts';
import type { Member } from '../support/crowd.ts';
import type { Sent } from '../support/steady-publisher.ts';

const exchanges = [
  ['callevt', 'call.CHANNEL_CREATE.x'],
  ['conference', 'conference.event.add-member.a.b.c'],
  ['configuration', 'doc_edited.a.user.b'],
  ['presence', 'dialog.a.b'],
  ['registrar', 'registration.success.a.b'],
] as const;

/** Sixty events, one a second, of two accounts in turn. */
const sent: Sent[] = Array.from({ length: 60 }, (_, number) => {
  const [exchange, routingKey] = exchanges[number % exchanges.length] as (typeof exchanges)[number];
  return { number, account: number % 2 === 0 ? 'a' : 'b', exchange, routingKey, at: number * 1000, isConfirmed: true };
});

const fault: Window = { name: 'a fault', from: 20_000, until: 30_000 };

function member(account: string, missing: readonly number[] = [], changes: Partial<Member> = {}): Member {
  const numbers = sent.filter((one) => one.account === account).map(({ number }) => number);
  const got = new Set(numbers.filter((number) => !missing.includes(number)));
  return { account, got, since: 0, last: 59, outOfOrder: 0, closed: undefined, ...changes } as Member;
}

const judge = (...members: Member[]) => judgeDeliveries(members, sent, [fault]);

test('what everybody got is well', () => {
  expect(judge(member('a'), member('b'))).toEqual({ wrong: [], expected: 49, kinds: 5 });
});

test('what was published during a fault may be lost, what was published before or after it may not', () => {
  expect(judge(member('a', [20, 22, 30]), member('b', [21, 29])).wrong).toEqual([]);
  expect(judge(member('a', [18]), member('b')).wrong).toEqual([
    expect.stringMatching(/^1 events of a were lost .*before any/),
  ]);
  expect(judge(member('a'), member('b', [31, 33])).wrong).toEqual([
    expect.stringMatching(/^2 events of b were lost .*number 31, 1000 ms after "a fault"/),
  ]);
});

test('what the broker has not confirmed, and what nobody ever gets, need not arrive', () => {
  const unconfirmed = sent.map((one) => (one.number === 40 ? { ...one, isConfirmed: false } : one));
  const other: Sent = { ...(sent[40] as Sent), number: 60, exchange: 'callevt', routingKey: 'call.DTMF.x', at: 60_000 };
  expect(judgeDeliveries([member('a', [40]), member('b')], [...unconfirmed, other], [fault]).wrong).toEqual([]);
});

test('a socket that joined later need not have what was before', () => {
  expect(judge(member('a', [0, 2, 4], { since: 6 }), member('b')).wrong).toEqual([]);
});

test.each([
  ['a closed socket', member('a', [], { closed: 1006 }), /a socket of a was closed with 1006/],
  ['disorder', member('a', [], { outOfOrder: 2 }), /2 events of a came twice or out of order/],
  [
    'events of others',
    member('a', [], { got: new Set(sent.map(({ number }) => number)) }),
    /30 events of others came to a/,
  ],
])('%s is told', (_title, one, sentence) => {
  expect(judge(one, member('b')).wrong).toEqual([expect.stringMatching(sentence)]);
});

test('a run in which next to nothing was delivered is no success', () => {
  const none = member(
    'a',
    sent.map(({ number }) => number),
  );
  expect(judge(none).wrong[0]).toMatch(/were delivered at all/);
});

const state: State = {
  heapBytes: 20 * 1_048_576,
  residentBytes: 1,
  resources: { Timeout: 5, TCPSocketWrap: 2 },
  listeners: 39,
};

test('what is at rest must be as it was: handles, timers, listeners, the heap', () => {
  expect(faultsOfState(state, { ...state, residentBytes: 9 ** 9, heapBytes: 25 * 1_048_576 })).toEqual([]);
  expect(faultsOfState(state, { ...state, resources: { TCPSocketWrap: 2 } })).toEqual([]);
  const grown = {
    ...state,
    resources: { Timeout: 6, TCPSocketWrap: 2, FSReqCallback: 1 },
    listeners: 40,
    heapBytes: 30 * 1_048_576,
  };
  expect(faultsOfState(state, grown)).toEqual([
    'Timeout: 5 at the beginning, 6 at the end',
    'FSReqCallback: 0 at the beginning, 1 at the end',
    'listeners: 39 at the beginning, 40 at the end',
    'heap: 20.0 MiB at the beginning, 30.0 at the end',
  ]);
});
