import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { createNode } from '../support/lone-node.ts';

const wholeList = { startKey: undefined, limit: undefined, idsOnly: true };

test('a node advertises every 5 s, though the clock’s ticks are never quite on time', () => {
  vi.useFakeTimers();
  try {
    const { cluster, advertisements, up } = createNode();
    up();
    for (let second = 1; second <= 61; second += 1) {
      // Ticks come just behind the second, some a little later than others, and reading the clock again takes time.
      vi.advanceTimersByTime(second * 1000 + 1 + (second % 7) - performance.now());
      const now = performance.now();
      vi.advanceTimersByTime(2);
      cluster.tick(now);
    }
    const times = advertisements().map(({ at }) => at);
    expect(times).toHaveLength(13);
    for (const [index, at] of times.entries()) {
      const before = times[index - 1];
      if (before !== undefined) expect(Math.abs(at - before - 5000)).toBeLessThan(700);
    }
  } finally {
    vi.useRealTimers();
  }
});

test('a node that no longer hears itself has its queue bound anew: it would hear of nobody else either', async () => {
  vi.useFakeTimers();
  try {
    const { cluster, link, up, lines } = createNode();
    up();
    const pass = async (seconds: number): Promise<void> => {
      for (let second = 0; second < seconds; second += 1) {
        await vi.advanceTimersByTimeAsync(1000);
        cluster.tick(performance.now());
      }
    };
    await pass(60);
    expect(link.renewals).toBe(0);
    expect(await cluster.socketsOf('acme', wholeList)).toMatchObject({ partial: false });
    link.hearsItself = false;
    await pass(7);
    // Meanwhile it doesn't claim to know of all.
    expect(await cluster.socketsOf('acme', wholeList)).toMatchObject({ partial: true });
    await pass(6);
    expect(link.renewals).toBe(1);
    expect(lines.map(({ message }) => message)).toEqual([expect.stringContaining('does not hear itself')]);
    link.hearsItself = true;
    up();
    await pass(60);
    expect(link.renewals).toBe(1);
  } finally {
    vi.useRealTimers();
  }
});

const other = {
  Node: 'other',
  'Instance-ID': 'other',
  'Server-ID': 'queue-1',
  'Event-Category': 'nodes',
  'Event-Name': 'advertise',
  Expires: 5000,
  WhApps: { blackhole: {} },
};

test('a node that hears of a new one says that it lives, once', () => {
  const { advertisements, hear } = createNode();
  hear(other);
  hear(other);
  expect(advertisements()).toHaveLength(1);
  hear({ ...other, 'Instance-ID': 'own' });
  hear({ ...other, 'Instance-ID': 'no-websockets', WhApps: { callflow: {} } });
  hear({ ...other, 'Instance-ID': 'stopping', Expires: 0 });
  expect(advertisements()).toHaveLength(1);
});

test('so it does for one that comes back, late or on another connection', () => {
  vi.useFakeTimers();
  try {
    const { advertisements, hear } = createNode();
    hear(other);
    hear({ ...other, 'Server-ID': 'queue-2' });
    expect(advertisements()).toHaveLength(2);
    vi.advanceTimersByTime(9_999);
    hear({ ...other, 'Server-ID': 'queue-2' });
    expect(advertisements()).toHaveLength(2);
    vi.advanceTimersByTime(10_000);
    hear({ ...other, 'Server-ID': 'queue-2' });
    expect(advertisements()).toHaveLength(3);
  } finally {
    vi.useRealTimers();
  }
});

describe('what a node can’t know it does not claim to know', () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  /** Lets the time of a question pass. */
  async function isPartial({ cluster }: ReturnType<typeof createNode>): Promise<boolean> {
    const answer = cluster.socketsOf('acme', wholeList);
    await vi.advanceTimersByTimeAsync(1000);
    return (await answer).partial;
  }

  test('without a connection a list is partial; a single node’s is complete', async () => {
    const node = createNode();
    node.link.isUp = false;
    expect(await isPartial(node)).toBe(true);
    node.link.isUp = true;
    node.up();
    expect(await isPartial(node)).toBe(false);
    node.link.isUp = false;
    expect(await isPartial(node)).toBe(true);
  });

  test('a question just after a connect waits until the others have said that they live', async () => {
    const node = createNode();
    node.up();
    const answer = node.cluster.socketsOf('acme', wholeList);
    await vi.advanceTimersByTimeAsync(50);
    node.hear(other);
    await vi.advanceTimersByTimeAsync(1000);
    expect((await answer).partial).toBe(true);
  });

  test('who lived before a long break counts as living after it, for as long as it may take to hear of it', async () => {
    const node = createNode();
    node.up();
    node.hear(other);
    node.cluster.tick(performance.now());
    node.link.isUp = false;
    for (let second = 0; second < 60; second += 1) {
      await vi.advanceTimersByTimeAsync(1000);
      node.cluster.tick(performance.now());
    }
    node.link.isUp = true;
    node.up();
    expect(await isPartial(node)).toBe(true);
    await vi.advanceTimersByTimeAsync(10_000);
    node.cluster.tick(performance.now());
    expect(await isPartial(node)).toBe(false);
  });
});

describe('what is logged of the conversation', () => {
  const question = { 'Event-Category': 'websockets', 'Event-Name': 'get_req', 'Server-ID': 'their-queue' };

  test('a message of no use, in one line, once a minute', () => {
    const { hear, lines } = createNode();
    for (let times = 0; times < 3; times += 1) hear({ ...question, 'Server-ID': 7 }, 'sysconf', 'websockets.get');
    expect(lines).toHaveLength(1);
    expect(lines[0]?.message).toBe('a message of another node was of no use');
    expect(lines[0]?.fields.reason).toMatch(/^Server-ID: [^\n]+$/);
  });

  test('an answer that the broker does not take is no fault of the question', async () => {
    const { hear, lines, link } = createNode();
    link.isBlocked = true;
    for (let times = 0; times < 3; times += 1) hear(question, 'sysconf', 'websockets.get');
    await vi.waitFor(() => expect(lines).not.toEqual([]));
    expect(lines).toEqual([
      {
        message: 'another node could not be answered',
        fields: { reason: 'the broker takes no messages now', alsoSinceLastReport: 0 },
      },
    ]);
  });
});
