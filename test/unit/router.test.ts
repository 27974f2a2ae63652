import { expect, test } from 'vitest';
import { classic } from '../../src/dialects/classic.ts';
import type { Dialect } from '../../src/dialects/dialect.ts';
import { dialectNamed, dialectNames } from '../../src/dialects/dialects.ts';
import { kazoo4 } from '../../src/dialects/kazoo4.ts';
import { createCatalogue } from '../../src/families/catalogue.ts';
import { filterSchema } from '../../src/filters/filter-schema.ts';
import type { EventMessage } from '../../src/protocol/event-message.ts';
import { type Narrowing, readOptions } from '../../src/protocol/subscription-options.ts';
import { Subscriptions } from '../../src/registry/subscriptions.ts';
import { Router } from '../../src/router.ts';
import type { RoutingNote, Subscriber } from '../../src/session/subscriber.ts';
import type { Subscription } from '../../src/session/subscription.ts';

const noRealms = { accountOfRealm: () => undefined, realmOf: () => undefined };
const account = '4b31dd1d32ce6d249897c06332375d65';

/** A receiver that is no socket. */
class Receiver implements Subscriber {
  readonly accountId = account;
  deliverUntil = Number.POSITIVE_INFINITY;
  subscriptions: Subscription[] = [];
  routingNote: RoutingNote | undefined;
  readonly messages: EventMessage[] = [];
  readonly texts: string[] = [];

  constructor(readonly dialect: Dialect) {}

  deliver(message: EventMessage, tail: Buffer | undefined): void {
    this.messages.push(message);
    this.texts.push(message.json(tail).toString());
  }

  tell(text: string): void {
    this.texts.push(text);
  }

  addSubscription(subscription: Subscription): void {
    this.subscriptions.push(subscription);
  }

  removeSubscription(subscription: Subscription): void {
    this.subscriptions = this.subscriptions.filter((other) => other !== subscription);
  }
}

function createWorld() {
  const catalogue = createCatalogue(
    { callEvents: ['CHANNEL_CREATE'], documentTypes: ['user'], notifications: [] },
    noRealms,
  );
  const subscriptions = new Subscriptions();
  const dropped: string[] = [];
  const counters = { received: () => undefined, dropped: (reason: string) => void dropped.push(reason), framesSent: 0 };
  const router = new Router(catalogue, subscriptions, counters, () => undefined);
  return {
    dropped,
    counters,
    subscribe(
      receiver: Receiver,
      binding: string,
      requestId?: string,
      of = account,
      narrowing?: Narrowing,
    ): Subscription {
      const interest = subscriptions.hold(of, binding, () => catalogue.parse(binding, of), narrowing);
      return subscriptions.add(receiver, interest, requestId);
    },
    unsubscribe: (subscription: Subscription) => subscriptions.remove(subscription),
    publish(body = `{"Event-Name":"CHANNEL_CREATE","Account-ID":"${account}","Node":"n"}`, call = 'c1'): boolean {
      return router.route({
        exchange: 'callevt',
        routingKey: `call.CHANNEL_CREATE.${call}`,
        body: Buffer.from(body),
        contentEncoding: undefined,
      });
    },
  };
}

test('a receiver that is no socket gets an event in its dialect', () => {
  const { subscribe, publish } = createWorld();
  const [one, other] = [new Receiver(classic), new Receiver(kazoo4)];
  subscribe(one, 'call.*.*', 'mine');
  subscribe(other, 'call.*.*');
  expect(publish()).toBe(true);
  expect(one.texts).toEqual([
    `{"name":"CHANNEL_CREATE","args":{"Event-Name":"CHANNEL_CREATE","Account-ID":"${account}","Node":"n"},"request_id":"mine"}`,
  ]);
  expect(other.texts.map((text) => JSON.parse(text))).toEqual([
    expect.objectContaining({ action: 'event', data: { event_name: 'CHANNEL_CREATE', account_id: account } }),
  ]);
});

