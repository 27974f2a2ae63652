/** The whole event path, from an AMQP body to the frames on their way, with few and with many subscriptions. */
import { performance } from 'node:perf_hooks';
import { identityOf } from '../../../src/auth/identity.ts';
import type { Registry } from '../../../src/registry/registry.ts';
import type { Router } from '../../../src/router.ts';
import type { Session } from '../../../src/session/session.ts';
import { eventBody } from '../publisher.ts';
import { routerWorld } from '../router-world.ts';
import { median } from '../statistics.ts';
import type { Scenario } from './scenario.ts';

const events = 20_000;
const bindingsEach = [
  'call.CHANNEL_CREATE.*',
  'call.*.*',
  'call.CHANNEL_ANSWER.',
  'doc_edited.*.user.*',
  'conference.event.',
];

const identity = identityOf({ account_id: 'account0' }, 'a token');

function world(
  subscriptionCount: number,
  accounts: number,
): { router: Router; subscribe(index: number): Session; registry: Registry } {
  const { router, registry, catalogue, open } = routerWorld();
  const subscribe = (index: number): Session => {
    const session = open(identity);
    const account = `account${index % accounts}`;
    const kind = bindingsEach[Math.floor(index / accounts) % bindingsEach.length] as string;
    // Those that end in a dot ask for one call or conference: an exact value of its own.
    const binding = kind.endsWith('.') ? `${kind}id${index}` : kind;
    registry.subscribe(
      session,
      registry.hold(account, binding, () => catalogue.parse(binding, account)),
      undefined,
    );
    return session;
  };
  for (let index = 0; index < subscriptionCount; index += 1) subscribe(index);
  return { router, subscribe, registry };
}

export const scale: Scenario = async (setting) => {
  const small = world(1000, 100);
  const large = world(100_000, 10_000);
  const costs = { small: [] as number[], large: [] as number[] };
  const changes = { small: [] as number[], large: [] as number[] };
  for (let round = 0; round < setting.rounds * 3; round += 1) {
    costs.small.push(cost(small.router, 100));
    costs.large.push(cost(large.router, 10_000));
    changes.small.push(change(small, 1000));
    changes.large.push(change(large, 100_000));
  }
  const [a, b] = [median(costs.small), median(costs.large)];
  const [c, d] = [median(changes.small), median(changes.large)];
  return [
    {
      title: 'Scale',
      note: 'One event of 1.4 kB from its AMQP body to its receivers (10 subscriptions an account, about two of which match), and subscribing and leaving; µs, medians.',
      columns: ['1,000 subscriptions, 100 accounts', '100,000 subscriptions, 10,000 accounts', 'times'],
      rows: [
        { name: 'an event', values: [a, b, b / a] },
        { name: 'a subscribe and an unsubscribe', values: [c, d, d / c] },
      ],
    },
  ];
};

/** @returns µs an event */
function cost(router: Router, accounts: number): number {
  const bodies = Array.from({ length: 200 }, (_, index) => eventBody(`account${(index * 7919) % accounts}`));
  const startedAt = performance.now();
  for (let index = 0; index < events; index += 1) {
    router.route({
      exchange: 'callevt',
      routingKey: `call.CHANNEL_CREATE.call${index}`,
      body: bodies[index % bodies.length] as Buffer,
      contentEncoding: undefined,
    });
  }
  return ((performance.now() - startedAt) * 1000) / events;
}

/** @returns µs a subscribe and an unsubscribe */
function change({ subscribe, registry }: ReturnType<typeof world>, from: number): number {
  const count = 10_000;
  const startedAt = performance.now();
  for (let index = 0; index < count; index += 1) registry.end(subscribe(from + index));
  return ((performance.now() - startedAt) * 1000) / count;
}
