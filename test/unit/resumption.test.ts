/** What is counted when the source comes and goes. */
import { expect, test } from 'vitest';
import { Accounts } from '../../src/auth/accounts.ts';
import { createCatalogue } from '../../src/families/catalogue.ts';
import { newCursorKey } from '../../src/history/cursor.ts';
import { History } from '../../src/history/history.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import { Resumption } from '../../src/replay/resumption.ts';
import type { Session } from '../../src/session/session.ts';

/** With a history or without, and how many gaps it has counted. */
function resuming(history?: History): { readonly resumption: Resumption; readonly gaps: () => number } {
  let gaps = 0;
  const counters = {
    framesSent: 0,
    replayed: () => undefined,
    resumed: () => undefined,
    gap() {
      gaps += 1;
    },
  };
  const catalogue = createCatalogue(
    { callEvents: ['CHANNEL_CREATE'], documentTypes: ['user'], notifications: [] },
    new Accounts(),
  );
  return {
    resumption: new Resumption(history, catalogue, new Subscriptions(), new Accounts(), counters),
    gaps: () => gaps,
  };
}

test('without a history a start is no gap, and a reconnect is one', () => {
  const { resumption, gaps } = resuming();
  resumption.onSourceUp();
  expect(gaps()).toBe(0);
  resumption.onSourceDown();
  resumption.onSourceUp();
  expect(gaps()).toBe(1);
});

test('marks that a start meets are of no gap here; those on the way back after a loss are, and those that are met live', () => {
  const { resumption, gaps } = resuming(new History({ ringBytes: 100_000, maxAgeMs: 60_000 }));
  const mark = (position: number): void => {
    resumption.onMark({ position, families: ['call'], isBegin: true });
    resumption.onMark({ position: position + 1, families: ['call'] });
  };
  resumption.onBegin(0);
  mark(1);
  resumption.onSourceUp();
  expect(gaps()).toBe(0);
  resumption.onSourceDown();
  mark(3);
  resumption.onSourceUp();
  expect(gaps()).toBe(1);
  mark(5);
  expect(gaps()).toBe(2);
  resumption.onLost(9);
  expect(gaps()).toBe(3);
});

/** A socket that can resume, and what it was told. */
function socket(token: { isValid: boolean }): { readonly session: Session; readonly told: () => unknown[] } {
  const texts: string[] = [];
  const transport = { owedBytes: 0, sendText: (text: string) => void texts.push(text) };
  const session = { isEnded: false, hasValidToken: () => token.isValid, transport, subscriptions: [] };
  return { session: session as unknown as Session, told: () => texts.map((text) => JSON.parse(text)) };
}

test('a cursor comes at least every 20 s, to whom events may go', () => {
  const history = new History({ ringBytes: 100_000, maxAgeMs: 600_000 });
  const { resumption } = resuming(history);
  resumption.onBegin(0);
  resumption.onEpoch({ id: 'epoch', key: newCursorKey() });
  resumption.onSourceUp();
  const token = { isValid: true };
  const { session, told } = socket(token);
  const now = performance.now();
  resumption.open(session);
  resumption.onPass(7);
  resumption.tick(now + 19_000);
  expect(told()).toEqual([]);
  resumption.tick(now + 20_500);
  expect(told()).toEqual([{ action: 'notice', notice: 'position', cursor: history.cursorAt(7) }]);
  // It has a cursor now, of a frame or of a notice.
  resumption.tick(performance.now() + 19_000);
  expect(told()).toHaveLength(1);
  if (session.feed !== undefined) session.feed.sentAt = 9;
  resumption.tick(now + 40_000);
  expect(told()).toHaveLength(1);
  resumption.tick(now + 59_000);
  expect(told()).toHaveLength(1);
  token.isValid = false;
  resumption.tick(now + 61_000);
  expect(told()).toHaveLength(1);
  token.isValid = true;
  resumption.tick(now + 62_000);
  expect(told()).toHaveLength(2);
});

test('a socket that opens while the source is away is told at once, with a token or without', () => {
  const { resumption } = resuming(new History({ ringBytes: 100_000, maxAgeMs: 600_000 }));
  const { session, told } = socket({ isValid: false });
  resumption.open(session);
  expect(told()).toEqual([{ action: 'notice', notice: 'source_down', since: expect.stringMatching(/^\d{4}-.*Z$/) }]);
});

test('a hole whose end does not come within 2 s is told without it, and again should it come', () => {
  const history = new History({ ringBytes: 100_000, maxAgeMs: 600_000 });
  const { resumption } = resuming(history);
  resumption.onBegin(0);
  resumption.onEpoch({ id: 'epoch', key: newCursorKey() });
  resumption.onSourceUp();
  const { session, told } = socket({ isValid: true });
  resumption.open(session);
  resumption.onMark({ position: 5, families: ['call'], isBegin: true });
  resumption.onPass(8);
  resumption.tick(performance.now() + 1900);
  expect(told()).toEqual([]);
  resumption.tick(performance.now() + 2100);
  const gap = { action: 'notice', notice: 'gap', families: ['call'] };
  expect(told()).toEqual([{ ...gap, cursor: history.cursorAt(8) }]);
  resumption.onMark({ position: 9, families: ['call'] });
  expect(told()).toEqual([
    { ...gap, cursor: history.cursorAt(8) },
    { ...gap, cursor: history.cursorAt(9) },
  ]);
});