test('receivers of a dialect share one message, however they and other dialects take turns', () => {
  const { subscribe, publish } = createWorld();
  const receivers = [classic, kazoo4, classic, kazoo4].map((dialect) => new Receiver(dialect));
  for (const receiver of receivers) subscribe(receiver, 'call.*.*');
  publish();
  const [a, b, c, d] = receivers.map(({ messages }) => messages[0]);
  expect(a).toBeDefined();
  expect(c).toBe(a);
  expect(d).toBe(b);
  expect(b).not.toBe(a);
});

test('several subscriptions match: a classic receiver gets the event for the oldest, a kazoo4 one for each', () => {
  const { subscribe, unsubscribe, publish } = createWorld();
  const [one, other] = [new Receiver(classic), new Receiver(kazoo4)];
  const first = subscribe(one, 'call.CHANNEL_CREATE.*', 'first');
  subscribe(one, 'call.*.*', 'second');
  subscribe(one, 'call.*.*', 'everywhere', '*');
  for (const binding of ['call.*.*', 'call.CHANNEL_CREATE.c1']) subscribe(other, binding);
  publish();
  expect(one.texts.map((text) => JSON.parse(text).request_id)).toEqual(['first']);
  expect(other.texts.map((text) => JSON.parse(text).subscribed_key).sort()).toEqual([
    'call.*.*',
    'call.CHANNEL_CREATE.c1',
  ]);
  unsubscribe(first);
  publish();
  expect(one.texts.map((text) => JSON.parse(text).request_id)).toEqual(['first', 'second']);
});

test('an event that one dialect can’t say reaches those of the other, and is counted', () => {
  const { subscribe, publish, dropped, counters } = createWorld();
  const unspeakable: Dialect = {
    ...kazoo4,
    render: () => ({
      message() {
        throw new RangeError('nested too deeply');
      },
    }),
  };
  const [one, other] = [new Receiver(unspeakable), new Receiver(classic)];
  for (const receiver of [one, other, one]) subscribe(receiver, 'call.*.*');
  expect(publish()).toBe(true);
  expect(one.texts).toEqual([]);
  expect(other.texts).toHaveLength(1);
  expect(dropped).toEqual(['failed']);
  expect(counters.framesSent).toBe(1);
});

test('nothing is delivered after the end of the token', () => {
  const { subscribe, publish } = createWorld();
  const receiver = new Receiver(classic);
  for (const binding of ['call.*.*', 'call.CHANNEL_CREATE.*']) subscribe(receiver, binding);
  receiver.deliverUntil = Date.now() - 1;
  expect(publish()).toBe(false);
  expect(receiver.texts).toEqual([]);
});

test('every dialect is found by its name', () => {
  expect(dialectNames.map((name) => dialectNamed(name).name)).toEqual(dialectNames);
});

test('an event of an account with 5,000 filtered subscriptions costs at most three times what it does with one', () => {
  const user = 'Custom-Channel-Vars.Authorizing-ID';
  const body = (id: string) =>
    JSON.stringify({
      'Event-Name': 'CHANNEL_CREATE',
      'Custom-Channel-Vars': { 'Account-ID': account, 'Authorizing-ID': id },
    });
  const worlds = [1, 5000].map((count) => {
    const world = createWorld();
    const receivers = Array.from({ length: count }, () => new Receiver(classic));
    for (const [n, receiver] of receivers.entries()) {
      const { narrowing } = readOptions({
        filter: filterSchema.parse({ [user]: `u${n}`, 'Event-Name': 'CHANNEL_CREATE' }),
      });
      world.subscribe(receiver, 'call.*.*', undefined, account, narrowing);
    }
    return { world, receivers, costs: [] as number[] };
  });
  for (let round = 0; round < 30; round += 1) {
    for (const { world, costs } of worlds) {
      const startedAt = performance.now();
      for (let event = 0; event < 100; event += 1) world.publish(body('u0'));
      costs.push(performance.now() - startedAt);
    }
  }
  // The best of each: all others were held up by something else.
  const [few, many] = worlds.map(({ costs }) => Math.min(...costs)) as [number, number];
  expect(many / few).toBeLessThan(3);
  for (const { receivers } of worlds) {
    expect(receivers[0]?.messages).toHaveLength(3000);
    expect(receivers.at(-1)?.messages ?? []).toHaveLength(receivers.length > 1 ? 0 : 3000);
  }
});
