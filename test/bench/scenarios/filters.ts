/** What an event costs where its account's subscriptions have filters. */
import { identityOf } from '../../../src/auth/identity.ts';
import { filterSchema } from '../../../src/filters/filter-schema.ts';
import { readOptions } from '../../../src/protocol/subscription-options.ts';
import { benchAccount as account } from '../contenders.ts';
import { eventBody } from '../publisher.ts';
import { routerWorld } from '../router-world.ts';
import { median } from '../statistics.ts';
import type { Scenario } from './scenario.ts';

const events = 5000;
const binding = 'call.*.*';
const user = 'Custom-Channel-Vars.Authorizing-ID';

interface Case {
  readonly name: string;
  readonly count: number;
  /** Of a subscription; undefined: none. */
  readonly filter?: (index: number) => object;
  /** Of its token. */
  readonly claim?: (index: number) => object;
}

const one: Case = { name: '1 subscription, filtered', count: 1, filter: (index) => ({ [user]: `user${index}` }) };
const cases: readonly Case[] = [
  { name: '1 subscription, no filter', count: 1 },
  one,
  { ...one, name: '5,000, each filtered to its own user', count: 5000 },
  {
    name: '5,000, the same beside what every event has',
    count: 5000,
    filter: (index) => ({ 'Event-Category': 'call_event', [user]: `user${index}` }),
  },
  { name: '5,000, filtered by their tokens', count: 5000, claim: (index) => ({ [user]: `user${index}` }) },
  {
    name: '1,000 that are tried one by one, the most there may be',
    count: 1000,
    filter: (index) => ({ 'Event-Category': 'call_event', [user]: { prefix: `user${index}` } }),
  },
];

export const filters: Scenario = async (setting) => {
  const worlds = cases.map((each) => ({ each, route: worldOf(each), costs: [] as number[] }));
  for (let round = 0; round < setting.rounds * 3; round += 1) {
    for (const { route, costs } of worlds) costs.push(cost(route));
  }
  const ofOne = median(worlds.find(({ each }) => each === one)?.costs ?? []);
  return [
    {
      title: 'Filters',
      note: 'One event of 1.4 kB from its AMQP body to the one receiver that it is for, where all subscriptions are of its account and to `call.*.*`; processor time, medians.',
      columns: ['µs an event', 'times one that is filtered'],
      rows: worlds.map(({ each, costs }) => ({ name: each.name, values: [median(costs), median(costs) / ofOne] })),
    },
  ];
};

function worldOf({ count, filter, claim }: Case): (body: Buffer, at: number) => void {
  const { catalogue, registry, router, open } = routerWorld();
  for (let index = 0; index < count; index += 1) {
    const claims = { account_id: account, ...(claim && { filter: filterSchema.parse(claim(index)) }) };
    const identity = identityOf(claims, `token ${index}`);
    const { narrowing } = readOptions(filter === undefined ? {} : { filter: filterSchema.parse(filter(index)) });
    const parse = () => catalogue.parse(binding, account);
    registry.subscribe(open(identity), registry.hold(account, binding, parse, narrowing, identity.filter), undefined);
  }
  return (body, at) =>
    void router.route({
      exchange: 'callevt',
      routingKey: `call.CHANNEL_CREATE.call${at}`,
      body,
      contentEncoding: undefined,
    });
}

/** @returns µs of processor time an event */
function cost(route: (body: Buffer, at: number) => void): number {
  const body = eventBody(account, false, { 'Authorizing-ID': 'user0' });
  const before = process.cpuUsage();
  for (let at = 0; at < events; at += 1) route(body, at);
  const { user: own, system } = process.cpuUsage(before);
  return (own + system) / events;
}
