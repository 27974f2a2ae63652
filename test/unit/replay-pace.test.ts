/** A replay is no faster than its socket, whoever else there is. */
import { expect, test } from 'vitest';
import { Accounts } from '../../src/auth/accounts.ts';
import { dialectNamed } from '../../src/dialects/dialects.ts';
import { createCatalogue } from '../../src/families/catalogue.ts';
import { newCursorKey } from '../../src/history/cursor.ts';
import { History } from '../../src/history/history.ts';
import type { EventMessage } from '../../src/protocol/event-message.ts';
import { Registry } from '../../src/registry/registry.ts';
import { SourceGate } from '../../src/registry/source-gate.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import { Resumption } from '../../src/replay/resumption.ts';
import { Session, type Transport } from '../../src/session/session.ts';
import { callEvent } from '../support/events.ts';
import { until } from '../support/until.ts';

const [one, other] = ['a'.repeat(32), 'b'.repeat(32)];
const eventCount = 300;

/** A socket that keeps what it is given until it is emptied. */
class TestTransport implements Transport {
  owedBytes = 0;
  mostOwed = 0;
  largest = 0;
  events = 0;
  readonly texts: string[] = [];
  readonly close = (): void => undefined;
  readonly pauseReading = (): void => undefined;
  readonly admit = (): void => undefined;

  sendEvent(message: EventMessage, tail: Buffer | undefined): void {
    const { length } = message.json(tail);
    this.owedBytes += length;
    this.largest = Math.max(this.largest, length);
    this.mostOwed = Math.max(this.mostOwed, this.owedBytes);
    this.events += 1;
  }

  sendText(text: string): void {
    this.texts.push(text);
  }
}

/** A history of so many events of each account, and a socket for each that is named, which asks for all of them. */
function resuming(...of: readonly string[]): readonly TestTransport[] {
  const accounts = new Accounts();
  const catalogue = createCatalogue(
    { callEvents: ['CHANNEL_CREATE'], documentTypes: ['user'], notifications: [] },
    accounts,
  );
  const history = new History({ ringBytes: 10_000_000, maxAgeMs: 60_000 });
  const subscriptions = new Subscriptions();
  const registry = new Registry(subscriptions, new SourceGate(1));
  const counters = { framesSent: 0, replayed: () => undefined, resumed: () => undefined, gap: () => undefined };
  const resumption = new Resumption(history, catalogue, subscriptions, accounts, counters);
  resumption.onBegin(0);
  resumption.onEpoch({ id: 'epoch', key: newCursorKey() });
  resumption.onSourceUp();
  const since = history.cursorAt(0);
  const known = [...new Set(of)];
  for (let position = 1; position <= eventCount * known.length; position += 1) {
    const account = known[position % known.length] as string;
    const { exchange, routingKey, body } = callEvent(account, 'CHANNEL_CREATE', 'id', { Filler: 'x'.repeat(3000) });
    const kept = { position, account, exchange, routingKey, contentEncoding: undefined };
    history.append({ ...kept, body: Buffer.from(JSON.stringify(body)) });
  }
  return of.map((account) => {
    const transport = new TestTransport();
    const session = new Session(transport, dialectNamed('classic'), 'address', { perSecond: 1, burst: 1 });
    session.authenticateAs({
      ...{ accountId: account, ownerId: undefined, expiresAt: Number.POSITIVE_INFINITY, superduperAdmin: false },
      ...{ families: undefined, scopes: new Set(['events']), filter: undefined, tokenDigest: '' },
    });
    resumption.open(session);
    const interest = registry.hold(account, 'call.*.*', () => catalogue.parse('call.*.*', account));
    const beginning = resumption.begin(session, [interest], since);
    const subscription = registry.subscribe(session, interest, undefined, beginning.from);
    resumption.start(session, [subscription], beginning, undefined);
    return transport;
  });
}

test('at most 64 KiB and an event wait for a socket, however slowly it takes them, and others are not held up', async () => {
  const [slow, quick] = resuming(one, one);
  if (slow === undefined || quick === undefined) throw new Error('two were asked for');
  await until(() => {
    quick.owedBytes = 0;
    return quick.texts.length > 0;
  });
  expect(quick.texts.map((text) => JSON.parse(text))).toMatchObject([{ notice: 'live', replayed: eventCount }]);
  expect(quick.events).toBe(eventCount);
  // It has taken nothing so far.
  expect(slow.events).toBeLessThan(30);
  expect(slow.owedBytes).toBeGreaterThan(60_000);
  await until(() => {
    slow.owedBytes = Math.max(0, slow.owedBytes - 30_000);
    return slow.texts.length > 0;
  });
  expect(slow.events).toBe(eventCount);
  for (const { mostOwed, largest } of [slow, quick]) expect(mostOwed).toBeLessThanOrEqual(65_536 + largest);
  expect(slow.texts.map((text) => JSON.parse(text))).toMatchObject([{ notice: 'live', replayed: eventCount }]);
});

test('accounts take turns, however many sockets each of them has', async () => {
  const transports = resuming(...Array<string>(200).fill(one), other);
  const last = transports.at(-1);
  await until(() => {
    for (const transport of transports) transport.owedBytes = 0;
    return last?.events === eventCount;
  });
  const ended = transports.filter(({ events }) => events === eventCount);
  expect(ended).toEqual([last]);
});
