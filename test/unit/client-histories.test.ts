/**
 * Whatever happens to a connection, and whenever: each handler of the client library is handed what was published since
 * its subscription began, once each and in order.
 */
import { array, assert, asyncProperty, constant, integer, nat, oneof, record } from 'fast-check';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import type { Message } from '../../src/client/message.ts';
import { FakeServer, type FakeSocket, settle } from '../support/fake-server.ts';

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

/** What can be subscribed to; the last two are told apart by the request alone. */
const kinds = [
  { binding: 'call.*.*', account: 'own' },
  { binding: 'call.*.*', account: 'child' },
  { binding: 'fax.status.*', account: 'own' },
  { binding: 'call.*.*', account: 'own', filter: { even: true } },
  { binding: 'call.*.*', account: 'own', filter: { odd: true } },
] as const;

interface Published {
  readonly binding: string;
  readonly account: string;
}

interface Held {
  readonly kind: number;
  readonly requestId: unknown;
  sentTo: number;
}

const cursorOf = (position: number): string => `c${position}`;
const positionOf = (cursor: unknown): number => Number(String(cursor).slice(1));

/** A server with a history, as docs/PROTOCOL.md describes one: replays one after the other, and all else waits for them. */
class HistoryServer extends FakeServer {
  readonly log: Published[] = [];
  /** Where each kind was first subscribed to. */
  readonly begun = new Map<number, number>();
  #helds: Held[] = [];
  /** What the socket has everything up to, what is being replayed aside. */
  #position = 0;
  #replays: { readonly helds: readonly Held[]; readonly requestId: unknown }[] = [];

  constructor() {
    super();
    this.answers = (message) => (message.action === 'subscribe' ? this.#subscribe(message) : undefined);
  }

  #subscribe({ data, request_id: requestId }: Message): Message {
    const { bindings, account_id: account, filter, since } = data as Message & { bindings: string[] };
    // Where nothing waits, all that has happened was sent before the answer.
    if (this.#replays.length === 0) while (this.step());
    const head = this.log.length;
    const from = since === undefined ? head : positionOf(since);
    const added = bindings.map((binding) => {
      const kind = kinds.findIndex(
        (one) =>
          one.binding === binding &&
          one.account === account &&
          JSON.stringify('filter' in one ? one.filter : undefined) === JSON.stringify(filter),
      );
      if (!this.begun.has(kind)) this.begun.set(kind, head);
      return { kind, requestId, sentTo: from };
    });
    this.#helds.push(...added);
    if (since === undefined) return { subscribed: bindings, cursor: cursorOf(head) };
    this.#replays.push({ helds: added, requestId });
    return { subscribed: bindings, cursor: cursorOf(from), recovered: true };
  }

  /** The next frame or notice, if there is any. */
  step(): boolean {
    const socket = this.last;
    const [replay] = this.#replays;
    // Up to where everything else stands: that waits for the last of them.
    for (;;) {
      const next = Math.min(...(replay?.helds ?? []).map(({ sentTo }) => sentTo)) + 1;
      const held = replay?.helds.find(({ sentTo }) => sentTo < next);
      if (held === undefined || next > this.#position) break;
      held.sentTo = next;
      if (!isOf(held.kind, next, this.log[next - 1])) continue;
      this.#send(socket, held, next);
      return true;
    }
    if (replay !== undefined) {
      this.#replays.shift();
      const { requestId: request_id } = replay;
      socket.say({ action: 'notice', notice: 'live', cursor: cursorOf(this.#position), request_id, replayed: 0 });
      return true;
    }
    while (this.#position <= this.log.length) {
      for (const held of this.#helds) {
        if (held.sentTo >= this.#position) continue;
        held.sentTo = this.#position;
        if (!isOf(held.kind, held.sentTo, this.log[held.sentTo - 1])) continue;
        this.#send(socket, held, held.sentTo);
        return true;
      }
      if (this.#position === this.log.length) return false;
      this.#position += 1;
    }
    return false;
  }

  #send(socket: FakeSocket, { kind, requestId }: Held, position: number): void {
    const { binding, account } = kinds[kind] as (typeof kinds)[number];
    const options = kind >= 3 ? { request_id: requestId } : {};
    socket.event(binding, cursorOf(position), { account_id: account, data: { position }, ...options });
  }

  /** Nothing came for a while: where all of them have come to. */
  tellPosition(): void {
    if (this.#replays.length > 0 || this.#helds.length === 0) return;
    while (this.step());
    this.last.say({ action: 'notice', notice: 'position', cursor: cursorOf(this.#position) });
  }

  cut(): void {
    this.#helds = [];
    this.#replays = [];
    this.#position = this.log.length;
    this.last.end(1012, '{"reconnect":0}');
  }
}

function isOf(kind: number, position: number, event: Published | undefined): boolean {
  const { binding, account } = kinds[kind] as (typeof kinds)[number];
  if (event?.binding !== binding || event.account !== account) return false;
  return kind < 3 || (position % 2 === 0) === (kind === 3);
}

const actions = array(
  oneof(
    { weight: 6, arbitrary: record({ does: constant('publish' as const), kind: integer({ min: 0, max: 2 }) }) },
    { weight: 4, arbitrary: record({ does: constant('step' as const), count: integer({ min: 1, max: 8 }) }) },
    { weight: 2, arbitrary: record({ does: constant('subscribe' as const), kind: nat({ max: kinds.length - 1 }) }) },
    { weight: 2, arbitrary: record({ does: constant('cut' as const) }) },
    { weight: 1, arbitrary: record({ does: constant('position' as const) }) },
  ),
  { maxLength: 80, size: 'max' },
);

test('over any losses and replays each handler gets its list', async () => {
  await assert(
    asyncProperty(actions, async (all) => {
      const server = new HistoryServer();
      const { horizon, gaps } = server.connect();
      const got = kinds.map((): number[] => []);
      const wanted = new Set<number>();
      await settle();
      for (const action of all) {
        if (action.does === 'publish') server.log.push(kinds[action.kind] as Published);
        else if (action.does === 'step') for (let step = 0; step < action.count; step += 1) server.step();
        else if (action.does === 'position') server.tellPosition();
        else if (action.does === 'cut') server.cut();
        else if (!wanted.has(action.kind)) {
          wanted.add(action.kind);
          const { binding, ...options } = kinds[action.kind] as (typeof kinds)[number];
          const list = got[action.kind];
          horizon.subscribe(binding, ({ data }) => list?.push(Number(data.position)), options);
        }
        await vi.advanceTimersByTimeAsync(1);
        await settle();
      }
      while (server.step());
      horizon.close();
      for (const kind of wanted) {
        const begun = server.begun.get(kind) ?? server.log.length;
        const expected = server.log.flatMap((event, index) =>
          index + 1 > begun && isOf(kind, index + 1, event) ? [index + 1] : [],
        );
        // What was published before it began may come where the server still had it to send; what came since comes once.
        expect(
          got[kind]?.filter((position) => position > begun),
          `kind ${kind}`,
        ).toEqual(expected);
      }
      expect(gaps).toEqual([]);
    }),
    { numRuns: 100 },
  );
});
