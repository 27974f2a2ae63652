/** What others on the bus, and tenants over REST, can make a node say: bounded, whoever asks for more. */
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { LocalSockets } from '../../src/cluster/cluster.ts';
import type { SocketRecord } from '../../src/cluster/messages.ts';
import { createNode } from '../support/lone-node.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const other = {
  Node: 'other',
  'Instance-ID': 'other',
  'Event-Category': 'nodes',
  'Event-Name': 'advertise',
  Expires: 5000,
  WhApps: { blackhole: {} },
};

/** So many sockets of one account, each with 250 long bindings. */
function heavySockets(count: number): LocalSockets {
  const bindings = Array.from({ length: 250 }, (_, index) => `call.CHANNEL_CREATE.${'x'.repeat(200)}${index}`);
  const ids = Array.from({ length: count }, (_, index) => `socket-${String(index).padStart(5, '0')}`);
  const recordOf = (id: string): SocketRecord => ({ websocket_session_id: id, bindings, options: [] });
  return {
    ofAccount: (account) => (account === 'acme' ? ids.map((id) => ({ id, record: () => recordOf(id) })) : []),
    find: (id) => (ids.includes(id) ? recordOf(id) : undefined),
    close: () => false,
  };
}

describe('equal lists that are asked for at the same time', () => {
  test('cost two questions, however many they are', async () => {
    const node = createNode();
    node.up();
    node.hear(other);
    await vi.advanceTimersByTimeAsync(1000);
    const request = { startKey: undefined, limit: undefined, idsOnly: true };
    const lists = Array.from({ length: 96 }, () => node.cluster.socketsOf('acme', request));
    await vi.advanceTimersByTimeAsync(2000);
    for (const list of lists) expect(await list).toMatchObject({ found: { records: [] }, partial: true });
    expect(node.said('sysconf')).toHaveLength(2);
  });

  test('of other accounts, pages and kinds are other questions; one of ids asks for nothing but ids', async () => {
    const node = createNode();
    node.up();
    node.hear(other);
    await vi.advanceTimersByTimeAsync(1000);
    const request = { startKey: undefined, limit: 10, idsOnly: true };
    void node.cluster.socketsOf('acme', request);
    void node.cluster.socketsOf('other', request);
    void node.cluster.socketsOf('acme', { ...request, startKey: 'k' });
    void node.cluster.socketsOf('acme', { ...request, idsOnly: false });
    await vi.advanceTimersByTimeAsync(100);
    expect(node.said('sysconf').map(({ payload }) => payload)).toMatchObject([
      { 'Account-ID': 'acme', 'Ids-Only': true, Limit: 10 },
      { 'Account-ID': 'other', 'Ids-Only': true },
      { 'Account-ID': 'acme', 'Ids-Only': true, 'Start-Key': 'k' },
      { 'Account-ID': 'acme' },
    ]);
    expect(node.said('sysconf')[3]?.payload).not.toHaveProperty('Ids-Only');
    await vi.advanceTimersByTimeAsync(1000);
  });
});

describe('a node that is asked for lists again and again', () => {
  const question = {
    'App-Name': 'event-horizon',
    'Event-Category': 'websockets',
    'Event-Name': 'get_req',
    'Server-ID': 'their-queue',
    'Account-ID': 'acme',
  };
  const bytesOf = (messages: readonly { payload: object }[]): number =>
    messages.reduce((sum, { payload }) => sum + JSON.stringify(payload).length, 0);

  test('answers with pages of a megabyte, and with 20 MB at once at most; of the rest it says so, once', async () => {
    const node = createNode(heavySockets(600));
    for (let times = 0; times < 96; times += 1) node.hear(question, 'sysconf', 'websockets.get');
    const answers = node.said('targeted');
    expect(answers.length).toBeGreaterThan(10);
    expect(Math.max(...answers.map((answer) => bytesOf([answer])))).toBeLessThan(1_200_000);
    expect(bytesOf(answers)).toBeLessThan(20_000_000);
    expect(answers[0]?.payload['Next-Start-Key']).toMatch(/^socket-/);
    expect(node.lines).toHaveLength(1);
    expect(node.lines[0]?.message).toMatch(/ask for more/);
    // And after a while it answers again.
    await vi.advanceTimersByTimeAsync(5000);
    node.hear(question, 'sysconf', 'websockets.get');
    expect(node.said('targeted')).toHaveLength(answers.length + 1);
  });

  test('in Kazoo’s way, which knows no pages, the same holds', () => {
    const node = createNode(heavySockets(600));
    for (let times = 0; times < 96; times += 1) {
      node.hear({ ...question, 'App-Name': 'crossbar' }, 'sysconf', 'websockets.get');
    }
    expect(bytesOf(node.said('targeted'))).toBeLessThan(24_000_000);
    expect(node.lines.map(({ message }) => message)).toContain(
      'a list of sockets was cut: whoever asked knows no pages',
    );
  });

  test('of ids, it answers all of them', () => {
    const node = createNode(heavySockets(600));
    for (let times = 0; times < 96; times += 1) {
      node.hear({ ...question, 'Ids-Only': true }, 'sysconf', 'websockets.get');
    }
    const answers = node.said('targeted');
    expect(answers).toHaveLength(96);
    expect(answers[0]?.payload.Data).toHaveLength(600);
    expect(bytesOf(answers)).toBeLessThan(10_000_000);
  });
});

test('a flood of forged nodes is not greeted one by one', async () => {
  const node = createNode();
  node.up();
  for (let index = 0; index < 1000; index += 1) node.hear({ ...other, 'Instance-ID': `forged-${index}` });
  expect(node.advertisements().length).toBeLessThan(30);
  // Those that were not greeted are at the next tick, with one message for all.
  const before = node.advertisements().length;
  node.cluster.tick(performance.now());
  expect(node.advertisements()).toHaveLength(before + 1);
});
