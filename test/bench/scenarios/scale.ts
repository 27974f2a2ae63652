/** The whole event path, from an AMQP body to the frames on their way, with few and with many subscriptions. */
import { performance } from 'node:perf_hooks';
import { identityOf } from '../../../src/auth/identity.ts';
import { classic } from '../../../src/dialects/classic.ts';
import { createCatalogue } from '../../../src/families/catalogue.ts';
import { Binder } from '../../../src/registry/binder.ts';
import { Plan } from '../../../src/registry/plan.ts';
import { Registry } from '../../../src/registry/registry.ts';
import { Subscriptions } from '../../../src/registry/subscriptions.ts';
import { Router } from '../../../src/router.ts';
import { Session, type Transport } from '../../../src/session/session.ts';
import { silentLog } from '../../support/silent-log.ts';
import { eventBody } from '../publisher.ts';
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

const noRealms = { accountOfRealm: () => undefined, realmOf: () => undefined };
const identity = identityOf({ account_id: 'account0' }, 'a token');
const rateLimit = { perSecond: 20, burst: 200 };
const quiet = () => undefined;
const noBus = { isUp: false, bind: async () => undefined, unbind: async () => undefined };
const nowhere: Transport = {
  owedBytes: 0,
  sendEvent: quiet,
  sendText: quiet,
  close: quiet,
  pauseReading: quiet,
  admit: quiet,
};

function world(
  subscriptionCount: number,
  accounts: number,
): { router: Router; subscribe(index: number): Session; registry: Registry } {
  const catalogue = createCatalogue(
    { callEvents: ['CHANNEL_CREATE', 'CHANNEL_ANSWER'], documentTypes: ['user'], notifications: [] },
    noRealms,
  );
  const subscriptions = new Subscriptions();
  const names = catalogue.families.map(({ name }) => name);
  const registry = new Registry(subscriptions, new Binder(noBus, new Plan(catalogue.families, 100), names, silentLog));
  const counters = { received: quiet, dropped: quiet, framesSent: 0 };
  const router = new Router(catalogue, subscriptions, counters, quiet);
  const subscribe = (index: number): Session => {
    const session = new Session(nowhere, classic, '192.0.2.1', rateLimit);
    session.authenticateAs(identity);
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
